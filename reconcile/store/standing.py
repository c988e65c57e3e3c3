"""Queries of `standing.sql`."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from msgspec import Struct

from reconcile.store.database import Connection
from reconcile.store.deliveries import ClaimedDelivery
from reconcile.store.queries import columns, load

SQL = load("standing")


class LineKey(Struct, frozen=True, kw_only=True):
    """What a line is about: at most one line of an organisation stands for it."""

    parent_id: UUID
    child_id: UUID
    lrk_number: str
    month: date


async def keys_of_lines(conn: Connection, claimed: ClaimedDelivery, line_numbers: Sequence[int]) -> Sequence[LineKey]:
    """Return what these lines of a delivery are about, and what they replace."""
    rows = await conn.fetch(SQL["keys_of_lines"], claimed.organisation_id, claimed.delivery_id, line_numbers)
    return [LineKey(**row) for row in rows]


async def households_of_keys(conn: Connection, keys: Sequence[LineKey]) -> Sequence[UUID]:
    """Return the households that lines with these keys may belong to, in ascending order."""
    return [row["household_id"] for row in await conn.fetch(SQL["households_of_keys"], *columns(LineKey, keys))]


async def settle_keys(conn: Connection, organisation_id: UUID, keys: Sequence[LineKey]) -> None:
    """Let stand of these keys what must stand, and nothing else."""
    await conn.execute(SQL["settle_keys"], organisation_id, *columns(LineKey, keys))
