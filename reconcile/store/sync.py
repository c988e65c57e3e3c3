"""Queries of `sync.sql`."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Generic, TypeVar
from uuid import UUID

from asyncpg import Record
from msgspec import Struct, structs

from reconcile.callers import Parent
from reconcile.rules.months import Month, first_day
from reconcile.store.database import Connection
from reconcile.store.differences import ShownDifference
from reconcile.store.queries import load

SQL = load("sync")

Row = TypeVar("Row", bound=Struct)


class Standing(Struct, frozen=True, kw_only=True):
    """Since which month somebody has been a parent of a household, and where that household is."""

    from_month: date
    household_version: int


class Following(Struct, frozen=True, kw_only=True):
    """Which documents to read: those after (version, number), in that order, for somebody who must be a parent in `month`."""

    household_id: UUID
    person_id: UUID
    month: date
    after_version: int
    after_id: UUID
    limit: int


class Followed(Struct, Generic[Row], frozen=True, kw_only=True):
    """A document at its place in the order, with the row that it is made of."""

    version: int
    document_id: UUID
    is_deleted: bool
    shown: Row


class FollowedPage(Struct, Generic[Row], frozen=True, kw_only=True):
    """Documents of one moment."""

    standing: Standing
    documents: Sequence[Followed[Row]]


class FollowedPlacement(Struct, frozen=True, kw_only=True):
    """A placement with everything that hangs on it. `declared`, `accepted` and `reported` are JSON text, None for nothing."""

    document_id: UUID
    version: int
    child_id: UUID
    child_given_name: str | None
    lrk_number: str
    care_type: str
    location_name: str
    start_on: date | None
    end_on: date | None
    declared: str | None
    accepted: str | None
    reported: str | None


class FollowedChange(Struct, frozen=True, kw_only=True):
    """A change as its household may see it. `placements` is JSON text."""

    document_id: UUID
    version: int
    difference_id: UUID
    difference_version: int
    state: str
    placements: str
    answered_at: datetime
    sent_at: datetime | None
    settled_at: datetime | None
    reason: str | None
    declaration_version: int | None


class FollowedNotice(Struct, frozen=True, kw_only=True):
    """A notice as its household may see it."""

    document_id: UUID
    version: int
    difference_id: UUID
    difference_version: int
    sentence: str
    recorded_at: datetime


async def standing(conn: Connection, parent: Parent, month: Month) -> Standing | None:
    """Return where the parent's household is; None when they are no parent of it in this month."""
    rows = await conn.read(SQL["standing"], parent.household_id, parent.person_id, first_day(month))
    return Standing(from_month=rows[0]["from_month"], household_version=rows[0]["household_version"]) if rows else None


async def placements_after(conn: Connection, following: Following) -> FollowedPage[FollowedPlacement] | None:
    """Return a page of placements; None when who asks is no parent of the household."""
    return _page(await conn.read(SQL["placements_after"], *structs.astuple(following)), FollowedPlacement)


async def differences_after(conn: Connection, following: Following) -> FollowedPage[ShownDifference] | None:
    """Return a page of differences; None when who asks is no parent of the household."""
    return _page(await conn.read(SQL["differences_after"], *structs.astuple(following)), ShownDifference)


async def changes_after(conn: Connection, following: Following) -> FollowedPage[FollowedChange] | None:
    """Return a page of changes; None when who asks is no parent of the household."""
    return _page(await conn.read(SQL["changes_after"], *structs.astuple(following)), FollowedChange)


async def notices_after(conn: Connection, following: Following) -> FollowedPage[FollowedNotice] | None:
    """Return a page of notices; None when who asks is no parent of the household."""
    return _page(await conn.read(SQL["notices_after"], *structs.astuple(following)), FollowedNotice)


def _page(rows: Sequence[Record], of: type[Row]) -> FollowedPage[Row] | None:
    if not rows:
        return None
    documents = [
        Followed(
            version=row["version"],
            document_id=row["document_id"],
            is_deleted=row["deleted"],
            shown=of(**{name: row[name] for name in of.__struct_fields__}),
        )
        for row in rows
        if row["document_id"] is not None
    ]
    # The rows came through a join, which promises no order.
    documents.sort(key=lambda one: (one.version, one.document_id))
    place = Standing(from_month=rows[0]["standing_from_month"], household_version=rows[0]["household_version"])
    return FollowedPage(standing=place, documents=documents)
