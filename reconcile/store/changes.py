"""Queries of `changes.sql`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("changes")


class DeadChange(Struct, frozen=True, kw_only=True, rename="camel"):
    """A change that could not be handed over: since when, and the class of the last error."""

    change_id: UUID
    settled_at: datetime
    last_error: str | None


class Change(Struct, frozen=True, kw_only=True):
    """A change with the answer behind it: an acceptance, or the reversal of one. `placements` is JSON text."""

    household_id: UUID
    change_id: UUID
    version: int
    sequence: int
    state: str
    placements: str
    declaration_version: int | None
    reason: str | None
    recorded_at: datetime
    household_ref: str
    kind: str
    difference_id: UUID
    difference_version: int
    answered_at: datetime
    person_id: UUID
    undone_change_id: UUID | None


class ChangeOver(Struct, frozen=True, kw_only=True):
    """A change that was neither refused by TVS nor undone before it was sent. `placements` is JSON text.

    It lies over until `over_at`, when the declaration that holds it was here; None: it still lies over. `undone_change_id` is what
    it undoes, when it is a reversal.
    """

    change_id: UUID
    sequence: int
    placements: str
    undone_change_id: UUID | None
    over_at: datetime | None


class ReferencedPerson(Struct, frozen=True, kw_only=True):
    """How TVS names a person of a household, and its role there."""

    person_id: UUID
    person_ref: str
    role: str


async def changes_over(conn: Connection, household_id: UUID, placement_ids: Sequence[UUID]) -> Sequence[ChangeOver]:
    """Return the changes of these placements that were not refused, nor undone unsent, in the order in which they were answered."""
    return [ChangeOver(**row) for row in await conn.fetch(SQL["changes_over"], household_id, placement_ids)]


async def household_of_change(conn: Connection, change_id: UUID) -> UUID | None:
    """Return the household of a change; None when there is no such change."""
    return await conn.fetchval(SQL["household_of_change"], change_id)


async def change_by_id(conn: Connection, household_id: UUID, change_id: UUID) -> Change | None:
    """Return one change."""
    row = await conn.fetchrow(SQL["change_by_id"], household_id, change_id)
    return None if row is None else Change(**row)


async def people_of_change(conn: Connection, household_id: UUID, person_ids: Sequence[UUID]) -> Mapping[UUID, ReferencedPerson]:
    """Return how TVS names these people of the household, by person."""
    rows = await conn.fetch(SQL["people_of_change"], household_id, person_ids)
    return {row["person_id"]: ReferencedPerson(**row) for row in rows}


async def settle_change(
    conn: Connection, household_id: UUID, change_id: UUID, *, state: str, version: int, declaration_version: int | None, reason: str | None
) -> None:
    """Record what TVS made of a change, under the version that the household is about to get."""
    await conn.execute(SQL["settle_change"], household_id, change_id, state, version, declaration_version, reason)


async def settle_change_outbox(conn: Connection, household_id: UUID, change_id: UUID, outcome: str) -> None:
    """Take the obligation to send a change away, because TVS answered it."""
    await conn.execute(SQL["settle_change_outbox"], household_id, change_id, outcome)


async def cancel_change(conn: Connection, household_id: UUID, change_id: UUID, version: int) -> bool:
    """Never send a change that nobody has begun to send, nor again one that is dead; False when it may be on its way."""
    return await conn.fetchval(SQL["cancel_change"], household_id, change_id, version) is not None


async def mark_change_sent(conn: Connection, household_id: UUID, change_id: UUID, version: int) -> None:
    """TVS took the change; a receipt that came first stays."""
    await conn.execute(SQL["mark_change_sent"], household_id, change_id, version)


async def mark_change_dead(conn: Connection, household_id: UUID, change_id: UUID, version: int) -> None:
    """The change could not be sent for too long: it blocks what comes after it until somebody acts."""
    await conn.execute(SQL["mark_change_dead"], household_id, change_id, version)


async def dead_changes(conn: Connection) -> Sequence[DeadChange]:
    """Return the changes that could not be handed over, oldest first."""
    return [DeadChange(**row) for row in await conn.fetch(SQL["dead_changes"])]


async def revive_change(conn: Connection, household_id: UUID, change_id: UUID, version: int) -> bool:
    """Make a dead change due again; False when it is not dead. The household is locked."""
    return await conn.fetchval(SQL["revive_change"], household_id, change_id, version) is not None
