"""The stream over a real server: told at once when something changed, within the wait without any hint, and never longer than allowed."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import monotonic
from uuid import UUID

import asyncpg
import httpx
import pytest
import pytest_asyncio
import uvicorn

from api.app import create_app
from api.bells import Bells
from api.stream import Pace
from cli.serve import Server
from local.binaries import valkey_binary
from local.servers import Valkey
from reconcile.keyring import Keyring
from reconcile.settings import Settings
from reconcile.store.database import Database, Role
from tests import world
from tests.api.conftest import Headers, OneKey, Problem, parent
from tests.conftest import database_url
from tests.serving import serving
from workers.hints import Hints, hear_changes

Serve = Callable[..., Awaitable[str]]
RESYNC = 'data: "RESYNC"'
SLOW, QUICK = Pace(look_s=30.0), Pace(look_s=0.2, pause_s=0.01)


@pytest_asyncio.fixture
async def household(db: Database, admin: asyncpg.Connection, api_keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.declared(db, api_keyring)


@pytest_asyncio.fixture
async def serve(settings: Settings, db: Database) -> AsyncIterator[Serve]:
    """Serve the application with a pace and bells; every server ends with the test."""
    async with AsyncExitStack() as stack:

        async def begin(pace: Pace, bells: Bells | None = None) -> str:
            app = create_app(settings, db, world.nobody, bells=bells, keys=OneKey(), clock=lambda: world.NOW, pace=pace)
            return (await stack.enter_async_context(serving(app))).url

        yield begin


class Listener:
    """What a phone hears."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()

    async def hears(self, *, within_s: float = 5.0, heartbeats: bool = False) -> str | None:
        """The next event, or heartbeat when asked for; None when the stream ended."""
        async with asyncio.timeout(within_s):
            async for line in self._lines:
                if line.startswith("data:") or (heartbeats and line.startswith(":")):
                    return line
        return None


@asynccontextmanager
async def listening(url: str, headers: Headers | None = None) -> AsyncIterator[Listener]:
    async with (
        httpx.AsyncClient(timeout=30) as http,
        http.stream("GET", f"{url}/v1/sync/stream", headers=headers or parent()) as answer,
    ):
        yield Listener(answer)


async def change(db: Database, keyring: Keyring, version: int = 2, **change: object) -> None:
    await world.declared(db, keyring, world.declaration(version=version, **change))


async def test_a_phone_is_told_at_once_when_it_is_rung(
    serve: Serve, household: None, db: Database, api_keyring: Keyring, admin: asyncpg.Connection
) -> None:
    bells = Bells()
    url = await serve(SLOW, bells)
    async with listening(url) as phone:
        assert phone.answer.headers["content-type"].startswith("text/event-stream")
        assert await phone.hears() == RESYNC
        await change(db, api_keyring)
        bells.ring([await admin.fetchval("SELECT household_id FROM household")])
        assert await phone.hears(within_s=2) == RESYNC


async def test_without_any_hint_the_stream_looks_by_itself(serve: Serve, household: None, db: Database, api_keyring: Keyring) -> None:
    async with listening(await serve(QUICK)) as phone:
        assert await phone.hears() == RESYNC
        assert (await phone.hears(heartbeats=True) or "").startswith(":")
        await change(db, api_keyring)
        assert await phone.hears(within_s=2) == RESYNC


async def test_a_ring_without_a_change_tells_nothing(serve: Serve, household: None, admin: asyncpg.Connection) -> None:
    bells = Bells()
    async with listening(await serve(SLOW, bells)) as phone:
        await phone.hears()
        bells.ring([await admin.fetchval("SELECT household_id FROM household")])
        assert (await phone.hears(heartbeats=True) or "").startswith(":")


async def test_between_two_looks_no_connection_is_held(serve: Serve, household: None, db: Database) -> None:
    url = await serve(SLOW)
    async with AsyncExitStack() as stack:
        for _ in range(5):
            assert await (await stack.enter_async_context(listening(url))).hears() == RESYNC
        assert db.taken == 0


async def test_a_membership_that_ended_ends_the_stream(serve: Serve, household: None, db: Database, api_keyring: Keyring) -> None:
    async with listening(await serve(QUICK), parent(world.PARTNER)) as phone:
        assert await phone.hears() == RESYNC
        members = [world.member(world.APPLICANT, "applicant"), world.member(world.CHILD, "child"), world.member(world.SIBLING, "child")]
        await change(db, api_keyring, members=members)
        assert await phone.hears() is None


async def test_a_token_that_ends_ends_the_stream(serve: Serve, household: None) -> None:
    now = int(time.time())
    # Tokens are taken for half a minute after their end.
    async with listening(await serve(SLOW), parent(exp=now - 28)) as phone:
        assert await phone.hears() == RESYNC
        began = monotonic()
        assert await phone.hears() is None
        assert monotonic() - began < 4


async def test_a_life_is_bounded(serve: Serve, household: None) -> None:
    async with listening(await serve(Pace(life_s=0.5))) as phone:
        assert await phone.hears() == RESYNC
        assert await phone.hears() is None


async def test_a_phone_that_is_gone_frees_its_place(serve: Serve, household: None) -> None:
    bells = Bells()
    url = await serve(SLOW, bells)
    async with listening(url) as phone:
        await phone.hears()
        assert bells.count == 1
    for _ in range(100):
        if not bells.count:
            break
        await asyncio.sleep(0.02)
    assert bells.count == 0


@pytest.mark.parametrize("limit", [{"streams_max": 1}, {"streams_of_person_max": 1}])
async def test_beyond_a_limit_a_phone_hears_busy(serve: Serve, household: None, problem: Problem, limit: dict[str, int]) -> None:
    url = await serve(SLOW, Bells(**limit))
    async with listening(url) as phone:
        assert await phone.hears() == RESYNC
        async with httpx.AsyncClient() as http:
            answer = await http.get(f"{url}/v1/sync/stream", headers=parent())
        problem(answer, 503, "busy")
        assert answer.headers["retry-after"]
        if "streams_of_person_max" in limit:
            async with listening(url, parent(world.PARTNER)) as partner:
                assert await partner.hears() == RESYNC


async def test_head_tells_what_get_would_and_ends(serve: Serve, household: None) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.head(f"{await serve(SLOW)}/v1/sync/stream", headers=parent())
    assert (answer.status_code, answer.content) == (200, b"")


async def test_a_store_that_is_away_ends_no_stream(
    serve: Serve, household: None, db: Database, api_keyring: Keyring, admin: asyncpg.Connection
) -> None:
    async with listening(await serve(QUICK)) as phone:
        assert await phone.hears() == RESYNC
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'kot_parent' AND datname = current_database()"
        )
        assert (await phone.hears(heartbeats=True) or "").startswith(":")
        await change(db, api_keyring)
        assert await phone.hears() == RESYNC


async def test_a_server_that_stops_ends_its_streams_first(settings: Settings, household: None, db: Database) -> None:
    bells = Bells()
    app = create_app(settings, db, world.nobody, bells=bells, keys=OneKey(), clock=lambda: world.NOW, pace=SLOW)
    server = Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=10), bells)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    async with listening(url) as phone:
        assert await phone.hears() == RESYNC
        began = monotonic()
        server.should_exit = True
        assert await phone.hears() is None
        await running
        assert monotonic() - began < 3


async def test_redis_may_die_and_come_back(
    settings: Settings, household: None, database_name: str, api_keyring: Keyring, tmp_path: Path, serve: Serve, admin: asyncpg.Connection
) -> None:
    """A commit in one process rings in another; without Redis the stream looks by itself; afterwards it is rung again."""
    valkey = Valkey(tmp_path / "valkey", valkey_binary(None))
    valkey.start()
    hints, bells = Hints(valkey.url()), Bells()
    heard: list[UUID] = []

    def on_change(household_ids: Collection[UUID]) -> None:
        heard.extend(household_ids)
        bells.ring(household_ids)

    hearing = asyncio.create_task(hear_changes(valkey.url(), on_change))
    writer = await Database.connect({Role.TVS: database_url(database_name, "kot_tvs")}, connections_max=2, on_change=hints.ring)
    try:
        async with listening(await serve(Pace(look_s=1.5, pause_s=0.01), bells)) as phone:
            assert await phone.hears() == RESYNC
            await change(writer, api_keyring, 2)
            assert await phone.hears() == RESYNC
            valkey.kill()
            await change(writer, api_keyring, 3)
            assert await phone.hears() == RESYNC
            valkey.start()
            heard.clear()
            for version in range(4, 40):
                await change(writer, api_keyring, version)
                assert await phone.hears() == RESYNC
                if heard:
                    break
            assert heard
    finally:
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)
        await hints.close()
        await writer.close()
        valkey.stop()
