"""The comparison drain: a household that cannot be judged does not hold up the others."""

from pathlib import Path

import asyncpg
import pytest

from reconcile.keyring import Keyring
from reconcile.rulebook import Books, shipped_books
from reconcile.rules.bsn import marked_bsn
from reconcile.store.database import Database
from tests import world
from workers.comparisons import ComparisonDrain
from workers.deliveries import DeliveryDrain


async def judged(db: Database) -> None:
    await ComparisonDrain(db, shipped_books(), world.nobody, clock=lambda: world.NOW)()


async def test_a_household_that_cannot_be_judged_is_set_aside(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    lines = []
    for number in range(4):
        applicant, child = marked_bsn(100 + number), marked_bsn(200 + number)
        members = [world.member(applicant, "applicant"), world.member(child, "child")]
        await world.declared(db, keyring, world.declaration(householdRef=f"H{number}", members=members, placements=[world.care(child)]))
        lines += [world.line(parentBsn=applicant, childBsn=child, month=month, hours="120.00") for month in ("2026-02", "2026-03")]
    await world.landed(db, keyring, world.delivery_body(lines, reference="r1"))
    await DeliveryDrain(db, keyring, world.nobody, clock=lambda: world.NOW)()
    # A child that was never born in any calendar: no rule can read the facts of this one household.
    poisoned = await admin.fetchval("SELECT household_id FROM household ORDER BY household_id LIMIT 1")
    await admin.execute("UPDATE membership SET birth_date = 'infinity' WHERE household_id = $1", poisoned)
    await judged(db)
    due = await admin.fetch("SELECT household_id, attempts, last_error FROM comparison_due")
    assert [tuple(row) for row in due] == [(poisoned, 1, "ValidationError")]
    assert await admin.fetchval("SELECT count(*) FROM difference") == 3
    await admin.execute("UPDATE membership SET birth_date = NULL")
    await admin.execute("UPDATE comparison_due SET due_at = now()")
    await judged(db)
    assert await admin.fetchval("SELECT count(*) FROM comparison_due") == 0
    assert await admin.fetchval("SELECT count(*) FROM difference") == 4


async def test_without_the_active_rule_book_nothing_is_judged_and_all_stays_due(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)
    lines = [world.line(month=month, hours="120.00") for month in ("2026-02", "2026-03")]
    await world.landed(db, keyring, world.delivery_body(lines, reference="r1"))
    await DeliveryDrain(db, keyring, world.nobody, clock=lambda: world.NOW)()
    await ComparisonDrain(db, Books(tmp_path), world.nobody, clock=lambda: world.NOW)()
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] != []
    assert await admin.fetchval("SELECT count(*) FROM comparison_due WHERE attempts = 0") == 1
    await judged(db)
    assert await admin.fetchval("SELECT count(*) FROM difference") == 1
