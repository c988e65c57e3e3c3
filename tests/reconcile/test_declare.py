"""Declarations: full state by version; older ones are ignored, what does not change is not written."""

import asyncpg

from reconcile.keyring import Keyring
from reconcile.rules.bsn import marked_bsn
from reconcile.store.database import Database
from tests import world


async def outcome(db: Database, keyring: Keyring, **change: object) -> str:
    return (await world.declared(db, keyring, world.declaration(**change)))[0].outcome


async def segments(admin: asyncpg.Connection) -> list[tuple[str, str | None, int]]:
    rows = await admin.fetch(
        "SELECT to_char(from_month, 'YYYY-MM'), to_char(until_month, 'YYYY-MM'), hours_hundredths FROM declared_segment"
        " JOIN placement USING (household_id, placement_id) WHERE lrk_number = $1 AND superseded_at IS NULL ORDER BY 1",
        world.KDV,
    )
    return [tuple(row) for row in rows]


async def test_an_older_or_equal_version_changes_nothing(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    assert await outcome(db, keyring, version=5) == "applied"
    before = await admin.fetchrow("SELECT version, audit_number, declaration_version FROM household")
    other = [world.care(segments=[world.segment(hours="1.00")])]
    assert await outcome(db, keyring, version=4, placements=other) == "ignored"
    assert await outcome(db, keyring, version=5, placements=other) == "unchanged"
    assert await admin.fetchrow("SELECT version, audit_number, declaration_version FROM household") == before
    assert await segments(admin) == [("2026-01", None, 10_000)]


async def test_a_household_named_twice_gets_its_newest_version(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    newest = world.declaration(version=2, placements=[world.care(segments=[world.segment(hours="80.00")])])
    results = await world.declared(db, keyring, newest, world.declaration(version=1))
    assert [one.outcome for one in results] == ["applied", "ignored"]
    assert await segments(admin) == [("2026-01", None, 8_000)]


async def test_a_new_version_ends_what_it_no_longer_states_and_keeps_it(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await outcome(db, keyring)
    split = [world.segment(until="2026-03"), world.segment("2026-04", hours="60.00")]
    await outcome(db, keyring, version=2, placements=[world.care(segments=split)])
    assert await segments(admin) == [("2026-01", "2026-03", 10_000), ("2026-04", None, 6_000)]
    assert await admin.fetchval("SELECT count(*) FROM declared_segment WHERE superseded_at IS NOT NULL") == 2
    tombstone = await admin.fetchrow("SELECT deleted FROM placement WHERE lrk_number = $1", world.BSO)
    assert tombstone is not None
    assert tombstone["deleted"]


async def test_what_stays_the_same_is_not_written_again(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await outcome(db, keyring)
    facts = "SELECT (SELECT count(*) FROM membership), (SELECT count(*) FROM declared_segment), (SELECT count(*) FROM income)"
    before = await admin.fetchrow(facts)
    await outcome(db, keyring, version=2)
    assert await admin.fetchrow(facts) == before


async def test_a_location_that_the_register_lacks_is_refused_and_others_are_applied(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    await world.with_register(admin)
    unknown = marked_bsn(99)
    wrong = world.declaration(householdRef="H9", placements=[world.care(lrk_number=unknown)])
    results = await world.declared(db, keyring, wrong, world.declaration())
    assert [(one.outcome, one.unknown_lrk_numbers) for one in results] == [("rejected", (unknown,)), ("applied", ())]
    assert await admin.fetchval("SELECT array_agg(household_ref) FROM household") == ["H1"]


async def test_every_change_is_one_link_of_the_audit(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await outcome(db, keyring)
    await outcome(db, keyring, version=2, incomes=[])
    links = await admin.fetch(
        "SELECT number, event ->> 'action' AS action, event ->> 'declarationVersion' AS v FROM household_audit ORDER BY 1"
    )
    assert [tuple(link) for link in links] == [(1, "declared", "1"), (2, "declared", "2")]


async def test_a_household_that_tvs_gave_up_keeps_no_current_facts(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await outcome(db, keyring)
    await world.delivered(db, keyring, world.line(hours="120.00"), world.line(month="2026-04", hours="120.00"))
    assert await admin.fetchval("SELECT count(*) FROM difference WHERE state = 'open'") == 1
    await outcome(db, keyring, version=2, deleted=True, members=[], incomes=[], placements=[])
    await world.worked(db, keyring)
    for table in ("membership", "declared_segment", "reported_hours", "income"):
        assert await admin.fetchval(f"SELECT count(*) FROM {table} WHERE superseded_at IS NULL") == 0, table
    assert await admin.fetchval("SELECT count(*) FROM difference WHERE state = 'open'") == 0
    assert await admin.fetchval("SELECT bool_and(deleted) FROM placement")
