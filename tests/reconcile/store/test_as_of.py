"""The statement about what was known is the one about what is known, asked of an instant."""

import re
from datetime import UTC, datetime

import asyncpg
import pytest

from reconcile.callers import Intake
from reconcile.keyring import Keyring
from reconcile.store import comparisons
from reconcile.store.as_of import as_of
from reconcile.store.comparisons import household_facts, household_facts_as_of
from reconcile.store.database import Database
from tests import world
from tests.reconcile.past import played
from tests.reconcile.test_explain import EXPLAINER

CURRENT = comparisons.SQL["household_facts"]
# What the statement reads that keeps its present alone. None of it is judged, or `as_of.py` names where its past stands.
# Of an acceptance, of the version that was seen and of the year of a difference nothing changes; a change may be refused later.
OF_THE_PRESENT = {"household", "placement", "location", "organisation", "answer", "change", "difference", "difference_version"}


async def test_it_can_be_prepared(db: Database, admin: asyncpg.Connection) -> None:
    await admin.prepare(as_of(CURRENT))


async def test_every_table_that_it_reads_keeps_what_was_known_when(db: Database, admin: asyncpg.Connection) -> None:
    tables = {row[0] for row in await admin.fetch("SELECT relname FROM pg_class WHERE relnamespace = 'kot'::regnamespace")}
    read = set(re.findall(r"(?:FROM|JOIN) (\w+)", CURRENT)) & tables
    rows = await admin.fetch(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'kot' AND column_name IN ('recorded_at', 'superseded_at')"
        " GROUP BY table_name HAVING count(*) = 2"
    )
    assert read - {row[0] for row in rows} == OF_THE_PRESENT


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (CURRENT.replace("NOT placement.deleted", "true"), "no longer says"),
        (CURRENT.replace("household.declared_at", "NULL"), "no longer says"),
        (CURRENT.replace("change.state <> 'refused'", "true"), "no longer says"),
        (CURRENT + "\nAND segment.superseded_at IS NOT NULL", "asks for the present"),
        (CURRENT + "\nAND household.deleted", "asks for the present"),
        (CURRENT + "\nAND now() > '2026-01-01'", "asks for the present"),
    ],
)
def test_a_statement_that_asks_for_the_present_otherwise_is_refused(wrong: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        as_of(wrong)


@pytest.mark.parametrize("seed", [7, 8, 9])
async def test_as_of_now_is_what_is_known_now(db: Database, admin: asyncpg.Connection, keyring: Keyring, seed: int) -> None:
    await played(db, admin, keyring, seed)
    ids = [row[0] for row in await admin.fetch("SELECT household_id FROM household ORDER BY household_id")]
    async with db.snapshot(EXPLAINER) as conn:
        now = await household_facts(conn, ids, "2025-01")
        then = await household_facts_as_of(conn, ids, [one.facts_at for one in now], "2025-01")
    assert {one.facts.household_id: one.facts for one in then} == {one.facts.household_id: one.facts for one in now}


async def test_before_anything_was_recorded_nothing_was_known(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await played(db, admin, keyring, 1, steps=3)
    (household_id, *_) = [row[0] for row in await admin.fetch("SELECT household_id FROM household")]
    async with db.snapshot(EXPLAINER) as conn:
        (known,) = await household_facts_as_of(conn, [household_id], [datetime(2020, 1, 1, tzinfo=UTC)], "2019-01")
    assert (known.facts.children, known.facts.incomes, known.facts.awarded_years) == ((), {}, ())


async def test_one_household_can_be_asked_of_many_instants(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    instants = []
    for version, amount in ((1, 10_000), (2, 20_000), (3, 30_000)):
        await world.declared(db, keyring, world.declaration(version=version, incomes=[{"year": 2026, "amount": amount}]))
        instants.append(await admin.fetchval("SELECT clock_timestamp()"))
    household_id = await admin.fetchval("SELECT household_id FROM household")
    async with db.snapshot(EXPLAINER) as conn:
        known = await household_facts_as_of(conn, [household_id] * 3, instants, "2025-01")
    assert {one.facts_at: one.facts.incomes[2026] for one in known} == dict(zip(instants, (10_000, 20_000, 30_000), strict=True))
    declared_at = [one.facts.children[0].placements[0].declared_at for one in sorted(known, key=lambda one: one.facts_at)]
    assert declared_at == [row[0] for row in await admin.fetch("SELECT recorded_at FROM declaration ORDER BY declaration_version")]


async def test_what_is_current_is_still_found_by_the_indexes_of_what_is_current(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    """The statement that judges is not slower for what the other one needs."""
    await played(db, admin, keyring, 3, steps=60)
    await admin.execute("ANALYZE")
    async with db.transaction(Intake()) as conn:
        await conn.execute(f"PREPARE facts (uuid[], date) AS {CURRENT}")
        plan = "\n".join(row[0] for row in await conn.fetch("EXPLAIN EXECUTE facts (NULL, NULL)"))
        await conn.execute("DEALLOCATE facts")
    whole = re.findall(r"Seq Scan on (\w+)", plan)
    # A few rows are read as fast from an index without a key.
    few = {row[0] for row in await admin.fetch("SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples < 12")}
    unbound = set(re.findall(r"Index (?:Only )?Scan using \w+ on (\w+)[^\n]+\n(?!\s+Index Cond)", plan)) - few
    assert (whole, unbound) == ([], set()), plan
    for index in ("reported_hours_one_current", "income_one_current", "awarded_year_one_current"):
        assert index in plan, plan
