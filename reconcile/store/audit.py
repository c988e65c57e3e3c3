"""Queries of `audit.sql`."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("audit")


class BrokenLink(Struct, frozen=True, kw_only=True):
    """A place in an audit chain that does not follow from what stands before it."""

    chain_id: UUID
    number: int


async def broken_household_links(conn: Connection, links_max: int) -> Sequence[BrokenLink]:
    """Return links of household chains that were altered, removed or added outside the service; empty when all is well."""
    rows = await conn.fetch(SQL["broken_household_links"], links_max)
    return [BrokenLink(chain_id=row["household_id"], number=row["number"]) for row in rows]


async def broken_pilot_links(conn: Connection, links_max: int) -> Sequence[BrokenLink]:
    """Return links of pilot chains that were altered, removed or added outside the service; empty when all is well."""
    rows = await conn.fetch(SQL["broken_pilot_links"], links_max)
    return [BrokenLink(chain_id=row["pilot_id"], number=row["number"]) for row in rows]


async def broken_organisation_links(conn: Connection, links_max: int) -> Sequence[BrokenLink]:
    """Return links of organisation chains that were altered, removed or added outside the service; empty when all is well."""
    rows = await conn.fetch(SQL["broken_organisation_links"], links_max)
    return [BrokenLink(chain_id=row["organisation_id"], number=row["number"]) for row in rows]
