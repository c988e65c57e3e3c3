"""What handlers need, in one typed object."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from litestar import Request
from msgspec import Struct, field

from api.parents import Parents
from api.stream import Streams
from reconcile.keyring import Keyring
from reconcile.problems import Busy
from reconcile.rulebook import Books
from reconcile.store.database import Database

# Says "look now" about a kind of work, after the commit; best effort, so nothing depends on it.
Wake = Callable[[str], Awaitable[None]]
# With the bounds on lines and bytes of one trial, this bounds the memory that trials take together.
TRIALS_AT_ONCE = 4
# Each holds a connection for as long as it reads; phones need the others.
EXPORTS_AT_ONCE = 2
_SEAT_S = 1.0


class Services(Struct, frozen=True, kw_only=True):
    """The database, the keyring, the way to wake workers, who parents are, the streams of phones and the restore number of their epochs;
    the clock, the day of the next month until which a month may be delivered, and the rule books.

    `clock` tells the instant, aware; `trials` and `exports` bound how many of them are answered at once.
    """

    db: Database
    keyring: Keyring
    wake: Wake
    parents: Parents
    streams: Streams
    restore_number: int
    clock: Callable[[], datetime]
    deadline_day: int
    books: Books
    trials: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(TRIALS_AT_ONCE))
    exports: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(EXPORTS_AT_ONCE))


def services_of(request: Request[Any, Any, Any]) -> Services:
    """Return them for a handler that is called all the time: injecting them costs a request more than a look-up of a page."""
    services: Services = request.app.state.services
    return services


@asynccontextmanager
async def seat(seats: asyncio.Semaphore, *, others: str) -> AsyncIterator[None]:
    """Take one of so many seats for as long as the block runs. Raises Busy, with a sentence about the others, when none comes free."""
    try:
        async with asyncio.timeout(_SEAT_S):
            await seats.acquire()
    except TimeoutError:
        raise Busy(f"{others} Try again shortly.") from None
    try:
        yield
    finally:
        seats.release()
