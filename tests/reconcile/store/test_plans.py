"""A batch of a delivery finds everything by key, also when its plan was made while there was no line yet and the statistics said so."""

import re

import asyncpg
import pytest

from reconcile.callers import Intake
from reconcile.keyring import Keyring
from reconcile.store import lines, parked, standing
from reconcile.store.database import Database
from tests import world

_QUERIES = {**lines.SQL, **parked.SQL, **standing.SQL}
_ARGUMENTS = {
    "insert_lines": "uuid, uuid, bigint, bigint, timestamptz, timestamptz",
    "insert_line_reports": "uuid, uuid, uuid[], integer[], uuid[], timestamptz, timestamptz",
    "corrections_to_wake": "uuid, uuid, integer, integer",
    "gaps_to_wake": "uuid, uuid, integer, integer",
    "wake_lines": "uuid, uuid, uuid[], integer[], uuid[], uuid[]",
    "keys_of_lines": "uuid, uuid, integer[]",
    "households_of_keys": "uuid[], uuid[], text[], date[]",
    "settle_keys": "uuid, uuid[], uuid[], text[], date[]",
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
        await conn.execute(f"PREPARE batch ({_ARGUMENTS[name]}) AS {_QUERIES[name]}")
        plan = "\n".join(row[0] for row in await conn.fetch(f"EXPLAIN EXECUTE batch ({arguments})"))
        await conn.execute("DEALLOCATE batch")
    if name.endswith("to_wake"):
        # Of all lines, those that wait are gone through, and only those.
        assert "line_waiting on line waiting" in plan, plan
    whole = re.findall(r"Seq Scan on (\w+)", plan)
    # The lines of one organisation may be most of all lines.
    whole += re.findall(r"on (line\S*(?: line_\w+)?)\n\s+Index Cond: \(organisation_id = \$1\)\n", plan)
    # A scan of an index without a condition reads it whole, and so does one that forbids overlaps.
    unbound = re.findall(r"Index (?:Only )?Scan using (\w+) on [^\n]+\n(?!\s+Index Cond)", plan)
    assert (whole, unbound, "one_at_a_time" in plan) == ([], [], False), plan
