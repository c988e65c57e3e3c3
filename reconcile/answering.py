"""What dispute and postponement have in common: an answer has a number that its phone made, and the same number is the same answer."""

from typing import Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from reconcile.announce import tell
from reconcile.callers import Parent
from reconcile.problems import AnswerEnded, AnswerReused, DifferenceClosed, NotFound, StaleDifference
from reconcile.store import answers, differences, households, postponements
from reconcile.store.answers import Answer, AnswerContent, DifferenceToAnswer
from reconcile.store.database import Connection
from reconcile.store.notices import DifferenceKey


class Begun(Struct, frozen=True, kw_only=True):
    """An answer that is about to be given, its household locked; `known` is the one of the same number that is there."""

    key: DifferenceKey
    answer_id: UUID
    seen_version: int
    difference: DifferenceToAnswer
    known: Answer | None

    @property
    def next_version(self) -> int:
        """The version that the household is about to get."""
        return self.difference.household_version + 1


async def begin_answer(
    conn: Connection, parent: Parent, difference_id: UUID, content: AnswerContent, *, seen_version: int, answer_id: UUID
) -> Begun:
    """Lock the household and hold an answer against what is there, before anything of it is checked or written.

    `known` may be an answer of another number that says the same about the same version. Raises NotFound, StaleDifference,
    DifferenceClosed; AnswerReused when the number is of an answer to something else, AnswerEnded when one that ended is to be edited.
    """
    difference = await answers.lock_difference_to_answer(conn, parent.household_id, difference_id, seen_version)
    if difference is None:
        raise NotFound("There is no such difference for this household.")
    begun = Begun(
        key=DifferenceKey(household_id=parent.household_id, difference_id=difference_id),
        answer_id=answer_id,
        seen_version=seen_version,
        difference=difference,
        known=await _known(conn, parent, difference_id, content, seen_version=seen_version, answer_id=answer_id),
    )
    if begun.known is None or seen_version != begun.known.difference_version:
        if not difference.is_as_seen:
            raise StaleDifference(difference_id=difference_id, seen_version=seen_version, current_version=difference.version)
        if begun.known is None and not difference.is_open:
            raise DifferenceClosed(f"This difference is {difference.state}. Read it again to see what became of it.")
    return begun


async def give_answer(
    conn: Connection, parent: Parent, begun: Begun, content: AnswerContent, *, state: Literal["disputed", "postponed"]
) -> Answer:
    """Write the answer, or what it says by now when its number is known; the difference gets its state with it. Ends the write."""
    if begun.known is None:
        await _answer(conn, parent, begun, content, state)
        await _record(conn, parent, begun, content, action=state)
    else:
        await answers.edit_answer(conn, parent.household_id, begun.known.answer_id, content, begun.next_version)
        await _record(conn, parent, begun, content, action="answer-edited")
    answer_id = begun.answer_id if begun.known is None else begun.known.answer_id
    given = await answers.answer_by_id(conn, parent.household_id, answer_id)
    assert given is not None  # noqa: S101  # written in this transaction
    return given


async def _known(
    conn: Connection, parent: Parent, difference_id: UUID, content: AnswerContent, *, seen_version: int, answer_id: UUID
) -> Answer | None:
    known = await answers.answer_by_id(conn, parent.household_id, answer_id)
    if known is None:
        if await answers.shown_answer(conn, parent.household_id, answer_id) is not None:
            raise AnswerReused(f"Answer {answer_id} was refused. A refused answer does not become another: make a new number.")
        # Both parents at once, or one again after its key is forgotten: one answer that says it is enough.
        standing = await answers.standing_answer(conn, parent.household_id, difference_id)
        is_same = standing is not None and standing.difference_version == seen_version and standing.content == content
        return standing if is_same else None
    if (known.kind, known.difference_id) != (content.kind, difference_id):
        raise AnswerReused(f"Answer {answer_id} is a {known.kind} of another difference, or another kind of answer. Make a new number.")
    if known.content != content and known.ended_at is not None:
        raise AnswerEnded("This answer was taken back, or is over. Read the difference again and answer that.")
    return known


async def _answer(conn: Connection, parent: Parent, begun: Begun, content: AnswerContent, state: str) -> None:
    household_id, difference_id, version = parent.household_id, begun.key.difference_id, begun.next_version
    if begun.difference.state == "postponed":
        await postponements.end_postponements(conn, [begun.key])
    await answers.insert_answer(
        conn,
        begun.key,
        content,
        answer_id=begun.answer_id,
        difference_version=begun.seen_version,
        person_id=parent.person_id,
        version=version,
    )
    await differences.set_difference_state(conn, household_id, difference_id, state, version)
    if state not in differences.OPEN_STATES:
        await differences.set_difference_placements_open(conn, household_id, difference_id, is_open=False)
    await differences.keep_difference_versions(conn, [household_id], [difference_id])
    if begun.difference.is_told:
        await tell(conn, (), moot=[begun.key])


async def _record(conn: Connection, parent: Parent, begun: Begun, content: AnswerContent, *, action: str) -> None:
    """Say for the audit who answered what; what a parent wrote stays out of it."""
    event = {
        "action": action,
        **parent.audited,
        "answerId": str(begun.answer_id if begun.known is None else begun.known.answer_id),
        "differenceId": str(begun.key.difference_id),
        "differenceVersion": begun.seen_version,
        "reason": content.reason,
        "passedOn": content.pass_on if content.kind == "dispute" else None,
        "until": content.until,
    }
    said = {name: value for name, value in event.items() if value is not None}
    await households.record_changes(conn, [parent.household_id], [msgspec.json.encode(said).decode()])
