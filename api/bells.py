"""Who listens to which household in this process: rung after a commit, by this process itself or by a hint of another one."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from uuid import UUID

from reconcile.callers import Parent
from reconcile.problems import Busy


class Bell:
    """What one stream waits on."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self.is_ended = False

    def ring(self) -> None:
        """Something changed, perhaps: rung often, it still sounds once."""
        self._rung.set()

    def end(self) -> None:
        """The stream is to end."""
        self.is_ended = True
        self._rung.set()

    async def heard(self, timeout_s: float) -> bool:
        """Wait until it is rung, at most so long; tell whether it was."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        return True


class Bells:
    """All streams of this process, with their limits."""

    def __init__(self, *, streams_max: int = 5_000, streams_of_person_max: int = 5) -> None:
        self._streams_max = streams_max
        self._streams_of_person_max = streams_of_person_max
        self._of_household: defaultdict[UUID, set[Bell]] = defaultdict(set)
        self._of_person: Counter[tuple[UUID, str | None]] = Counter()
        self._is_closed = False

    @contextmanager
    def listening(self, parent: Parent) -> Iterator[Bell]:
        """Hang up a bell for one stream, and take it down when the block ends. Raises Busy beyond a limit, or when all are to end."""
        if self._is_closed or self._of_person.total() >= self._streams_max:
            raise Busy("There are too many streams here. Pull now and then, and try again later.")
        # Who represents somebody never uses up the streams of that person.
        person = parent.person_id, parent.proxy
        if self._of_person[person] >= self._streams_of_person_max:
            raise Busy(f"You have {self._streams_of_person_max} streams already. End one, or pull now and then.")
        bell = Bell()
        self._of_household[parent.household_id].add(bell)
        self._of_person[person] += 1
        try:
            yield bell
        finally:
            self._of_household[parent.household_id].discard(bell)
            if not self._of_household[parent.household_id]:
                del self._of_household[parent.household_id]
            self._of_person[person] -= 1
            if not self._of_person[person]:
                del self._of_person[person]

    @property
    def count(self) -> int:
        """How many streams are open."""
        return self._of_person.total()

    def ring(self, household_ids: Collection[UUID]) -> None:
        """Ring for households that changed. Never waits."""
        for household_id in household_ids:
            for bell in self._of_household.get(household_id, ()):
                bell.ring()

    def end(self) -> None:
        """End every stream and admit no more: the process is about to stop, and its phones reconnect elsewhere."""
        self._is_closed = True
        for bells in self._of_household.values():
            for bell in bells:
                bell.end()
