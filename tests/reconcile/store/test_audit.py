"""The audit chain shows every tampering, also that of a superuser who goes around the triggers."""

import asyncpg
import pytest

from reconcile.callers import Manager
from reconcile.enrol import create_pilot, draw_stage, release_stage
from reconcile.keyring import Keyring
from reconcile.store.audit import broken_links
from reconcile.store.database import Database
from tests import world
from tests.reconcile.test_answer import accept, with_difference

TAMPERINGS = [
    'UPDATE household_audit SET event = event || \'{"actor": "nobody"}\' WHERE number = 2',
    "UPDATE household_audit SET recorded_at = recorded_at - interval '1 day' WHERE number = 1",
    "DELETE FROM household_audit WHERE number = 2",
    "DELETE FROM household_audit WHERE number = (SELECT max(number) FROM household_audit)",
    "INSERT INTO household_audit SELECT household_id, number + 1, recorded_at, event, hash, sha256('x') FROM household_audit"
    " ORDER BY number DESC LIMIT 1",
    "UPDATE household_audit SET number = CASE number WHEN 1 THEN -2 WHEN 2 THEN -1 END WHERE number IN (1, 2)",
    "DELETE FROM household",
]
TAMPERINGS_OF_A_PILOT = [
    "DELETE FROM pilot_audit",
    "UPDATE pilot SET audit_number = 0, audit_hash = ''",
]


async def test_a_chain_that_nobody_touched_is_whole(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    await accept(db, parent, difference.difference_id, difference.version)
    assert await admin.fetchval("SELECT count(*) FROM household_audit") >= 4
    assert list(await broken_links(admin, 10)) == []


async def with_pilot(db: Database, admin: asyncpg.Connection) -> None:
    """A pilot with a chain of three links, beside one with a chain of one."""
    manager = Manager(subject="m-1")
    await admin.execute("INSERT INTO household (household_ref) VALUES ('H1')")
    async with db.transaction(manager) as conn:
        pilot_id = (await create_pilot(conn, manager, name="Proef")).pilot.pilot_id
        await draw_stage(conn, manager, pilot_id, size=1, mode="immediate")
        await release_stage(conn, manager, pilot_id, 1)
        await create_pilot(conn, manager, name="Nog een proef")


async def test_a_pilot_s_chain_that_nobody_touched_is_whole(db: Database, admin: asyncpg.Connection) -> None:
    await with_pilot(db, admin)
    assert await admin.fetchval("SELECT count(*) FROM pilot_audit") == 4
    assert list(await broken_links(admin, 10)) == []


@pytest.mark.parametrize("tampering", [*(one.replace("household", "pilot") for one in TAMPERINGS), *TAMPERINGS_OF_A_PILOT])
async def test_tampering_with_a_pilot_s_chain_is_found(db: Database, admin: asyncpg.Connection, tampering: str) -> None:
    await with_pilot(db, admin)
    await admin.execute(f"SET session_replication_role = replica; {tampering}; SET session_replication_role = origin")
    assert await broken_links(admin, 10) != []


async def test_a_pilot_s_audit_rows_stay_as_they_were_written(db: Database, admin: asyncpg.Connection) -> None:
    await with_pilot(db, admin)
    for spoil in ("UPDATE pilot_audit SET event = '{}'", "DELETE FROM pilot_audit"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await admin.execute(spoil)


@pytest.mark.parametrize("tampering", TAMPERINGS)
async def test_tampering_is_found(db: Database, admin: asyncpg.Connection, keyring: Keyring, tampering: str) -> None:
    await with_difference(db, admin, keyring)
    await admin.execute(f"SET session_replication_role = replica; {tampering}; SET session_replication_role = origin")
    assert await broken_links(admin, 10) != []


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE organisation_audit SET event = '{}' WHERE number = 1",
        "DELETE FROM organisation_audit WHERE number = 1",
        "DELETE FROM organisation_audit WHERE number = (SELECT max(number) FROM organisation_audit)",
        "DELETE FROM organisation_audit",
        "UPDATE organisation_audit_head SET number = 1, hash = (SELECT hash FROM organisation_audit WHERE number = 1)",
    ],
)
async def test_tampering_with_an_organisation_s_chain_is_found(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, tampering: str
) -> None:
    await world.with_register(admin)
    await world.delivered(db, keyring, world.line())
    await admin.execute(f"SET session_replication_role = replica; {tampering}; SET session_replication_role = origin")
    assert await broken_links(admin, 10) != []
