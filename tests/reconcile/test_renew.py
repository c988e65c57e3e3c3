"""Everybody is judged anew by another rule book, and when a month begins, page by page."""

from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from reconcile.keyring import Keyring
from reconcile.renew import mark_next_households
from reconcile.rulebook import Books
from reconcile.store.database import Database
from tests import world
from tests.books import with_successor
from tests.reconcile.test_answer import shown
from tests.reconcile.test_compare import begun
from tests.tables import FIRST_BOOK

NEXT = "2099.1"


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(with_successor(tmp_path, NEXT, hours="30.00"))


async def test_households_are_marked_in_batches_that_can_be_cut_off(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, books: Books
) -> None:
    await world.with_crowd(db, admin, keyring, 7, is_released=False)
    await world.adopted(db, admin, books, FIRST_BOOK, NEXT)
    steps = []
    while True:
        async with db.transaction(world.INTAKE) as conn:
            if not await mark_next_households(conn, "2026-07", households_max=3):
                break
        steps.append(await admin.fetchval("SELECT count(*) FROM comparison_due"))
        with pytest.raises(ZeroDivisionError):
            async with db.transaction(world.INTAKE) as conn:
                await mark_next_households(conn, "2026-07", households_max=3)
                raise ZeroDivisionError
    assert steps == [3, 6, 7, 7]


async def test_two_workers_do_not_mark_the_same_households(db: Database, admin: asyncpg.Connection, keyring: Keyring, books: Books) -> None:
    await world.with_crowd(db, admin, keyring, 2, is_released=False)
    await world.adopted(db, admin, books, FIRST_BOOK, NEXT)
    async with db.transaction(world.INTAKE) as one, db.transaction(world.INTAKE) as other:
        assert await mark_next_households(one, "2026-07", households_max=2)
        assert not await mark_next_households(other, "2026-07", households_max=2)


async def test_when_a_month_begins_what_was_announced_has_come(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """The organisation said in July that care ends in August; nobody says anything after that."""
    await admin.execute("UPDATE marking SET month = '2026-07-01'")
    parent = await begun(db, admin, keyring)
    await world.delivered(db, keyring, world.line(month="2026-06", hours="100.00", endDate="2026-08-31"))
    assert await shown(db, parent) == []
    await world.worked(db, keyring, now=datetime(2026, 7, 31, 21, 59, tzinfo=UTC))  # a minute before August in the Netherlands
    assert (await shown(db, parent), await admin.fetchval("SELECT count(*) FROM marking")) == ([], 1)
    await world.worked(db, keyring, now=datetime(2026, 7, 31, 22, 1, tzinfo=UTC))
    assert [(one.kind, one.state) for one in await shown(db, parent)] == [("D14", "open")]
    assert await admin.fetchval("SELECT count(*) FROM marking WHERE month = '2026-08-01' AND done_at IS NOT NULL") == 1


async def test_a_worker_whose_clock_is_behind_marks_nothing(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_crowd(db, admin, keyring, 2, is_released=False)
    await admin.execute("UPDATE marking SET month = '2026-08-01'")
    async with db.transaction(world.INTAKE) as conn:
        assert not await mark_next_households(conn, "2026-07", households_max=2)
        assert await mark_next_households(conn, "2026-09", households_max=2)
