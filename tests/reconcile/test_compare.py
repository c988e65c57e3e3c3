"""The spine at the level of the verbs: declared, delivered, compared."""

import asyncpg

from reconcile.keyring import Keyring
from reconcile.store.database import Database
from reconcile.store.differences import differences_of_household
from tests import world


async def test_two_months_of_more_hours_become_one_difference(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)
    await world.delivered(db, keyring, world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00"))
    parent = await world.parent(db, keyring)
    async with db.snapshot(parent) as conn:
        found = await differences_of_household(conn, parent.household_id, state=None)
    assert [(one.kind, one.state, one.child_given_name) for one in found] == [("D01", "open", "Noor")]
