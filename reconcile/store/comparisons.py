"""Queries of `comparisons.sql`."""

import re
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record
from msgspec import Struct

from reconcile.rules.facts import HouseholdFacts
from reconcile.rules.months import LAST_MONTH, Month, first_day
from reconcile.store.as_of import as_of
from reconcile.store.database import Connection
from reconcile.store.queries import columns, load

SQL = load("comparisons")

_FACTS = msgspec.json.Decoder(HouseholdFacts)
_FACTS_AS_OF = as_of(SQL["household_facts"])
# What a household may read of itself: what organisations called complete is not theirs.
_COMPLETE = re.compile(r"'complete_months', \(\s+SELECT .*?FROM completeness.*?\n\s+\)\n", re.DOTALL)
_CARE, _WITHOUT = _COMPLETE.subn("'complete_months', '[]'::jsonb\n", SQL["household_facts"])
if _WITHOUT != 1:
    raise ValueError("the statement no longer says 'complete_months'")


class ChildYear(Struct, frozen=True, kw_only=True):
    """One child in one household in one calculation year: the unit of judgement."""

    household_id: UUID
    child_id: UUID
    year: int


class KnownFacts(Struct, frozen=True, kw_only=True):
    """What is known about one household, and the instant at which it was: read again as of then, it is the same."""

    facts_at: datetime
    facts: HouseholdFacts


async def mark_comparisons(conn: Connection, touched: Sequence[ChildYear]) -> None:
    """Mark those of these child-years that are unequal somewhere in the year, or have an open difference."""
    await conn.execute(SQL["mark_comparisons"], *columns(ChildYear, touched))


async def mark_child_year_of_difference(conn: Connection, household_id: UUID, difference_id: UUID) -> None:
    """Mark the child-year of a difference, whether or not anything of it is unequal. The household is locked."""
    await conn.execute(SQL["mark_child_year_of_difference"], household_id, difference_id)


async def mark_missing_lines_of_delivery(conn: Connection, organisation_id: UUID, delivery_id: UUID) -> None:
    """Mark child-years with declared care in a month that this delivery called complete, and no line for it.

    Locks their households: callers hold the matching lock, as everybody does who locks several.
    """
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


async def lock_completeness(conn: Connection) -> None:
    """Before what is called complete changes: wait for those who judge, and keep them off until this transaction ends."""
    await conn.execute(SQL["lock_completeness"])


async def lock_completeness_shared(conn: Connection) -> bool:
    """Keep what is called complete as it is until this transaction ends; False, without waiting, when it is changing."""
    return await conn.fetchval(SQL["lock_completeness_shared"])


async def household_facts(conn: Connection, household_ids: Sequence[UUID], from_month: Month) -> Sequence[KnownFacts]:
    """Return what is known about these households, with reports since `from_month`.

    What a judgement keeps of it needs the household's lock and that of completeness, so that `facts_at` tells exactly what was read.
    """
    rows = await conn.fetch(SQL["household_facts"], household_ids, first_day(from_month))
    return [_known(row) for row in rows]


async def household_care(conn: Connection, household_id: UUID) -> HouseholdFacts:
    """Return by what the effect on a household is computed, read by its own parent: all but reports and what was called complete."""
    row = await conn.fetchrow(_CARE, [household_id], first_day(LAST_MONTH))
    assert row is not None  # noqa: S101  # a parent has a household
    return _FACTS.decode(row["facts"])


async def household_facts_as_of(
    conn: Connection, household_ids: Sequence[UUID], instants: Sequence[datetime], from_month: Month
) -> Sequence[KnownFacts]:
    """Return what was known about these households, each as of its own instant, in step; one may be asked for more than once.

    Names of locations and organisations are those of now: nothing is judged by them.
    """
    rows = await conn.fetch(_FACTS_AS_OF, household_ids, first_day(from_month), instants)
    return [_known(row) for row in rows]


def _known(row: Record) -> KnownFacts:
    return KnownFacts(facts_at=row["facts_at"], facts=_FACTS.decode(row["facts"]))
