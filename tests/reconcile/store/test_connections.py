"""Connections that are handed on: in turn, never two users at once, and none that is spoiled."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from reconcile.store.connections import Connections
from tests.conftest import database_url

TWO = 2


class Opened:
    """Opens connections, and counts them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.count = 0

    async def __call__(self) -> asyncpg.Connection:
        self.count += 1
        return await asyncpg.connect(self._url)


@pytest.fixture
def opened(database_name: str) -> Opened:
    return Opened(database_url(database_name, "kot_intake"))


@pytest_asyncio.fixture
async def two(opened: Opened) -> AsyncIterator[Connections[asyncpg.Connection]]:
    connections = Connections(opened, connections_max=TWO)
    yield connections
    await connections.close(patience_s=0)


async def test_the_one_used_last_is_used_next(two: Connections[asyncpg.Connection], opened: Opened) -> None:
    first, second = await two.take(timeout_s=1), await two.take(timeout_s=1)
    two.give(second, is_clean=True)
    two.give(first, is_clean=True)
    for _ in range(3):
        conn = await two.take(timeout_s=1)
        assert conn is first
        two.give(conn, is_clean=True)
    assert (opened.count, two.taken) == (TWO, 0)


async def test_never_more_than_so_many_and_who_waits_is_served_in_turn(two: Connections[asyncpg.Connection], opened: Opened) -> None:
    served: list[int] = []
    at_once = 0

    async def use(number: int) -> None:
        nonlocal at_once
        conn = await two.take(timeout_s=5)
        at_once += 1
        assert at_once <= TWO
        served.append(number)
        assert await conn.fetchval("SELECT $1::integer", number) == number
        at_once -= 1
        two.give(conn, is_clean=True)

    await asyncio.gather(*(use(number) for number in range(40)))
    waited = [number for number in served if number >= TWO]
    assert waited == sorted(waited), "the first two wait for nobody but their own connections"
    assert opened.count == TWO


async def test_who_waited_too_long_or_went_away_keeps_nobody_waiting(two: Connections[asyncpg.Connection]) -> None:
    taken = [await two.take(timeout_s=1) for _ in range(TWO)]
    with pytest.raises(TimeoutError):
        await two.take(timeout_s=0.01)
    gone = asyncio.create_task(two.take(timeout_s=5))
    late = asyncio.create_task(two.take(timeout_s=5))
    await asyncio.sleep(0)
    # Its turn comes at the very moment at which it goes away.
    two.give(taken[0], is_clean=True)
    gone.cancel()
    assert await late is taken[0]
    two.give(taken[0], is_clean=True)
    two.give(taken[1], is_clean=True)
    assert await asyncio.gather(*(two.take(timeout_s=1) for _ in range(TWO)))


async def test_a_connection_that_is_not_as_it_was_is_ended(two: Connections[asyncpg.Connection], opened: Opened) -> None:
    unclean, open_, closed = await two.take(timeout_s=1), await two.take(timeout_s=1), None
    two.give(unclean, is_clean=False)
    await open_.execute("BEGIN")
    two.give(open_, is_clean=True)
    closed = await two.take(timeout_s=1)
    await closed.close()
    two.give(closed, is_clean=True)
    assert all(one.is_closed() for one in (unclean, open_))
    conn = await two.take(timeout_s=1)
    assert await conn.fetchval("SELECT 1") == 1
    assert opened.count == 4  # each of the three was replaced once it was needed
    two.give(conn, is_clean=True)


async def test_a_connection_that_ended_while_nobody_used_it_is_replaced(
    two: Connections[asyncpg.Connection], opened: Opened, admin: asyncpg.Connection
) -> None:
    conn = await two.take(timeout_s=1)
    number = await conn.fetchval("SELECT pg_backend_pid()")
    two.give(conn, is_clean=True)
    await admin.execute("SELECT pg_terminate_backend($1)", number)
    while not conn.is_closed():
        await asyncio.sleep(0.01)
    assert await (await two.take(timeout_s=1)).fetchval("SELECT 1") == 1
    assert opened.count == 2


async def test_a_connection_that_nobody_used_for_long_is_ended(opened: Opened) -> None:
    connections = Connections(opened, connections_max=TWO, idle_max_s=0.05)
    old, used = await connections.take(timeout_s=1), await connections.take(timeout_s=1)
    connections.give(old, is_clean=True)
    await asyncio.sleep(0.1)
    connections.give(used, is_clean=True)
    assert (old.is_closed(), used.is_closed()) == (True, False)
    await asyncio.sleep(0.1)
    assert await connections.take(timeout_s=1) is not used
    await connections.close(patience_s=0)


async def test_a_place_comes_back_when_connecting_fails(database_name: str) -> None:
    nobody = Connections(Opened(database_url("no_such_database", "kot_intake")), connections_max=1)
    for _ in range(3):
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await nobody.take(timeout_s=1)


async def test_closing_waits_a_little_for_who_is_still_busy(opened: Opened) -> None:
    connections = Connections(opened, connections_max=TWO)
    brief, endless = await connections.take(timeout_s=1), await connections.take(timeout_s=1)
    closing = asyncio.create_task(connections.close(patience_s=0.2))
    await asyncio.sleep(0.05)
    assert await brief.fetchval("SELECT 1") == 1
    connections.give(brief, is_clean=True)
    await closing
    assert brief.is_closed()
    assert endless.is_closed()
