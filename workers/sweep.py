"""The sweeper: looks at every kind of work every few seconds, whether a hint came or not. It needs no Redis."""

import asyncio
import logging
import random

from workers.kinds import Drains, Work

logger = logging.getLogger(__name__)

_HOUSEKEEPING_EVERY_S = 3600.0


class Sweeper:
    """Runs one drain of a kind at a time in this process, on a hint or when it is time."""

    def __init__(self, drains: Drains, *, interval_s: float) -> None:
        self._drains = drains
        self._interval_s = interval_s
        self._hinted = {kind: asyncio.Event() for kind in drains}

    def look(self, kind: str) -> None:
        """Look at one kind of work as soon as its drain is free; an unknown kind, from another release, is nothing to do."""
        for known, hinted in self._hinted.items():
            if known == kind:
                hinted.set()

    async def run(self) -> None:
        """Look for ever; ends when cancelled, at the next await of a drain."""
        async with asyncio.TaskGroup() as group:
            for kind in self._drains:
                group.create_task(self._loop(kind))

    async def _loop(self, kind: Work) -> None:
        longest_s = _HOUSEKEEPING_EVERY_S if kind is Work.HOUSEKEEPING else self._interval_s
        while True:
            self._hinted[kind].clear()
            try:
                await self._drains[kind]()
            # One failed look must not end the looking: the work is still due and the next look finds it.
            except Exception:
                logger.exception("look failed", extra={"kind": kind})
            try:
                # Jitter keeps several processes from looking in step.
                async with asyncio.timeout(longest_s * random.uniform(0.5, 1.0)):  # noqa: S311  # not a secret
                    await self._hinted[kind].wait()
            except TimeoutError:
                pass
