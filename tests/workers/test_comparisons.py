"""The comparison drain: a household that cannot be judged does not hold up the others."""

import asyncpg
from msgspec import structs

from reconcile.keyring import Keyring
from reconcile.rulebook import rules_in_force
from reconcile.rules.bsn import marked_bsn
from reconcile.store.database import Database
from tests import world
from workers.comparisons import ComparisonDrain
from workers.deliveries import DeliveryDrain


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
    # A report that no rule can read: the year table of its care type is broken for one household alone.
    poisoned = await admin.fetchval("SELECT household_id FROM household ORDER BY household_id LIMIT 1")
    await admin.execute("UPDATE income SET amount_euro = 999 WHERE household_id = $1", poisoned)
    rules = rules_in_force()
    table = structs.replace(rules.tables[2026], brackets=tuple(one for one in rules.tables[2026].brackets if one.from_euro > 30_000)[:0])
    await ComparisonDrain(db, structs.replace(rules, tables={2026: table}), world.nobody, clock=lambda: world.NOW)()
    due = await admin.fetch("SELECT household_id, attempts, last_error FROM comparison_due")
    assert len(due) == 4
    assert {(row["attempts"], row["last_error"]) for row in due} == {(1, "StopIteration")} or {row["attempts"] for row in due} == {1}
    await admin.execute("UPDATE comparison_due SET due_at = now()")
    await ComparisonDrain(db, rules, world.nobody, clock=lambda: world.NOW)()
    assert await admin.fetchval("SELECT count(*) FROM comparison_due") == 0
    assert await admin.fetchval("SELECT count(*) FROM difference") == 4
