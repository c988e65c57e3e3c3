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
from reconcile.store.differences import OPEN_STATES
from reconcile.store.notices import DifferenceKey
from reconcile.store.queries import columns, load

SQL = load("answers")


class AnswerContent(Struct, frozen=True, kw_only=True):
    """What a dispute or a postponement says. All but its kind may be edited while it stands."""

    kind: AnswerKind
    reason: str | None = None
    note: str | None = None
    pass_on: bool = False
    until: date | None = None


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

    @property
    def content(self) -> AnswerContent:
        """What it says."""
        return AnswerContent(kind=self.kind, reason=self.reason, note=self.note, pass_on=self.pass_on, until=self.until)


class Acceptance(Struct, frozen=True, kw_only=True, rename="camel"):
    """That a parent took over one version of a difference, and the change that follows."""

    answer_id: UUID
    difference_id: UUID
    difference_version: int
    change_id: UUID
    answered_at: datetime


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

    `is_as_seen` tells whether it shows what the parent saw: that version, or a later one since which the household only postponed it.
    `before` is the acceptance of what the parent saw, `overlay` what lies over its placements, by placement and month,
    `child_years` what of the household an answer may touch.
    """

    household_version: int
    version: int
    state: str
    proposal: str | None
    is_as_seen: bool
    before: Acceptance | None
    overlay: tuple[OverlaySegment, ...]
    is_told: bool
    child_years: tuple[ChildYear, ...]

    @property
    def is_open(self) -> bool:
        """Whether it can be answered: what is postponed as well."""
        return self.state in OPEN_STATES


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
            difference_version=row["difference_version"],
            change_id=row["change_id"],
            answered_at=row["answered_at"],
        )
    return DifferenceToAnswer(
        household_version=row["household_version"],
        version=row["version"],
        state=row["state"],
        proposal=row["proposal"],
        is_as_seen=row["is_as_seen"],
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


async def answer_by_id(conn: Connection, household_id: UUID, answer_id: UUID) -> Answer | None:
    """Return one answer of this household, also one that ended; None when there is none of this number."""
    row = await conn.fetchrow(SQL["answer_by_id"], household_id, answer_id)
    return None if row is None else Answer(**row)


async def standing_answer(conn: Connection, household_id: UUID, difference_id: UUID) -> Answer | None:
    """Return the dispute or the postponement of a difference that stands."""
    answer_id = await conn.fetchval(SQL["standing_answer"], household_id, difference_id)
    return None if answer_id is None else await answer_by_id(conn, household_id, answer_id)


async def insert_answer(
    conn: Connection,
    key: DifferenceKey,
    content: AnswerContent,
    *,
    answer_id: UUID,
    difference_version: int,
    person_id: UUID,
    version: int,
) -> None:
    """Write a dispute or a postponement of a version that was shown; `version` is the one the household is about to get."""
    await conn.execute(
        SQL["insert_answer"],
        key.household_id,
        answer_id,
        content.kind,
        version,
        key.difference_id,
        difference_version,
        person_id,
        content.reason,
        content.note,
        content.pass_on,
        content.until,
    )


async def edit_answer(conn: Connection, household_id: UUID, answer_id: UUID, content: AnswerContent, version: int) -> None:
    """Let a dispute or a postponement say something else, under the version that the household is about to get."""
    await conn.execute(SQL["edit_answer"], household_id, answer_id, version, content.reason, content.note, content.pass_on, content.until)


async def take_answer_back(conn: Connection, household_id: UUID, answer_id: UUID, version: int) -> None:
    """End an answer because the parent takes it back: a tombstone for phones."""
    await conn.execute(SQL["take_answer_back"], household_id, answer_id, version)
