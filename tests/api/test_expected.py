"""Expected deliveries over HTTP: the organisation's own, a vendor's look across, the managers' list."""

import asyncpg
import httpx
import pytest
from msgspec import structs

from api.app import create_app
from reconcile.keyring import Keyring
from reconcile.settings import Settings
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import OneKey, Problem, bearer, manager, organisation, parent, tvs

MARCH = {"month": "2026-03"}
DEADLINE = "2026-04-30T22:00:00Z"
NONE = {"due": 0, "received": 0, "late": 0, "partial": 0, "never": 0}
ADDRESSES = ("/v1/expected-deliveries", "/v1/mandated-organisations", "/v1/overdue-organisations")


@pytest.fixture(autouse=True)
async def _delivered(db: Database, admin: asyncpg.Connection, api_keyring: Keyring) -> None:
    """One organisation with one of two locations by its vendor, and one that never delivered."""
    await world.with_register(admin)
    await world.landed(db, api_keyring, world.delivery_body([world.line()]), sender=await world.mandated(db))
    await world.worked(db, api_keyring)


async def test_an_organisation_reads_what_is_expected_of_it(client: httpx.AsyncClient) -> None:
    document = (await client.get("/v1/expected-deliveries", params=MARCH, headers=organisation())).json()
    received_at = document.pop("lastReceivedAt")
    assert received_at is not None
    assert document.pop("lastSuccessAt") == received_at
    assert document == {
        "organisationOin": world.OIN,
        "name": "Houder 00000011",
        "state": "partial",
        "isOverdue": True,
        "locationsHeld": 2,
        "locationsExpected": 2,
        "locationsReceived": 1,
        "lastMonth": "2026-03",
        "lastState": "applied",
        "lastUnreadableAt": None,
        "lastFailureAt": None,
        "isExcused": False,
        "step": "enforcement",
        "excuses": [],
        "steps": [
            {"step": "reminder", "since": DEADLINE},
            {"step": "contact", "since": "2026-05-14T22:00:00Z"},
            {"step": "enforcement", "since": "2026-05-28T22:00:00Z"},
        ],
        "month": "2026-03",
        "deadline": DEADLINE,
        "locations": [
            {"lrkNumber": world.KDV, "state": "received", "lines": 1, "linesMonthBefore": 0, "isComplete": False},
            {"lrkNumber": world.BSO, "state": "late", "lines": 0, "linesMonthBefore": 0, "isComplete": False},
        ],
    }
    july = (await client.get("/v1/expected-deliveries", params={"month": "2026-07"}, headers=organisation())).json()
    assert (july["state"], july["isOverdue"], july["deadline"]) == ("due", False, "2026-08-31T22:00:00Z")


async def test_a_vendor_sees_all_who_mandated_it_in_one_look(client: httpx.AsyncClient, db: Database) -> None:
    await world.mandated(db, world.OTHER_OIN)
    document = (await client.get("/v1/mandated-organisations", params=MARCH, headers=organisation(world.VENDOR_OIN))).json()
    assert (document["vendorOin"], document["deadline"], document["counts"]) == (
        *(world.VENDOR_OIN, DEADLINE),
        {**NONE, "partial": 1, "never": 1},
    )
    states = [(one["organisationOin"], one["state"], one["lastState"]) for one in document["organisations"]]
    assert states == [(world.OIN, "partial", "applied"), (world.OTHER_OIN, "never", None)]
    named = {**MARCH, "organisationOin": world.OIN}
    one = await client.get("/v1/expected-deliveries", params=named, headers=organisation(world.VENDOR_OIN))
    assert {name: one.json()[name] for name in document["organisations"][0]} == document["organisations"][0]


async def test_without_mandates_there_is_nobody_to_look_at(client: httpx.AsyncClient, problem: Problem) -> None:
    for oin in (world.OTHER_VENDOR_OIN, world.OIN):
        document = (await client.get("/v1/mandated-organisations", params=MARCH, headers=organisation(oin))).json()
        assert (document["counts"], document["organisations"]) == (NONE, [])
    for oin in (world.OTHER_VENDOR_OIN, world.OTHER_OIN):
        named = {**MARCH, "organisationOin": world.OIN}
        problem(await client.get("/v1/expected-deliveries", params=named, headers=organisation(oin)), 403, "not-mandated")


async def test_managers_have_a_list_of_who_is_overdue_and_of_no_person(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/overdue-organisations", params=MARCH, headers=manager("kot:pilot.read"))
    document = answer.json()
    assert (document["month"], document["deadline"], document["counts"]) == ("2026-03", DEADLINE, {**NONE, "partial": 1, "never": 1})
    (vendor,) = document["vendors"]
    assert (vendor["vendorOin"], vendor["counts"], vendor["lastFailureAt"]) == (world.VENDOR_OIN, {**NONE, "partial": 1}, None)
    assert vendor["lastSuccessAt"] is not None
    assert [(one["name"], one["state"], one["since"], one["lastMonth"]) for one in document["organisations"]] == [
        ("Houder 00000012", "never", DEADLINE, None),
        ("Houder 00000011", "partial", DEADLINE, "2026-03"),
    ]
    assert not any(bsn in answer.text for bsn in (world.APPLICANT, world.CHILD))
    july = (await client.get("/v1/overdue-organisations", params={"month": "2026-07"}, headers=manager("kot:pilot.read"))).json()
    assert (july["counts"], july["organisations"]) == ({**NONE, "due": 2}, [])


async def test_nothing_is_expected_of_the_sandbox(client: httpx.AsyncClient, admin: asyncpg.Connection) -> None:
    await admin.execute("UPDATE organisation SET is_sandbox = true WHERE oin = $1", world.OTHER_OIN)
    document = (await client.get("/v1/overdue-organisations", params=MARCH, headers=manager("kot:pilot.read"))).json()
    assert (document["counts"], [one["name"] for one in document["organisations"]]) == ({**NONE, "partial": 1}, ["Houder 00000011"])


async def test_the_deadline_is_a_setting(settings: Settings, db: Database) -> None:
    async def wake(_: str) -> None: ...

    early = structs.replace(settings, delivery_deadline_day=5)
    app = create_app(early, db, wake, keys=OneKey(), clock=lambda: world.NOW)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://api.test") as http:  # type: ignore[arg-type]
        document = (await http.get("/v1/expected-deliveries", params={"month": "2026-06"}, headers=organisation())).json()
    assert (document["deadline"], document["state"], document["isOverdue"]) == ("2026-07-05T22:00:00Z", "late", True)


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize("params", [{}, {"month": "2026-13"}, {"month": ""}, {"month": "2026-03\n"}, {"month": "\x00"}])
async def test_a_wrong_month_is_a_problem(client: httpx.AsyncClient, problem: Problem, path: str, params: dict[str, str]) -> None:
    headers = bearer("kot:deliver kot:pilot.read", oin=world.OIN)
    problem(await client.get(path, params=params, headers=headers), 400, "invalid-request")


@pytest.mark.parametrize("path", ADDRESSES)
async def test_each_look_is_its_own_reader_s(client: httpx.AsyncClient, problem: Problem, path: str) -> None:
    wrong = organisation() if path.endswith("overdue-organisations") else manager("kot:pilot.read kot:pilot.manage")
    for headers in (parent(), tvs(), wrong):
        problem(await client.get(path, params=MARCH, headers=headers), 403, "insufficient-scope")


async def test_last_success_and_last_failure_of_a_vendor_are_told_to_it_and_to_managers(
    client: httpx.AsyncClient, db: Database, api_keyring: Keyring
) -> None:
    """What could not be read is a failure, and so is what was refused at the door; an organisation's own is not the vendor's."""

    async def failures() -> list[str | None]:
        across = (await client.get("/v1/mandated-organisations", params=MARCH, headers=organisation(world.VENDOR_OIN))).json()
        overdue = (await client.get("/v1/overdue-organisations", params=MARCH, headers=manager("kot:pilot.read"))).json()
        return [across["organisations"][0]["lastFailureAt"], overdue["vendors"][0]["lastFailureAt"]]

    own = {**organisation(), "Content-Type": "text/plain", "Idempotency-Key": "own"}
    await client.post("/v1/deliveries", content=b"x", headers=own)
    assert await failures() == [None, None]
    await world.landed(db, api_keyring, b"{", reference="broken", sender=await world.mandated(db))
    await world.worked(db, api_keyring)
    unreadable = await failures()
    assert unreadable[0] is not None
    assert unreadable[0] == unreadable[1]
    refused = {**organisation(world.VENDOR_OIN), "Content-Type": "text/plain", "Idempotency-Key": "refused"}
    await client.post("/v1/deliveries", params={"organisationOin": world.OIN}, content=b"x", headers=refused)
    later = await failures()
    assert later[0] == later[1]
    assert str(later[0]) > str(unreadable[0])
