"""Queries of `placements.sql`."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from reconcile.rules.facts import Segment
from reconcile.store.database import Connection
from reconcile.store.queries import columns, load

SQL = load("placements")
_SEGMENTS = msgspec.json.Decoder(tuple[Segment, ...])


class Placement(Struct, frozen=True, kw_only=True):
    """One child of one household at one location."""

    household_id: UUID
    placement_id: UUID
    child_id: UUID
    lrk_number: str


class DeclaredThen(Struct, frozen=True, kw_only=True):
    """What TVS declared for a placement at an instant; without any segment nothing."""

    end_on: date | None
    segments: tuple[Segment, ...]


class PlacementKey(Struct, frozen=True, kw_only=True):
    """The root row of a placement."""

    household_id: UUID
    placement_id: UUID


class NewPlacement(Struct, frozen=True, kw_only=True):
    """A placement to be there, under the version that its household is about to get."""

    household_id: UUID
    child_id: UUID
    lrk_number: str
    version: int


class StatedPlacement(Struct, frozen=True, kw_only=True):
    """That TVS has a placement, with its first and last day of care when given."""

    household_id: UUID
    placement_id: UUID
    start_on: date | None
    end_on: date | None


class StatedSegment(Struct, frozen=True, kw_only=True):
    """Declared hours as a declaration states them; months are first days."""

    household_id: UUID
    placement_id: UUID
    from_month: date
    until_month: date | None
    hours_hundredths: int
    hourly_rate_cents: int


async def insert_placements(conn: Connection, placements: Sequence[NewPlacement]) -> None:
    """Add the placements that are new; those that are there stay as they are."""
    await conn.execute(SQL["insert_placements"], *columns(NewPlacement, placements))


async def placements_of_households(conn: Connection, household_ids: Sequence[UUID]) -> Sequence[Placement]:
    """Return every placement of these households, tombstones too."""
    return [Placement(**row) for row in await conn.fetch(SQL["placements_of_households"], household_ids)]


async def unknown_locations(conn: Connection, lrk_numbers: Sequence[str]) -> frozenset[str]:
    """Return the LRK numbers that the register does not have."""
    return frozenset(row["lrk_number"] for row in await conn.fetch(SQL["unknown_locations"], lrk_numbers))


async def supersede_declared_placements(conn: Connection, household_ids: Sequence[UUID], stated: Sequence[StatedPlacement]) -> None:
    """End what TVS no longer has for these households."""
    await conn.execute(SQL["supersede_declared_placements"], household_ids, *columns(StatedPlacement, stated))


async def insert_declared_placements(conn: Connection, stated: Sequence[StatedPlacement]) -> None:
    """Begin what TVS has and was not current."""
    await conn.execute(SQL["insert_declared_placements"], *columns(StatedPlacement, stated))


async def supersede_declared_segments(conn: Connection, household_ids: Sequence[UUID], stated: Sequence[StatedSegment]) -> None:
    """End the declared hours of these households that are no longer stated."""
    await conn.execute(SQL["supersede_declared_segments"], household_ids, *columns(StatedSegment, stated))


async def insert_declared_segments(conn: Connection, stated: Sequence[StatedSegment]) -> None:
    """Begin the declared hours that are stated and not current."""
    await conn.execute(SQL["insert_declared_segments"], *columns(StatedSegment, stated))


async def declared_as_of(
    conn: Connection, household_id: UUID, placement_ids: Sequence[UUID], instant: datetime | None = None
) -> Mapping[UUID, DeclaredThen]:
    """Return by placement what TVS declared at an instant; without one, what it declares now."""
    rows = await conn.fetch(SQL["declared_as_of"], household_id, placement_ids, instant)
    return {row["placement_id"]: DeclaredThen(end_on=row["end_on"], segments=_SEGMENTS.decode(row["segments"])) for row in rows}


async def end_processed_overlays(conn: Connection, household_ids: Sequence[UUID]) -> Sequence[PlacementKey]:
    """End the overlays of changes that stand in the declaration these households have now; return the placements they lay over."""
    return list({PlacementKey(**row) for row in await conn.fetch(SQL["end_processed_overlays"], household_ids)})


async def insert_reported_placements(conn: Connection, household_ids: Sequence[UUID]) -> None:
    """Add a placement for care of these households that only an organisation reports."""
    await conn.execute(SQL["insert_reported_placements"], household_ids)


async def supersede_reported_hours(conn: Connection, household_ids: Sequence[UUID]) -> Sequence[PlacementKey]:
    """End reports that no longer belong to these households; return the placements they hung on."""
    return [PlacementKey(**row) for row in await conn.fetch(SQL["supersede_reported_hours"], household_ids)]


async def insert_reported_hours(conn: Connection, household_ids: Sequence[UUID]) -> Sequence[PlacementKey]:
    """Begin reports that were waiting for these households; return the placements they hang on."""
    return [PlacementKey(**row) for row in await conn.fetch(SQL["insert_reported_hours"], household_ids)]


async def touch_placements(conn: Connection, placements: Sequence[PlacementKey]) -> None:
    """Give these placements the version that their household is about to get, and tell tombstones."""
    await conn.execute(SQL["touch_placements"], *columns(PlacementKey, placements))
