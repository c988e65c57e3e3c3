"""Expected deliveries on a real database: whose lines count for whom."""

from datetime import date, timedelta

import asyncpg
import pytest

from reconcile.callers import Sender
from reconcile.expect import Expectation, asked_month, expected_across, expected_of, expected_of_all
from reconcile.keyring import Keyring
from reconcile.mandate import end_mandate
from reconcile.rules.expected import deadline_of
from reconcile.store.database import Database
from tests import world

MARCH = "2026-03"
PAST = asked_month(MARCH, deadline_day=31, now=world.NOW)
OPEN = asked_month(MARCH, deadline_day=31, now=deadline_of(MARCH, 31) - timedelta(microseconds=1))
VENDOR = Sender(oin=world.VENDOR_OIN)


@pytest.fixture(autouse=True)
async def _register(admin: asyncpg.Connection) -> None:
    await world.with_register(admin)


async def own(db: Database, oin: str = world.OIN) -> Expectation:
    organisation = await world.organisation(db, oin)
    async with db.snapshot(organisation) as conn:
        return await expected_of(conn, organisation, PAST)


async def across(db: Database, vendor: Sender = VENDOR) -> list[tuple[str, str | None, int]]:
    async with db.snapshot(vendor) as conn:
        return [(one.deliverer.oin, one.month.state, one.month.received) for one in await expected_across(conn, PAST)]


async def all_of_them(db: Database) -> list[tuple[str, str | None, tuple[str, ...]]]:
    async with db.snapshot(world.MANAGER) as conn:
        return [(one.deliverer.oin, one.month.state, one.vendor_oins) for one in await expected_of_all(conn, PAST)]


def march(**change: object) -> dict[str, object]:
    return world.line(**{"month": MARCH, **change})


async def by_vendor(db: Database, keyring: Keyring, *lines: dict[str, object], reference: str = "v1", oin: str = world.OIN) -> None:
    await world.landed(db, keyring, world.delivery_body(lines), reference=reference, sender=await world.mandated(db, oin))
    await world.worked(db, keyring)


def test_the_deadline_itself_is_too_late() -> None:
    assert (OPEN.is_past, PAST.is_past) == (False, True)
    assert asked_month(MARCH, deadline_day=31, now=OPEN.deadline).is_past


async def test_a_month_goes_from_never_over_partial_to_received(db: Database, keyring: Keyring) -> None:
    assert ((await own(db)).month.state, (await own(db)).month.held) == ("never", 2)
    await world.delivered(db, keyring, world.line(month="2026-01"))
    found = await own(db)
    assert (found.month.state, found.deliverer.last_month, found.deliverer.last_state) == ("late", "2026-01", "applied")
    await world.delivered(db, keyring, march())
    assert ((await own(db)).month.state, (await own(db)).month.received) == ("partial", 1)
    await world.delivered(db, keyring, march(lrkNumber=world.BSO, childBsn=None))
    assert (await own(db)).month.state == "received"


async def test_a_correction_is_no_second_line_and_a_rejected_one_is_none(db: Database, keyring: Keyring) -> None:
    await world.delivered(db, keyring, march(), march(lrkNumber=world.BSO, hours="800.00"))
    await world.delivered(db, keyring, march(hours="90.00"))
    expected = {one.location.lrk_number: one.location.lines for one in (await own(db)).month.expected}
    assert expected == {world.KDV: 1, world.BSO: 0}


async def test_what_is_called_complete_is_received_without_a_line(db: Database, keyring: Keyring) -> None:
    body = world.delivery_body([march()], complete=[{"month": MARCH, "lrkNumbers": [world.BSO]}])
    await world.landed(db, keyring, body)
    await world.worked(db, keyring)
    found = {one.location.lrk_number: (one.state, one.location.is_complete) for one in (await own(db)).month.expected}
    assert found == {world.KDV: ("received", False), world.BSO: ("received", True)}


async def test_only_locations_held_in_that_month_are_expected(db: Database, admin: asyncpg.Connection) -> None:
    await admin.execute("UPDATE location_holding SET until_on = $1 WHERE lrk_number = $2", date(2026, 2, 28), world.BSO)
    assert [one.location.lrk_number for one in (await own(db)).month.expected] == [world.KDV]
    await admin.execute("UPDATE location SET deregistered_on = $1 WHERE lrk_number = $2", date(2026, 3, 1), world.KDV)
    assert (await own(db)).month.state is None
    assert [oin for oin, _, _ in await all_of_them(db)] == [world.OTHER_OIN]


async def test_an_unreadable_delivery_is_no_month_and_is_told(db: Database, keyring: Keyring) -> None:
    await world.landed(db, keyring, b"not JSON")
    await world.worked(db, keyring)
    found = await own(db)
    assert (found.month.state, found.deliverer.last_state) == ("never", "unreadable")
    assert found.deliverer.last_unreadable_at == found.deliverer.last_received_at is not None


async def test_a_vendor_looks_across_those_who_mandated_it_and_counts_what_it_sent(db: Database, keyring: Keyring) -> None:
    assert await across(db) == []
    await world.mandated(db, world.OTHER_OIN)
    await by_vendor(db, keyring, march())
    await world.delivered(db, keyring, march(lrkNumber=world.BSO, childBsn=world.SIBLING))
    await world.delivered(db, keyring, march(lrkNumber=world.ELSEWHERE), oin=world.OTHER_OIN)
    assert await across(db) == [(world.OIN, "partial", 1), (world.OTHER_OIN, "never", 0)]
    assert await across(db, Sender(oin=world.OTHER_VENDOR_OIN)) == []
    assert await across(db, Sender(oin=world.OIN)) == []
    assert (await own(db)).month.state == "received"


async def test_a_vendor_is_expected_to_bring_what_it_brought_the_month_before(db: Database, keyring: Keyring) -> None:
    """The organisation delivers one location itself, the vendor the other one: neither is asked for the other's."""
    await world.delivered(db, keyring, world.line(month="2026-02", lrkNumber=world.BSO, childBsn=world.SIBLING))
    await by_vendor(db, keyring, world.line(month="2026-02"))
    assert await across(db) == [(world.OIN, "late", 0)]
    await by_vendor(db, keyring, march(), reference="v2")
    assert await across(db) == [(world.OIN, "received", 1)]
    assert ((await own(db)).month.state, (await own(db)).month.received) == ("partial", 1)


async def test_with_the_mandate_the_look_ends(db: Database, keyring: Keyring) -> None:
    await by_vendor(db, keyring, march())
    giver = await world.organisation(db)
    async with db.transaction(giver) as conn:
        await end_mandate(conn, giver, world.VENDOR_OIN)
    assert await across(db) == []


async def test_a_manager_sees_every_organisation_and_its_vendors(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await by_vendor(db, keyring, march(), march(lrkNumber=world.BSO))
    assert await all_of_them(db) == [(world.OIN, "received", (world.VENDOR_OIN,)), (world.OTHER_OIN, "never", ())]
    async with db.snapshot(world.MANAGER) as conn:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.fetchval("SELECT hours_hundredths FROM line")


async def test_a_month_without_a_delivery_makes_no_difference_of_anybody(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """Not received is never zero hours."""
    await world.declared(db, keyring)
    await own(db)
    await all_of_them(db)
    await world.worked(db, keyring)
    assert await admin.fetchval("SELECT count(*) FROM difference") == 0
