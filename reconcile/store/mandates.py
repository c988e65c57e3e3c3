"""Queries of `mandates.sql`."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("mandates")


class Mandate(Struct, frozen=True, kw_only=True):
    """That a vendor may deliver for an organisation, both days included; it runs on without a last day."""

    vendor_oin: str
    from_on: date
    until_on: date | None
    recorded_at: datetime


async def is_mandated(conn: Connection, organisation_id: UUID) -> bool:
    """Tell whether the vendor who acts in this transaction has the mandate of an organisation today."""
    return await conn.fetchval(SQL["is_mandated"], organisation_id)


async def current_mandate(conn: Connection, organisation_id: UUID, vendor_oin: str) -> Mandate | None:
    """Return the mandate of a vendor, also one whose days are over or to come."""
    row = await conn.fetchrow(SQL["current_mandate"], organisation_id, vendor_oin)
    return None if row is None else Mandate(**row)


async def mandates_of_organisation(conn: Connection, organisation_id: UUID) -> Sequence[Mandate]:
    """Return the mandates of an organisation, by vendor."""
    return [Mandate(**row) for row in await conn.fetch(SQL["mandates_of_organisation"], organisation_id)]


async def supersede_mandate(conn: Connection, organisation_id: UUID, vendor_oin: str) -> bool:
    """End the mandate of a vendor; False when there is none."""
    return await conn.fetchval(SQL["supersede_mandate"], organisation_id, vendor_oin) is True


async def insert_mandate(conn: Connection, organisation_id: UUID, vendor_oin: str, from_on: date, until_on: date | None) -> Mandate:
    """Give a mandate; the one before is superseded."""
    row = await conn.fetchrow(SQL["insert_mandate"], organisation_id, vendor_oin, from_on, until_on)
    assert row is not None  # noqa: S101  # RETURNING of one row
    return Mandate(**row)
