"""Queries of `marking.sql`."""

from uuid import UUID

from msgspec import Struct

from reconcile.rules.months import Month, first_day
from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("marking")


class Marking(Struct, frozen=True, kw_only=True):
    """How far the households were marked."""

    number: int
    marked_until: UUID | None


async def insert_month(conn: Connection, month: Month) -> None:
    """Have every household marked because a month began; nothing happens when it, or a later one, was noted before."""
    await conn.execute(SQL["insert_month"], first_day(month))


async def lock_marking(conn: Connection) -> Marking | None:
    """Lock the oldest marking that is not done; None without any, or when another worker has it."""
    row = await conn.fetchrow(SQL["lock_marking"])
    return None if row is None else Marking(**row)


async def is_marking(conn: Connection) -> bool:
    """Tell whether an activation or a month is so new that not every household was marked to be judged by it."""
    return await conn.fetchval(SQL["is_marking"])


async def record_marked(conn: Connection, number: int, marked_until: UUID | None, *, is_done: bool) -> None:
    """Remember the last household that was marked."""
    await conn.execute(SQL["record_marked"], number, marked_until, is_done)
