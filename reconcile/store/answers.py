"""Queries of `answers.sql`."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from reconcile.rules.months import Month
from reconcile.store.comparisons import ChildYear
from reconcile.store.database import Connection
from reconcile.store.queries import columns, load

SQL = load("answers")


class Acceptance(Struct, frozen=True, kw_only=True, rename="camel"):
    """That a parent took over one version of a difference, and the change that follows."""

    acceptance_id: UUID
    difference_id: UUID
    difference_version: int
    change_id: UUID
    answered_at: datetime


class DeadChange(Struct, frozen=True, kw_only=True, rename="camel"):
    """A change that could not be handed over: since when, and the class of the last error."""

    change_id: UUID
    settled_at: datetime
    last_error: str | None


class OverlaySegment(Struct, frozen=True, kw_only=True):
    """Accepted hours that lie over the declared ones, with the change that carries them; months are text."""

    placement_id: UUID
    change_id: UUID
    from_month: Month
    until_month: Month | None
    hours_hundredths: int
    hourly_rate_cents: int


class DifferenceToAnswer(Struct, frozen=True, kw_only=True):
    """A difference at the moment of an answer, its household locked. `proposal` is JSON text.

    `before` is the acceptance of the version that the parent saw, `overlay` what lies over its placements, by placement and month,
    `child_years` what of the household an answer may touch.
    """

    household_version: int
    version: int
    state: str
    proposal: str | None
    before: Acceptance | None
    overlay: tuple[OverlaySegment, ...]
    is_told: bool
    child_years: tuple[ChildYear, ...]


class LaidSegment(Struct, frozen=True, kw_only=True):
    """Accepted hours to be laid over the declared ones; months are first days."""

    placement_id: UUID
    change_id: UUID
    from_month: date
    until_month: date | None
    hours_hundredths: int
    hourly_rate_cents: int


class Change(Struct, frozen=True, kw_only=True):
    """A change with the acceptance behind it. `placements` is JSON text."""

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
    difference_id: UUID
    difference_version: int
    answered_at: datetime
    person_id: UUID


class ChangeOver(Struct, frozen=True, kw_only=True):
    """A change that TVS did not refuse. `placements` is JSON text; it lies over until the declaration that holds it is here."""

    change_id: UUID
    placements: str
    lies_over: bool


class ReferencedPerson(Struct, frozen=True, kw_only=True):
    """How TVS names a person of a household, and its role there."""

    person_id: UUID
    person_ref: str
    role: str


_OVERLAY = msgspec.json.Decoder(tuple[OverlaySegment, ...])
_CHILD_YEARS = msgspec.json.Decoder(tuple[ChildYear, ...])


async def lock_difference_to_answer(conn: Connection, household_id: UUID, difference_id: UUID, version: int) -> DifferenceToAnswer | None:
    """Lock a household and return a difference of it with what an answer to `version` depends on; None when it is not there."""
    arguments = (household_id, difference_id, version)
    row = await conn.fetchrow(SQL["lock_difference_to_answer"], *arguments)
    if row is not None and not row["is_current"]:
        # Somebody wrote while we waited for the lock, which we have by now.
        row = await conn.fetchrow(SQL["lock_difference_to_answer"], *arguments)
    if row is None or row["version"] is None:
        return None
    before = None
    if row["acceptance_id"] is not None:
        before = Acceptance(
            acceptance_id=row["acceptance_id"],
            difference_id=difference_id,
            difference_version=version,
            change_id=row["change_id"],
            answered_at=row["answered_at"],
        )
    return DifferenceToAnswer(
        household_version=row["household_version"],
        version=row["version"],
        state=row["state"],
        proposal=row["proposal"],
        before=before,
        overlay=_OVERLAY.decode(row["overlay"] or "[]"),
        is_told=row["is_told"],
        child_years=_CHILD_YEARS.decode(row["child_years"] or "[]"),
    )


async def supersede_overlay(conn: Connection, household_id: UUID, placement_ids: Sequence[UUID]) -> None:
    """End everything that lies over these placements."""
    await conn.execute(SQL["supersede_overlay"], household_id, placement_ids)


async def insert_acceptance(
    conn: Connection,
    household_id: UUID,
    *,
    acceptance_id: UUID,
    difference_id: UUID,
    difference_version: int,
    person_id: UUID,
    change_id: UUID,
    version: int,
    placements: str,
    laid: Sequence[LaidSegment],
) -> Acceptance:
    """Write everything that an acceptance is, in one statement; `version` is the one the household is about to get."""
    row = await conn.fetchrow(
        SQL["insert_acceptance"],
        household_id,
        acceptance_id,
        difference_id,
        difference_version,
        person_id,
        change_id,
        version,
        placements,
        msgspec.json.encode(laid).decode(),
    )
    return Acceptance(**row)  # type: ignore[arg-type]  # an INSERT of VALUES always returns its row


async def insert_overlay(conn: Connection, household_id: UUID, laid: Sequence[LaidSegment]) -> None:
    """Lay segments where nothing lies."""
    await conn.execute(SQL["insert_overlay"], household_id, *columns(LaidSegment, laid))


async def changes_over(conn: Connection, household_id: UUID, placement_ids: Sequence[UUID]) -> Sequence[ChangeOver]:
    """Return the changes of these placements that TVS did not refuse, in the order in which they were accepted."""
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
