"""Queries of `disclosed.sql`."""

from collections.abc import AsyncIterator
from uuid import UUID

from msgspec import Struct

from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("disclosed")
# Rows on their way from the store at once: a version of a difference has some kilobytes.
_PREFETCHED = 50


class HeldRow(Struct, frozen=True, kw_only=True):
    """One row that is held of a household: the part of the export that it belongs to, and the row as JSON text."""

    section: str
    document: str


async def household_overview(conn: Connection, household_id: UUID, phones_of: UUID | None, newest_max: int) -> str | None:
    """Return what is held of a household at a glance, with the phones of one parent: JSON text. None when it is not there."""
    return await conn.fetchval(SQL["household_overview"], household_id, phones_of, newest_max)


async def rows_of_household(conn: Connection, household_id: UUID, phones_of: UUID | None) -> AsyncIterator[HeldRow]:
    """Yield everything that is held of a household, with the phones of one parent, within a transaction; some rows at a time."""
    async for row in conn.cursor(SQL["rows_of_household"], household_id, phones_of, prefetch=_PREFETCHED):
        yield HeldRow(**row)
