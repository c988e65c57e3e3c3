"""Verb: take the answers that a phone gave while it was offline, each as if it had been given online."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from uuid import UUID

import msgspec
from msgspec import Struct, structs

from reconcile.answer import accept_difference
from reconcile.callers import Parent
from reconcile.dispute import dispute_difference
from reconcile.postpone import postpone_difference
from reconcile.problems import AnsweredBefore, AnswerNotValid, Busy, Refusal
from reconcile.retract import take_back_answer
from reconcile.reverse import reverse_change
from reconcile.rules.dispute import DISPUTE_REASONS
from reconcile.rules.remarks import is_note
from reconcile.rules.replicated import AnswerKind, AnswerSaid, is_same, lacking
from reconcile.store import answers, households
from reconcile.store.answers import ShownAnswer
from reconcile.store.database import Connection

# Names the problem of a refusal, as the door publishes it.
NameOfProblem = Callable[[Refusal], str]


class PushedAnswer(Struct, frozen=True, kw_only=True):
    """One row of a push: what the parent says, and what the phone believes to stand. `said` is None when it cannot be read."""

    answer_id: UUID
    said: AnswerSaid | None
    assumed: AnswerSaid | None


class Replicated(Struct, frozen=True, kw_only=True):
    """What a push did: the rows that the phone must take back, as they stand or as gone, and whether anything was written."""

    conflicts: Sequence[ShownAnswer | UUID]
    has_changed: bool


async def replicate_answers(
    conn: Connection, parent: Parent, pushed: Sequence[PushedAnswer], *, today: date, name_of: NameOfProblem
) -> Replicated:
    """Take the rows of a push in their order, in the caller's transaction; a row that is refused holds up no other.

    The same row again changes nothing. What cannot be taken stays as a refused answer with its problem, and is returned as that;
    what says nothing that could be kept is returned as gone. Raises Busy alone.
    """
    taking = _Taking(conn, parent, today, name_of)
    before = await taking.version()
    conflicts = [conflict for row in pushed if (conflict := await taking.take(row)) is not None]
    return Replicated(conflicts=conflicts, has_changed=await taking.version() != before)


class _Taking:
    """Takes rows for one parent; each method returns what the phone must have instead of the row, or None."""

    def __init__(self, conn: Connection, parent: Parent, today: date, name_of: NameOfProblem) -> None:
        self._conn = conn
        self._parent = parent
        self._today = today
        self._name_of = name_of

    async def version(self) -> int:
        """Lock the household and return where it is."""
        version = await households.lock_household(self._conn, self._parent.household_id)
        assert version is not None  # noqa: S101  # a parent has a household
        return version

    async def take(self, row: PushedAnswer) -> ShownAnswer | UUID | None:
        """Take one row as it is meant: new, known already, or an alteration of what the phone saw."""
        stands = await self._shown(row.answer_id)
        if stands is None:
            return await self._take_new(row)
        if row.said is not None and is_same(said_of(stands), row.said):
            return None
        if row.said is None or row.assumed is None or not is_same(said_of(stands), row.assumed):
            return stands
        return await self._alter(stands, row.said)

    async def _take_new(self, row: PushedAnswer) -> ShownAnswer | UUID | None:
        if row.said is None or row.assumed is not None:
            # Unreadable, or the phone knows what nobody else does, as after a restore: it was never here, and the phone hears so.
            return row.answer_id
        if row.said.is_deleted:
            # Made and removed while offline: nothing ever was.
            return None
        return await self._try(row.answer_id, row.said, _GIVEN_BY[row.said.kind])

    async def _alter(self, stands: ShownAnswer, said: AnswerSaid) -> ShownAnswer | None:
        """Remove a refused answer; take back or edit one that stands. What its verb refuses stays as it stands."""
        is_theirs = stands.state == "given" and stands.kind in _MAY_CHANGE
        is_about_the_same = (said.kind, said.difference_id) == (stands.kind, stands.difference_id)
        if stands.state == "refused" and said.is_deleted:
            version = await self.version()
            await answers.forget_refused_answer(self._conn, self._parent.household_id, stands.answer_id, version + 1)
            await self._record("answer-forgotten", stands.answer_id)
            return None
        if is_theirs and said.is_deleted:
            await take_back_answer(self._conn, self._parent, stands.answer_id)
            return None
        if not is_theirs or not is_about_the_same or lacking(said) is not None:
            return stands
        try:
            await _GIVEN_BY[said.kind](self._conn, self._parent, stands.answer_id, said, self._today)
        except Busy:
            raise
        except Refusal:
            return stands
        return None

    async def _try(self, answer_id: UUID, said: AnswerSaid, give: "_Give") -> ShownAnswer | None:
        """Do what an answer says, by the verb that does it online; what it refuses is kept with its problem."""
        try:
            if (wrong := lacking(said)) is not None:
                raise AnswerNotValid(wrong)
            if await give(self._conn, self._parent, answer_id, said, self._today) != answer_id:
                raise AnsweredBefore("Somebody of the household answered this before in the same words. Nothing more is needed.")
        except Busy:
            raise
        except Refusal as refusal:
            # What was refused because of it is not kept either.
            kept = said if said.note is None or is_note(said.note) else structs.replace(said, note=None)
            await answers.insert_refused_answer(
                self._conn,
                self._parent.household_id,
                answer_id=answer_id,
                version=await self.version() + 1,
                person_id=self._parent.person_id,
                sent=msgspec.json.encode(kept).decode(),
                problem=self._name_of(refusal),
                detail=refusal.detail,
            )
            await self._record("answer-refused", answer_id)
            return await self._shown(answer_id)
        return None

    async def _shown(self, answer_id: UUID) -> ShownAnswer | None:
        return await answers.shown_answer(self._conn, self._parent.household_id, answer_id)

    async def _record(self, action: str, answer_id: UUID) -> None:
        event = {"action": action, **self._parent.audited, "answerId": str(answer_id)}
        await households.record_changes(self._conn, [self._parent.household_id], [msgspec.json.encode(event).decode()])


def said_of(shown: ShownAnswer) -> AnswerSaid:
    """Return what the parent said in an answer that stands, or was refused."""
    return AnswerSaid(
        kind=shown.kind,
        difference_id=shown.difference_id,
        difference_version=shown.difference_version,
        undone_change_id=shown.undone_change_id,
        reason=shown.reason,
        note=shown.note,
        pass_on=shown.pass_on,
        until=shown.until,
        is_deleted=shown.deleted,
    )


async def _accept(conn: Connection, parent: Parent, answer_id: UUID, said: AnswerSaid, _: date) -> UUID:
    difference_id, seen_version = _what_was_seen(said)
    return (await accept_difference(conn, parent, difference_id, seen_version=seen_version, answer_id=answer_id)).answer_id


async def _dispute(conn: Connection, parent: Parent, answer_id: UUID, said: AnswerSaid, _: date) -> UUID:
    difference_id, seen_version = _what_was_seen(said)
    reason = next((one for one in DISPUTE_REASONS if one == said.reason), None)
    if reason is None:
        raise AnswerNotValid(f"The reason of a dispute is one of {', '.join(DISPUTE_REASONS)}.")
    given = await dispute_difference(
        conn,
        parent,
        difference_id,
        seen_version=seen_version,
        answer_id=answer_id,
        reason=reason,
        note=said.note,
        pass_on=said.pass_on,
    )
    return given.answer_id


async def _postpone(conn: Connection, parent: Parent, answer_id: UUID, said: AnswerSaid, today: date) -> UUID:
    difference_id, seen_version = _what_was_seen(said)
    assert said.until is not None  # noqa: S101  # see `lacking`
    given = await postpone_difference(
        conn, parent, difference_id, seen_version=seen_version, answer_id=answer_id, until=said.until, today=today
    )
    return given.answer_id


async def _reverse(conn: Connection, parent: Parent, answer_id: UUID, said: AnswerSaid, _: date) -> UUID:
    assert said.undone_change_id is not None  # noqa: S101  # see `lacking`
    return (await reverse_change(conn, parent, said.undone_change_id, answer_id=answer_id)).answer_id


def _what_was_seen(said: AnswerSaid) -> tuple[UUID, int]:
    assert said.difference_id is not None and said.difference_version is not None  # noqa: S101  # see `lacking`
    return said.difference_id, said.difference_version


# Gives an answer by the verb that does so online, and returns its number: another one when it was given before.
_Give = Callable[[Connection, Parent, UUID, AnswerSaid, date], Awaitable[UUID]]
_GIVEN_BY: Mapping[AnswerKind, _Give] = {
    "acceptance": _accept,
    "dispute": _dispute,
    "postponement": _postpone,
    "reversal": _reverse,
}
# What a parent may still edit or take back.
_MAY_CHANGE = frozenset({"dispute", "postponement"})
