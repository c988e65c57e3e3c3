"""How many requests a sender may make for an organisation in a minute, reading and writing apart: a loop gone wild harms nobody else.

Counted by each process for itself, in memory: with more processes a sender may do more, and a restart begins anew. The headers are those
of the IETF draft `RateLimit header fields for HTTP`; who passes the limit hears 429 with a bounded Retry-After. Parents are not counted.
"""

import math
from collections.abc import Callable, Hashable
from time import monotonic

from litestar.exceptions import HTTPException
from litestar.types import Message, Send
from msgspec import Struct

WINDOW_S = 60
# So many senders are remembered at once; who has all of its requests left needs no remembering.
_SENDERS_MAX = 20_000
# A part of a request: more than any rounding of the sums below, and nobody's advantage.
_ROUNDING = 1e-3


class RateLimited(HTTPException):
    """Too many requests in a short time."""

    status_code = 429


class Taken(Struct, frozen=True):
    """What is left after a request: how many, in how many seconds all are there again, and after how many the next one is (0: now)."""

    remaining: int
    full_in_s: int
    retry_after_s: int


class Bucket:
    """Lets so many requests through in a window, and refills evenly: after a burst one comes free every window / quota seconds."""

    def __init__(self, quota: int, clock: Callable[[], float] = monotonic) -> None:
        self.quota = quota
        self._clock = clock
        self._step_s = WINDOW_S / quota
        # When each sender will have all of its requests again.
        self._full_at: dict[Hashable, float] = {}

    def take(self, sender: Hashable) -> Taken:
        """Take one request of a sender, unless none is left."""
        now = self._clock()
        full_at = max(self._full_at.get(sender, now), now)
        over_s = full_at + self._step_s - now - WINDOW_S
        if over_s > self._step_s * _ROUNDING:
            return Taken(0, math.ceil(full_at - now), min(WINDOW_S, max(1, math.ceil(over_s))))
        full_at += self._step_s
        if sender not in self._full_at and len(self._full_at) >= _SENDERS_MAX:
            self._forget(now)
        self._full_at[sender] = full_at
        left = math.floor((WINDOW_S - (full_at - now)) / self._step_s + _ROUNDING)
        return Taken(max(0, left), math.ceil(full_at - now), 0)

    def _forget(self, now: float) -> None:
        self._full_at = {sender: full_at for sender, full_at in self._full_at.items() if full_at > now}
        if len(self._full_at) >= _SENDERS_MAX:
            self._full_at.clear()  # in favour of the senders


class RateLimits:
    """The limits of reading and of writing, and the headers that tell them."""

    def __init__(self, *, reads: int, writes: int, clock: Callable[[], float] = monotonic) -> None:
        self._buckets = {"read": Bucket(reads, clock), "write": Bucket(writes, clock)}

    def counted(self, send: Send, sender: Hashable, *, reads: bool) -> Send:
        """Count a request, and return a `send` that tells what is left. Raises RateLimited."""
        name = "read" if reads else "write"
        bucket = self._buckets[name]
        taken = bucket.take(sender)
        told = {
            "RateLimit-Policy": f'"{name}";q={bucket.quota};w={WINDOW_S}',
            "RateLimit": f'"{name}";r={taken.remaining};t={taken.full_in_s}',
        }
        if taken.retry_after_s:
            raise RateLimited(
                f"At most {bucket.quota} requests a minute that {name} are taken here. Come back after the seconds in Retry-After.",
                headers={**told, "Retry-After": str(taken.retry_after_s)},
            )
        lines = [(header.lower().encode(), value.encode()) for header, value in told.items()]

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *lines]
            await send(message)

        return telling
