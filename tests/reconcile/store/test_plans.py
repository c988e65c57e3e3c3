"""A batch of a delivery finds everything by key, also when its plan was made while there was no line yet and the statistics said so."""

import re

import asyncpg
import pytest

from reconcile.callers import Intake
from reconcile.keyring import Keyring
from reconcile.store import lines
from reconcile.store.database import Database
from tests import world

_ARGUMENTS = {
    "insert_lines": "uuid, uuid, bigint, bigint, timestamptz, timestamptz",
    "insert_line_reports": "uuid, uuid, uuid[], integer[], uuid[], timestamptz, timestamptz",
}


@pytest.mark.parametrize("delivered", [False, True])
@pytest.mark.parametrize("name", list(_ARGUMENTS))
async def test_a_batch_looks_up_by_key(db: Database, admin: asyncpg.Connection, keyring: Keyring, name: str, delivered: bool) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)
    if delivered:
        await world.delivered(db, keyring, *(world.line(month=f"2026-0{month}") for month in range(1, 7)))
    await admin.execute("ANALYZE")
    arguments = ", ".join(["NULL"] * (_ARGUMENTS[name].count(",") + 1))
    async with db.transaction(Intake()) as conn:
        await conn.execute(f"PREPARE batch ({_ARGUMENTS[name]}) AS {lines.SQL[name]}")
        plan = "\n".join(row[0] for row in await conn.fetch(f"EXPLAIN EXECUTE batch ({arguments})"))
        await conn.execute("DEALLOCATE batch")
    whole = re.findall(r"Seq Scan on (\w+)", plan)
    # A scan of an index without a condition reads it whole, and so does one that forbids overlaps.
    unbound = re.findall(r"Index (?:Only )?Scan using (\w+) on [^\n]+\n(?!\s+Index Cond)", plan)
    assert (whole, unbound, "one_at_a_time" in plan) == ([], [], False), plan
