"""Queries of `postponements.sql`."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from reconcile.store.database import Connection
from reconcile.store.notices import DifferenceKey
from reconcile.store.queries import columns, load

SQL = load("postponements")


async def lock_due_households(conn: Connection, today: date, households_max: int) -> Sequence[UUID]:
    """Lock at most so many households with something that was postponed until today or an earlier day, those that nobody holds."""
    return [row["household_id"] for row in await conn.fetch(SQL["lock_due_households"], today, households_max)]


async def reopen_differences(conn: Connection, household_ids: Sequence[UUID], today: date) -> Sequence[DifferenceKey]:
    """Open what is due of these households under their next versions, and end its postponements; the households are locked."""
    return [DifferenceKey(**row) for row in await conn.fetch(SQL["reopen_differences"], household_ids, today)]


async def end_postponements(conn: Connection, of: Sequence[DifferenceKey]) -> None:
    """End the postponements of these differences that stand, under the next versions of their households, which are locked."""
    if of:
        await conn.execute(SQL["end_postponements"], *columns(DifferenceKey, of))
