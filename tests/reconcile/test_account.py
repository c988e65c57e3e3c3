"""Statements: what an organisation gets back of its own lines, and who else gets none of it."""

from datetime import timedelta
from uuid import UUID

import asyncpg
import msgspec
import pytest

from reconcile.account import Statement, StatementLine, open_statement, reader_of, statement_page, totals_of_month
from reconcile.callers import Organisation, StatementReader
from reconcile.keyring import Keyring
from reconcile.store.audit import broken_links
from reconcile.store.database import Database
from reconcile.store.statements import FIRST_PLACE, LinePlace
from tests import world

MARCH = "2026-03"


@pytest.fixture(autouse=True)
async def _register(admin: asyncpg.Connection) -> None:
    await world.with_register(admin)


async def opened(db: Database, organisation: Organisation, month: str = MARCH, lrk_number: str | None = None) -> Statement:
    async with db.transaction(organisation) as conn:
        return await open_statement(conn, organisation, month, lrk_number=lrk_number)


async def lines_of(db: Database, keyring: Keyring, statement: Statement, *, limit: int = 100) -> list[StatementLine]:
    """Read every page, each in a transaction of its own."""
    lines: list[StatementLine] = []
    after: LinePlace | None = FIRST_PLACE
    while after is not None:
        async with db.snapshot(reader_of(statement.of)) as conn:
            page = await statement_page(conn, keyring, statement.of, after=after, limit=limit)
        assert len(page.lines) <= limit
        lines += page.lines
        after = page.next
    return lines


async def people_seen(db: Database, caller: Organisation | StatementReader) -> int:
    async with db.snapshot(caller) as conn:
        return await conn.fetchval("SELECT count(*) FROM person")


async def test_what_stands_and_what_waits_comes_back_as_it_was_sent(db: Database, keyring: Keyring) -> None:
    """A corrected line, one that is rejected, one that waits, one of another month."""
    await world.delivered(db, keyring, world.line(lineRef="old", hours="50.00"))
    delivery_id = await world.delivered(
        db,
        keyring,
        world.line(lineRef="new", hours="90.50", hourlyRate="9.95", amount="900.48", endDate="2026-03-31"),
        world.line(lineRef="gap", childBsn=None, lrkNumber=world.BSO, hours="10.00"),
        world.line(lineRef="wrong", hours="800.00", childBsn=world.SIBLING),
        world.line(month="2026-04", lineRef="April"),
    )
    statement = await opened(db, await world.organisation(db))
    standing, waiting = sorted(await lines_of(db, keyring, statement), key=lambda one: one.line_ref == "gap")
    assert (standing.line_ref, standing.parent_bsn, standing.child_bsn, standing.delivery_id, standing.line_number, standing.waits_for) == (
        *("new", world.APPLICANT, world.CHILD),
        *(delivery_id, 1, None),
    )
    assert (standing.hours_hundredths, standing.hourly_rate_cents, standing.amount_cents, str(standing.end_on)) == (
        *(9_050, 995, 90_048),
        "2026-03-31",
    )
    assert (waiting.line_ref, waiting.parent_bsn, waiting.child_bsn, waiting.waits_for) == ("gap", world.APPLICANT, None, "bsn-missing")


async def test_sums_are_those_of_the_lines_over_all_and_by_location(db: Database, keyring: Keyring) -> None:
    await world.delivered(
        db,
        keyring,
        world.line(hours="100.25", amount="1002.50"),
        world.line(childBsn=world.SIBLING, hours="0"),
        world.line(childBsn=None),
        world.line(lrkNumber=world.BSO, hours="40.00", amount="400.00"),
    )
    statement = await opened(db, await world.organisation(db))
    by_location = {
        one.lrk_number: (one.lines, one.waiting, one.hours_hundredths, one.amount_cents, one.without_amount) for one in statement.locations
    }
    assert by_location == {world.KDV: (2, 1, 10_025, 100_250, 1), world.BSO: (1, 0, 4_000, 40_000, 0)}
    total = statement.total
    assert (total.lines, total.waiting, total.hours_hundredths, total.amount_cents, total.without_amount) == (3, 1, 14_025, 140_250, 1)
    one = await opened(db, await world.organisation(db), lrk_number=world.BSO)
    assert [line.lrk_number for line in await lines_of(db, keyring, one)] == [world.BSO]
    assert one.total.lines == 1


async def test_pages_show_what_stood_when_the_statement_began(db: Database, keyring: Keyring) -> None:
    """A later delivery replaces every line between two pages: each still comes once, as it was."""
    children = [world.marked_bsn(number) for number in range(100, 107)]
    await world.delivered(db, keyring, *(world.line(childBsn=one, hours="10.00") for one in children))
    statement = await opened(db, await world.organisation(db))
    async with db.snapshot(reader_of(statement.of)) as conn:
        first = await statement_page(conn, keyring, statement.of, limit=3)
    await world.delivered(db, keyring, *(world.line(childBsn=one, hours="20.00") for one in [*children, world.CHILD]))
    assert first.next is not None
    async with db.snapshot(reader_of(statement.of)) as conn:
        rest = await statement_page(conn, keyring, statement.of, after=first.next, limit=100)
    found = [*first.lines, *rest.lines]
    assert sorted(one.child_bsn or "" for one in found) == sorted(children)
    assert {one.hours_hundredths for one in found} == {1_000}
    later = await opened(db, await world.organisation(db))
    assert {one.hours_hundredths for one in await lines_of(db, keyring, later, limit=3)} == {2_000}
    assert later.total.lines == 8


async def test_a_statement_never_depends_on_whether_a_person_is_known(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """Two organisations deliver about people that TVS declared, and about people that nobody else knows."""
    await world.declared(db, keyring)
    await world.delivered(db, keyring, world.line())
    await world.delivered(
        db,
        keyring,
        world.line(parentBsn=world.marked_bsn(500), childBsn=world.marked_bsn(501), lrkNumber=world.ELSEWHERE),
        oin=world.OTHER_OIN,
    )
    shapes = []
    for oin in (world.OIN, world.OTHER_OIN):
        statement = await opened(db, await world.organisation(db, oin))
        (line,) = await lines_of(db, keyring, statement)
        assert (line.parent_bsn, line.child_bsn) in {(world.APPLICANT, world.CHILD), (world.marked_bsn(500), world.marked_bsn(501))}
        nothing = {"parent_bsn": "", "child_bsn": "", "lrk_number": "", "delivery_id": UUID(int=0), "received_at": line.received_at}
        shapes.append(msgspec.structs.replace(line, **{**nothing, "received_at": statement.of.as_of.replace(year=2020)}))
    assert msgspec.structs.replace(shapes[0], received_at=shapes[1].received_at) == shapes[1]
    assert await admin.fetchval("SELECT count(*) FROM reported_hours") == 1


async def test_of_people_a_reader_sees_those_of_its_own_lines_of_that_month_alone(db: Database, keyring: Keyring) -> None:
    await world.declared(db, keyring)
    await world.delivered(db, keyring, world.line(), world.line(month="2026-04", childBsn=world.SIBLING))
    await world.delivered(db, keyring, world.line(parentBsn=world.STRANGER, lrkNumber=world.ELSEWHERE), oin=world.OTHER_OIN)
    vendor = await world.mandated(db)
    owner, other = await world.organisation(db), await world.organisation(db, world.OTHER_OIN)
    for caller in (owner, other, vendor):
        assert await people_seen(db, caller) == 0
    for organisation, month, count in [
        (owner, MARCH, 2),
        (owner, "2026-04", 2),
        (owner, "2026-05", 0),
        (other, MARCH, 2),
        (other, "2026-04", 0),
    ]:
        reader = StatementReader(organisation_id=organisation.organisation_id, month=month)
        assert await people_seen(db, reader) == count
        async with db.snapshot(reader) as conn:
            strangers = await conn.fetchval("SELECT count(*) FROM line WHERE organisation_id <> $1", organisation.organisation_id)
            assert strangers == 0


async def test_another_organisation_s_statement_is_empty_whoever_asks(db: Database, keyring: Keyring) -> None:
    await world.delivered(db, keyring, world.line())
    mine = await opened(db, await world.organisation(db))
    other = await world.organisation(db, world.OTHER_OIN)
    reader = StatementReader(organisation_id=other.organisation_id, month=MARCH)
    async with db.snapshot(reader) as conn:
        assert (await statement_page(conn, keyring, mine.of, limit=10)).lines == ()
    assert (await opened(db, other)).locations == ()


async def test_every_reading_is_in_the_organisation_s_chain(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.delivered(db, keyring, world.line(), world.line(childBsn=None))
    owner = await world.organisation(db)
    async with db.snapshot(owner) as conn:
        await totals_of_month(conn, owner, MARCH)
    await opened(db, owner, lrk_number=world.KDV)
    texts = [row["event"] for row in await admin.fetch("SELECT event FROM organisation_audit WHERE event ->> 'action' = 'statement-read'")]
    assert [msgspec.json.decode(one) for one in texts] == [
        {
            "action": "statement-read",
            "actor": f"organisation {owner.organisation_id}",
            "month": MARCH,
            "lrkNumber": world.KDV,
            "lines": 2,
        }
    ]
    assert list(await broken_links(admin, 10)) == []


async def test_what_is_recorded_later_is_not_in_it(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.delivered(db, keyring, world.line())
    statement = await opened(db, await world.organisation(db))
    await admin.execute("UPDATE line SET recorded_at = $1", statement.of.as_of + timedelta(microseconds=1))
    assert await lines_of(db, keyring, statement) == []
