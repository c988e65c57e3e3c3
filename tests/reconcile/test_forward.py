"""A change on its way to TVS: in order, once in effect, and back with a receipt."""

from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from reconcile import forward
from reconcile.callers import Forward, Parent
from reconcile.forward import ChangeDocument, Processed, Receipt, Refused
from reconcile.keyring import Keyring
from reconcile.problems import NotFound, ReceiptContradicts
from reconcile.store.changes import dead_changes
from reconcile.store.database import Database
from reconcile.store.outbox import ClaimedMessage
from tests import world
from tests.reconcile import test_answer as answers

LEASE = timedelta(seconds=30)


async def accepted(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> tuple[Parent, UUID]:
    parent, difference = await answers.with_difference(db, admin, keyring)
    return parent, await answers.accept(db, parent, difference.difference_id, difference.version)


async def claim(db: Database) -> list[ClaimedMessage]:
    async with db.transaction(Forward()) as conn:
        return list(await forward.claim_changes(conn, lease=LEASE, changes_max=10))


async def receipt(db: Database, change_id: UUID, made: Receipt) -> ChangeDocument:
    async with db.transaction(world.TVS) as conn:
        return await forward.record_receipt(conn, world.TVS, change_id, made)


async def test_a_change_is_claimed_by_one_worker_at_a_time(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    _, change_id = await accepted(db, admin, keyring)
    assert [one.subject_id for one in await claim(db)] == [change_id]
    assert await claim(db) == []
    await admin.execute("UPDATE outbox SET lease_until = now() - interval '1 second'")
    assert [one.attempts for one in await claim(db)] == [2]


async def test_a_worker_that_was_thought_dead_settles_nothing(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await accepted(db, admin, keyring)
    late = (await claim(db))[0]
    await admin.execute("UPDATE outbox SET lease_until = now() - interval '1 second'")
    await claim(db)
    async with db.transaction(Forward()) as conn:
        assert not await forward.settle_sent(conn, late)
    assert await admin.fetchval("SELECT state FROM outbox") == "open"


async def test_tvs_reads_the_change_in_its_own_references_and_that_is_recorded(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent, change_id = await accepted(db, admin, keyring)
    async with db.transaction(world.TVS) as conn:
        document = await forward.change_for_tvs(conn, world.TVS, change_id)
    assert (document.household_ref, document.answered_by.person_ref, document.answered_by.role) == (
        "H1",
        f"p-{world.APPLICANT}",
        "applicant",
    )
    placement = document.placements[0]
    assert (placement.child_ref, placement.lrk_number) == (f"p-{world.CHILD}", world.KDV)
    assert [(one.from_month, one.until_month, one.hours) for one in placement.segments] == [("2026-02", None, "120.00")]
    event = await admin.fetchval("SELECT event ->> 'action' FROM household_audit ORDER BY number DESC LIMIT 1")
    assert event == "read"


async def test_processed_ends_the_overlay_when_the_declaration_is_here(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, change_id = await accepted(db, admin, keyring)
    settled = await receipt(db, change_id, Processed(declaration_version=2))
    assert (settled.state, settled.declaration_version) == ("processed", 2)
    assert await admin.fetchval("SELECT count(*) FROM overlay_segment WHERE superseded_at IS NULL") == 1
    segments = [world.segment(until="2026-01"), world.segment("2026-02", hours="120.00")]
    placements = [world.care(segments=segments), world.care(world.SIBLING, world.BSO, [world.segment(hours="40.00", rate="9.00")])]
    await world.declared(db, keyring, world.declaration(version=2, placements=placements))
    assert await admin.fetchval("SELECT count(*) FROM overlay_segment WHERE superseded_at IS NULL") == 0
    await world.worked(db, keyring)
    assert [one.state for one in await answers.shown(db, parent)] == ["accepted"]


async def test_a_declaration_that_came_before_its_receipt_ends_the_overlay_too(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    _, change_id = await accepted(db, admin, keyring)
    segments = [world.segment(until="2026-01"), world.segment("2026-02", hours="120.00")]
    await world.declared(db, keyring, world.declaration(version=2, placements=[world.care(segments=segments)]))
    await receipt(db, change_id, Processed(declaration_version=2))
    assert await admin.fetchval("SELECT count(*) FROM overlay_segment WHERE superseded_at IS NULL") == 0


async def test_refused_takes_the_overlay_away_and_opens_the_difference_again(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent, change_id = await accepted(db, admin, keyring)
    settled = await receipt(db, change_id, Refused(reason="De aanvraag is beëindigd."))
    assert (settled.state, settled.reason) == ("refused", "De aanvraag is beëindigd.")
    assert await admin.fetchval("SELECT count(*) FROM overlay_segment WHERE superseded_at IS NULL") == 0
    await world.worked(db, keyring)
    assert [one.state for one in await answers.shown(db, parent)] == ["open"]
    over = "SELECT answer.ended_at = change.settled_at AND answer.version = change.version FROM answer JOIN change USING (change_id)"
    assert await admin.fetchval(over) is True


async def lying(admin: asyncpg.Connection) -> list[tuple[object, ...]]:
    rows = await admin.fetch(
        "SELECT to_char(from_month, 'YYYY-MM'), to_char(until_month, 'YYYY-MM'), hours_hundredths, change_id"
        " FROM overlay_segment WHERE superseded_at IS NULL ORDER BY from_month"
    )
    return [tuple(row) for row in rows]


async def accepted_again(db: Database, keyring: Keyring, parent: Parent, hours: str, *months: str) -> UUID:
    await world.delivered(db, keyring, *(world.line(month=month, hours=hours) for month in months))
    difference = next(one for one in await answers.shown(db, parent) if one.state == "open")
    return await answers.accept(db, parent, difference.difference_id, difference.version)


async def test_a_refused_change_lays_again_what_it_covered_of_earlier_ones(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent, first = await accepted(db, admin, keyring)
    second = await accepted_again(db, keyring, parent, "130.00", "2026-05", "2026-06")
    third = await accepted_again(db, keyring, parent, "140.00", "2026-03", "2026-04", "2026-05", "2026-06")
    assert await lying(admin) == [("2026-02", "2026-02", 12_000, first), ("2026-03", None, 14_000, third)]
    await receipt(db, third, Refused(reason="Deze opgave sluit niet aan"))
    assert await lying(admin) == [("2026-02", "2026-04", 12_000, first), ("2026-05", None, 13_000, second)]
    await receipt(db, first, Refused(reason="Deze opgave sluit niet aan"))
    assert await lying(admin) == [("2026-05", None, 13_000, second)]


async def test_a_refused_change_brings_nothing_back_that_stands_in_the_declaration(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent, first = await accepted(db, admin, keyring)
    second = await accepted_again(db, keyring, parent, "130.00", "2026-05", "2026-06")
    await receipt(db, first, Processed(declaration_version=2))
    segments = [world.segment(until="2026-01"), world.segment("2026-02", hours="120.00")]
    await world.declared(db, keyring, world.declaration(version=2, placements=[world.care(segments=segments)]))
    assert await lying(admin) == [("2026-05", None, 13_000, second)]
    await receipt(db, second, Refused(reason="Deze opgave sluit niet aan"))
    assert await lying(admin) == []


async def test_the_same_receipt_again_changes_nothing_and_another_one_is_refused(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    _, change_id = await accepted(db, admin, keyring)
    first = await receipt(db, change_id, Processed(declaration_version=2))
    version = await admin.fetchval("SELECT version FROM household")
    assert await receipt(db, change_id, Processed(declaration_version=2)) == first
    assert await admin.fetchval("SELECT version FROM household") == version
    # The change is told again: that is a reading, and recorded as one.
    newest = await admin.fetchval("SELECT event FROM household_audit ORDER BY number DESC LIMIT 1")
    assert msgspec.json.decode(newest) == {"action": "read", "actor": f"tvs {world.TVS.oin}", "changeId": str(change_id)}
    for other in (Processed(declaration_version=3), Refused(reason="Nee")):
        with pytest.raises(ReceiptContradicts):
            await receipt(db, change_id, other)


async def test_a_receipt_ends_the_obligation_to_send(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    _, change_id = await accepted(db, admin, keyring)
    message = (await claim(db))[0]
    await receipt(db, change_id, Processed(declaration_version=2))
    async with db.transaction(Forward()) as conn:
        assert not await forward.settle_sent(conn, message)
    assert await admin.fetchval("SELECT state FROM change") == "processed"
    assert await admin.fetchval("SELECT state FROM outbox") == "done"


async def test_a_household_s_changes_go_one_after_the_other(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, first = await accepted(db, admin, keyring)
    await world.delivered(db, keyring, *(world.line(month=f"2026-0{month}", hours="130.00") for month in (5, 6)))
    open_one = next(one for one in await answers.shown(db, parent) if one.state == "open")
    second = await answers.accept(db, parent, open_one.difference_id, open_one.version)
    claimed = await claim(db)
    assert [one.subject_id for one in claimed] == [first]
    async with db.transaction(Forward()) as conn:
        assert await forward.settle_dead(conn, claimed[0], error="http-400")
    assert await claim(db) == []  # a dead one blocks what comes after it
    await receipt(db, first, Refused(reason="Nee"))  # a refused one frees the way
    assert [one.subject_id for one in await claim(db)] == [second]


async def test_a_postponed_change_waits(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await accepted(db, admin, keyring)
    message = (await claim(db))[0]
    async with db.transaction(Forward()) as conn:
        await forward.postpone_change(conn, message, error="http-503", at_least=timedelta(minutes=5))
    due_in = await admin.fetchval("SELECT due_at - now() FROM outbox")
    assert timedelta(minutes=4) < due_in <= timedelta(minutes=5)
    assert await claim(db) == []


async def test_a_change_that_is_not_there_is_not_found(db: Database, admin: asyncpg.Connection) -> None:
    with pytest.raises(NotFound):
        await receipt(db, uuid4(), Processed(declaration_version=2))


async def test_a_dead_change_is_listed_and_goes_again_when_a_person_says_so(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    _, change_id = await accepted(db, admin, keyring)
    message = (await claim(db))[0]
    async with db.transaction(Forward()) as conn:
        assert await forward.settle_dead(conn, message, error="http-400")
    async with db.transaction(Forward()) as conn:
        assert [(one.change_id, one.last_error) for one in await dead_changes(conn)] == [(change_id, "http-400")]
        await forward.revive_change(conn, change_id)
    assert [(one.subject_id, one.attempts) for one in await claim(db)] == [(change_id, 2)]
    assert await admin.fetchval("SELECT state FROM change") == "staged"
    assert await admin.fetchval("SELECT event ->> 'action' FROM household_audit ORDER BY number DESC LIMIT 1") == "revived"
    for number in (change_id, uuid4()):
        with pytest.raises(NotFound):
            async with db.transaction(Forward()) as conn:
                await forward.revive_change(conn, number)
