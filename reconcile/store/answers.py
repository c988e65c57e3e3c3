"""Queries of `answers.sql`."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from reconcile.rules.facts import MonthSpan
from reconcile.rules.replicated import AnswerKind
from reconcile.store.comparisons import ChildYear
from reconcile.store.database import Connection
from reconcile.store.queries import columns, load

SQL = load("answers")


class Acceptance(Struct, frozen=True, kw_only=True, rename="camel"):
    """That a parent took over one version of a difference, and the change that follows."""

    answer_id: UUID
    difference_id: UUID
    difference_version: int
    change_id: UUID
    answered_at: datetime


class Answer(Struct, frozen=True, kw_only=True, rename="camel"):
    """An answer of a household. `until` is a day in the Netherlands, `ended_at` None while it stands, `answered_by` a role.

    `version` is that of the household at which it last changed.
    """

    answer_id: UUID
    kind: AnswerKind
    difference_id: UUID
    difference_version: int
    answered_at: datetime
    answered_by: str | None
    change_id: UUID | None
    reason: str | None
    note: str | None
    pass_on: bool
    until: date | None
    undone_change_id: UUID | None
    ended_at: datetime | None
    version: int


class ShownAnswer(Struct, frozen=True, kw_only=True):
    """An answer as its household sees it. `answered_by` is a role; `problem` and `detail` say why it was refused."""

    answer_id: UUID
    version: int
    deleted: bool
    kind: AnswerKind
    difference_id: UUID | None
    difference_version: int | None
    undone_change_id: UUID | None
    reason: str | None
    note: str | None
    pass_on: bool
    until: date | None
    state: str
    answered_by: str | None
    answered_at: datetime
    change_id: UUID | None
    ended_at: datetime | None
    problem: str | None
    detail: str | None


class OverlaySegment(MonthSpan, frozen=True, kw_only=True):
    """Accepted hours that lie over the declared ones, with the change that carries them; without hours nothing counts as declared."""

    placement_id: UUID
    change_id: UUID
    hours_hundredths: int | None
    hourly_rate_cents: int | None


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
    """Accepted hours to be laid over the declared ones, or that nothing is to count there; months are first days."""

    placement_id: UUID
    change_id: UUID
    from_month: date
    until_month: date | None
    hours_hundredths: int | None
    hourly_rate_cents: int | None


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
    if row["answer_id"] is not None:
        before = Acceptance(
            answer_id=row["answer_id"],
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
    answer_id: UUID,
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
        answer_id,
        difference_id,
        difference_version,
        person_id,
        change_id,
        version,
        placements,
        msgspec.json.encode(laid).decode(),
    )
    return Acceptance(**row)  # type: ignore[arg-type]  # an INSERT of VALUES always returns its row


async def reversal_of(conn: Connection, household_id: UUID, change_id: UUID) -> Answer | None:
    """Return the reversal of a change."""
    row = await conn.fetchrow(SQL["reversal_of"], household_id, change_id)
    return None if row is None else Answer(**row)


async def insert_reversal(
    conn: Connection,
    household_id: UUID,
    *,
    answer_id: UUID,
    difference_id: UUID,
    difference_version: int,
    person_id: UUID,
    undone_change_id: UUID,
    version: int,
    change_id: UUID | None,
    placements: str | None,
) -> None:
    """Write a reversal and, unless the change was never sent, the change that it makes; the acceptance is over with it."""
    await conn.execute(
        SQL["insert_reversal"],
        household_id,
        answer_id,
        difference_id,
        difference_version,
        person_id,
        undone_change_id,
        version,
        change_id,
        placements,
    )


async def end_reversal(conn: Connection, household_id: UUID, change_id: UUID, version: int) -> None:
    """TVS refused the change of a reversal: the reversal is over, and the acceptance that it undid stands again."""
    await conn.execute(SQL["end_reversal"], household_id, change_id, version)


async def insert_overlay(conn: Connection, household_id: UUID, laid: Sequence[LaidSegment]) -> None:
    """Lay segments where nothing lies."""
    await conn.execute(SQL["insert_overlay"], household_id, *columns(LaidSegment, laid))


async def shown_answer(conn: Connection, household_id: UUID, answer_id: UUID) -> ShownAnswer | None:
    """Return an answer of a household, refused ones too."""
    row = await conn.fetchrow(SQL["shown_answer"], household_id, answer_id)
    return None if row is None else ShownAnswer(**row)


async def insert_refused_answer(
    conn: Connection, household_id: UUID, *, answer_id: UUID, version: int, person_id: UUID, sent: str, problem: str, detail: str
) -> None:
    """Keep an answer that was not taken, with its problem. `sent` is JSON text in the shape of AnswerSaid."""
    await conn.execute(SQL["insert_refused_answer"], household_id, answer_id, version, person_id, sent, problem, detail)


async def forget_refused_answer(conn: Connection, household_id: UUID, answer_id: UUID, version: int) -> None:
    """Show a refused answer no more."""
    await conn.execute(SQL["forget_refused_answer"], household_id, answer_id, version)
