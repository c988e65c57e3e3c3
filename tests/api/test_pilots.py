"""Pilot managers over HTTP: the life of a pilot, what a wrong or repeated request does, and that nobody is named."""

import asyncio
import hashlib
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from reconcile.callers import Manager
from reconcile.keyring import Keyring
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import Headers, Problem, bearer, manager, organisation, parent, tvs

MANAGE = manager()
READ = manager("kot:pilot.read")
NOWHERE = "/v1/pilots/00000000-0000-0000-0000-000000000001"
CHANGING = ["/v1/pilots", f"{NOWHERE}/stages", f"{NOWHERE}/stages/1/release", f"{NOWHERE}/stages/1/pause"]
_numbers = iter(range(1, 1_000_000))


async def send(
    client: httpx.AsyncClient, path: str, body: Any = None, *, key: str | None = None, headers: Headers | None = None
) -> httpx.Response:
    """POST under a key of its own, unless one is named."""
    chosen = {**(headers or MANAGE), "Idempotency-Key": key or f"key-of-a-test-{next(_numbers):08d}"}
    return await client.post(path, headers=chosen, json={} if body is None else body)


async def made(client: httpx.AsyncClient, name: str = "Proef") -> str:
    """Make a pilot and return its address."""
    answer = await send(client, "/v1/pilots", {"name": name})
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


async def drawn(client: httpx.AsyncClient, pilot: str, *sizes: int) -> list[dict[str, Any]]:
    answers = [await send(client, f"{pilot}/stages", {"size": size, "mode": "immediate"}) for size in sizes]
    assert [one.status_code for one in answers] == [201] * len(sizes)
    return [one.json() for one in answers]


async def read(client: httpx.AsyncClient, pilot: str) -> dict[str, Any]:
    answer = await client.get(pilot, headers=READ)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


@pytest.fixture
async def households(admin: asyncpg.Connection) -> list[str]:
    """The numbers of a hundred households in order."""
    await admin.execute("INSERT INTO household (household_ref) SELECT 'H' || n FROM generate_series(1, 100) AS n")
    return [str(row["household_id"]) for row in await admin.fetch("SELECT household_id FROM household ORDER BY household_id")]


async def test_the_life_of_a_pilot(client: httpx.AsyncClient, households: list[str], woken: list[str]) -> None:
    pilot = await made(client)
    first, second = await drawn(client, pilot, 10, 40)
    assert (first["stageNumber"], first["size"], first["added"], first["state"], first["mode"]) == (1, 10, 10, "drawn", "immediate")
    assert (second["stageNumber"], second["size"], second["added"]) == (2, 40, 30)
    assert (first["candidateCount"], second["candidateCount"]) == (100, 90)
    assert first["candidatesSha256"] == hashlib.sha256("\n".join(households).encode()).hexdigest()
    assert (first["notices"], first["pushes"]) == (0, {"waiting": 0, "sent": 0, "cancelled": 0, "failed": 0})
    assert woken == []
    released = await send(client, f"{pilot}/stages/1/release")
    assert (released.status_code, released.json()["state"], released.json()["pausedAt"]) == (200, "released", None)
    assert woken == ["stage"]
    paused = await send(client, f"{pilot}/stages/1/pause")
    assert (paused.status_code, paused.json()["state"]) == (200, "paused")
    assert paused.json()["releasedAt"] == released.json()["releasedAt"]
    shown = await read(client, pilot)
    assert [one["state"] for one in shown["stages"]] == ["paused", "drawn"]
    assert (await client.get("/v1/pilots", headers=READ)).json() == {"pilots": [shown]}


async def test_the_seed_is_told_and_no_two_pilots_have_the_same(client: httpx.AsyncClient, db: Database) -> None:
    seeds = [(await read(client, await made(client, name)))["seed"] for name in ("a", "b")]
    assert [len(bytes.fromhex(one)) for one in seeds] == [16, 16]
    assert seeds[0] != seeds[1]


async def test_a_manager_is_told_counts_and_never_who(
    client: httpx.AsyncClient, db: Database, admin: asyncpg.Connection, api_keyring: Keyring
) -> None:
    await world.with_register(admin)
    await world.declared(db, api_keyring)
    await world.delivered(db, api_keyring, world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00"))
    pilot = await made(client)
    await drawn(client, pilot, 1)
    await send(client, f"{pilot}/stages/1/release")
    await world.delivered(db, api_keyring, world.line(month="2026-04", hours="150.00"))
    shown = await read(client, pilot)
    assert (shown["stages"][0]["added"], shown["stages"][0]["notices"]) == (1, 1)
    told = " ".join(
        [
            (await client.get("/v1/pilots", headers=READ)).text,
            (await client.get(pilot, headers=READ)).text,
            (await send(client, f"{pilot}/stages", {"size": 2, "mode": "immediate"})).text,
            (await send(client, f"{pilot}/stages/1/pause")).text,
            (await send(client, f"{pilot}/stages/1/release")).text,
        ]
    )
    secrets = await admin.fetch(
        "SELECT household_id::text FROM household UNION SELECT household_ref FROM household UNION SELECT person_id::text FROM person"
        " UNION SELECT person_ref FROM membership UNION SELECT given_name FROM membership UNION SELECT difference_id::text FROM difference"
        " UNION SELECT notice_id::text FROM notice"
    )
    assert len(secrets) >= 10
    for row in secrets:
        assert f'"{row[0]}"' not in told
        assert len(row[0]) < 30 or row[0] not in told


async def test_a_manager_s_login_sees_no_person(db: Database, admin: asyncpg.Connection, api_keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.declared(db, api_keyring)
    forbidden = ("person", "membership", "income", "placement", "difference", "device", "notice", "delivery", "household_audit")
    for table in forbidden:
        async with db.transaction(Manager(subject="m-1")) as conn:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await conn.fetch(f"SELECT * FROM {table}")


@pytest.mark.parametrize("path", CHANGING)
@pytest.mark.parametrize(
    "headers",
    [READ, bearer("kot:pilot"), organisation(), tvs(), parent(), bearer("kot:app kot:deliver kot:declare kot:pilot.read")],
    ids=["read", "prefix", "organisation", "tvs", "parent", "all but manage"],
)
async def test_without_the_scope_nothing_is_changed(
    client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem, path: str, headers: Headers
) -> None:
    answer = await send(client, path, {"name": "Proef"}, headers=headers)
    problem(answer, 403, "insufficient-scope")
    assert 'scope="kot:pilot.manage"' in answer.headers["www-authenticate"]
    assert await admin.fetchval("SELECT count(*) FROM pilot") == 0


@pytest.mark.parametrize("path", ["/v1/pilots", NOWHERE])
@pytest.mark.parametrize("headers", [manager("kot:pilot.manage"), organisation(), tvs(), parent()], ids=["manage", "org", "tvs", "parent"])
async def test_without_the_scope_nothing_is_read(client: httpx.AsyncClient, problem: Problem, path: str, headers: Headers) -> None:
    problem(await client.get(path, headers=headers), 403, "insufficient-scope")


@pytest.mark.parametrize("path", CHANGING)
async def test_without_a_token_nothing_is_done(client: httpx.AsyncClient, problem: Problem, path: str) -> None:
    problem(await client.post(path, json={}), 401, "not-authenticated")


@pytest.mark.parametrize("path", ["/v1/pilots", NOWHERE])
async def test_without_a_token_nothing_is_read(client: httpx.AsyncClient, problem: Problem, path: str) -> None:
    problem(await client.get(path), 401, "not-authenticated")


@pytest.mark.parametrize("key", ["", "short", "x" * 65, "with space in it 1234"])
async def test_without_a_good_key_nothing_is_changed(
    client: httpx.AsyncClient, households: list[str], admin: asyncpg.Connection, problem: Problem, key: str
) -> None:
    pilot = await made(client)
    await drawn(client, pilot, 3)
    bodies = {"/v1/pilots": {"name": "Ander"}, f"{pilot}/stages": {"size": 4, "mode": "immediate"}, f"{pilot}/stages/1/release": {}}
    for path, body in bodies.items():
        problem(await client.post(path, headers={**MANAGE, "Idempotency-Key": key}, json=body), 400, "invalid-request")
    assert await admin.fetchval("SELECT count(*) FROM pilot_audit") == 2


async def test_the_same_request_again_is_answered_from_memory(
    client: httpx.AsyncClient, households: list[str], admin: asyncpg.Connection
) -> None:
    pilot = await made(client)
    await drawn(client, pilot, 3)
    for path, body in (
        ("/v1/pilots", {"name": "Ander"}),
        (f"{pilot}/stages", {"size": 5, "mode": "immediate"}),
        (f"{pilot}/stages/1/release", {}),
        (f"{pilot}/stages/1/pause", {}),
    ):
        key = f"the-same-key-of-{path[-5:].replace('/', '-')}"
        first = await send(client, path, body, key=key)
        again = await send(client, path, body, key=key)
        assert (again.status_code, again.json(), again.headers["idempotency-replayed"]) == (first.status_code, first.json(), "true")
        assert again.headers.get("location") == first.headers.get("location")
        assert "idempotency-replayed" not in first.headers
    assert await admin.fetchval("SELECT count(*) FROM pilot") == 2
    assert await admin.fetchval("SELECT count(*) FROM stage") == 2


async def test_a_key_of_another_request_is_refused(
    client: httpx.AsyncClient, households: list[str], admin: asyncpg.Connection, problem: Problem
) -> None:
    pilot = await made(client)
    await drawn(client, pilot, 3)
    key = "a-key-that-is-used-before"
    await send(client, f"{pilot}/stages/1/release", key=key)
    problem(await send(client, f"{pilot}/stages/1/pause", key=key), 422, "key-reused")
    problem(await send(client, f"{pilot}/stages", {"size": 9, "mode": "immediate"}, key=key), 422, "key-reused")
    await send(client, f"{pilot}/stages", {"size": 9, "mode": "immediate"}, key=f"{key}-2")
    problem(await send(client, f"{pilot}/stages", {"size": 10, "mode": "immediate"}, key=f"{key}-2"), 422, "key-reused")
    assert [one["size"] for one in (await read(client, pilot))["stages"]] == [3, 9]


async def test_a_key_belongs_to_one_manager_of_one_issuer(
    client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem, db: Database
) -> None:
    key = "a-key-that-two-managers-use"
    mine = await send(client, "/v1/pilots", {"name": "Proef"}, key=key)
    theirs = await send(client, "/v1/pilots", {"name": "Ander"}, key=key, headers=manager(sub="m-2"))
    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json()["pilotId"] != theirs.json()["pilotId"]
    actors = [row["actor"] for row in await admin.fetch("SELECT event ->> 'actor' AS actor FROM pilot_audit ORDER BY actor")]
    assert actors == ["manager m-1 of https://issuer.example", "manager m-2 of https://issuer.example"]


async def test_a_refused_request_may_be_tried_again_under_its_key(client: httpx.AsyncClient, households: list[str]) -> None:
    pilot = await made(client)
    body = {"size": 101, "mode": "immediate"}
    key = "a-key-of-a-refusal"
    assert (await send(client, f"{pilot}/stages", body, key=key)).status_code == 409
    assert (await send(client, f"{pilot}/stages", body, key=key)).json()["sizeMax"] == 100
    assert (await send(client, f"{pilot}/stages", {"size": 100, "mode": "immediate"}, key=key)).status_code == 201


async def test_twins_at_once_have_one_effect(client: httpx.AsyncClient, households: list[str], admin: asyncpg.Connection) -> None:
    pilot = await made(client)
    path, body = f"{pilot}/stages", {"size": 5, "mode": "immediate"}
    answers = await asyncio.gather(*(send(client, path, body, key="a-key-of-some-twins") for _ in range(10)))
    assert {one.status_code for one in answers} <= {201, 409, 503}
    assert len({one.text for one in answers if one.status_code == 201}) == 1
    assert await admin.fetchval("SELECT count(*) FROM stage") == 1
    assert await admin.fetchval("SELECT count(*) FROM enrolment") == 5


async def test_draws_at_once_under_different_keys_follow_each_other(
    client: httpx.AsyncClient, households: list[str], admin: asyncpg.Connection
) -> None:
    pilots = [await made(client, name) for name in ("a", "b", "c")]
    answers = await asyncio.gather(*(send(client, f"{pilot}/stages", {"size": 33, "mode": "immediate"}) for pilot in pilots))
    assert [one.status_code for one in answers] == [201] * 3
    assert await admin.fetchval("SELECT count(*) FROM enrolment") == 99


async def test_who_waits_too_long_for_another_draw_hears_busy(
    client: httpx.AsyncClient, households: list[str], admin: asyncpg.Connection, problem: Problem
) -> None:
    pilot = await made(client)
    async with admin.transaction():
        await admin.execute("SELECT pg_advisory_xact_lock(hashtext('kot.drawing'))")
        answer = await send(client, f"{pilot}/stages", {"size": 5, "mode": "immediate"})
    problem(answer, 503, "busy")
    assert answer.headers["retry-after"] == "1"
    assert (await read(client, pilot))["stages"] == []


async def test_every_refusal_says_what_to_do(client: httpx.AsyncClient, households: list[str], problem: Problem) -> None:
    pilot = await made(client)
    problem(await send(client, "/v1/pilots", {"name": "Proef"}), 409, "pilot-exists")
    few = problem(await send(client, f"{pilot}/stages", {"size": 101, "mode": "immediate"}), 409, "too-few-households")
    assert (few["size"], few["sizeMax"]) == (101, 100)
    await drawn(client, pilot, 10, 20)
    small = problem(await send(client, f"{pilot}/stages", {"size": 20, "mode": "immediate"}), 422, "stage-not-larger")
    assert (small["size"], small["sizeBefore"]) == (20, 20)
    problem(await send(client, f"{pilot}/stages/2/release"), 409, "stage-out-of-order")
    problem(await send(client, f"{pilot}/stages/1/pause"), 409, "stage-out-of-order")


@pytest.mark.parametrize("number", ["0", "3", "2147483648", "9" * 30, "9" * 5_000, "-1", "1.5", "x", "%00"])
@pytest.mark.parametrize("step", ["release", "pause"])
async def test_a_stage_that_is_none_is_not_found(
    client: httpx.AsyncClient, households: list[str], problem: Problem, number: str, step: str
) -> None:
    pilot = await made(client)
    await drawn(client, pilot, 10, 20)
    problem(await send(client, f"{pilot}/stages/{number}/{step}"), 404, "not-found")


@pytest.mark.parametrize("pilot", [NOWHERE, "/v1/pilots/x", "/v1/pilots/1", "/v1/pilots/%00"])
async def test_a_pilot_that_is_none_is_not_found(client: httpx.AsyncClient, problem: Problem, db: Database, pilot: str) -> None:
    problem(await client.get(pilot, headers=READ), 404, "not-found")
    problem(await send(client, f"{pilot}/stages", {"size": 1, "mode": "immediate"}), 404, "not-found")
    for step in ("release", "pause"):
        problem(await send(client, f"{pilot}/stages/1/{step}"), 404, "not-found")


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"name": "is missing"}),
        ({"name": 5, "seed": "0" * 32}, {"name": "has another type", "": "is not known here"}),
        ({"name": ""}, {"name": "is too short"}),
        ({"name": "x" * 101}, {"name": "is too long"}),
        ({"name": "a\u0000b"}, {"name": "has a character of value zero"}),
        ({"name": "a\tb"}, {"name": "does not have the right form"}),
        ({"name": "a\n"}, {"name": "does not have the right form"}),
        ({"name": " a"}, {"name": "does not have the right form"}),
        ([], {"": "has another type"}),
    ],
)
async def test_a_pilot_that_is_asked_for_wrongly(
    client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem, body: Any, errors: dict[str, str]
) -> None:
    document = problem(await send(client, "/v1/pilots", body), 400, "invalid-request")
    told = {(one["field"], one["reason"]) for one in document["errors"]}
    assert set(errors.items()) <= told
    assert {field for field, _ in told} == set(errors)
    assert await admin.fetchval("SELECT count(*) FROM pilot") == 0


@pytest.mark.parametrize("name", ["a", "Proef zuid-west (€ 12) ß 漢字", "x" * 100])
async def test_names_of_pilots(client: httpx.AsyncClient, db: Database, name: str) -> None:
    assert (await read(client, await made(client, name)))["name"] == name


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"size": "x", "mode": 1, "extra": True}, {"size", "mode", ""}),
        ({"size": 0, "mode": "round"}, {"size", "mode"}),
        ({"size": -1}, {"size", "mode"}),
        ({"size": 10_000_001, "mode": None}, {"size", "mode"}),
        ({"size": 1.5, "mode": "immediate"}, {"size"}),
        ({"size": 10**40, "mode": "immediate"}, {"size"}),
        ({"size": "5", "mode": "immediate"}, {"size"}),
        ({"size": True, "mode": "immediate"}, {"size"}),
        ({}, {"size", "mode"}),
    ],
)
async def test_all_errors_of_a_stage_are_told_at_once(
    client: httpx.AsyncClient, households: list[str], problem: Problem, body: Any, errors: set[str]
) -> None:
    pilot = await made(client)
    document = problem(await send(client, f"{pilot}/stages", body), 400, "invalid-request")
    assert {one["field"] for one in document["errors"]} == errors
    assert (await read(client, pilot))["stages"] == []


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 50_000, b'{"name": "\\ud800"}'])
async def test_a_body_that_cannot_be_read_is_a_problem(
    client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem, content: bytes
) -> None:
    headers = {**MANAGE, "Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
    problem(await client.post("/v1/pilots", content=content, headers=headers), 400, "invalid-request")
    assert await admin.fetchval("SELECT count(*) FROM pilot") == 0


async def test_another_media_type_is_refused(client: httpx.AsyncClient, problem: Problem, db: Database) -> None:
    for path in ("/v1/pilots", f"{NOWHERE}/stages"):
        headers = {**MANAGE, "Content-Type": "text/plain", "Idempotency-Key": str(uuid4())}
        problem(await client.post(path, content=b"{}", headers=headers), 415, "unsupported-media-type")


@pytest.mark.parametrize("subject", ["a\u0000b", "a\nb", "x" * 256, ""])
async def test_a_pseudonym_that_cannot_be_kept_is_no_login(client: httpx.AsyncClient, problem: Problem, db: Database, subject: str) -> None:
    problem(await send(client, "/v1/pilots", {"name": "Proef"}, headers=manager(sub=subject)), 401, "not-authenticated")
