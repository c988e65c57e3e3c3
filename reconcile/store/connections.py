"""Connections of one login, handed from one user to the next as they are: nothing of a use outlives its transaction.

asyncpg's own pool starts a task for each connection that comes back, and stands between it and every call: a tenth of
what the API spends on a pull (ADR 0029).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Generic, TypeVar

import asyncpg

AnyConnection = TypeVar("AnyConnection", bound=asyncpg.Connection)

# What the driver says of a connection that ended, or was left, in the middle of its work; the second where its own steps met the end.
BROKEN = (asyncpg.InterfaceError, asyncpg.InternalClientError)
# A connection that nobody used for this long may have been forgotten by something in between: it is ended, not used.
IDLE_MAX_S = 300.0
_LOOK_S = 0.02
_TRY_AGAIN_S = 0.5


class StoreAway(Exception):
    """The store does not answer, or does not take a login; the message has no password."""


class Turns:
    """So many at once; who comes later waits, in the order in which they came."""

    def __init__(self, at_once: int) -> None:
        # A turn that nobody has. Whoever takes one gives it back, or hands it to who waits first.
        self._free = at_once
        self._waiting: deque[asyncio.Future[None]] = deque()
        # Looked up once: finding the loop asks the system for the number of the process, and with more phones than turns each pull waits.
        self._loop: asyncio.AbstractEventLoop | None = None

    async def take(self, *, timeout_s: float) -> None:
        """Wait for a turn; `give` it back. Raises TimeoutError."""
        if self._free and not self._waiting:
            self._free -= 1
            return
        loop = self._loop = self._loop or asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        # When many phones come at once every pull waits here: asyncio's own timeout would be a twentieth of what it costs.
        late = loop.call_later(timeout_s, _too_late, turn)
        try:
            await turn
        except BaseException:
            if not turn.cancelled() and turn.exception() is None:
                self.give()  # it was our turn already
            raise
        finally:
            late.cancel()

    def give(self) -> None:
        """Let the next one have it."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


def _too_late(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_exception(TimeoutError())


class Connections(Generic[AnyConnection]):
    """At most so many connections at once, opened when they are needed; the one used last is used next. Who waits is served in turn."""

    def __init__(self, connect: Callable[[], Awaitable[AnyConnection]], *, connections_max: int, idle_max_s: float = IDLE_MAX_S) -> None:
        self._connect = connect
        self._idle_max_s = idle_max_s
        # The place of a connection, opened or not.
        self._places = Turns(connections_max)
        self._idle: deque[tuple[float, AnyConnection]] = deque()
        self._taken: set[AnyConnection] = set()
        self._is_closed = False

    @property
    def taken(self) -> int:
        """How many are in use."""
        return len(self._taken)

    async def take(self, *, timeout_s: float) -> AnyConnection:
        """Take a connection that nobody else uses; `give` it back. Raises TimeoutError, and what connecting raises."""
        await self._places.take(timeout_s=timeout_s)
        try:
            conn = self._usable()
            if conn is None:
                async with asyncio.timeout(timeout_s):
                    conn = await self._connect()
        except BaseException:
            self._places.give()
            raise
        self._taken.add(conn)
        return conn

    def give(self, conn: AnyConnection, *, is_clean: bool) -> None:
        """Give a connection back, clean when nothing is under way on it; otherwise, or inside a transaction, it is ended."""
        self._taken.discard(conn)
        if is_clean and not self._is_closed and not conn.is_closed() and not conn.is_in_transaction():
            self._idle.append((monotonic(), conn))
        else:
            conn.terminate()
        while self._idle and self._is_old(self._idle[0][0]):
            self._idle.popleft()[1].terminate()
        self._places.give()

    async def close(self, *, patience_s: float) -> None:
        """End all; those in use may be given back within so many seconds."""
        self._is_closed = True
        idle, until = [conn for _, conn in self._idle], monotonic() + patience_s
        self._idle.clear()
        await asyncio.gather(*(conn.close(timeout=patience_s) for conn in idle), return_exceptions=True)
        while self._taken and monotonic() < until:  # noqa: ASYNC110  # once, at the end of a process
            await asyncio.sleep(_LOOK_S)
        for conn in self._taken:
            conn.terminate()

    def _usable(self) -> AnyConnection | None:
        while self._idle:
            since, conn = self._idle.pop()
            if not conn.is_closed() and not self._is_old(since):
                return conn
            conn.terminate()
        return None

    def _is_old(self, since: float) -> bool:
        return monotonic() - since > self._idle_max_s


async def patiently(connect: Callable[[], Awaitable[None]], patience_s: float) -> None:
    """Try again while the store is starting or going: a process that begins beside a restart of the store must not end by it.

    Raises StoreAway.
    """
    until = monotonic() + patience_s
    while True:
        try:
            return await connect()
        except (OSError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError, asyncpg.TooManyConnectionsError) as error:
            if monotonic() >= until:
                raise StoreAway(f"The database does not answer ({type(error).__name__}).") from None
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise StoreAway(f"The database does not take the login: {error}") from None
        await asyncio.sleep(_TRY_AGAIN_S)
