"""Deliveries that were refused at the door are seen by their sender: what was wrong, and nothing of what was in them."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from api.app import create_app
from reconcile import attempt
from reconcile.keyring import Keyring
from reconcile.settings import Settings
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import OneKey, Problem, manager, organisation, parent
from tests.serving import serving
from workers.housekeeping import HousekeepingDrain

BODY = world.delivery_body([world.line()])
JSON = {"Content-Type": "application/json", "Idempotency-Key": "r-1"}


@pytest.fixture(autouse=True)
async def _register(admin: asyncpg.Connection) -> None:
    await world.with_register(admin)


async def send(
    client: httpx.AsyncClient, content: bytes = BODY, *, oin: str = world.OIN, query: str = "", **headers: str
) -> httpx.Response:
    return await client.post(f"/v1/deliveries{query}", content=content, headers={**organisation(oin), **JSON, **headers})


async def attempts(client: httpx.AsyncClient, *, oin: str = world.OIN, query: str = "") -> list[dict[str, Any]]:
    answer = await client.get(f"/v1/delivery-attempts{query}", headers=organisation(oin))
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["attempts"]
    return found


@pytest.mark.parametrize(
    ("content", "headers", "status", "slug", "reference", "arrived"),
    [
        (BODY, {"Content-Type": "text/plain"}, 415, "unsupported-media-type", "r-1", 0),
        (BODY, {"Content-Encoding": "br"}, 415, "unsupported-media-type", "r-1", 0),
        (b"no gzip", {"Content-Encoding": "gzip"}, 400, "invalid-request", "r-1", 7),
        (BODY, {"Content-Digest": "sha-256=:" + "A" * 43 + "=:"}, 400, "digest-mismatch", "r-1", len(BODY)),
        (BODY, {"Idempotency-Key": "not a reference"}, 400, "invalid-request", None, 0),
        (b"x", {"Content-Length": "999999999999"}, 413, "body-too-large", "r-1", 0),
    ],
)
async def test_what_is_refused_at_the_door_is_seen_afterwards(
    client: httpx.AsyncClient,
    problem: Problem,
    content: bytes,
    headers: dict[str, str],
    status: int,
    slug: str,
    reference: str,
    arrived: int,
) -> None:
    problem(await send(client, content, **headers), status, slug)
    (one,) = await attempts(client)
    assert (one["status"], one["problem"], one["reference"]) == (status, f"/v1/problems/{slug}", reference)
    assert (one["byteCount"], one["senderOin"]) == (arrived, world.OIN)
    assert set(one) == {"attemptId", "attemptedAt", "status", "problem", "reference", "byteCount", "senderOin"}


async def test_a_reference_with_other_content_is_an_attempt_and_what_lands_is_none(client: httpx.AsyncClient) -> None:
    await send(client)
    assert await attempts(client) == []
    await send(client, world.delivery_body([]))
    assert [one["problem"] for one in await attempts(client)] == ["/v1/problems/reference-reused"]


async def test_a_trial_is_no_attempt(client: httpx.AsyncClient) -> None:
    await send(client, b"no gzip", query="?dryRun=true", **{"Content-Encoding": "gzip"})
    assert await attempts(client) == []


async def test_a_body_that_breaks_off_is_seen_though_nobody_heard_the_answer(settings: Settings, db: Database) -> None:
    async def wake(_: str) -> None:
        return

    async with serving(create_app(settings, db, wake, keys=OneKey(), clock=lambda: world.NOW)) as served:
        host, _, port = served.url.removeprefix("http://").partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        headers = {**organisation(), **JSON, "Host": host, "Content-Length": "1000"}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"POST /v1/deliveries HTTP/1.1\r\n{head}\r\n".encode() + b'{"lines":')
        await writer.drain()
        await asyncio.sleep(0.5)
        writer.close()
        async with httpx.AsyncClient(base_url=served.url) as http:
            found: list[dict[str, Any]] = []
            for _ in range(100):
                found = (await http.get("/v1/delivery-attempts", headers=organisation())).json()["attempts"]
                if found:
                    break
                await asyncio.sleep(0.05)
        assert [(one["status"], one["problem"], one["byteCount"]) for one in found] == [(408, "/v1/problems/body-stalled", 9)]


async def test_only_the_newest_of_a_sender_are_kept(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "KEPT_MAX", 2)
    for number in range(4):
        await send(client, **{"Content-Type": "text/plain", "Idempotency-Key": f"r-{number}"})
    assert [one["reference"] for one in await attempts(client)] == ["r-3", "r-2"]


async def test_after_thirty_days_they_are_forgotten(client: httpx.AsyncClient, db: Database, admin: asyncpg.Connection) -> None:
    for number in range(2):
        await send(client, **{"Content-Type": "text/plain", "Idempotency-Key": f"r-{number}"})
    for reference, age in (("r-0", timedelta(days=31)), ("r-1", timedelta(days=29))):
        await admin.execute("UPDATE delivery_attempt SET attempted_at = now() - $1::interval WHERE reference = $2", age, reference)
    await HousekeepingDrain(db)()
    assert [one["reference"] for one in await attempts(client)] == ["r-1"]


async def test_a_vendor_sees_its_own_and_the_organisation_all_of_its_own(
    client: httpx.AsyncClient, db: Database, api_keyring: Keyring, problem: Problem
) -> None:
    await world.mandated(db)
    acting = f"?organisationOin={world.OIN}"
    await send(client, **{"Content-Type": "text/plain", "Idempotency-Key": "own"})
    await send(client, oin=world.VENDOR_OIN, query=acting, **{"Content-Type": "text/plain", "Idempotency-Key": "vendors"})
    assert [one["reference"] for one in await attempts(client, oin=world.VENDOR_OIN, query=acting)] == ["vendors"]
    assert [one["reference"] for one in await attempts(client)] == ["vendors", "own"]
    assert await attempts(client, oin=world.OTHER_OIN) == []
    for headers in (parent(), manager()):
        problem(await client.get("/v1/delivery-attempts", headers=headers), 403, "insufficient-scope")


async def test_a_store_that_is_away_takes_nothing_from_the_answer(
    client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem
) -> None:
    await admin.execute("REVOKE INSERT ON delivery_attempt FROM kot_organisation")
    try:
        problem(await send(client, **{"Content-Type": "text/plain"}), 415, "unsupported-media-type")
    finally:
        await admin.execute("GRANT INSERT ON delivery_attempt TO kot_organisation")
