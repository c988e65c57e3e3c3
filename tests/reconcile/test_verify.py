"""What is stored follows from the facts, and what does not is found."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from reconcile.forward import Refused
from reconcile.keyring import Keyring
from reconcile.rulebook import Books, shipped_books
from reconcile.store.database import Database
from reconcile.verify import VerifiedHouseholds, verify_deliveries, verify_households
from tests import world
from tests.books import with_successor
from tests.reconcile.past import played
from tests.reconcile.test_answer import accept, shown, with_difference
from tests.reconcile.test_compare import begun
from tests.reconcile.test_dispute import disputed
from tests.reconcile.test_explain import EXPLAINER
from tests.reconcile.test_forward import receipt
from tests.reconcile.test_postpone import postponed


async def verified(
    db: Database, *, as_of: datetime = world.NOW, after: UUID | None = None, at_most: int = 100, books: Books | None = None
) -> VerifiedHouseholds:
    async with db.snapshot(EXPLAINER) as conn:
        return await verify_households(conn, books or shipped_books(), as_of=as_of, after=after, households_max=at_most)


async def found(db: Database) -> set[str]:
    return {one.rule for one in (await verified(db)).findings}


async def spoiled(admin: asyncpg.Connection, statement: str) -> None:
    await admin.execute(f"SET session_replication_role = replica; {statement}; SET session_replication_role = origin")


@pytest.mark.parametrize("seed", range(100, 100 + int(os.environ.get("HISTORIES", "12"))))
async def test_what_a_random_history_leaves_is_what_judging_it_all_at_once_gives(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, seed: int
) -> None:
    past = await played(db, admin, keyring, seed)
    page = await verified(db, as_of=past.now)
    assert (page.households, page.waiting, [(one.rule, one.differs) for one in page.findings]) == (2, 0, [])
    assert page.differences == await admin.fetchval("SELECT count(*) FROM difference WHERE closed_at IS NULL")
    async with db.snapshot(EXPLAINER) as conn:
        counted = await verify_deliveries(conn, after=None, deliveries_max=1_000)
    assert (counted.deliveries, list(counted.findings)) == (await admin.fetchval("SELECT count(*) FROM delivery"), [])


VERSIONS, OTHERWISE = "difference-without-its-version", "difference-recomputed-otherwise"
HOURS = "'{placements,0,segments,0,hours}'"


@pytest.mark.parametrize(
    ("spoil", "rules"),
    [
        ("UPDATE difference SET effect = jsonb_set(effect, '{inYear,changeEuro}', '1')", {VERSIONS, OTHERWISE}),
        (f"UPDATE difference SET proposal = jsonb_set(proposal, {HOURS}, to_jsonb('1.00'::text))", {VERSIONS, OTHERWISE}),
        ("UPDATE difference SET texts = jsonb_set(texts, '{nl,title}', to_jsonb('Anders'::text))", {VERSIONS}),
        ("UPDATE difference SET text_version = '1999.1'", {VERSIONS}),
        ("UPDATE difference SET rules_version = '1999.1'", {VERSIONS, "rules-unknown", "difference-outdated"}),
        (
            "UPDATE difference SET state = 'closed', closed_at = now()",
            {VERSIONS, "placement-of-closed-difference-taken", "difference-missing"},
        ),
        ("UPDATE difference SET state = 'postponed'", {VERSIONS, "answer-out-of-step"}),
        ("UPDATE difference_placement SET is_open = false", {"open-difference-without-placement"}),
        ("DELETE FROM difference_version", {VERSIONS}),
        (
            "INSERT INTO difference_version SELECT household_id, difference_id, version + 1, kind, state, proposal, route, explanation,"
            " effect, rules_version, judged_at, recorded_at, facts_at, texts, 'another' FROM difference_version;"
            " UPDATE difference SET version = version + 1; UPDATE household SET version = version + 1",
            {VERSIONS, "shown-otherwise-since"},
        ),
        ("UPDATE difference SET version = version + 10", {VERSIONS, "version-beyond-household"}),
        ("DELETE FROM difference_placement; DELETE FROM difference; DELETE FROM difference_version", {"difference-missing"}),
        ("UPDATE reported_hours SET hours_hundredths = 13000", {OTHERWISE, "difference-outdated"}),
        ("UPDATE reported_hours SET superseded_at = now()", {"difference-without-cause"}),
        ("UPDATE declared_segment SET hours_hundredths = 12000", {OTHERWISE, "difference-without-cause"}),
        # The sibling's care is part of the effect that is shown.
        (f"UPDATE placement SET deleted = true WHERE lrk_number = '{world.BSO}'", {"tombstone-out-of-step", "difference-outdated"}),
        ("UPDATE household_audit SET recorded_at = recorded_at + interval '1 day' WHERE number = 1", {"audit-goes-back-in-time"}),
    ],
)
async def test_what_was_tampered_with_is_found(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, spoil: str, rules: set[str]
) -> None:
    await with_difference(db, admin, keyring)
    assert await found(db) == set()
    await spoiled(admin, spoil)
    assert await found(db) == rules


@pytest.mark.parametrize("give", [disputed, postponed])
async def test_an_answer_that_ended_without_its_difference_is_found(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, give: Any
) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    await give(db, parent, difference)
    assert await found(db) == set()
    await spoiled(admin, "UPDATE answer SET ended_at = now()")
    assert await found(db) == {"answer-out-of-step"}


async def test_an_answer_that_stands_though_its_change_was_refused_is_found(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    assert await found(db) == set()
    await receipt(db, change_id, Refused(reason="Anders"))
    assert await found(db) == set()
    await spoiled(admin, "UPDATE answer SET ended_at = NULL")
    assert await found(db) == {"answer-outlives-its-change"}


async def test_facts_that_overlap_are_found(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await with_difference(db, admin, keyring)
    await admin.execute("ALTER TABLE declared_segment DROP CONSTRAINT declared_segment_no_overlap")
    twice = (
        "INSERT INTO declared_segment (household_id, placement_id, from_month, hours_hundredths, hourly_rate_cents)"
        " SELECT household_id, placement_id, '2027-01-01', 100, 100 FROM declared_segment"
    )
    try:
        await admin.execute(twice)
        assert "current-facts-overlap" in await found(db)
    finally:
        await admin.execute("TRUNCATE declared_segment")
        await admin.execute(
            "ALTER TABLE declared_segment ADD CONSTRAINT declared_segment_no_overlap EXCLUDE USING gist ("
            " hashtextextended(household_id::text || placement_id::text, 0) WITH =, (household_id::text || placement_id::text) WITH =,"
            " daterange(from_month, until_month + 1) WITH &&) WHERE (coalesce(superseded_at, 'infinity') = 'infinity')"
        )


async def test_lines_that_do_not_add_up_are_found(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await with_difference(db, admin, keyring)
    (delivery_id,) = await admin.fetchrow("SELECT delivery_id FROM delivery")
    await spoiled(admin, "DELETE FROM line WHERE line_number = 2")
    async with db.snapshot(EXPLAINER) as conn:
        page = await verify_deliveries(conn, after=None, deliveries_max=10)
        assert page.last is not None
        assert (await verify_deliveries(conn, after=page.last, deliveries_max=10)).last is None
    assert [(one.rule, one.subject_id) for one in page.findings] == [("lines-do-not-add-up", delivery_id)]


async def test_what_waits_to_be_judged_is_counted_and_not_blamed(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await with_difference(db, admin, keyring)
    await world.declared(db, keyring, world.declaration(version=2, placements=[world.care(segments=[world.segment(hours="60.00")])]))
    page = await verified(db)
    assert (page.waiting, page.findings) == (1, [])


async def test_what_is_otherwise_by_the_date_alone_is_counted_and_not_blamed(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    """An agreement that ends: nothing to tell before that month has come. Judged by the clock that facts are recorded by."""
    now = datetime.now(UTC)
    parent = await begun(db, admin, keyring)
    end = (now + timedelta(days=40)).date()
    report = world.line(month=f"{now:%Y-%m}", hours="100.00", endDate=end.isoformat())
    await world.landed(db, keyring, world.delivery_body([report], now))
    await world.worked(db, keyring, now=now)
    assert await shown(db, parent) == []
    assert (await verified(db, as_of=now)).aged == 0
    later = await verified(db, as_of=now + timedelta(days=75))
    assert (later.aged, later.findings) == (1, [])


async def test_pages_end_and_meet_everybody_once(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_crowd(db, admin, keyring, 7)
    after, seen, pages = None, 0, 0
    while (page := await verified(db, after=after, at_most=3)).last is not None:
        after, seen, pages = page.last, seen + page.households, pages + 1
        assert page.findings == []
    assert (seen, pages) == (7, 3)


async def test_what_a_new_book_has_not_judged_yet_waits_and_what_it_judged_is_held_against_it(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, tmp_path: Path
) -> None:
    await with_difference(db, admin, keyring)
    books = Books(with_successor(tmp_path, "2026.2", shares_2026="97.0,97.0"))
    await world.adopted(db, admin, books, "2026.1", "2026.2")
    before = await verified(db, books=books)
    assert (before.waiting, before.findings) == (1, [])
    await world.worked(db, keyring, books=books)
    after = await verified(db, books=books)
    assert (after.differences, after.waiting, after.findings) == (1, 0, [])
