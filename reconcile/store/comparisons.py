"""Queries of `comparisons.sql`."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from msgspec import Struct

from reconcile.rules.facts import HouseholdFacts
from reconcile.rules.months import Month, first_day
from reconcile.store.database import Connection
from reconcile.store.queries import columns, load

SQL = load("comparisons")

_FACTS = msgspec.json.Decoder(HouseholdFacts)


class ChildYear(Struct, frozen=True, kw_only=True):
    """One child in one household in one calculation year: the unit of judgement."""

    household_id: UUID
    child_id: UUID
    year: int


async def mark_comparisons(conn: Connection, touched: Sequence[ChildYear]) -> None:
    """Mark those of these child-years that are unequal somewhere in the year, or have an open difference."""
    await conn.execute(SQL["mark_comparisons"], *columns(ChildYear, touched))


async def mark_missing_lines_of_delivery(conn: Connection, organisation_id: UUID, delivery_id: UUID) -> None:
    """Mark child-years with declared care in a month that this delivery called complete, and no line for it."""
    await conn.execute(SQL["mark_missing_lines_of_delivery"], organisation_id, delivery_id)


async def mark_missing_lines_of_households(conn: Connection, household_ids: Sequence[UUID]) -> None:
    """Mark child-years of these households with declared care in a month that was called complete, and no line for it."""
    await conn.execute(SQL["mark_missing_lines_of_households"], household_ids)


async def reported_child_years(conn: Connection, household_ids: Sequence[UUID]) -> Sequence[ChildYear]:
    """Return every child-year of these households with a report or an open difference."""
    return [ChildYear(**row) for row in await conn.fetch(SQL["reported_child_years"], household_ids)]


async def lock_due_households(conn: Connection, households_max: int) -> dict[UUID, int]:
    """Lock, without waiting, at most so many households that have something to judge; return their versions."""
    return {row["household_id"]: row["version"] for row in await conn.fetch(SQL["lock_due_households"], households_max)}


async def take_due_comparisons(conn: Connection, household_ids: Sequence[UUID]) -> Sequence[ChildYear]:
    """Take off the list what is due for these locked households, and return it."""
    return [ChildYear(**row) for row in await conn.fetch(SQL["take_due_comparisons"], household_ids)]


async def postpone_comparisons(conn: Connection, household_id: UUID, error: str) -> None:
    """Try this household again later, each time later; `error` is the class of what went wrong."""
    await conn.execute(SQL["postpone_comparisons"], household_id, error)


async def household_facts(conn: Connection, household_ids: Sequence[UUID], from_month: Month) -> Sequence[HouseholdFacts]:
    """Return what is known about these households, with reports since `from_month`."""
    rows = await conn.fetch(SQL["household_facts"], household_ids, first_day(from_month))
    return [_FACTS.decode(row["facts"]) for row in rows]
