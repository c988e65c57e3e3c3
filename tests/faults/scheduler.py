"""Steps transactions on one database, one statement at a time, in an order that somebody chooses; and every order in turn.

Each hand is a task with connections of its own. It stands still before the beginning, each statement and the end of a transaction until it
is told to go. Who waits for a lock of another hand, as the server says, is left waiting, and goes on by itself once that one has ended.
"""

import asyncio
import contextlib
import inspect
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import asyncpg
from msgspec import Struct
from msgspec.structs import replace

from reconcile.callers import Caller
from reconcile.store.database import Database

BEGIN, COMMIT, ROLLBACK = "BEGIN", "COMMIT", "ROLLBACK"
ENDS = (COMMIT, ROLLBACK)
NEW_LINE = "\n"
_PATIENCE_S = 0.002
_WRITES_OR_LOCKS = re.compile(r"\b(INSERT|UPDATE|DELETE|FOR SHARE|FOR KEY SHARE)\b|advisory")
_NAMED = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+(\w+)|'(kot\.\w+)'")
_BY_THE_CLOCK = re.compile(r"comparison_due|outbox|due_at|lease")

# Takes the hands that can go, and returns which of them goes.
Choose = Callable[[Sequence["Hand"]], "Hand"]


class Hand:
    """One task, and where it stands; `outcome` is what it returned."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.next_step = ""
        self.is_inside = self.is_done = self.waits = False
        self.outcome: Any = None
        self.pid = 0
        self._may_go, self._stands = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def before(self, step: str) -> None:
        """Stand before a step until told to go."""
        self.next_step = step
        self._may_go.clear()
        self._stands.set()
        await self._may_go.wait()

    def begin(self, work: Awaitable[Any]) -> None:
        """Start the task; it stands before its first step soon."""
        self._task = asyncio.create_task(self._to_its_end(work))

    def go(self) -> str:
        """Take the next step, and return which."""
        self._stands.clear()
        self._may_go.set()
        return self.next_step

    async def stands_within(self, seconds: float) -> bool:
        """Wait until it stands before a step or is done, at most so long; tell whether it does."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stands.wait()
        return self._stands.is_set()

    async def ended(self) -> None:
        """It is done: raise what it raised."""
        if self._task is not None:
            await self._task

    async def abandoned(self) -> None:
        """End the task, wherever it is."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _to_its_end(self, work: Awaitable[Any]) -> None:
        try:
            self.outcome = await work
        finally:
            self.is_done = True
            self._stands.set()


class StandingDatabase:
    """A database as the doors use it, for one hand."""

    def __init__(self, db: Database, hand: Hand) -> None:
        self._db = db
        self._hand = hand

    @asynccontextmanager
    async def transaction(self, caller: Caller) -> AsyncIterator[Any]:
        """One transaction: its beginning, its statements and its end are steps."""
        await self._hand.before(BEGIN)
        async with self._db.transaction(caller) as conn:
            self._hand.pid, self._hand.is_inside = conn.get_server_pid(), True
            try:
                yield _StandingConnection(conn, self._hand)
            except Exception:
                await self._hand.before(ROLLBACK)
                raise
            else:
                await self._hand.before(COMMIT)
            finally:
                self._hand.pid, self._hand.is_inside = 0, False


class _StandingConnection:
    """A connection of one hand."""

    def __init__(self, conn: asyncpg.Connection, hand: Hand) -> None:
        self._conn = conn
        self._hand = hand

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._conn, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def stepped(*arguments: Any, **options: Any) -> Any:
            await self._hand.before(str(arguments[0]))
            return await found(*arguments, **options)

        return stepped


async def played(
    hands: Sequence[Hand], choose: Choose, admin: asyncpg.Connection, steps: list[str], *, whole: bool, after_end: Callable[[], Any]
) -> None:
    """Let hands that have begun go in turn until all are done, and note the steps as they are taken.

    With `whole`, none goes inside another's transaction; `after_end` is called after the end of each. Raises what a hand
    raised, and AssertionError when everybody waits for somebody.
    """
    try:
        await _all_stand(hands, admin)
        while not all(hand.is_done for hand in hands):
            ready = [hand for hand in hands if not hand.is_done and not hand.waits]
            assert ready, f"everybody waits: {steps}"
            inside = [hand for hand in ready if hand.is_inside] if whole else []
            hand = choose(inside or ready)
            step = hand.go()
            steps.append(f"{hand.name} {step.partition(NEW_LINE)[0]}")
            if step in ENDS:
                for one in hands:
                    one.waits = False
            # Who went stands first: until its transaction has ended, others wait for it.
            await _all_stand([hand, *(one for one in hands if one is not hand)], admin)
            if hand.is_done:
                await hand.ended()
            if step in ENDS:
                await after_end()
    finally:
        for hand in hands:
            await hand.abandoned()


async def _all_stand(hands: Sequence[Hand], admin: asyncpg.Connection) -> None:
    """Wait until each hand stands, is done, or waits for a lock of another one."""
    pids = [hand.pid for hand in hands if hand.is_inside]
    for hand in hands:
        while not hand.waits and not await hand.stands_within(_PATIENCE_S):
            hand.waits = await admin.fetchval("SELECT pg_blocking_pids($1) && $2::integer[]", hand.pid, pids)


class SomeOrder:
    """Chooses by dice, always the same for a seed. Hands are not equally quick, so that one may come late in what another one does."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._weights: dict[str, int] = {}

    def __call__(self, ready: Sequence[Hand]) -> Hand:
        """Choose one of those that can go."""
        weights = [self._weights.setdefault(hand.name, self._dice.choice((1, 4, 16))) for hand in ready]
        return self._dice.choices(ready, weights)[0]


class EveryOrder:
    """Chooses so that play after play every order comes once, of orders that differ only where two steps commute one.

    Depth first: the last choice that had another one is changed. A step that was tried at a point sleeps in what follows another choice
    there, for as long as only steps come that it commutes with: what it would lead to was played already.
    """

    def __init__(self) -> None:
        self._path: list[_Point] = []
        self._at = 0
        self.is_over = False

    def __call__(self, ready: Sequence[Hand]) -> Hand:
        """Choose one of those that can go."""
        before = self._path[self._at - 1] if self._at else None
        if before is not None:
            before.done = replace(before.done, waits=before.hand.waits)
        if self._at == len(self._path):
            self._path.append(_Point(ready, before))
        point = self._path[self._at]
        assert [str(step) for step in point.steps] == [str(_Step.of(hand)) for hand in ready], (
            "what is played depends on more than its order"
        )
        self._at += 1
        point.hand = next(hand for hand in ready if hand.name == point.done.name)
        return point.hand

    def next(self) -> None:
        """Go on to the next order, or be over."""
        self._at = 0
        while self._path and not self._path[-1].changes():
            self._path.pop()
        self.is_over = not self._path


class _Step(Struct, frozen=True):
    """A step of a hand, and whether it led to waiting."""

    name: str
    step: str
    waits: bool = False

    @staticmethod
    def of(hand: Hand) -> "_Step":
        return _Step(hand.name, hand.next_step)

    def commutes_with(self, other: "_Step") -> bool:
        """Whether it is the same which of the two comes first, of steps that can both go.

        The end of a transaction lets others see and go on. Its beginning fixes the clock that is held against what is due. Statements that
        write or lock may meet where they name the same table or lock; a row that is inserted also holds the household that it belongs to.
        A statement that reads meets only ends, and one that waits has done nothing yet, but for its place among those that wait.
        """
        steps = (self.step, other.step)
        if any(step in ENDS for step in steps) or (self.waits and other.waits):
            return False
        if self.waits or other.waits:
            return True
        if BEGIN in steps:
            return not all(step == BEGIN or _BY_THE_CLOCK.search(step) for step in steps)
        return not (_held(self.step) & _held(other.step))


@cache
def _held(statement: str) -> frozenset[str]:
    """What a statement may hold against another one: the tables and locks that it names when it writes or locks."""
    if _WRITES_OR_LOCKS.search(statement) is None:
        return frozenset()
    named = {table or lock for table, lock in _NAMED.findall(statement)}
    return frozenset(named | {"household"} if "INSERT" in statement else named)


class _Point:
    """A point of an order: who could go, who went, who went there in earlier plays, and who sleeps."""

    def __init__(self, ready: Sequence[Hand], before: "_Point | None") -> None:
        self.steps = [_Step.of(hand) for hand in ready]
        self._sleeping = {} if before is None else before.sleeping_after()
        awake = [step for step in self.steps if step.name not in self._sleeping]
        # When all sleep, whatever follows was played already: the order is finished, and nothing else is tried.
        self.was_played = not awake or (before is not None and before.was_played)
        self.done, *self._left = self.steps[:1] if self.was_played else awake
        self.hand = ready[0]

    def sleeping_after(self) -> dict[str, _Step]:
        return {name: step for name, step in self._sleeping.items() if name != self.done.name and step.commutes_with(self.done)}

    def changes(self) -> bool:
        """Choose another one; tell whether there was one."""
        if not self._left:
            return False
        self._sleeping[self.done.name] = self.done
        self.done, *self._left = self._left
        return True
