"""The register follows snapshots: who holds a location is known from when until when."""

from datetime import date

import asyncpg

from reconcile.store.database import Database
from tests import world


async def holdings(admin: asyncpg.Connection) -> list[tuple[str, date, date | None]]:
    rows = await admin.fetch(
        "SELECT kvk_number, from_on, until_on FROM location_holding JOIN organisation USING (organisation_id)"
        " WHERE lrk_number = $1 ORDER BY from_on",
        world.KDV,
    )
    return [tuple(row) for row in rows]


async def test_reading_a_snapshot_twice_changes_nothing(db: Database, admin: asyncpg.Connection) -> None:
    await world.with_register(admin)
    await world.with_register(admin)
    assert await holdings(admin) == [("00000011", date(2015, 1, 1), None)]


async def test_a_new_holder_begins_where_the_old_one_ends(db: Database, admin: asyncpg.Connection) -> None:
    await world.with_register(admin)
    await world.with_register(admin, world.snapshot([world.location(world.KDV, "KDV", "00000012")]), as_of=date(2026, 6, 1))
    assert await holdings(admin) == [("00000011", date(2015, 1, 1), date(2026, 5, 31)), ("00000012", date(2026, 6, 1), None)]


async def test_a_location_that_is_no_longer_registered_ends_on_the_day_it_is_first_seen_so(db: Database, admin: asyncpg.Connection) -> None:
    await world.with_register(admin)
    gone = world.snapshot([world.location(world.KDV, "KDV", "00000011", is_registered=False)])
    await world.with_register(admin, gone, as_of=date(2026, 6, 1))
    await world.with_register(admin, gone, as_of=date(2026, 7, 1))
    assert await admin.fetchval("SELECT deregistered_on FROM location WHERE lrk_number = $1", world.KDV) == date(2026, 6, 1)
