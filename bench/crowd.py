"""Many organisations deliver at once about the same households; two workers share the work and a phone goes on pulling."""

import asyncio
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from time import perf_counter

import httpx
import msgspec

from bench.measured import Measured
from bench.sample import declare_households, land
from bench.service import Place, bearers, new_place, serving
from bench.working import working
from local.servers import Postgres
from reconcile.callers import Sender
from reconcile.register import import_register
from reconcile.rules.bsn import marked_bsn
from reconcile.rules.register_file import Holder, RegisteredLocation, RegisterSnapshot
from reconcile.store.register import organisation_by_oin

_LINES = 400
_HOUSEHOLDS = 2_000
_FIRST_LRK = 3_000_000
_FIRST_KVK = 70_000_000
# As long as a parent's request may take at all: a phone that waits longer is not being answered.
_PULL_S = 5.0
_LOOK_EVERY_S = 0.05


async def measure_crowd(postgres: Postgres, folder: Path, *, deliveries: int) -> Sequence[Measured]:
    """Measure how many of so many deliveries of 400 lines, each of its own organisation, two workers apply without any error."""
    place = await new_place(postgres, folder, "bench_crowd")
    await _prepare(place, deliveries)
    keyring = place.keys
    url = place.url("kot_intake")
    async with serving(place, parents=1) as at, working(url, keyring) as one, working(url, keyring) as other:
        name, _, value = (await bearers(at.issuer, [0]))[0].partition(": ")
        pulls: list[float] = []
        pulling = asyncio.create_task(_pull(f"{at.api}/v1/sync/placements?schemaVersion=1", {name: value}, pulls))
        await asyncio.gather(one.order("deliveries"), other.order("deliveries"))
        if pulling.done():
            await pulling  # it ends by an error alone
        pulling.cancel()
        memory_mb = max([float(await worker.order("memory")) for worker in (one, other)])
    smooth = await _applied_at_once(place)
    return (
        Measured(
            path=f"{deliveries:,} deliveries of {_LINES} lines at once, two workers: applied without error or deadlock",
            ours=smooth,
            yardstick=deliveries,
            unit="",
            promise=1,
        ),
        Measured(
            path="the slowest pull of a phone meanwhile, beside its deadline", ours=max(pulls), yardstick=_PULL_S, unit="s", promise=1
        ),
        Measured(path="memory of these workers, beside 300 MB", ours=memory_mb, yardstick=300, unit="MB", promise=1),
    )


async def _prepare(place: Place, deliveries: int) -> None:
    db, admin = await place.doors(), await place.admin()
    try:
        await declare_households(db, admin, place.keyring, _HOUSEHOLDS)
        async with admin.transaction():
            await import_register(admin, _register(deliveries), content_sha256=b"crowd", as_of=date(2026, 1, 1), oin_prefix="00000099")
        for number in range(deliveries):
            async with db.snapshot(Sender(oin="")) as conn:
                sender = await organisation_by_oin(conn, f"00000099{_FIRST_KVK + number}0000")
            if sender is None:
                raise AssertionError("the register lacks a sender")
            await land(db, place.keyring, sender, _body(number), f"r{number}")
        await admin.execute("ANALYZE")
    finally:
        await admin.close()
        await db.close()


def _register(organisations: int) -> RegisterSnapshot:
    kvk_numbers = [str(_FIRST_KVK + number) for number in range(organisations)]
    return RegisterSnapshot(
        locations=tuple(
            RegisteredLocation(
                lrk_number=marked_bsn(_FIRST_LRK + number),
                care_type="KDV",
                name="Locatie",
                registered_on=date(2015, 1, 1),
                is_registered=True,
                holder_name="Houder",
                holder_kvk_number=kvk_number,
                agencies=(),
            )
            for number, kvk_number in enumerate(kvk_numbers)
        ),
        holders=tuple(Holder(kvk_number=kvk_number, name="Houder") for kvk_number in kvk_numbers),
        holdings=tuple((marked_bsn(_FIRST_LRK + number), kvk_number) for number, kvk_number in enumerate(kvk_numbers)),
    )


def _body(number: int) -> bytes:
    """Lines about households that other deliveries speak of as well: that is where two workers meet."""
    households = [(number * 7 + place) % _HOUSEHOLDS for place in range(_LINES)]
    lines = [
        {
            "parentBsn": marked_bsn(household * 2),
            "childBsn": marked_bsn(household * 2 + 1),
            "lrkNumber": marked_bsn(_FIRST_LRK + number),
            "month": "2026-03",
            "hours": "40.00",
            "hourlyRate": "10.00",
        }
        for household in households
    ]
    return msgspec.json.encode({"createdAt": "2026-07-10T09:00:00Z", "lines": lines})


async def _pull(url: str, headers: dict[str, str], took_s: list[float]) -> None:
    async with httpx.AsyncClient(timeout=_PULL_S) as http:
        while True:
            began = perf_counter()
            (await http.get(url, headers=headers)).raise_for_status()
            took_s.append(perf_counter() - began)
            await asyncio.sleep(_LOOK_EVERY_S)


async def _applied_at_once(place: Place) -> int:
    """How many deliveries were applied at the first attempt; none when the server counted a deadlock."""
    admin = await place.admin()
    try:
        deadlocks = await admin.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        applied = await admin.fetchval("SELECT count(*) FROM delivery WHERE state = 'applied' AND attempts = 1 AND last_error IS NULL")
        return 0 if deadlocks else int(applied)
    finally:
        await admin.close()
