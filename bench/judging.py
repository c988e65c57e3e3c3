"""Judging, beside a bare loop that reads the same facts and writes the same rows: child-years from due to judged.

Both sides begin with a copy of one database, in which a fifth of the households have a child-year that is due. The loop is given what
ours wrote in its copy: it locks, judges and renders nothing, and no policy is checked for it. In the end both hold the same rows.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from uuid import UUID

import asyncpg
from msgspec import Struct

from bench.bare import SETTINGS
from bench.measured import Measured, seconds_of
from bench.sample import DEVIATES_EVERY, apply_landed, declare_households, judge_due, land, ndjson_body, the_sender
from bench.service import Place, new_place
from local.servers import Postgres
from reconcile.store import comparisons
from reconcile.store.database import Connection
from workers.comparisons import HOUSEHOLDS_MAX

_TURNS = 6
_PROMISE = 3
# Judging the months of 2026 reads from the year before.
_FIRST_MONTH = date(2025, 1, 1)

# What judging adds for the households $1 that nobody judged before, in an order in which it can be written again.
_ADDED: Mapping[str, str] = {
    "difference": "SELECT * FROM difference WHERE household_id = ANY ($1::uuid[])",
    "difference_placement": "SELECT * FROM difference_placement WHERE household_id = ANY ($1::uuid[])",
    "difference_version": "SELECT * FROM difference_version WHERE household_id = ANY ($1::uuid[])",
    "household_audit": "SELECT link.* FROM household_audit AS link JOIN household USING (household_id)"
    " WHERE household_id = ANY ($1::uuid[]) AND number = audit_number",
}
_COUNTED = "SELECT household_id, version, audit_number, audit_hash FROM household WHERE household_id = ANY ($1::uuid[])"
_COUNT = "UPDATE household SET version = $2, audit_number = $3, audit_hash = $4 WHERE household_id = $1"
_TAKE = "DELETE FROM comparison_due WHERE household_id = ANY ($1::uuid[])"
# Every table, also those that judging has no business with.
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'kot' ORDER BY 1"
_ROWS = "SELECT count(*) AS rows, sum(hashtextextended({0}::text, 0)) AS content FROM {0}"


class _Batch(Struct, frozen=True):
    """Households that are judged together, and what that writes: rows by the statement that writes one of them."""

    household_ids: Sequence[UUID]
    rows: Mapping[str, Sequence[tuple[object, ...]]]


async def measure_judging(postgres: Postgres, folder: Path, *, judged: int) -> Sequence[Measured]:
    """Measure so many child-years on each side, in turns; one turn more warms both up."""
    place = await new_place(postgres, folder, "bench_judging")
    each = max(judged // _TURNS, 1)
    due = await _prepare(place, each * (_TURNS + 1))
    twin = await place.copied()
    db, admin = await place.doors(), await place.admin()
    bare = await asyncpg.connect(twin.url(), connection_class=Connection, server_settings=SETTINGS)
    ours_s = bare_s = 0.0
    try:
        for start in range(0, len(due), each):
            share = due[start : start + each]
            for side in (admin, bare):
                await side.copy_records_to_table("comparison_due", records=[tuple(one) for one in share])
            took_s = await seconds_of(judge_due(db))
            batches = await _written(admin, [one["household_id"] for one in share])
            bare_took_s = await seconds_of(_loop(bare, batches))
            if start:  # the first one warms up
                ours_s, bare_s = ours_s + took_s, bare_s + bare_took_s
        await _check_rows(admin, bare, len(due))
    finally:
        await bare.close()
        await admin.close()
        await db.close()
    path = f"{each * _TURNS:,} child-years judged, beside a bare loop that reads the same facts and writes the same rows"
    return (Measured(path=path, ours=ours_s, yardstick=bare_s, unit="s", promise=_PROMISE),)


async def _prepare(place: Place, due: int) -> Sequence[asyncpg.Record]:
    """Have so many child-years deviate, and take them off the list: each turn puts its share back. Returns them by household."""
    households = due * DEVIATES_EVERY
    db, admin = await place.doors(), await place.admin()
    try:
        await declare_households(db, admin, place.keyring, households)
        # What a month that begins has to mark is marked before anything is reported.
        await judge_due(db)
        await land(db, place.keyring, await the_sender(db), ndjson_body(households), "first", format_="ndjson")
        await apply_landed(db, place.keyring)
        taken = await admin.fetch("DELETE FROM comparison_due RETURNING *")
        await admin.execute("VACUUM ANALYZE")
    finally:
        await admin.close()
        await db.close()
    return sorted(taken, key=lambda one: one["household_id"])


async def _written(admin: Connection, household_ids: Sequence[UUID]) -> Sequence[_Batch]:
    """Read what judging these households wrote, in batches as ours takes them."""
    batches: list[_Batch] = []
    for start in range(0, len(household_ids), HOUSEHOLDS_MAX):
        batch = household_ids[start : start + HOUSEHOLDS_MAX]
        added = {table: await admin.fetch(query, batch) for table, query in _ADDED.items()}
        writing = {_insert(table, rows[0]): rows for table, rows in added.items()} | {_COUNT: await admin.fetch(_COUNTED, batch)}
        batches.append(_Batch(batch, {statement: [tuple(row) for row in rows] for statement, rows in writing.items()}))
    return batches


def _insert(table: str, row: asyncpg.Record) -> str:
    values = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    return f"INSERT INTO {table} ({', '.join(row.keys())}) VALUES ({values})"  # noqa: S608  # names of ours


async def _loop(bare: Connection, batches: Sequence[_Batch]) -> None:
    """Read the facts and write the rows, a transaction for each batch."""
    for batch in batches:
        async with bare.transaction():
            await bare.execute(_TAKE, batch.household_ids)
            await bare.fetch(comparisons.SQL["household_facts"], batch.household_ids, _FIRST_MONTH)
            for statement, rows in batch.rows.items():
                await bare.executemany(statement, rows)


async def _check_rows(ours: Connection, bare: Connection, judged: int) -> None:
    """Every child-year has its difference, and the two sides hold the same rows in every table that there is."""
    rows, bare_rows = await _rows(ours), await _rows(bare)
    if rows != bare_rows:
        other = {table: (counted, bare_rows[table]) for table, counted in rows.items() if counted != bare_rows[table]}
        raise AssertionError(f"the two sides do not leave the same rows: {other}")
    if {rows[table]["rows"] for table in ("difference", "difference_version")} != {judged} or rows["comparison_due"]["rows"]:
        raise AssertionError(f"not {judged} child-years were judged: what was measured is not the promised path")


async def _rows(side: Connection) -> Mapping[str, asyncpg.Record]:
    """How many rows each table has, and a sum over what they say."""
    return {name: (await side.fetch(_ROWS.format(name)))[0] for (name,) in await side.fetch(_TABLES)}
