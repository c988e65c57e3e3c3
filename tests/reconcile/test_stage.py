"""Staging: who is new is remembered once, and the register is asked once for each location and month."""

from uuid import UUID

import asyncpg
import pytest

from reconcile import apply, stage
from reconcile.callers import Intake
from reconcile.keyring import Keyring
from reconcile.rules.delivery_line import DeliveryLine, read_line
from reconcile.stage import Known
from reconcile.store.database import Database
from reconcile.store.deliveries import ClaimedDelivery
from tests import world


def read(number: int, **change: object) -> DeliveryLine:
    return read_line(world.line(**change), number, this_month="2026-07")


async def claimed(db: Database, keyring: Keyring) -> ClaimedDelivery:
    await world.landed(db, keyring, world.delivery_body([world.line()]))
    async with db.transaction(Intake()) as conn:
        found = await apply.claim_delivery(conn)
    assert found is not None
    return found


async def staged(db: Database, keyring: Keyring, delivery: ClaimedDelivery, known: Known, *lines: DeliveryLine) -> None:
    async with db.transaction(Intake()) as conn:
        await stage.stage_lines(conn, keyring, delivery, lines, known=known)


async def test_people_are_the_same_whether_they_were_known_or_not(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    delivery, known = await claimed(db, keyring), Known()
    await staged(db, keyring, delivery, known, read(1))
    await staged(db, keyring, delivery, known, read(2), read(3, parentBsn=world.STRANGER))
    await staged(db, keyring, delivery, Known(), read(4))
    rows = await admin.fetch("SELECT parent_id, child_id, place FROM line_stage ORDER BY line_number")
    first, second, third, fourth = [tuple(row) for row in rows]
    assert first == second == fourth
    assert third[1] == first[1] != third[0]
    assert await admin.fetchval("SELECT count(*) FROM person") == 3


async def test_what_was_looked_up_is_bounded(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "_PEOPLE_MAX", 2)
    monkeypatch.setattr(stage, "_STANDS_MAX", 1)
    await world.with_register(admin)
    delivery, known = await claimed(db, keyring), Known()
    await staged(db, keyring, delivery, known, read(1))
    await staged(db, keyring, delivery, known, read(2, parentBsn=world.STRANGER, month="2026-04"), read(3, lrkNumber=world.ELSEWHERE))
    assert (len(known.people), len(known.stands)) == (2, 2)
    await staged(db, keyring, delivery, known, read(4, month="2026-05"))
    assert len(known.stands) == 1
    rows = await admin.fetch("SELECT faults::text, parent_id FROM line_stage ORDER BY line_number")
    assert [row["faults"] is None for row in rows] == [True, True, False, True]
    assert all(isinstance(row["parent_id"], UUID) for row in rows)


async def test_the_register_s_fault_joins_those_of_the_line(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    delivery = await claimed(db, keyring)
    await staged(db, keyring, delivery, Known(), read(1, childBsn=None), read(2, childBsn=None, careType="BSO"), read(3, lrkNumber="1"))
    rows = await admin.fetch(
        "SELECT jsonb_path_query_array(faults, '$[*].code')::text AS codes, waits_for FROM line_stage ORDER BY line_number"
    )
    assert [tuple(row) for row in rows] == [
        ('["bsn-missing"]', "bsn-missing"),
        ('["bsn-missing", "care-type-mismatch"]', None),
        ('["lrk-number-invalid"]', None),
    ]


async def test_of_what_is_replaced_a_location_must_be_in_some_register(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """A number that no register knows may be a BSN in the wrong column; what is known of a location by now is no matter."""
    await world.with_register(admin)
    delivery = await claimed(db, keyring)
    others = read(1, replacedLrkNumber=world.CHILD), read(2, replacedLrkNumber=world.ELSEWHERE), read(3, replacedMonth="2014-12")
    await staged(db, keyring, delivery, Known(), *others, read(4, lrkNumber=world.CHILD, replacedMonth="2026-02"))
    rows = await admin.fetch(
        "SELECT jsonb_path_query_array(faults, '$[*].code')::text AS codes, jsonb_path_query_array(faults, '$[*].field')::text AS fields,"
        " replaced_lrk_number FROM line_stage ORDER BY line_number"
    )
    assert [tuple(row) for row in rows] == [
        ('["lrk-number-unknown"]', '["replacedLrkNumber"]', None),
        (None, None, world.ELSEWHERE),
        (None, None, world.KDV),
        ('["lrk-number-unknown"]', '["lrkNumber"]', None),
    ]
