"""On its day what was postponed is open again, told again, in bounded batches, whoever else writes."""

import asyncio
import contextlib
import random
from datetime import UTC, date, datetime, timedelta

import asyncpg
import msgspec
import pytest

from reconcile.callers import Intake, Parent
from reconcile.keyring import Keyring
from reconcile.problems import DifferenceClosed, NoProposal, StaleDifference
from reconcile.remind import Reopened, reopen_postponed
from reconcile.retract import take_back_answer
from reconcile.rulebook import shipped_books
from reconcile.store.database import Database
from reconcile.store.differences import OPEN_STATES, ShownDifference
from tests import world
from tests.reconcile.test_announce import notices, with_stage
from tests.reconcile.test_answer import accept, shown, with_difference
from tests.reconcile.test_dispute import disputed
from tests.reconcile.test_postpone import NEXT_WEEK, TODAY, answers, postponed
from tests.reconcile.test_verify import found
from workers.comparisons import ComparisonDrain

# The day begins when it is still the day before in UTC.
MIDNIGHT = datetime(2026, 7, 16, 22, tzinfo=UTC)


async def reopened(db: Database, as_of: datetime, *, households_max: int = 100) -> Reopened:
    async with db.transaction(Intake()) as conn:
        return await reopen_postponed(conn, as_of=as_of, households_max=households_max)


async def told_and_postponed(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> tuple[Parent, ShownDifference]:
    parent, _ = await with_stage(db, admin, keyring)
    await world.delivered(db, keyring, world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00"))
    await admin.execute("UPDATE outbox SET state = 'done', done_at = now() WHERE kind = 'push'")
    (difference,) = await shown(db, parent)
    await postponed(db, parent, difference)
    return parent, difference


async def test_it_is_open_from_the_first_minute_of_its_day_in_the_netherlands(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    await postponed(db, parent, difference)
    (waiting,) = await shown(db, parent)
    assert (NEXT_WEEK, MIDNIGHT.date()) == (date(2026, 7, 17), date(2026, 7, 16))
    assert await reopened(db, MIDNIGHT - timedelta(seconds=1)) == Reopened(households=0, notices=0)
    assert await reopened(db, MIDNIGHT) == Reopened(households=1, notices=0)
    (after,) = await shown(db, parent)
    assert (after.state, after.version > waiting.version, after.closed_at) == ("open", True, None)
    assert (after.proposal, after.difference_id) == (difference.proposal, difference.difference_id)
    assert await answers(admin) == [("postponement", False, False)]
    event = msgspec.json.decode(await admin.fetchval("SELECT event FROM household_audit ORDER BY number DESC LIMIT 1"))
    assert (event["action"], event["actor"], event["differenceIds"]) == ("reopened", "rules", [str(difference.difference_id)])
    assert await reopened(db, MIDNIGHT) == Reopened(households=0, notices=0)
    await accept(db, parent, after.difference_id, after.version)


async def test_it_is_told_again_though_it_weighs_no_more(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await told_and_postponed(db, admin, keyring)
    assert await notices(admin) == [("difference-new", False)]
    assert await reopened(db, MIDNIGHT) == Reopened(households=1, notices=1)
    assert await notices(admin) == [("difference-new", False), ("difference-again", False)]
    # That day is past by the clock of the store: a worker that was away tells at once.
    assert await admin.fetchval("SELECT due_at <= now() FROM outbox WHERE kind = 'push' AND state = 'open'")


async def test_a_push_waits_for_the_morning(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await told_and_postponed(db, admin, keyring)
    midnight = datetime(2030, 1, 31, 23, tzinfo=UTC)
    assert await reopened(db, midnight) == Reopened(households=1, notices=1)
    due_at = await admin.fetchval("SELECT due_at FROM outbox WHERE kind = 'push' AND state = 'open'")
    assert due_at == datetime(2030, 2, 1, 7, tzinfo=UTC)


async def test_nobody_is_told_in_a_stage_that_was_not_released(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    await world.with_device(db, parent)
    await world.piloted(db)
    await postponed(db, parent, difference)
    assert await reopened(db, MIDNIGHT) == Reopened(households=1, notices=0)
    assert await notices(admin) == []


async def test_what_was_answered_or_moved_meanwhile_stays_as_it_is(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    answer = await postponed(db, parent, difference)
    later = TODAY + timedelta(days=30)
    await postponed(db, parent, difference, answer_id=answer.answer_id, until=later)
    assert await reopened(db, MIDNIGHT) == Reopened(households=0, notices=0)
    (now,) = await shown(db, parent)
    await disputed(db, parent, now)
    assert await reopened(db, MIDNIGHT + timedelta(days=60)) == Reopened(households=0, notices=0)
    assert [one.state for one in await shown(db, parent)] == ["disputed"]


async def test_a_household_that_somebody_holds_is_left_for_later(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    await postponed(db, parent, difference)
    async with db.transaction(parent) as holder:
        await holder.execute("SELECT FROM household FOR UPDATE")
        assert await reopened(db, MIDNIGHT) == Reopened(households=0, notices=0)
    assert await reopened(db, MIDNIGHT) == Reopened(households=1, notices=0)


async def answer_at_random(db: Database, parent: Parent, dice: random.Random) -> None:
    """Whatever a parent may do, with what was on the screen a moment ago."""
    for number in range(25):
        seen = [one for one in await shown(db, parent) if one.state in OPEN_STATES]
        async with db.snapshot(parent) as conn:
            given = await conn.fetch("SELECT answer_id FROM answer WHERE kind <> 'acceptance' AND ended_at IS NULL")
        await asyncio.sleep(dice.random() / 50)
        deed = (postponed, disputed, postponed, accepted)[number % 4]
        with contextlib.suppress(StaleDifference, DifferenceClosed, NoProposal):  # it moved meanwhile
            if seen:
                await deed(db, parent, dice.choice(seen))
            elif given:
                async with db.transaction(parent) as conn:
                    await take_back_answer(conn, parent, dice.choice(given)["answer_id"])


async def accepted(db: Database, parent: Parent, seen: ShownDifference) -> None:
    await accept(db, parent, seen.difference_id, seen.version)


async def test_everybody_at_once_leaves_every_answer_in_step(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """Both parents, corrections, the judgement and the day that comes: none waits for ever, and what is left follows from the facts."""
    parent, _ = await with_difference(db, admin, keyring)
    partner = await world.parent(db, keyring, world.PARTNER)
    is_over = asyncio.Event()

    async def work_always() -> None:
        while not is_over.is_set():
            await ComparisonDrain(db, shipped_books(), world.nobody, clock=lambda: world.NOW)()
            await reopened(db, MIDNIGHT)

    async def correct_often() -> None:
        for number in range(12):
            await world.delivered(db, keyring, world.line(month="2026-03", hours=f"{125 + number * 5}.00"))

    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(work_always())
        async with asyncio.TaskGroup() as writers:
            writers.create_task(answer_at_random(db, parent, random.Random(1)))
            writers.create_task(answer_at_random(db, partner, random.Random(2)))
            writers.create_task(correct_often())
        is_over.set()
    await world.worked(db, keyring)
    assert await found(db) == set()
    assert len(await answers(admin)) >= 4


async def test_the_drain_opens_and_tells_a_crowd_in_batches_without_any_hint(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.with_crowd(db, admin, keyring, 7)
    people = await admin.fetch("SELECT household_id, person_id FROM membership WHERE role = 'applicant'")
    for row in people:
        parent = Parent(person_id=row["person_id"], household_id=row["household_id"])
        (difference,) = await shown(db, parent)
        await postponed(db, parent, difference)
    assert await reopened(db, MIDNIGHT, households_max=3) == Reopened(households=3, notices=3)
    monkeypatch.setattr("workers.comparisons.HOUSEHOLDS_MAX", 2)
    woken: list[str] = []

    async def wake(kind: str) -> None:
        woken.append(kind)

    await ComparisonDrain(db, shipped_books(), wake, clock=lambda: MIDNIGHT)()
    assert await admin.fetchval("SELECT count(*) FROM difference WHERE state = 'open'") == 7
    assert await admin.fetchval("SELECT count(*) FROM notice WHERE sentence = 'difference-again'") == 7
    assert woken == ["push"] * 2
