"""Queries of `people.sql`."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from reconcile.callers import Parent
from reconcile.rules.months import Month, first_day
from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("people")


async def unknown_indexes(conn: Connection, indexes: Sequence[bytes]) -> Sequence[bytes]:
    """Return the indexes that belong to nobody yet."""
    return [row["bsn_index"] for row in await conn.fetch(SQL["unknown_indexes"], indexes)]


async def insert_people(conn: Connection, indexes: Sequence[bytes], sealed: Sequence[bytes]) -> None:
    """Add people by index and sealed BSN, in step; who is known already stays as they are."""
    await conn.execute(SQL["insert_people"], indexes, sealed)


async def people_by_index(conn: Connection, indexes: Sequence[bytes]) -> Mapping[bytes, UUID]:
    """Return the person of each index that is known."""
    return {row["bsn_index"]: row["person_id"] for row in await conn.fetch(SQL["people_by_index"], indexes)}


async def link_login(conn: Connection, issuer: str, subject: str, bsn_index: bytes) -> None:
    """Tie a pseudonym to the person of this index; nothing happens when nobody has it or the pseudonym is tied."""
    await conn.execute(SQL["link_login"], issuer, subject, bsn_index)


async def households_of_login(conn: Connection, issuer: str, subject: str, month: Month) -> Sequence[Parent]:
    """Return the households in which the person of this login is applicant or partner in `month`."""
    rows = await conn.read(SQL["households_of_login"], issuer, subject, first_day(month))
    return [Parent(person_id=row["person_id"], household_id=row["household_id"]) for row in rows]


async def login_exists(conn: Connection, issuer: str, subject: str) -> bool:
    """Tell whether this pseudonym is tied to a person."""
    return bool(await conn.read(SQL["login_exists"], issuer, subject))
