"""The yardstick of a pull: `python -m bench.bare URL PORT`. The least that can answer it: a handler, a pool, the very same statement.

It asks nobody who they are and binds nothing to a row: the household and the login come in the address.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from uuid import UUID

import asyncpg
import msgspec
import uvicorn
from litestar import Litestar, Request, Response, get

from reconcile.store import sync


def create_app(url: str) -> Litestar:
    """Wire the yardstick."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        settings = {"search_path": "kot, public", "timezone": "UTC", "jit": "off"}
        async with asyncpg.create_pool(url, min_size=8, max_size=8, server_settings=settings) as pool:
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

    return Litestar([ready, pull], lifespan=[lifespan], openapi_config=None, logging_config=None)


if __name__ == "__main__":
    uvicorn.run(create_app(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", access_log=False)
