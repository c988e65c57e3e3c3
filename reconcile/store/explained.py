"""Queries of `explained.sql`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("explained")


class PlacedDifference(Struct, frozen=True, kw_only=True):
    """Whose difference it is: household, TVS's reference for it, child and calculation year."""

    household_id: UUID
    household_ref: str
    child_id: UUID
    year: int


class KeptVersion(Struct, frozen=True, kw_only=True):
    """One version of a difference as it was shown. `proposal`, `explanation`, `effect` and `texts` are JSON text.

    It was judged for the calendar of `judged_at` from what was known at `facts_at`. `texts` and `text_version` are None when it was
    judged before texts were kept.
    """

    version: int
    kind: str
    state: str
    proposal: str | None
    route: str | None
    explanation: str
    effect: str
    rules_version: str
    judged_at: datetime
    facts_at: datetime
    recorded_at: datetime
    texts: str | None
    text_version: str | None


class LifeEvent(Struct, frozen=True, kw_only=True, rename="camel"):
    """Something that happened to a difference, to a version of it, or because of it."""

    at: datetime
    what: Literal["version", "notice", "push", "accepted", "disputed", "postponed", "reversed", "ended", "change"]
    difference_version: int
    note: str


async def difference_anywhere(conn: Connection, difference_id: UUID) -> PlacedDifference | None:
    """Find a difference of any household."""
    row = await conn.fetchrow(SQL["difference_anywhere"], difference_id)
    return None if row is None else PlacedDifference(**row)


async def kept_versions(conn: Connection, household_id: UUID, difference_id: UUID) -> Sequence[KeptVersion]:
    """Return every version of a difference, oldest first."""
    return [KeptVersion(**row) for row in await conn.fetch(SQL["kept_versions"], household_id, difference_id)]


async def spanned_placements(conn: Connection, household_id: UUID, difference_id: UUID) -> Sequence[UUID]:
    """Return the placements that a difference spans, by what it says now."""
    return [row["placement_id"] for row in await conn.fetch(SQL["spanned_placements"], household_id, difference_id)]


async def life_of_difference(conn: Connection, household_id: UUID, difference_id: UUID) -> Sequence[LifeEvent]:
    """Return what happened to a difference, oldest first."""
    return [LifeEvent(**row) for row in await conn.fetch(SQL["life_of_difference"], household_id, difference_id)]
