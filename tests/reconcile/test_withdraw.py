"""Taking back: what stood before stands again, for the organisation and for the household, and nothing is removed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from reconcile import withdraw
from reconcile.apply import LeaseLost, claim_delivery
from reconcile.keyring import Keyring
from reconcile.problems import DeliveryNotDone, LinesUnknown, NotFound, NothingToWithdraw
from reconcile.store.audit import broken_links
from reconcile.store.database import Database
from tests import world
from tests.reconcile.test_answer import accept, shown
from tests.reconcile.test_compare import begun
from workers.deliveries import DeliveryDrain


async def ask(db: Database, delivery_id: UUID, lines: Sequence[int] | None = None, oin: str = world.OIN) -> str:
    organisation = await world.organisation(db, oin)
    async with db.transaction(organisation) as conn:
        return (await withdraw.ask_withdrawal(conn, organisation, delivery_id, lines)).state


async def withdrawn(db: Database, keyring: Keyring, delivery_id: UUID, lines: Sequence[int] | None = None) -> None:
    await ask(db, delivery_id, lines)
    await world.worked(db, keyring)


async def reported(admin: asyncpg.Connection) -> list[tuple[str, int]]:
    rows = await admin.fetch(
        "SELECT to_char(month, 'YYYY-MM') AS month, hours_hundredths FROM reported_hours WHERE superseded_at IS NULL ORDER BY month"
    )
    return [tuple(row) for row in rows]


async def standing(admin: asyncpg.Connection) -> list[tuple[str, int, str]]:
    rows = await admin.fetch(
        "SELECT to_char(month, 'YYYY-MM') AS month, hours_hundredths, outcome FROM line"
        " WHERE superseded_at IS NULL AND outcome IN ('applied', 'unchanged') ORDER BY month"
    )
    return [tuple(row) for row in rows]


def at(minute: int) -> datetime:
    return world.NOW + timedelta(days=1, minutes=minute)


async def test_a_correction_that_is_taken_back_restores_what_it_corrected(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    await begun(db, admin, keyring)
    await world.delivered(db, keyring, world.line(hours="100.00"))
    second = await world.delivered(db, keyring, world.line(hours="140.00"), world.line(month="2026-04", hours="90.00"))
    assert await reported(admin) == [("2026-03", 14_000), ("2026-04", 9_000)]
    await withdrawn(db, keyring, second)
    assert await reported(admin) == [("2026-03", 10_000)]
    assert await standing(admin) == [("2026-03", 10_000, "applied")]
    assert await admin.fetchrow("SELECT state, applied_count, withdrawn_count FROM delivery WHERE delivery_id = $1", second) == (
        "withdrawn",
        2,
        2,
    )
    assert await admin.fetchval("SELECT count(*) FROM line") == 3
    assert list(await broken_links(admin, 10)) == []


async def test_a_line_that_is_taken_back_leaves_the_others(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await begun(db, admin, keyring)
    await world.delivered(db, keyring, world.line(hours="100.00"))
    second = await world.delivered(db, keyring, world.line(hours="140.00"), world.line(month="2026-04", hours="90.00"))
    await withdrawn(db, keyring, second, [1])
    assert await reported(admin) == [("2026-03", 10_000), ("2026-04", 9_000)]
    assert await admin.fetchrow("SELECT state, withdrawn_count FROM delivery WHERE delivery_id = $1", second) == ("applied", 1)
    await withdrawn(db, keyring, second)
    assert await reported(admin) == [("2026-03", 10_000)]


async def test_what_was_older_and_came_later_stands_when_the_newer_goes(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await begun(db, admin, keyring)
    newest = await world.delivered(db, keyring, world.line(hours="140.00"), sent_at=at(9))
    older = await world.delivered(db, keyring, world.line(hours="120.00"), sent_at=at(5))
    await world.delivered(db, keyring, world.line(hours="110.00"), sent_at=at(3))
    await withdrawn(db, keyring, newest)
    assert await reported(admin) == [("2026-03", 12_000)]
    assert await standing(admin) == [("2026-03", 12_000, "applied")]
    counts = await admin.fetchrow("SELECT applied_count, superseded_count FROM delivery WHERE delivery_id = $1", older)
    assert counts == (1, 0)
    # What is sent between the two is newer than what stands now.
    await world.delivered(db, keyring, world.line(hours="130.00"), sent_at=at(7))
    assert await reported(admin) == [("2026-03", 13_000)]


async def test_a_line_that_said_the_same_is_followed_by_the_one_that_said_it_first(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    await begun(db, admin, keyring)
    await world.delivered(db, keyring, world.line(hours="140.00"))
    second = await world.delivered(db, keyring, world.line(hours="140.00"))
    await withdrawn(db, keyring, second)
    assert await standing(admin) == [("2026-03", 14_000, "applied")]
    assert await reported(admin) == [("2026-03", 14_000)]


async def test_taking_back_what_no_longer_stands_changes_nothing_that_does(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    await begun(db, admin, keyring)
    first = await world.delivered(db, keyring, world.line(hours="100.00"))
    await world.delivered(db, keyring, world.line(hours="140.00"))
    version = await admin.fetchval("SELECT version FROM household")
    await withdrawn(db, keyring, first)
    assert await reported(admin) == [("2026-03", 14_000)]
    assert await admin.fetchval("SELECT version FROM household") == version
    assert await admin.fetchval("SELECT state FROM delivery WHERE delivery_id = $1", first) == "withdrawn"


async def test_an_open_difference_closes_with_the_lines_that_made_it(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await begun(db, admin, keyring)
    lines = world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00")
    delivery_id = await world.delivered(db, keyring, *lines)
    assert [one.state for one in await shown(db, parent)] == ["open"]
    await withdrawn(db, keyring, delivery_id)
    assert [one.state for one in await shown(db, parent)] == ["closed"]


async def test_what_a_parent_accepted_stays_until_new_facts_open_a_difference(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    """A withdrawal never changes declared hours by itself."""
    parent = await begun(db, admin, keyring)
    await world.delivered(db, keyring, world.line(month="2026-02"), world.line(month="2026-03"))
    lines = world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00")
    delivery_id = await world.delivered(db, keyring, *lines)
    difference = (await shown(db, parent))[0]
    await accept(db, parent, difference.difference_id, difference.version)
    await withdrawn(db, keyring, delivery_id)
    assert await admin.fetchval("SELECT count(*) FROM overlay_segment WHERE superseded_at IS NULL") == 1
    assert sorted(one.state for one in await shown(db, parent)) == ["accepted", "open"]


async def test_what_was_withdrawn_can_be_delivered_again(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await begun(db, admin, keyring)
    body = world.delivery_body([world.line(hours="140.00")], reference=None)
    first = await world.landed(db, keyring, body, reference="a")
    await world.worked(db, keyring)
    await withdrawn(db, keyring, first.delivery.delivery_id)
    assert await reported(admin) == []
    again = await world.landed(db, keyring, body, reference="b")
    assert again.delivery.duplicate_of is None
    await world.worked(db, keyring)
    assert await reported(admin) == [("2026-03", 14_000)]


async def test_what_it_called_complete_is_so_no_longer_unless_an_earlier_one_said_it_too(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    await begun(db, admin, keyring)
    complete = [{"month": "2026-03", "lrkNumbers": [world.KDV]}]
    ids = []
    for number in range(2):
        body = world.delivery_body([world.line(hours=f"1{number}0.00")], at(number), complete=complete)
        ids.append((await world.landed(db, keyring, body, reference=f"c{number}")).delivery.delivery_id)
        await world.worked(db, keyring)
    current = "SELECT array_agg(delivery_id) FROM completeness WHERE superseded_at IS NULL"
    assert await admin.fetchval(current) == [ids[1]]
    await withdrawn(db, keyring, ids[1])
    assert await admin.fetchval(current) == [ids[0]]
    await withdrawn(db, keyring, ids[0])
    assert await admin.fetchval(current) is None


async def test_what_is_called_complete_again_is_a_fact_of_its_own(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """Between the two it was not said by the earlier delivery: as of then, it is not."""
    await begun(db, admin, keyring)
    complete = [{"month": "2026-03", "lrkNumbers": [world.KDV]}]
    for number in range(2):
        body = world.delivery_body([world.line(hours=f"1{number}0.00")], at(number), complete=complete)
        last = (await world.landed(db, keyring, body, reference=f"c{number}")).delivery.delivery_id
        await world.worked(db, keyring)
    await withdrawn(db, keyring, last)
    rows = await admin.fetch("SELECT recorded_at, superseded_at FROM completeness ORDER BY recorded_at")
    assert len(rows) == 3
    assert all(before["superseded_at"] <= after["recorded_at"] for before, after in zip(rows, rows[1:], strict=False))
    assert rows[-1]["superseded_at"] is None


async def test_what_was_asked_because_a_month_was_complete_is_settled(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await begun(db, admin, keyring)
    complete = [{"month": "2026-03", "lrkNumbers": [world.BSO]}]
    body = world.delivery_body([], at(1), reference="c", complete=complete)
    delivery_id = (await world.landed(db, keyring, body, reference="c")).delivery.delivery_id
    await world.worked(db, keyring)
    assert [(one.kind, one.state) for one in await shown(db, parent)] == [("D15", "open")]
    await withdrawn(db, keyring, delivery_id)
    assert [(one.kind, one.state) for one in await shown(db, parent)] == [("D15", "closed")]


async def test_a_worker_that_dies_on_the_way_is_followed_by_another(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await begun(db, admin, keyring)
    months = [f"2026-0{number}" for number in range(1, 7)]
    delivery_id = await world.delivered(db, keyring, *(world.line(month=month, hours="140.00") for month in months))
    await ask(db, delivery_id)
    async with db.transaction(world.INTAKE) as conn:
        await withdraw.begin_withdrawals(conn)
        dying = await claim_delivery(conn)
    assert dying is not None
    async with db.transaction(world.INTAKE) as conn:
        assert await withdraw.withdraw_batch(conn, dying, lines_max=2) == 2
    await admin.execute("UPDATE delivery SET lease_until = now() - interval '1 second'")
    await DeliveryDrain(db, keyring, world.nobody)()
    assert await admin.fetchrow("SELECT state, withdrawn_count FROM delivery") == ("withdrawn", 6)
    assert await reported(admin) == []
    with pytest.raises(LeaseLost):
        async with db.transaction(world.INTAKE) as conn:
            await withdraw.withdraw_batch(conn, dying, lines_max=2)


async def test_only_what_is_applied_and_yours_can_be_taken_back(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await begun(db, admin, keyring)
    landed = await world.landed(db, keyring, world.delivery_body([world.line()]))
    delivery_id = landed.delivery.delivery_id
    await admin.execute("UPDATE delivery SET state = 'reading'")
    with pytest.raises(DeliveryNotDone):
        await ask(db, delivery_id)
    await world.worked(db, keyring)
    for oin, number in ((world.OTHER_OIN, delivery_id), (world.OIN, uuid4())):
        with pytest.raises(NotFound):
            await ask(db, number, oin=oin)
    with pytest.raises(LinesUnknown) as unknown:
        await ask(db, delivery_id, [1, 2, 3])
    assert unknown.value.line_numbers == [2, 3]
    duplicate = await world.landed(db, keyring, world.delivery_body([world.line()]), reference="again")
    with pytest.raises(NothingToWithdraw, match=str(delivery_id)):
        await ask(db, duplicate.delivery.delivery_id)
    broken = await world.landed(db, keyring, b"{", reference="broken")
    await world.worked(db, keyring)
    with pytest.raises(NothingToWithdraw):
        await ask(db, broken.delivery.delivery_id)
    await ask(db, delivery_id)
    with pytest.raises(DeliveryNotDone):
        await ask(db, delivery_id)
    await world.worked(db, keyring)
    assert await ask(db, delivery_id) == "withdrawn"
    assert await admin.fetchval("SELECT count(*) FROM withdrawal") == 1


async def test_what_a_worker_began_to_read_meanwhile_is_undone_once_it_is_applied(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    """The withdrawal was asked while it was received; a worker claimed it before another one looked at withdrawals."""
    await begun(db, admin, keyring)
    landing = await world.landed(db, keyring, world.delivery_body([world.line(hours="140.00")]))
    assert await ask(db, landing.delivery.delivery_id) == "received"
    async with db.transaction(world.INTAKE) as conn:
        assert await claim_delivery(conn) is not None
    await admin.execute("UPDATE delivery SET lease_until = NULL")
    await world.worked(db, keyring)
    assert await admin.fetchrow("SELECT state, lines_read, withdrawn_count FROM delivery") == ("withdrawn", 1, 1)
    assert await reported(admin) == []
    assert await broken_links(admin, 10) == []


async def test_of_what_turns_out_unreadable_nothing_is_left_to_withdraw(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await begun(db, admin, keyring)
    landing = await world.landed(db, keyring, b"{")
    await ask(db, landing.delivery.delivery_id)
    async with db.transaction(world.INTAKE) as conn:
        await claim_delivery(conn)
    await admin.execute("UPDATE delivery SET lease_until = NULL")
    await world.worked(db, keyring)
    await world.worked(db, keyring)
    assert await admin.fetchval("SELECT state FROM delivery") == "unreadable"
    assert await admin.fetchval("SELECT count(*) FROM withdrawal WHERE finished_at IS NULL") == 0
