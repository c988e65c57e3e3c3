"""A proxy acts for one parent: by the broker's word, in that parent's household alone, and never unnoticed."""

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import msgspec
import pytest

from reconcile.keyring import Keyring
from reconcile.store.audit import broken_links
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import ISSUER, Headers, Problem, bearer, parent, sealed, tvs

PROXY = "administrator-7"
ROOT = Path(__file__).parents[2]


def proxy(bsn: str | None = world.APPLICANT, *, whom: str = "the-represented", by: str = PROXY, **claims: Any) -> Headers:
    """A token of somebody who represents the person of this BSN, which only the first such token needs to hold."""
    represented = {"iss": ISSUER, "sub": whom, **({} if bsn is None else {"bsn_encrypted": sealed(bsn)})}
    return parent(**{"sub": by, "bsn_encrypted": None, "represents": represented, **claims})


@pytest.fixture
async def two_households(db: Database, admin: asyncpg.Connection, api_keyring: Keyring) -> None:
    """One with a difference, and the proxy's own, with none."""
    await world.with_register(admin)
    own = world.declaration(householdRef="H2", members=[world.member(world.STRANGER, "applicant")], placements=[])
    await world.declared(db, api_keyring, world.declaration(), own)
    await world.delivered(db, api_keyring, world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00"))


async def audited(admin: asyncpg.Connection, action: str) -> list[dict[str, Any]]:
    rows = await admin.fetch("SELECT event FROM household_audit WHERE event ->> 'action' = $1 ORDER BY number", action)
    return [msgspec.json.decode(row["event"]) for row in rows]


async def person_id(admin: asyncpg.Connection, keyring: Keyring, bsn: str) -> str:
    return str(await admin.fetchval("SELECT person_id FROM person WHERE bsn_index = $1", keyring.blind_index(bsn)))


def tap(headers: Headers, shown: httpx.Response, key: str = "a-key-of-sixteen-or-more") -> Headers:
    return {**headers, "If-Match": shown.headers["etag"], "Idempotency-Key": key}


@pytest.mark.usefixtures("two_households")
async def test_a_proxy_reads_and_answers_as_the_parent_whom_it_represents(
    client: httpx.AsyncClient, admin: asyncpg.Connection, api_keyring: Keyring, db: Database
) -> None:
    seen = (await client.get("/v1/differences", headers=proxy())).json()["differences"]
    assert seen == (await client.get("/v1/differences", headers=parent())).json()["differences"]
    address = f"/v1/differences/{seen[0]['differenceId']}"
    shown = await client.get(address, headers=proxy(None))
    accepted = await client.post(f"{address}/acceptance", headers=tap(proxy(None), shown))
    assert accepted.status_code == 201
    applicant = await person_id(admin, api_keyring, world.APPLICANT)
    who = {"actor": f"proxy administrator-7 of {ISSUER}", "represents": applicant}
    assert await audited(admin, "read") == [{"action": "read", **who}]
    (event,) = await audited(admin, "accepted")
    assert {name: event[name] for name in who} == who
    # TVS hears whose report it is; who made it for them stands in the audit.
    change = (await client.get(f"/v1/changes/{accepted.json()['changeId']}", headers=tvs())).json()
    assert change["answeredBy"] == {"personRef": f"p-{world.APPLICANT}", "role": "applicant"}
    async with world.as_owner(admin) as conn:
        assert await broken_links(conn, 10) == []


@pytest.mark.usefixtures("two_households")
async def test_what_a_proxy_answered_offline_names_the_proxy_too(
    client: httpx.AsyncClient, admin: asyncpg.Connection, api_keyring: Keyring
) -> None:
    seen = (await client.get("/v1/differences", headers=proxy())).json()["differences"][0]
    sound = {"kind": "acceptance", "differenceId": seen["differenceId"], "differenceVersion": seen["version"]}
    moved = {**sound, "differenceVersion": seen["version"] + 7}
    rows = [{"newDocumentState": {"answerId": str(uuid4()), "state": "sent", "_deleted": False, **answer}} for answer in (moved, sound)]
    answer = await client.post("/v1/sync/answers?schemaVersion=1", json=rows, headers=proxy())
    assert answer.status_code == 200, answer.text
    applicant = await person_id(admin, api_keyring, world.APPLICANT)
    for action in ("answer-refused", "accepted"):
        (event,) = await audited(admin, action)
        assert (event["actor"], event["represents"]) == (f"proxy administrator-7 of {ISSUER}", applicant)


@pytest.mark.usefixtures("two_households")
async def test_a_partner_may_be_represented_and_is_not_the_applicant(
    client: httpx.AsyncClient, admin: asyncpg.Connection, api_keyring: Keyring
) -> None:
    answer = await client.get("/v1/differences", headers=proxy(world.PARTNER, whom="the-partner"))
    assert len(answer.json()["differences"]) == 1
    assert [event["represents"] for event in await audited(admin, "read")] == [await person_id(admin, api_keyring, world.PARTNER)]


@pytest.mark.usefixtures("two_households")
async def test_a_proxy_who_is_a_parent_too_never_mixes_the_two(client: httpx.AsyncClient) -> None:
    own = parent(world.STRANGER, sub=PROXY)
    for path in ("/v1/differences", "/v1/sync/differences?schemaVersion=1"):
        name = "differences" if path == "/v1/differences" else "documents"
        for _ in range(2):
            # Own login, own household; the same login for somebody else, that household: one after the other, in one process.
            assert (await client.get(path, headers=own)).json()[name] == []
            as_proxy = proxy(bsn_encrypted=sealed(world.STRANGER))
            assert len((await client.get(path, headers=as_proxy)).json()[name]) == 1


@pytest.mark.usefixtures("two_households")
@pytest.mark.parametrize(
    "whom",
    [
        pytest.param({"sub": "nobody-yet"}, id="no proof"),
        pytest.param({"sub": "nobody-yet", "bsn_encrypted": "a.b.c.d.e"}, id="a proof of nothing"),
        pytest.param({"sub": "a-child", "bsn_encrypted": sealed(world.CHILD)}, id="a child"),
        pytest.param({"sub": "unknown", "bsn_encrypted": sealed(world.marked_bsn(999))}, id="unknown"),
    ],
)
async def test_somebody_without_a_household_and_somebody_unknown_look_the_same(
    client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem, whom: dict[str, str]
) -> None:
    # The proxy's own household is not what is shown instead.
    as_proxy = parent(world.STRANGER, sub=PROXY, represents={"iss": ISSUER, **whom})
    document = problem(await client.get("/v1/differences", headers=as_proxy), 403, "household-unclear")
    missing = problem(await client.get("/v1/differences", headers=parent(world.marked_bsn(998), sub="x")), 403, "household-unclear")
    assert document == missing
    assert await audited(admin, "read") == []


@pytest.mark.usefixtures("two_households")
async def test_a_difference_of_another_household_is_as_missing_for_a_proxy(client: httpx.AsyncClient, problem: Problem) -> None:
    foreign = (await client.get("/v1/differences", headers=parent())).json()["differences"][0]["differenceId"]
    for_stranger = proxy(world.STRANGER, whom="the-stranger")
    answers = [
        problem(await client.get(f"/v1/differences/{one}", headers=for_stranger), 404, "not-found") for one in (foreign, str(uuid4()))
    ]
    assert answers[0] == answers[1]


@pytest.mark.usefixtures("two_households")
async def test_a_key_of_the_parent_is_another_key_than_the_proxy_s(client: httpx.AsyncClient, problem: Problem) -> None:
    address = "/v1/differences/" + (await client.get("/v1/differences", headers=parent())).json()["differences"][0]["differenceId"]
    shown = await client.get(address, headers=parent())
    first = await client.post(f"{address}/acceptance", headers=tap(parent(), shown))
    again = await client.post(f"{address}/acceptance", headers=tap(parent(), shown))
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    # The same version gives the acceptance that is there, whoever asks; it is not a replay of the parent's request.
    proxys = await client.post(f"{address}/acceptance", headers=tap(proxy(), shown))
    assert (proxys.json()["changeId"], "idempotency-replayed" in proxys.headers) == (first.json()["changeId"], False)


@pytest.mark.usefixtures("two_households")
async def test_a_phone_that_follows_for_somebody_is_recorded_once_in_a_while(
    client: httpx.AsyncClient, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/v1/sync/differences?schemaVersion=1"
    before = await admin.fetchval("SELECT version FROM household WHERE household_ref = 'H1'")
    for _ in range(3):
        assert (await client.get(path, headers=proxy())).status_code == 200
    assert len(await audited(admin, "read")) == 1
    assert (await client.get(path, headers=proxy(whom="the-partner", bsn=world.PARTNER))).status_code == 200
    assert (await client.get(path, headers=proxy(by="administrator-8"))).status_code == 200
    assert len(await audited(admin, "read")) == 3
    monkeypatch.setattr("api.parents._REMEMBERED_S", 0.0)
    assert (await client.get(path, headers=proxy())).status_code == 200
    assert len(await audited(admin, "read")) == 4
    # Reading changes nothing that a phone follows.
    assert await admin.fetchval("SELECT version FROM household WHERE household_ref = 'H1'") == before


@pytest.mark.usefixtures("two_households")
async def test_a_parent_s_own_visits_are_not_recorded(client: httpx.AsyncClient, admin: asyncpg.Connection) -> None:
    for path in ("/v1/differences", "/v1/sync/differences?schemaVersion=1"):
        assert (await client.get(path, headers=parent())).status_code == 200
    assert await audited(admin, "read") == []


@pytest.mark.usefixtures("two_households")
async def test_phones_are_the_parent_s_own(client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem) -> None:
    address, phone = f"/v1/devices/{uuid4()}", {"platform": "android", "token": "t", "locale": "nl"}
    problem(await client.put(address, headers=proxy(), json=phone), 403, "not-allowed")
    assert (await client.put(address, headers=parent(), json=phone)).status_code == 200
    problem(await client.delete(address, headers=proxy()), 403, "not-allowed")
    assert await admin.fetchval("SELECT count(*) FROM device WHERE retired_at IS NULL") == 1


@pytest.mark.usefixtures("two_households")
async def test_a_membership_that_ends_ends_the_proxy_s_view(
    client: httpx.AsyncClient, db: Database, api_keyring: Keyring, problem: Problem
) -> None:
    path = "/v1/sync/differences?schemaVersion=1"
    as_proxy = proxy(world.PARTNER, whom="the-partner")
    assert (await client.get(path, headers=as_proxy)).status_code == 200
    members = [world.member(world.APPLICANT, "applicant"), world.member(world.CHILD, "child"), world.member(world.SIBLING, "child")]
    await world.declared(db, api_keyring, world.declaration(version=2, members=members))
    problem(await client.get(path, headers=as_proxy), 403, "household-unclear")


@pytest.mark.parametrize(
    ("whom", "reason"),
    [
        ({"iss": "https://other.example", "sub": "s"}, "by a sub of its own"),
        ({"iss": ISSUER, "sub": ""}, "by a sub of its own"),
        ({"iss": ISSUER, "sub": "s", "represents": {"iss": ISSUER, "sub": "t"}}, "through somebody else"),
        ({"sub": "s"}, "in another form"),
        ("s", "in another form"),
        ([{"iss": ISSUER, "sub": "s"}], "in another form"),
    ],
)
async def test_who_is_represented_in_a_way_that_is_not_known_is_nobody(
    client: httpx.AsyncClient, problem: Problem, whom: object, reason: str
) -> None:
    answer = await client.get("/v1/differences", headers=parent(represents=whom))
    assert reason in problem(answer, 401, "not-authenticated")["detail"]


@pytest.mark.parametrize(("scope", "path"), [("kot:deliver", "/v1/deliveries"), ("kot:pilot.read", "/v1/pilots")])
async def test_only_parents_are_represented(client: httpx.AsyncClient, problem: Problem, scope: str, path: str) -> None:
    headers = bearer(scope, oin=world.OIN, represents={"iss": ISSUER, "sub": "the-represented"})
    problem(await client.get(path, headers=headers), 403, "not-allowed")


def test_the_audit_takes_who_acts_from_the_caller_alone() -> None:
    """A verb that writes the person as the actor would call a proxy the parent: it writes `**parent.audited`."""
    for path in ROOT.glob("reconcile/*.py"):
        if path.name != "callers.py":
            assert not re.search(r'"actor":[^,}]*parent\.person_id', path.read_text()), path
