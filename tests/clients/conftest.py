"""A household behind the running API, for clients that others write, and what a script that plays a phone may ask of the other side."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import msgspec
import pytest_asyncio

from api.app import create_app
from api.edge import Edge
from api.stream import Pace
from reconcile.declare import declare
from reconcile.keyring import Keyring
from reconcile.settings import Settings
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import OneKey, api_keyring, parent, settings
from tests.clients.serving import playing, reached

__all__ = ["api_keyring", "settings"]

Play = Callable[..., Awaitable[str]]
_MONTHS = ("2026-02", "2026-03")
_QUICK = Pace(look_s=0.2, pause_s=0.01, retry_ms=(100, 400))


@pytest_asyncio.fixture
async def play(settings: Settings, db: Database, admin: asyncpg.Connection, api_keyring: Keyring) -> AsyncIterator[Play]:
    """A household with two placements and an open difference; play a scene of a script with it."""
    other_side = OtherSide(settings, db, admin, api_keyring)
    await other_side.begin()
    async with other_side.stack:
        yield await other_side.stack.enter_async_context(playing(other_side.app(), other_side.actions()))


class OtherSide:
    """What scripts ask for by name."""

    def __init__(self, settings: Settings, db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
        self.stack = AsyncExitStack()
        self._settings, self._db, self._admin, self._keyring = settings, db, admin, keyring
        self._declared = iter(range(2, 1_000))
        self._slow: asyncio.Task[None] | None = None
        self._may_commit = asyncio.Event()

    async def begin(self) -> None:
        """Let there be a household with two placements, and an open difference on one of them."""
        await world.with_register(self._admin)
        await world.declared(self._db, self._keyring)
        await self.deliver("120.00")

    def app(self, **change: Any) -> Edge:
        """Make the application, with settings that are other than usual."""
        settings = msgspec.structs.replace(self._settings, **change)
        return create_app(settings, self._db, world.nobody, keys=OneKey(), clock=lambda: world.NOW, pace=_QUICK)

    def actions(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """Return what may be asked for, by name."""
        names = ("token", "partner", "deliver", "declare", "leave", "begin_slowly", "commit", "restored", "refuse_many", "answers")
        return {name: getattr(self, name) for name in names}

    async def token(self, bsn: str = world.APPLICANT, seconds: int = 600) -> str:
        """Give an access token that lasts so long; an old one when negative."""
        return parent(bsn, exp=int(time.time()) + seconds)["Authorization"].removeprefix("Bearer ")

    async def partner(self) -> str:
        """Say who the partner is."""
        return world.PARTNER

    async def deliver(self, hours: str, child: str = "first") -> None:
        """Let the organisation report so many hours for two months of one of the children."""
        whom = {} if child == "first" else {"childBsn": world.SIBLING, "lrkNumber": world.BSO, "hourlyRate": "9.00"}
        await world.delivered(self._db, self._keyring, *(world.line(month=month, hours=hours, **whom) for month in _MONTHS))

    async def declare(self, placements: int = 2, **change: Any) -> None:
        """Let TVS declare anew, with one placement or both."""
        care = [world.care(), world.care(world.SIBLING, world.BSO, [world.segment(hours="40.00", rate="9.00")])]
        await world.declared(
            self._db, self._keyring, world.declaration(version=next(self._declared), placements=care[:placements], **change)
        )

    async def leave(self) -> None:
        """Let the partner leave the household."""
        await self.declare(members=[world.member(world.APPLICANT, "applicant"), *(world.member(one, "child") for one in _CHILDREN)])

    async def begin_slowly(self) -> None:
        """Write to the household, and do not commit: every other writer waits for this one."""
        self._may_commit.clear()
        has_written = asyncio.Event()

        async def write() -> None:
            declaration = world.declaration(version=next(self._declared), placements=[world.care()])
            async with self._db.transaction(world.TVS) as conn:
                await declare(conn, [declaration], self._keyring)
                has_written.set()
                await self._may_commit.wait()

        self._slow = asyncio.create_task(write())
        await has_written.wait()

    async def commit(self) -> None:
        """Let the slow writer commit."""
        assert self._slow is not None
        self._may_commit.set()
        await self._slow

    async def restored(self) -> str:
        """Serve the same database as if it had come back from a backup, and say where."""
        return (await self.stack.enter_async_context(reached(self.app(restore_number=2))))[0] + "/v1"

    async def refuse_many(self, count: int) -> None:
        """Let so many answers have been refused, seven at each version of the household."""
        await self._admin.execute(
            "INSERT INTO refused_answer (household_id, answer_id, version, person_id, sent, problem, detail)"
            " SELECT household.household_id, gen_random_uuid(), household.version + 1 + number / 7, membership.person_id,"
            " jsonb_build_object('kind', 'acceptance', 'differenceId', gen_random_uuid(), 'differenceVersion', 1),"
            " 'not-found', 'There is no such difference for this household.'"
            " FROM household JOIN membership USING (household_id), generate_series(0, $1 - 1) AS number"
            " WHERE membership.role = 'applicant'",
            count,
        )
        await self._admin.execute("UPDATE household SET version = version + 1 + $1 / 7", count)

    async def answers(self) -> dict[str, int]:
        """Count what was answered, and what was refused of what phones sent."""
        counts = await self._admin.fetchrow(
            "SELECT (SELECT count(*) FROM answer) AS given, (SELECT count(*) FROM refused_answer) AS refused,"
            " (SELECT count(*) FROM change) AS changes"
        )
        return dict(counts or {})


_CHILDREN = (world.CHILD, world.SIBLING)
