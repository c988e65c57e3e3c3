"""The audit chain shows every tampering, also that of a superuser who goes around the triggers."""

import asyncio

import asyncpg
import pytest

from reconcile.callers import Manager
from reconcile.enrol import create_pilot, draw_stage, release_stage
from reconcile.keyring import Keyring
from reconcile.rules.bsn import marked_bsn
from reconcile.store import audit
from reconcile.store.audit import broken_links
from reconcile.store.database import Database
from tests import world
from tests.reconcile.test_answer import accept, with_difference

# How, and what is found. Links 1 to 5 or so; the last of them is named by the holder of the chain.
TAMPERINGS = {
    'UPDATE household_audit SET event = event || \'{"actor": "nobody"}\' WHERE number = 2': [(2, "altered")],
    "UPDATE household_audit SET recorded_at = recorded_at - interval '1 day' WHERE number = 1": [(1, "altered")],
    "DELETE FROM household_audit WHERE number = 2": [(3, "gap")],
    "DELETE FROM household_audit WHERE number = 1": [(2, "gap")],
    "DELETE FROM household_audit WHERE number = (SELECT max(number) FROM household_audit)": [(-1, "end-missing")],
    "DELETE FROM household_audit WHERE number > 1": [(-1, "end-missing")],
    # One more at the end, sound in itself; one in between, which takes the place of another.
    "INSERT INTO household_audit SELECT household_id, number + 1, recorded_at, event, hash,"
    " audit_link(hash, number + 1, recorded_at, event) FROM household_audit ORDER BY number DESC LIMIT 1": [(0, "beyond-end")],
    "DELETE FROM household_audit WHERE number = 2; INSERT INTO household_audit SELECT household_id, 2, recorded_at, '{}', hash,"
    " audit_link(hash, 2, recorded_at, '{}') FROM household_audit WHERE number = 1": [(3, "unchained")],
    # Two change places, by number and by what they say.
    "UPDATE household_audit SET number = CASE number WHEN 1 THEN -2 WHEN 2 THEN -1 END WHERE number IN (1, 2)": [
        (-2, "gap"),
        (-1, "altered"),
        (3, "gap"),
    ],
    "UPDATE household_audit AS one SET event = other.event FROM household_audit AS other WHERE one.number IN (1, 2)"
    " AND other.number = 3 - one.number AND one.household_id = other.household_id": [(1, "altered"), (2, "altered")],
    "UPDATE household SET audit_hash = sha256('x')": [(-1, "end-differs")],
    "UPDATE household SET audit_number = 1": None,
}
TAMPERINGS_OF_A_PILOT = [
    "DELETE FROM pilot_audit",
    "DELETE FROM pilot",
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


@pytest.mark.parametrize("links_max", [1, 2, 5_000])
@pytest.mark.parametrize("tampering", TAMPERINGS)
async def test_tampering_is_found_and_named_wherever_a_page_ends(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, tampering: str, links_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "LINKS_MAX", links_max)
    monkeypatch.setattr(audit, "ENDS_MAX", 1)
    # A second chain beside it, so that one begins where another ends.
    other = [world.member(marked_bsn(30), "applicant", personRef="a"), world.member(marked_bsn(31), "child", personRef="b")]
    await with_difference(db, admin, keyring)
    newest = await admin.fetchval("SELECT max(number) FROM household_audit")
    await admin.execute(f"SET session_replication_role = replica; {tampering}; SET session_replication_role = origin")
    await world.declared(db, keyring, world.declaration(householdRef="H2", members=other, placements=[]))
    found = [(one.number, one.reason) for one in await broken_links(admin, 10)]
    # 0 stands for the number after the newest, -1 for the newest, where none of these numbers is that of a link.
    named = {0: newest + 1, -1: newest}
    expected = TAMPERINGS[tampering]
    if expected is None:
        assert {reason for _, reason in found} == {"beyond-end"}
        assert [number for number, _ in found] == list(range(2, newest + 1))
    elif "SET number" in tampering:
        assert found == expected
    else:
        assert found == [(named.get(number, number), reason) for number, reason in expected]


@pytest.mark.parametrize("links_max", [1, 2, 5_000])
async def test_chains_that_nobody_touched_are_whole_wherever_a_page_ends(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, links_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "LINKS_MAX", links_max)
    monkeypatch.setattr(audit, "ENDS_MAX", 1)
    await world.with_crowd(db, admin, keyring, 3)
    assert list(await broken_links(admin, 10)) == []


async def test_a_household_that_is_gone_leaves_links_that_nobody_knows(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await with_difference(db, admin, keyring)
    await admin.execute("SET session_replication_role = replica; DELETE FROM household; SET session_replication_role = origin")
    assert {one.reason for one in await broken_links(admin, 10)} == {"beyond-end"}


async def test_rows_written_beside_the_reading_are_no_break(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """The service goes on while the chains are read, statement by statement."""
    parent, _ = await with_difference(db, admin, keyring)
    number = iter(range(100))

    async def go_on() -> None:
        for _ in range(20):
            await world.with_device(db, parent, next(number))

    writing = asyncio.create_task(go_on())
    found = [await broken_links(admin, 10) for _ in range(10)]
    await writing
    assert found == [[]] * 10


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
