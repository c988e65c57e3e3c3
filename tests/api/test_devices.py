"""Phones over HTTP: register, renew, forget; what is wrong is told at once, and a token is never told at all."""

from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from reconcile.keyring import Keyring
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import Headers, Problem, bearer, manager, organisation, parent, tvs

PHONE = "/v1/devices/00000000-0000-0000-0000-000000000007"
TOKEN = "fcm:APA91b-a_token.of-the-push-service"


@pytest.fixture(autouse=True)
async def declared(db: Database, admin: asyncpg.Connection, api_keyring: Keyring) -> None:
    """Two households: one with a partner, and a stranger's."""
    await world.with_register(admin)
    stranger = world.declaration(householdRef="H2", members=[world.member(world.STRANGER, "applicant")], placements=[])
    await world.declared(db, api_keyring, world.declaration(), stranger)


def registration(**change: Any) -> dict[str, Any]:
    return {"platform": "android", "token": TOKEN, "locale": "nl", **change}


async def register(client: httpx.AsyncClient, bsn: str = world.APPLICANT, path: str = PHONE, **change: Any) -> httpx.Response:
    return await client.put(path, headers=parent(bsn), json=registration(**change))


async def tokens(admin: asyncpg.Connection) -> list[str | None]:
    return [row["token"] for row in await admin.fetch("SELECT token FROM device ORDER BY registered_at")]


async def test_a_phone_is_registered_and_renewed(client: httpx.AsyncClient, admin: asyncpg.Connection) -> None:
    answer = await register(client, quietHours={"from": "21:00", "until": "07:30"})
    assert answer.status_code == 200
    first = answer.json()
    assert first == {
        "deviceId": PHONE.rsplit("/", 1)[1],
        "platform": "android",
        "locale": "nl",
        "quietHours": {"from": "21:00", "until": "07:30"},
        "notices": None,
        "registeredAt": first["registeredAt"],
    }
    second = (await register(client, platform="ios", locale="en", token="another-token")).json()
    assert (second["platform"], second["locale"], second["quietHours"]) == ("ios", "en", None)
    assert second["registeredAt"] > first["registeredAt"]
    assert await tokens(admin) == ["another-token"]


async def test_the_same_again_is_the_same_but_for_its_instant(client: httpx.AsyncClient, admin: asyncpg.Connection) -> None:
    first, again = (await register(client)).json(), (await register(client)).json()
    assert {**first, "registeredAt": ""} == {**again, "registeredAt": ""}
    assert await tokens(admin) == [TOKEN]


async def test_a_token_is_in_no_answer(client: httpx.AsyncClient) -> None:
    answers = [
        await register(client),
        await register(client, platform="other"),
        await register(client, token=TOKEN * 200),
        await register(client, token=f"{TOKEN} {TOKEN}"),
        await client.delete(PHONE, headers=parent()),
    ]
    assert [one.status_code for one in answers] == [200, 400, 400, 400, 204]
    for answer in answers:
        assert TOKEN not in answer.text + str(answer.headers)


async def test_a_phone_is_forgotten(client: httpx.AsyncClient, admin: asyncpg.Connection) -> None:
    await register(client)
    for _ in range(2):
        answer = await client.delete(PHONE, headers=parent())
        assert (answer.status_code, answer.content) == (204, b"")
    assert await tokens(admin) == [None]
    await register(client, token="a-new-one")
    assert await tokens(admin) == ["a-new-one"]


async def test_another_household_s_phone_looks_like_one_that_is_not_there(client: httpx.AsyncClient, admin: asyncpg.Connection) -> None:
    await register(client)
    foreign = await client.delete(PHONE, headers=parent(world.STRANGER))
    missing = await client.delete(f"/v1/devices/{uuid4()}", headers=parent(world.STRANGER))
    told = {"date", "request-id"}
    assert (foreign.status_code, foreign.content) == (missing.status_code, missing.content) == (204, b"")
    assert {name for name in foreign.headers if name not in told} == {name for name in missing.headers if name not in told}
    assert await tokens(admin) == [TOKEN]
    # Registering it makes a phone of the other household, and leaves the first as it is.
    assert (await register(client, world.STRANGER, token="of-the-stranger")).json().keys() == (await register(client)).json().keys()
    assert sorted(map(str, await tokens(admin))) == sorted([TOKEN, "of-the-stranger"])


async def test_the_phone_of_another_person_of_the_household_is_not_removed(client: httpx.AsyncClient, admin: asyncpg.Connection) -> None:
    await register(client)
    assert (await client.delete(PHONE, headers=parent(world.PARTNER))).status_code == 204
    assert await tokens(admin) == [TOKEN]
    await register(client, world.PARTNER)
    assert (await client.delete(PHONE, headers=parent())).status_code == 204
    assert await tokens(admin) == [TOKEN]
    await client.delete(PHONE, headers=parent(world.PARTNER))
    assert await tokens(admin) == [None]


@pytest.mark.parametrize(
    "quiet",
    [
        {"from": "00:00", "until": "23:59"},
        {"from": "23:59", "until": "00:00"},
        {"from": "09:05", "until": "09:06"},
        None,
    ],
)
async def test_quiet_hours_are_told_as_they_came(client: httpx.AsyncClient, quiet: dict[str, str] | None) -> None:
    assert (await register(client, quietHours=quiet)).json()["quietHours"] == quiet


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (None, None),
        ([], []),
        (["difference-new"], ["difference-new"]),
        (["difference-new", "difference-changed", "difference-new"], ["difference-changed", "difference-new"]),
    ],
)
async def test_what_is_wanted_is_told_and_said_anew_each_time(client: httpx.AsyncClient, asked: Any, told: Any) -> None:
    assert (await register(client, notices=asked)).json()["notices"] == told
    assert (await register(client)).json()["notices"] is None


@pytest.mark.parametrize(
    ("notices", "fields"),
    [
        ("difference-new", {"notices"}),
        (["difference"], {"notices.0"}),
        (["difference-new", "DIFFERENCE-NEW", None], {"notices.1", "notices.2"}),
        ({"difference-new": True}, {"notices"}),
        (["difference-new"] * 11, {"notices"}),
        (True, {"notices"}),
    ],
)
async def test_a_notice_that_there_is_not_is_refused(
    client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem, notices: Any, fields: set[str]
) -> None:
    document = problem(await register(client, notices=notices), 400, "invalid-request")
    assert {one["field"] for one in document["errors"]} == fields
    assert await tokens(admin) == []


async def test_a_parent_sees_the_phones_that_are_its_own(client: httpx.AsyncClient, db: Database, api_keyring: Keyring) -> None:
    async def seen(bsn: str = world.APPLICANT) -> list[dict[str, Any]]:
        answer = await client.get("/v1/devices", headers=parent(bsn))
        assert TOKEN not in answer.text
        devices: list[dict[str, Any]] = answer.json()["devices"]
        return devices

    assert await seen() == []
    first = (await register(client, quietHours={"from": "21:00", "until": "07:30"}, notices=[])).json()
    second = (await register(client, path=f"/v1/devices/{uuid4()}", token="a-tablet")).json()
    assert await seen() == [second, first]
    assert await seen(world.PARTNER) == await seen(world.STRANGER) == []
    # A phone goes to whom registers it last, and a lost one is removed from another.
    taken = (await register(client, world.PARTNER)).json()
    assert (await seen(), await seen(world.PARTNER)) == ([second], [taken])
    await client.delete(f"/v1/devices/{second['deviceId']}", headers=parent())
    assert await seen() == []


@pytest.mark.parametrize(
    ("quiet", "fields"),
    [
        ({}, {"quietHours.from", "quietHours.until"}),
        ({"from": "21:00"}, {"quietHours.until"}),
        ({"from": "24:00", "until": "7:00"}, {"quietHours.from", "quietHours.until"}),
        ({"from": "21:60", "until": "07:00:00"}, {"quietHours.from", "quietHours.until"}),
        ({"from": "21:00\n", "until": "07:00"}, {"quietHours.from"}),
        ({"from": "٢١:٠٠", "until": "07:00"}, {"quietHours.from"}),
        ({"from": 21, "until": None}, {"quietHours.from", "quietHours.until"}),
        ({"from": "21:00", "until": "21:00"}, {"quietHours.until"}),
        ({"from": "21:00", "until": "07:00", "zone": "UTC"}, {"quietHours"}),
        ("21:00-07:00", {"quietHours"}),
        ([], {"quietHours"}),
    ],
)
async def test_quiet_hours_that_are_none_are_refused(
    client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem, quiet: Any, fields: set[str]
) -> None:
    document = problem(await register(client, quietHours=quiet), 400, "invalid-request")
    assert {one["field"] for one in document["errors"]} == fields
    assert await tokens(admin) == []


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"platform", "token", "locale"}),
        (
            {"platform": "windows", "token": "", "locale": "fy", "quietHours": {"from": "x", "until": "y"}, "name": "a"},
            {"platform", "token", "locale", "quietHours.from", "quietHours.until", ""},
        ),
        (
            {"platform": 1, "token": None, "locale": [], "quietHours": {"from": "21:00", "until": "21:00"}},
            {"platform", "token", "locale", "quietHours.until"},
        ),
        (registration(token="x" * 4_097), {"token"}),
        (registration(token="a\u0000b"), {"token"}),
        (registration(token="with space"), {"token"}),
        (registration(token="on-two-lines\n"), {"token"}),
        (registration(token="é"), {"token"}),
        (registration(locale="NL"), {"locale"}),
        ([], {""}),
    ],
)
async def test_all_errors_are_told_at_once(
    client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem, body: Any, fields: set[str]
) -> None:
    document = problem(await client.put(PHONE, headers=parent(), json=body), 400, "invalid-request")
    assert {one["field"] for one in document["errors"]} == fields
    assert await tokens(admin) == []


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"\xff", b"[" * 50_000, b'{"token": "\\ud800"}'])
async def test_a_body_that_cannot_be_read_is_a_problem(
    client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem, content: bytes
) -> None:
    answer = await client.put(PHONE, headers={**parent(), "Content-Type": "application/json"}, content=content)
    problem(answer, 400, "invalid-request")
    assert await tokens(admin) == []


async def test_another_media_type_is_refused(client: httpx.AsyncClient, problem: Problem) -> None:
    answer = await client.put(PHONE, headers={**parent(), "Content-Type": "text/plain"}, content=b"{}")
    problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize("number", ["x", "7", "00000000-0000-0000-0000-00000000000g", "%00"])
async def test_a_number_that_is_none_is_not_found(client: httpx.AsyncClient, problem: Problem, number: str) -> None:
    problem(await register(client, path=f"/v1/devices/{number}"), 404, "not-found")
    problem(await client.delete(f"/v1/devices/{number}", headers=parent()), 404, "not-found")


@pytest.mark.parametrize(
    "headers",
    [organisation(), tvs(), manager(), manager("kot:pilot.read"), bearer("kot:deliver kot:declare")],
    ids=["organisation", "tvs", "manage", "read", "all but app"],
)
async def test_only_a_parent_has_phones(client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem, headers: Headers) -> None:
    problem(await client.put(PHONE, headers=headers, json=registration()), 403, "insufficient-scope")
    problem(await client.delete(PHONE, headers=headers), 403, "insufficient-scope")
    problem(await client.put(PHONE, json=registration()), 401, "not-authenticated")
    problem(await client.delete(PHONE), 401, "not-authenticated")
    assert await tokens(admin) == []


@pytest.mark.parametrize("acr", ["http://eidas.europa.eu/LoA/low", None])
async def test_a_phone_needs_more_than_a_password(client: httpx.AsyncClient, problem: Problem, acr: str | None) -> None:
    problem(await client.put(PHONE, headers=parent(acr=acr), json=registration()), 401, "not-authenticated")
