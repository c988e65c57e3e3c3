"""Queries of `verification.sql`."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from reconcile.store.comparisons import ChildYear
from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("verification")


class HouseholdToVerify(Struct, frozen=True, kw_only=True):
    """A household, and when anything of it last changed; None when nothing ever did."""

    household_id: UUID
    changed_at: datetime | None


class OpenDifference(Struct, frozen=True, kw_only=True):
    """An open difference as it stands. `proposal`, `explanation` and `effect` are JSON text."""

    household_id: UUID
    difference_id: UUID
    child_id: UUID
    year: int
    kind: str
    proposal: str | None
    route: str | None
    explanation: str
    effect: str
    rules_version: str
    judged_at: datetime
    facts_at: datetime


class BrokenRule(Struct, frozen=True, kw_only=True):
    """A rule of what is stored that does not hold, of a household and of what in it."""

    rule: str
    household_id: UUID
    subject_id: UUID | None


class CountedDelivery(Struct, frozen=True, kw_only=True):
    """A delivery, and whether its counts are those of its lines."""

    organisation_id: UUID
    delivery_id: UUID
    is_whole: bool


async def household_count(conn: Connection) -> int:
    """Return how many households there are."""
    return await conn.fetchval(SQL["household_count"])


async def households_after(conn: Connection, after: UUID | None, households_max: int) -> Sequence[HouseholdToVerify]:
    """Return the next households in the order of their numbers."""
    return [HouseholdToVerify(**row) for row in await conn.fetch(SQL["households_after"], after, households_max)]


async def open_differences_of_households(conn: Connection, household_ids: Sequence[UUID]) -> Sequence[OpenDifference]:
    """Return what is open in these households."""
    return [OpenDifference(**row) for row in await conn.fetch(SQL["open_differences_of_households"], household_ids)]


async def child_years_to_verify(conn: Connection, household_ids: Sequence[UUID]) -> Sequence[ChildYear]:
    """Return every child-year of these households of which the judgement could say something, but those that wait for it."""
    return [ChildYear(**row) for row in await conn.fetch(SQL["child_years_to_verify"], household_ids)]


async def waiting_count_of_households(conn: Connection, household_ids: Sequence[UUID]) -> int:
    """Return how many child-years of these households wait to be judged."""
    return await conn.fetchval(SQL["waiting_count_of_households"], household_ids)


async def broken_rules_of_households(conn: Connection, household_ids: Sequence[UUID]) -> Sequence[BrokenRule]:
    """Return what does not hold of what is stored of these households."""
    return [BrokenRule(**row) for row in await conn.fetch(SQL["broken_rules_of_households"], household_ids)]


async def broken_deliveries(conn: Connection, after: tuple[UUID, UUID] | None, deliveries_max: int) -> Sequence[CountedDelivery]:
    """Count the lines of the next deliveries in the order of (organisation, delivery)."""
    organisation_id, delivery_id = after or (None, None)
    rows = await conn.fetch(SQL["broken_deliveries"], organisation_id, delivery_id, deliveries_max)
    return [CountedDelivery(**row) for row in rows]
