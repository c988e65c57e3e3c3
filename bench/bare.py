"""The yardsticks over HTTP: `python -m bench.bare URL PORT`. The least that can answer: a handler, a pool, one statement.

They ask nobody who they are: households and people come in the address, the login sees and may do everything, so that no policy is
checked for any row, and nothing is bound to a transaction. The pool resets nothing between two users. All of that is what a check of
ours costs. The server under them is the one under the API, with the same settings.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

import asyncpg
import msgspec
import uvicorn
from litestar import Litestar, Request, Response, get, post

from reconcile.store import sync

# What one tap leaves behind, as plain as it can be written: one statement, which is one transaction and one round trip.
_TAP = """
WITH touched AS (
    UPDATE household SET version = version + 1, audit_number = audit_number + 1, audit_hash = $8
    WHERE household_id = $1
    RETURNING household_id, version, audit_number
), audited AS (
    INSERT INTO household_audit (household_id, number, recorded_at, event, previous_hash, hash)
    SELECT household_id, audit_number, now(), '{"action": "accepted"}', $8, $8 FROM touched
), answered AS (
    UPDATE difference SET state = 'accepted', version = touched.version, closed_at = now()
    FROM touched
    WHERE difference.household_id = touched.household_id AND difference_id = $3
    RETURNING difference.*
), shown AS (
    INSERT INTO difference_version (household_id, difference_id, version, kind, state, proposal, route, explanation, effect,
        rules_version, judged_at)
    SELECT household_id, difference_id, version, kind, state, proposal, route, explanation, effect, rules_version, judged_at FROM answered
), freed AS (
    UPDATE difference_placement SET is_open = false WHERE household_id = $1 AND difference_id = $3
), accepted AS (
    INSERT INTO acceptance (household_id, acceptance_id, difference_id, difference_version, person_id, change_id)
    VALUES ($1, $6, $3, $4, $2, $7)
), changed AS (
    INSERT INTO change (household_id, change_id, version, sequence, placements)
    SELECT household_id, $7, version, version, proposal -> 'placements' FROM answered
), staged AS (
    INSERT INTO outbox (household_id, kind, subject_id, sequence) SELECT household_id, 'change', $7, version FROM touched
), laid AS (
    INSERT INTO overlay_segment (household_id, placement_id, change_id, from_month, until_month, hours_hundredths, hourly_rate_cents)
    VALUES ($1, $5, $7, '2026-01-01', NULL, 12000, 1000)
), placed AS (
    UPDATE placement SET version = touched.version
    FROM touched
    WHERE placement.household_id = touched.household_id AND placement_id = $5
)
INSERT INTO idempotency_key (actor, key, fingerprint, status, headers, body) VALUES ($9, $10, $8, 201, '{}', $11)
"""


def create_app(url: str) -> Litestar:
    """Wire the yardsticks."""

    async def nothing_to_reset(_: asyncpg.Connection) -> None: ...

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        settings = {"search_path": "kot, public", "timezone": "UTC", "jit": "off", "plan_cache_mode": "force_generic_plan"}
        async with asyncpg.create_pool(url, min_size=8, max_size=8, server_settings=settings, reset=nothing_to_reset) as pool:
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
        acceptance_id, change_id = uuid4(), uuid4()
        body = msgspec.json.encode({"acceptanceId": acceptance_id, "changeId": change_id})
        await request.app.state.pool.execute(
            _TAP,
            UUID(told["household"]),
            UUID(told["person"]),
            UUID(told["difference"]),
            int(told["version"]),
            UUID(told["placement"]),
            acceptance_id,
            change_id,
            b"0" * 32,
            told["person"],
            told["difference"],
            body,
        )
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
