"""Queries of `register.sql`."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from msgspec import Struct

from reconcile.callers import Organisation
from reconcile.rules.register_file import RegisteredLocation
from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("register")


class LocationStand(Struct, frozen=True, kw_only=True):
    """What the register says of one location in one month, or at any time, for one organisation.

    `fault` is the code of what keeps it from reporting; one that the register does not have has no care type.
    """

    lrk_number: str
    month: date | None
    care_type: str | None
    fault: str | None


async def organisation_by_oin(conn: Connection, oin: str) -> Organisation | None:
    """Return the organisation that this OIN names; None when the register has no such holder."""
    row = await conn.fetchrow(SQL["organisation_by_oin"], oin)
    return None if row is None else Organisation(**row)


async def oin_of_organisation(conn: Connection, organisation_id: UUID) -> str:
    """Return the OIN of an organisation of the register."""
    return await conn.fetchval(SQL["oin_of_organisation"], organisation_id)


async def stand_of_locations(
    conn: Connection, organisation_id: UUID, lrk_numbers: Sequence[str], months: Sequence[date | None]
) -> Sequence[LocationStand]:
    """Return how these locations and months, in step, stand for this organisation."""
    return [LocationStand(**row) for row in await conn.fetch(SQL["stand_of_locations"], organisation_id, lrk_numbers, months)]


async def upsert_organisations(conn: Connection, oins: Sequence[str], kvk_numbers: Sequence[str], names: Sequence[str]) -> None:
    """Add the holders that are new, by their KvK number; the three sequences run in step."""
    await conn.execute(SQL["upsert_organisations"], oins, kvk_numbers, names)


async def mark_sandbox(conn: Connection, kvk_numbers: Sequence[str]) -> None:
    """Mark holders as made up: what they deliver reaches no household."""
    await conn.execute(SQL["mark_sandbox"], kvk_numbers)


async def upsert_locations(conn: Connection, locations: Sequence[RegisteredLocation], as_of: date) -> None:
    """Add or renew locations; one that is no longer registered ended on `as_of` at the latest."""
    await conn.execute(
        SQL["upsert_locations"],
        [location.lrk_number for location in locations],
        [location.care_type for location in locations],
        [location.name for location in locations],
        [location.registered_on for location in locations],
        [location.is_registered for location in locations],
        as_of,
    )


async def end_holdings(conn: Connection, lrk_numbers: Sequence[str], kvk_numbers: Sequence[str], as_of: date) -> None:
    """End what the snapshot contradicts; location and holder run in step, an agency's childminder has a pair for each agency."""
    await conn.execute(SQL["end_holdings"], lrk_numbers, kvk_numbers, as_of)


async def begin_holdings(conn: Connection, lrk_numbers: Sequence[str], kvk_numbers: Sequence[str], as_of: date) -> None:
    """Begin what the snapshot shows and is not known yet; location and holder run in step."""
    await conn.execute(SQL["begin_holdings"], lrk_numbers, kvk_numbers, as_of)


async def record_register_import(conn: Connection, content_sha256: bytes, as_of: date, location_count: int) -> None:
    """Remember which snapshot was read."""
    await conn.execute(SQL["record_register_import"], content_sha256, as_of, location_count)
