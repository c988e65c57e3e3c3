"""Queries of `expected.sql`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from uuid import UUID

from msgspec import Struct

from reconcile.rules.expected import LocationMonth
from reconcile.rules.months import Month, first_day, previous_month
from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("expected")


class Deliverer(Struct, frozen=True, kw_only=True):
    """An organisation as a sender of deliveries: the last of them, and the last month of which a line stands or waits."""

    organisation_id: UUID
    oin: str
    name: str
    last_received_at: datetime | None
    last_state: str | None
    last_unreadable_at: datetime | None
    last_success_at: datetime | None
    last_failure_at: datetime | None
    last_month: Month | None


class VendorOutcome(Struct, frozen=True, kw_only=True):
    """When a vendor last succeeded, and when a delivery of it last could not be read or was refused at the door."""

    vendor_oin: str
    last_success_at: datetime | None
    last_failure_at: datetime | None


async def location_months(
    conn: Connection, organisation_ids: Sequence[UUID] | None, month: Month
) -> Mapping[UUID, Sequence[LocationMonth]]:
    """Return the locations that each organisation holds in a month, with their lines in it and in the month before."""
    rows = await conn.fetch(SQL["location_months"], organisation_ids, first_day(month), first_day(previous_month(month)))
    return {
        organisation_id: [
            LocationMonth(
                lrk_number=row["lrk_number"], lines=row["lines"], lines_before=row["lines_before"], is_complete=row["is_complete"]
            )
            for row in of_one
        ]
        for organisation_id, of_one in groupby(rows, key=lambda row: row["organisation_id"])
    }


async def senders(conn: Connection, organisation_ids: Sequence[UUID] | None) -> Sequence[Deliverer]:
    """Return organisations with what is known of their deliveries, by name."""
    return [Deliverer(**row) for row in await conn.fetch(SQL["senders"], organisation_ids)]


async def vendor_outcomes(conn: Connection, vendor_oins: Sequence[str]) -> Sequence[VendorOutcome]:
    """Return when each of these vendors last succeeded and failed, whoever it delivered for."""
    return [VendorOutcome(**row) for row in await conn.fetch(SQL["vendor_outcomes"], vendor_oins)]


async def current_mandates(conn: Connection) -> Sequence[tuple[UUID, str]]:
    """Return which organisation is served by which vendor today, by vendor."""
    return [(row["organisation_id"], row["vendor_oin"]) for row in await conn.fetch(SQL["current_mandates"])]
