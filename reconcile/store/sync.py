"""Queries of `sync.sql`."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from asyncpg import Record
from msgspec import Struct, structs

from reconcile.callers import Parent
from reconcile.rules.months import Month, first_day
from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("sync")


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


class Followed(Struct, frozen=True, kw_only=True):
    """A document at its place in the order. `document` is JSON text, to be sent unless it is deleted."""

    version: int
    document_id: UUID
    deleted: bool
    document: str


class FollowedPage(Struct, frozen=True, kw_only=True):
    """Documents of one moment."""

    standing: Standing
    documents: Sequence[Followed]


class HeldCollection(Struct, frozen=True, kw_only=True):
    """What a household has of a collection, without what is gone: `sha256` is over one line for each document.

    A line is the number of the document, a space, its version and a line feed; lines are in the order of the numbers as text.
    """

    collection: str
    document_count: int
    sha256: str


class Held(Struct, frozen=True, kw_only=True):
    """What a household has of every collection, at one moment."""

    standing: Standing
    collections: Sequence[HeldCollection]


async def standing(conn: Connection, parent: Parent, month: Month) -> Standing | None:
    """Return where the parent's household is; None when they are no parent of it in this month."""
    rows = await conn.read(SQL["standing"], parent.household_id, parent.person_id, first_day(month))
    return Standing(from_month=rows[0]["from_month"], household_version=rows[0]["household_version"]) if rows else None


async def checksums(conn: Connection, parent: Parent, month: Month) -> Held | None:
    """Return what the parent's household has of every collection; None when they are no parent of it in this month."""
    rows = await conn.read(SQL["checksums"], parent.household_id, parent.person_id, first_day(month))
    if not rows:
        return None
    return Held(
        standing=Standing(from_month=rows[0]["from_month"], household_version=rows[0]["household_version"]),
        collections=[
            HeldCollection(collection=row["collection"], document_count=row["document_count"], sha256=row["sha256"]) for row in rows
        ],
    )


async def placements_after(conn: Connection, following: Following) -> FollowedPage | None:
    """Return a page of placements; None when who asks is no parent of the household."""
    return _page(await conn.read(SQL["placements_after"], *structs.astuple(following)))


async def differences_after(conn: Connection, following: Following) -> FollowedPage | None:
    """Return a page of differences; None when who asks is no parent of the household."""
    return _page(await conn.read(SQL["differences_after"], *structs.astuple(following)))


async def changes_after(conn: Connection, following: Following) -> FollowedPage | None:
    """Return a page of changes; None when who asks is no parent of the household."""
    return _page(await conn.read(SQL["changes_after"], *structs.astuple(following)))


async def notices_after(conn: Connection, following: Following) -> FollowedPage | None:
    """Return a page of notices; None when who asks is no parent of the household."""
    return _page(await conn.read(SQL["notices_after"], *structs.astuple(following)))


async def answers_after(conn: Connection, following: Following) -> FollowedPage | None:
    """Return a page of answers; None when who asks is no parent of the household."""
    return _page(await conn.read(SQL["answers_after"], *structs.astuple(following)))


def _page(rows: Sequence[Record]) -> FollowedPage | None:
    if not rows:
        return None
    place = Standing(from_month=rows[0]["standing_from_month"], household_version=rows[0]["household_version"])
    documents = [
        Followed(version=row["version"], document_id=row["document_id"], deleted=row["deleted"], document=row["document"])
        for row in rows
        if row["document_id"] is not None
    ]
    # The rows came through a join, which promises no order.
    documents.sort(key=lambda one: (one.version, one.document_id))
    return FollowedPage(standing=place, documents=documents)
