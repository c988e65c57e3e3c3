"""One tap: exactly what was seen, once, with everything that must follow in the same transaction."""

import asyncio
from uuid import UUID, uuid4

import asyncpg
import pytest

from reconcile.answer import accept_difference
from reconcile.callers import Parent
from reconcile.keyring import Keyring
from reconcile.problems import DifferenceClosed, NoProposal, NotFound, StaleDifference
from reconcile.store.database import Database
from reconcile.store.differences import ShownDifference, differences_of_household
from tests import world


async def with_difference(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> tuple[Parent, ShownDifference]:
    await world.with_register(admin)
    await world.declared(db, keyring)
    await world.delivered(db, keyring, world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00"))
    parent = await world.parent(db, keyring)
    return parent, (await shown(db, parent))[0]


async def shown(db: Database, parent: Parent) -> list[ShownDifference]:
    async with db.snapshot(parent) as conn:
        return list(await differences_of_household(conn, parent.household_id, state=None))


async def accept(db: Database, parent: Parent, difference_id: UUID, version: int) -> UUID:
    async with db.transaction(parent) as conn:
        return (await accept_difference(conn, parent, difference_id, seen_version=version)).change_id


async def test_an_acceptance_lays_its_segments_over_and_stages_one_change(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    overlay = await admin.fetch("SELECT from_month::text, until_month, hours_hundredths, change_id FROM overlay_segment")
    assert [tuple(row) for row in overlay] == [("2026-02-01", None, 12_000, change_id)]
    assert await admin.fetchrow("SELECT change_id, state FROM change") == (change_id, "staged")
    assert await admin.fetchrow("SELECT subject_id, state FROM outbox") == (change_id, "open")
    after = await shown(db, parent)
    assert [(one.state, one.change_id) for one in after] == [("accepted", change_id)]
    assert after[0].version > difference.version


async def test_what_was_accepted_is_no_longer_a_difference(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    await accept(db, parent, difference.difference_id, difference.version)
    await world.worked(db, keyring)
    assert [one.state for one in await shown(db, parent)] == ["accepted"]


async def test_the_same_version_again_gives_the_same_acceptance(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    first = await accept(db, parent, difference.difference_id, difference.version)
    assert await accept(db, parent, difference.difference_id, difference.version) == first
    assert await admin.fetchval("SELECT count(*) FROM change") == 1


async def test_a_version_that_moved_is_refused_and_nothing_is_written(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    await world.delivered(db, keyring, world.line(month="2026-03", hours="121.50"))
    before = await admin.fetchval("SELECT version FROM household")
    with pytest.raises(StaleDifference) as refusal:
        await accept(db, parent, difference.difference_id, difference.version)
    assert refusal.value.current_version == (await shown(db, parent))[0].version
    assert await admin.fetchval("SELECT count(*) FROM answer") == 0
    assert await admin.fetchval("SELECT version FROM household") == before


async def test_a_closed_difference_takes_no_answer(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    await world.delivered(db, keyring, world.line(month="2026-02"), world.line(month="2026-03"))
    closed = (await shown(db, parent))[0]
    assert closed.state == "closed"
    with pytest.raises(DifferenceClosed):
        await accept(db, parent, difference.difference_id, closed.version)


async def test_a_difference_without_proposal_takes_no_tap(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring, world.declaration(awardedYears=[2026]))
    await world.delivered(db, keyring, world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00"))
    parent = await world.parent(db, keyring)
    difference = (await shown(db, parent))[0]
    assert (difference.proposal, difference.route) == (None, "year-closed")
    with pytest.raises(NoProposal):
        await accept(db, parent, difference.difference_id, difference.version)


async def test_a_foreign_and_a_missing_difference_look_the_same(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    _, difference = await with_difference(db, admin, keyring)
    await world.declared(
        db, keyring, world.declaration(householdRef="H2", members=[world.member(world.STRANGER, "applicant")], placements=[])
    )
    stranger = await world.parent(db, keyring, world.STRANGER)
    messages = []
    for difference_id in (difference.difference_id, uuid4()):
        with pytest.raises(NotFound) as refusal:
            await accept(db, stranger, difference_id, difference.version)
        messages.append(refusal.value.detail)
    assert messages[0] == messages[1]


async def test_both_parents_at_once_make_one_change(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    partner = await world.parent(db, keyring, world.PARTNER)
    assert partner.household_id == parent.household_id
    changes = await asyncio.gather(
        *(accept(db, one, difference.difference_id, difference.version) for one in (parent, partner, parent, partner))
    )
    assert len(set(changes)) == 1
    assert await admin.fetchval("SELECT count(*) FROM outbox") == 1


async def test_a_tap_that_waits_for_a_correction_sees_it(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """What the statement saw when it began is not what it answers by: it had to wait for the lock."""
    parent, difference = await with_difference(db, admin, keyring)
    async with admin.transaction():
        await admin.execute("UPDATE household SET version = version + 1")
        await admin.execute("UPDATE difference SET version = version + 1, shown_since = version + 1")
        tap = asyncio.create_task(accept(db, parent, difference.difference_id, difference.version))
        waits = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'kot_parent' AND wait_event_type = 'Lock'"
        while not await admin.fetchval(waits):
            assert not tap.done()
            await asyncio.sleep(0.01)
            await admin.execute("SELECT pg_stat_clear_snapshot()")
    with pytest.raises(StaleDifference) as refusal:
        await tap
    assert refusal.value.current_version == difference.version + 1
    assert await admin.fetchval("SELECT count(*) FROM answer") == 0


async def test_a_later_acceptance_keeps_what_an_earlier_one_lays_on_other_months(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    first = await accept(db, parent, difference.difference_id, difference.version)
    await world.delivered(db, keyring, *(world.line(month=f"2026-0{month}", hours="130.00") for month in (5, 6)))
    second_difference = next(one for one in await shown(db, parent) if one.state == "open")
    second = await accept(db, parent, second_difference.difference_id, second_difference.version)
    overlay = await admin.fetch(
        "SELECT to_char(from_month, 'YYYY-MM'), to_char(until_month, 'YYYY-MM'), hours_hundredths, change_id"
        " FROM overlay_segment WHERE superseded_at IS NULL ORDER BY from_month"
    )
    assert [tuple(row) for row in overlay] == [("2026-02", "2026-04", 12_000, first), ("2026-05", None, 13_000, second)]


async def test_an_acceptance_without_its_change_cannot_be_committed(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await admin.execute(
            "INSERT INTO answer (household_id, kind, version, difference_id, difference_version, person_id, change_id)"
            " VALUES ($1, 'acceptance', 1, $2, $3, $4, gen_random_uuid())",
            parent.household_id,
            difference.difference_id,
            difference.version,
            parent.person_id,
        )
