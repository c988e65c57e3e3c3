"""The yardsticks over HTTP: `python -m bench.bare URL PORT`. The least that can answer: a handler, a pool, and a
statement; for a tap a transaction with a plain statement for each table that it writes.

They ask nobody who they are: households and people come in the address, the login sees and may do everything, so that no policy is
checked for any row, and nothing is bound to a transaction. The pool resets nothing between two users. All of that is what a check of
ours costs. The server under them is the one under the API, with the same settings.
"""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

import asyncpg
import msgspec
import uvicorn
from litestar import Litestar, Request, Response, get, post

from reconcile.store import sync
from reconcile.store.database import Connection

# What the logins of the API and its workers have set for look-ups by key.
SETTINGS = {"search_path": "kot, public", "timezone": "UTC", "jit": "off", "plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}

_HASH = bytes(32)

# What one tap leaves behind: a plain statement for each table, nothing read and nothing asked. $1 is the household.
_ANSWERED = """
UPDATE difference SET state = 'accepted', version = version + 1, closed_at = now() WHERE household_id = $1 AND difference_id = $2
"""
_SHOWN = """
INSERT INTO difference_version (household_id, difference_id, version, kind, state, proposal, route, explanation, effect, rules_version,
    judged_at, facts_at, texts, text_version)
SELECT household_id, difference_id, version, kind, state, proposal, route, explanation, effect, rules_version, judged_at, facts_at,
    texts, text_version
FROM difference WHERE household_id = $1 AND difference_id = $2
"""
_FREED = "UPDATE difference_placement SET is_open = false WHERE household_id = $1 AND difference_id = $2"
_ACCEPTED = """
INSERT INTO answer (household_id, kind, version, difference_id, difference_version, person_id, change_id)
VALUES ($1, 'acceptance', 1, $2, $3, $4, $5)
"""
_CHANGED = "INSERT INTO change (household_id, change_id, version, sequence, placements) VALUES ($1, $2, $3, $3, $4::text::jsonb)"
_STAGED = "INSERT INTO outbox (household_id, kind, subject_id, sequence) VALUES ($1, 'change', $2, $3)"
_LAID = """
INSERT INTO overlay_segment (household_id, placement_id, change_id, from_month, hours_hundredths, hourly_rate_cents)
VALUES ($1, $2, $3, '2026-01-01', 12000, 1000)
"""
_PLACED = "UPDATE placement SET version = $3 WHERE household_id = $1 AND placement_id = $2"
_AUDITED = """
INSERT INTO household_audit (household_id, number, recorded_at, event, previous_hash, hash) VALUES ($1, $2, now(), $3::text::jsonb, $4, $4)
"""
_COUNTED = "UPDATE household SET version = $2, audit_number = $2, audit_hash = $3 WHERE household_id = $1"
_KEPT = "INSERT INTO idempotency_key (actor, key, fingerprint, status, headers, body) VALUES ($1, $2, $3, 201, '{}', $4)"


async def write_tap(conn: Connection, told: Mapping[str, str], change_id: UUID, body: bytes) -> None:
    """Write the rows of a tap; `told` has the numbers of household, person, difference and placement, and the version that was seen."""
    household, person, difference, placement = (UUID(told[name]) for name in ("household", "person", "difference", "placement"))
    seen = int(told["version"])
    event = msgspec.json.encode({"action": "accepted", "actor": person, "differenceId": difference, "changeId": change_id}).decode()
    await conn.execute(_KEPT, told["person"], told["difference"], _HASH, body)
    await conn.execute(_ACCEPTED, household, difference, seen, person, change_id)
    await conn.execute(_CHANGED, household, change_id, seen + 1, told["placements"])
    await conn.execute(_STAGED, household, change_id, seen + 1)
    await conn.execute(_LAID, household, placement, change_id)
    await conn.execute(_PLACED, household, placement, seen + 1)
    await conn.execute(_ANSWERED, household, difference)
    await conn.execute(_FREED, household, difference)
    await conn.execute(_SHOWN, household, difference)
    await conn.execute(_AUDITED, household, seen + 1, event, _HASH)
    await conn.execute(_COUNTED, household, seen + 1, _HASH)


def create_app(url: str) -> Litestar:
    """Wire the yardsticks."""

    async def nothing_to_reset(_: asyncpg.Connection) -> None: ...

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with asyncpg.create_pool(url, min_size=8, max_size=8, server_settings=SETTINGS, reset=nothing_to_reset) as pool:
            app.state.pool = pool
            yield

    @get("/ready", sync_to_thread=False)
    def ready() -> str:
        return "ready"

    @get("/pull")
    async def pull(request: Request) -> Response[bytes]:
        asked = request.query_params
        rows = await request.app.state.pool.fetch(
            sync.SQL["placements_after"],
            UUID(asked["household"]),
            UUID(asked["person"]),
            date(2026, 7, 1),
            int(asked["lwt"]),
            UUID(asked["id"]),
            100,
        )
        return Response(msgspec.json.encode([dict(row) for row in rows]), media_type="application/json")

    @post("/tap")
    async def tap(request: Request) -> Response[bytes]:
        told = dict(parse_qsl(request.scope["query_string"].decode()))
        change_id = uuid4()
        body = msgspec.json.encode({"changeId": change_id, "differenceId": told["difference"]})
        async with request.app.state.pool.acquire() as conn, conn.transaction():
            await write_tap(conn, told, change_id, body)
        return Response(body, status_code=201, media_type="application/json")

    return Litestar([ready, pull, tap], lifespan=[lifespan], openapi_config=None, logging_config=None)


if __name__ == "__main__":
    uvicorn.run(
        create_app(sys.argv[1]),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        log_config=None,
        access_log=False,
        server_header=False,
        http="h11",
        timeout_keep_alive=30,
    )
