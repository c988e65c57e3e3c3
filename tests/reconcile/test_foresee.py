"""What a change of rule books would do is told before it is made: exactly who, and nothing changes by the telling."""

from pathlib import Path
from uuid import UUID

import asyncpg
import msgspec
import pytest
from msgspec import structs

from reconcile.foresee import Change
from reconcile.keyring import Keyring
from reconcile.rulebook import Books, shipped_books
from reconcile.rules.bsn import marked_bsn
from reconcile.rules.canonical import canonical_json
from reconcile.store.database import Database
from tests import world
from tests.books import with_successor
from tests.reconcile.test_answer import accept, shown
from tests.tables import FIRST_BOOK, contents

NEXT = "2099.1"


async def with_hours(db: Database, admin: asyncpg.Connection, keyring: Keyring, *hours: str) -> list[UUID]:
    """Declare 100 hours in a household for each, report as many hours in two months, and return the households in that order."""
    await world.with_register(admin)
    lines = []
    for number, reported in enumerate(hours):
        adult, child = marked_bsn(100 + number), marked_bsn(200 + number)
        members = [world.member(adult, "applicant"), world.member(child, "child")]
        await world.declared(db, keyring, world.declaration(householdRef=f"F{number}", members=members, placements=[world.care(child)]))
        lines += [world.line(parentBsn=adult, childBsn=child, month=month, hours=reported) for month in ("2026-02", "2026-03")]
    await world.delivered(db, keyring, *lines)
    rows = await admin.fetch("SELECT household_id FROM household ORDER BY household_ref")
    return [row["household_id"] for row in rows]


async def test_a_wider_tolerance_is_told_for_exactly_those_who_fall_within_it(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, tmp_path: Path
) -> None:
    households = await with_hours(db, admin, keyring, "100.00", "101.00", "104.99", "105.00", "120.00", "60.00")
    books = Books(with_successor(tmp_path, NEXT, hours="5.00"))
    report = (await world.foreseen(db, books, FIRST_BOOK, NEXT, households_max=2)).report
    assert (report.households, report.child_years, report.not_judged) == (6, 6, 0)
    counted = {fate: (count.differences, count.households) for fate, count in report.fates.items() if count.differences}
    assert counted == {"no-longer-told": (2, 2), "same": (3, 3)}
    assert {one.household_id for one in report.samples} == {households[1], households[2]}
    assert (report.old.differences, report.new.differences) == (5, 3)
    # From February on: 1.00, 4.99, 5.00 and 20.00 hours more and 40.00 fewer, in eleven months.
    assert (report.old.hours_up, report.old.hours_down) == ("340.89", "440.00")
    assert (report.new.hours_up, report.new.hours_down) == ("275.00", "440.00")


async def test_a_narrower_tolerance_is_told_for_exactly_those_who_fall_without_it(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, tmp_path: Path
) -> None:
    households = await with_hours(db, admin, keyring, "100.00", "100.50", "99.60", "120.00")
    books = Books(with_successor(tmp_path, NEXT, hours="0.50"))
    report = (await world.foreseen(db, books, FIRST_BOOK, NEXT)).report
    counted = {fate: (count.differences, count.households) for fate, count in report.fates.items() if count.differences}
    assert counted == {"newly-told": (1, 1), "same": (1, 1)}
    (sample,) = report.samples
    assert (sample.household_id, sample.year, sample.old) == (households[1], 2026, None)
    assert sample.new is not None
    assert (sample.new.kind, sample.new.is_told, sample.new.hours, sample.new.euro) == ("D01", True, "5.50", 47)


async def test_what_is_told_beforehand_is_what_then_happens(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, tmp_path: Path
) -> None:
    await with_hours(db, admin, keyring, "100.00", "101.00", "104.99", "105.00", "120.00", "60.00")
    books = Books(with_successor(tmp_path, NEXT, hours="5.00"))
    report = (await world.foreseen(db, books, FIRST_BOOK, NEXT)).report
    await world.adopted(db, admin, books, FIRST_BOOK, NEXT)
    await world.worked(db, keyring, books=books)
    opened = await admin.fetch("SELECT household_id FROM difference WHERE state = 'open'")
    closed = await admin.fetch("SELECT household_id FROM difference WHERE state = 'closed'")
    assert len(opened) == report.new.differences
    assert {row["household_id"] for row in closed} == {one.household_id for one in report.samples if one.fate == "no-longer-told"}


async def test_what_was_answered_is_not_told_again_by_another_book(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, tmp_path: Path
) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)
    parent = await world.parent(db, keyring)
    await world.delivered(db, keyring, *(world.line(month=month, hours="120.00") for month in ("2026-02", "2026-03")))
    (first,) = await shown(db, parent)
    await accept(db, parent, first.difference_id, first.version)
    await admin.execute("UPDATE overlay_segment SET superseded_at = now()")  # as if the overlay were lost: the same facts as before
    report = (await world.foreseen(db, Books(with_successor(tmp_path, NEXT, hours="0.50")), FIRST_BOOK, NEXT)).report
    assert (report.old.differences, report.new.differences, report.samples) == (0, 0, ())


async def test_other_shares_change_amounts_and_a_missing_line_counts_too(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, tmp_path: Path
) -> None:
    await world.with_register(admin)
    placements = [world.care(), world.care(world.SIBLING, world.BSO)]
    await world.declared(db, keyring, world.declaration(incomes=[{"year": 2026, "amount": 20_000}], placements=placements))
    complete = [{"month": "2026-03", "lrkNumbers": [world.BSO]}]
    lines = [world.line(month=month, hours="120.00") for month in ("2026-02", "2026-03")]
    await world.landed(db, keyring, world.delivery_body(lines, complete=complete))
    await world.worked(db, keyring)
    books = Books(with_successor(tmp_path, NEXT, shares_2026="97.0,97.0"))
    report = (await world.foreseen(db, books, FIRST_BOOK, NEXT)).report
    counted = {fate: count.differences for fate, count in report.fates.items() if count.differences}
    assert counted == {"other-amounts": 1, "same": 1}
    assert (report.old.euro_up, report.new.euro_up, report.old.without_euro) == (2_112, 2_134, 1)


async def test_comparing_changes_nothing_but_that_its_report_is_kept(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, tmp_path: Path
) -> None:
    await with_hours(db, admin, keyring, "101.00", "120.00")
    books = Books(with_successor(tmp_path, NEXT, hours="5.00"))
    # And that whose judgement the report shows as a sample was read, which no version of a household tells.
    kept_in = {"rule_report", "rule_audit", "rule_audit_head", "household_audit", "household"}
    before, versions = await contents(admin, but=kept_in), await admin.fetch("SELECT household_id, version FROM household ORDER BY 1")
    kept = await world.foreseen(db, books, FIRST_BOOK, NEXT)
    assert await contents(admin, but=kept_in) == before
    assert await admin.fetch("SELECT household_id, version FROM household ORDER BY 1") == versions
    row = await admin.fetchrow("SELECT * FROM rule_report WHERE report_id = $1", kept.report_id)
    assert row["content"].encode() == canonical_json(msgspec.to_builtins(kept.report))
    assert (row["content_sha256"].hex(), row["old_sha256"].hex()) == (kept.sha256, kept.report.old_sha256)
    again = await world.foreseen(db, books, FIRST_BOOK, NEXT, households_max=1)
    assert (again.sha256, again.report_id != kept.report_id) == (kept.sha256, True)


async def test_nobody_is_named_in_a_report(db: Database, admin: asyncpg.Connection, keyring: Keyring, tmp_path: Path) -> None:
    await with_hours(db, admin, keyring, "101.00")
    kept = await world.foreseen(db, Books(with_successor(tmp_path, NEXT, hours="5.00")), FIRST_BOOK, NEXT)
    text = msgspec.json.encode(kept.report).decode()
    assert len(kept.report.samples) == 1
    for name in ("Noor", "F0", marked_bsn(100), marked_bsn(200), "Locatie", "Houder", world.KDV):
        assert name not in text


@pytest.mark.parametrize("spoiled", ["old", "new"])
async def test_a_child_year_over_which_a_book_stumbles_is_counted_and_the_others_are_judged(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, spoiled: str
) -> None:
    await with_hours(db, admin, keyring, "100.00", "120.00")
    sound = shipped_books().book(FIRST_BOOK)
    # No file can hold such a book: without brackets no rule finds a share, for whom there is a proposal.
    rules = sound.newest
    table = structs.replace(rules.tables[2026], brackets=())
    broken = structs.replace(sound, editions=(structs.replace(sound.editions[0], rules=structs.replace(rules, tables={2026: table})),))
    old, new = (broken, sound) if spoiled == "old" else (sound, broken)
    report = (await world.counted(db, Change(old=old, new=new, as_of=world.NOW))).report(old, new, world.NOW)
    assert (report.households, report.child_years, report.not_judged) == (2, 2, 1)
    assert (report.old.differences, report.new.differences) == (0, 0)
