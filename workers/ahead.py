"""Some pieces of work at a time, in order: the next begins before the last has ended."""

import asyncio
from collections import deque
from collections.abc import Coroutine
from types import TracebackType
from typing import Self


class Ahead:
    """Runs at most so many pieces at a time. The first that fails ends the block with its error, and the others with it."""

    def __init__(self, pieces_max: int) -> None:
        self._pieces_max = pieces_max
        self._running: deque[asyncio.Task[None]] = deque()

    @property
    def latest(self) -> "asyncio.Task[None] | None":
        """The piece that was started last, when it may still be running."""
        return self._running[-1] if self._running else None

    async def start(self, work: Coroutine[None, None, None]) -> None:
        """Start a piece as soon as there is room. Raises what an earlier one raised."""
        try:
            while len(self._running) >= self._pieces_max:
                await self._running[0]
                self._running.popleft()
        except BaseException:
            work.close()
            raise
        self._running.append(asyncio.create_task(work))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            while error is None and self._running:
                await self._running[0]
                self._running.popleft()
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
