"""One stream of server-sent events: tells a phone to pull, and nothing else, so that it can never be ahead of what was sent.

Between two looks it holds no connection to the store and no data. Each look asks again whether this person is a parent of the household.
"""

import asyncio
import logging
from secrets import SystemRandom
from time import monotonic

import asyncpg
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send
from msgspec import Struct

from api.bells import Bell, Bells
from api.parents import Parents
from reconcile.callers import Parent
from reconcile.follow import household_version
from reconcile.problems import Busy, HouseholdUnclear
from reconcile.store.connections import BROKEN
from reconcile.store.database import Database

logger = logging.getLogger(__name__)

_RESYNC = b'data: "RESYNC"\n\n'
_HEARTBEAT = b": still here\n\n"
_STORE_ERRORS = (Busy, asyncpg.PostgresError, *BROKEN, OSError, TimeoutError)
_dice = SystemRandom()


class Pace(Struct, frozen=True, kw_only=True):
    """How often a stream looks by itself, the least time between two looks, and how long it lives; in seconds.

    Phones that lost a process at one moment come back spread over `retry_ms`, from and until.
    """

    look_s: float = 15.0
    pause_s: float = 0.2
    life_s: float = 3_600.0
    retry_ms: tuple[int, int] = (1_000, 8_000)


class Streams:
    """Opens streams."""

    def __init__(self, *, db: Database, parents: Parents, bells: Bells, pace: Pace) -> None:
        self._db = db
        self._parents = parents
        self._bells = bells
        self._pace = pace

    async def begin(self, parent: Parent, *, seconds_left: float) -> "EventStream":
        """Return a stream that ends with the token, at the latest. Raises HouseholdUnclear when they are no parent of the household."""
        return EventStream(self, parent, await self.version(parent), seconds_left=min(seconds_left, _about(self._pace.life_s)))

    @property
    def bells(self) -> Bells:
        """Where streams listen."""
        return self._bells

    @property
    def pace(self) -> Pace:
        """How often streams look."""
        return self._pace

    async def version(self, parent: Parent) -> int:
        """Look where the household is. Raises HouseholdUnclear when they are no parent of the household."""
        async with self._db.following(parent) as conn:
            return await household_version(conn, parent, this_month=self._parents.this_month)


class EventStream(ASGIResponse):
    """The answer that goes on."""

    _should_set_content_length = False

    def __init__(self, streams: Streams, parent: Parent, version: int, *, seconds_left: float) -> None:
        super().__init__(media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._streams = streams
        self._parent = parent
        self._version = version
        self._ends_at = monotonic() + seconds_left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak until the token, the membership, the phone or this process ends. Raises Busy, before anything was said."""
        with self._streams.bells.listening(self._parent) as bell:
            await self.start_response(send)
            if not scope.get("state", {}).get("is_head"):
                leaving = asyncio.create_task(_end_when_gone(receive, bell))
                try:
                    await self._speak(send, bell)
                finally:
                    leaving.cancel()
                    await asyncio.gather(leaving, return_exceptions=True)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _speak(self, send: Send, bell: Bell) -> None:
        pace = self._streams.pace
        await _say(send, b"retry: %d\n%b" % (_dice.randint(*pace.retry_ms), _RESYNC))
        while not bell.is_ended:
            await bell.heard(min(_about(pace.look_s), max(self._ends_at - monotonic(), 0.0)))
            if bell.is_ended or monotonic() >= self._ends_at:
                return
            try:
                version = await self._streams.version(self._parent)
            except HouseholdUnclear:
                return
            except _STORE_ERRORS as error:
                # Nobody is told anything without having been looked up; the next look may succeed.
                logger.info("a stream could not look", extra={"error": type(error).__name__})
                version = self._version
            await _say(send, _RESYNC if version > self._version else _HEARTBEAT)
            self._version = version
            # A household that changes many times in a moment is told once.
            await asyncio.sleep(pace.pause_s)


async def _say(send: Send, event: bytes) -> None:
    await send({"type": "http.response.body", "body": event, "more_body": True})


async def _end_when_gone(receive: Receive, bell: Bell) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    bell.end()


def _about(seconds: float) -> float:
    """Return a little less, each time another: what began at one moment does not stay together."""
    return seconds * _dice.uniform(0.6, 1.0)
