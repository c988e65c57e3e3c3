"""Queries of `audit.sql`."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from msgspec import Struct

from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("audit")


class BrokenLink(Struct, frozen=True, kw_only=True, rename="camel"):
    """A place in an audit chain that does not follow from what stands before it, or an end that its holder knows otherwise."""

    chain: Literal["household", "organisation", "pilot"]
    chain_id: UUID
    number: int


async def broken_links(conn: Connection, links_max: int) -> Sequence[BrokenLink]:
    """Return links of audit chains that were altered, removed or added outside the service; empty when all is well."""
    return [BrokenLink(**row) for row in await conn.fetch(SQL["broken_links"], links_max)]
