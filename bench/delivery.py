"""A delivery, from its first byte to judged differences, beside COPY of the rows that it leaves behind."""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter

from msgspec import Struct

from bench.measured import Measured
from bench.sample import DEVIATES_EVERY, MONTHS, declare_households, land, ndjson_body, the_sender
from bench.service import Place, new_place
from bench.working import working
from local.servers import Postgres
from reconcile.store.database import Connection, Database, Role

_LOOK_EVERY_S = 0.05


class _Alone(Struct, frozen=True, kw_only=True):
    """One worker: to outcomes and candidates, beside COPY; on to judged differences, and the same content again."""

    outcomes_s: float
    copy_s: float
    judged_s: float
    again_s: float
    memory_mb: float


class _Together(Struct, frozen=True, kw_only=True):
    """Two workers, one of which judges what the other finds."""

    judged_s: float
    memory_mb: float


async def measure_delivery(postgres: Postgres, folder: Path, *, lines: int) -> Sequence[Measured]:
    """Measure a delivery of so many lines, a fifth of the placements deviating: by one worker, by two, and the same content again."""
    households = lines // len(MONTHS)
    place = await new_place(postgres, folder, "bench_delivery")
    async with _doors(place) as (db, admin):
        await declare_households(db, admin, place.keyring, households)
    # Copied before anything is delivered.
    twin = await place.copied()
    body = ndjson_body(households)
    alone = await _alone(place, body, households)
    together = await _together(twin, body, households)
    what = f"delivery of {lines:,} lines"
    return (
        Measured(
            path=f"{what}, to outcomes and candidates, one worker", ours=alone.outcomes_s, yardstick=alone.copy_s, unit="s", promise=5
        ),
        Measured(path=f"{what}, to judged differences, two workers", ours=together.judged_s, yardstick=alone.copy_s, unit="s", promise=5),
        Measured(
            path="the same content again, beside the first time", ours=alone.again_s, yardstick=alone.judged_s, unit="s", promise=1 / 3
        ),
        Measured(
            path="memory of a worker meanwhile, beside 300 MB",
            ours=max(alone.memory_mb, together.memory_mb),
            yardstick=300,
            unit="MB",
            promise=1,
        ),
    )


async def _alone(place: Place, body: bytes, households: int) -> _Alone:
    async with _doors(place) as (db, admin), working(place.url(Role.INTAKE.value), place.keys) as worker:
        sender = await the_sender(db)
        began = perf_counter()
        await land(db, place.keyring, sender, body, "first", format_="ndjson")
        await worker.order("deliveries")
        outcomes_s = perf_counter() - began
        await worker.order("comparisons")
        judged_s = perf_counter() - began
        await _was_the_promised_path(admin, households)
        copy_s = await _copy(admin)
        began = perf_counter()
        await land(db, place.keyring, sender, body, "second", format_="ndjson")
        await worker.order("deliveries")
        await worker.order("comparisons")
        again_s = perf_counter() - began
        memory_mb = float(await worker.order("memory"))
    return _Alone(outcomes_s=outcomes_s, copy_s=copy_s, judged_s=judged_s, again_s=again_s, memory_mb=memory_mb)


async def _together(place: Place, body: bytes, households: int) -> _Together:
    url, keys = place.url(Role.INTAKE.value), place.keys
    async with _doors(place) as (db, admin), working(url, keys) as applying, working(url, keys) as judging:
        began = perf_counter()
        await land(db, place.keyring, await the_sender(db), body, "first", format_="ndjson")
        applied = asyncio.create_task(applying.order("deliveries"))
        while not applied.done():
            # Woken as a worker is: by what a batch may have found.
            await asyncio.wait([applied], timeout=_LOOK_EVERY_S)
            await judging.order("comparisons")
        await applied
        await judging.order("comparisons")
        judged_s = perf_counter() - began
        await _was_the_promised_path(admin, households)
        memory_mb = max([float(await worker.order("memory")) for worker in (applying, judging)])
    return _Together(judged_s=judged_s, memory_mb=memory_mb)


@asynccontextmanager
async def _doors(place: Place) -> AsyncIterator[tuple[Database, Connection]]:
    """Connect as every login role, and as who may see everything."""
    db, admin = await place.doors(), await place.admin()
    try:
        yield db, admin
    finally:
        await admin.close()
        await db.close()


async def _was_the_promised_path(admin: Connection, households: int) -> None:
    found = await admin.fetchval("SELECT count(*) FROM difference")
    if found != len(range(0, households, DEVIATES_EVERY)):
        raise AssertionError(f"{found} differences were found: what was measured is not the promised path")


async def _copy(admin: Connection) -> float:
    """Time COPY of the lines and reports that stand now, into empty tables with the same indexes and checks."""
    content: dict[str, bytes] = {}
    for table in ("line", "reported_hours"):
        out = io.BytesIO()
        await admin.copy_from_table(table, output=out, format="binary")
        content[table] = out.getvalue()
        await admin.execute(f"CREATE TABLE {table}_yardstick (LIKE {table} INCLUDING ALL)")
    began = perf_counter()
    for table, rows in content.items():
        await admin.copy_to_table(f"{table}_yardstick", source=io.BytesIO(rows), format="binary")
    return perf_counter() - began
