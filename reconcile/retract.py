"""Verb: a parent takes back a dispute or a postponement that still stands."""

from uuid import UUID

import msgspec

from reconcile.callers import Parent
from reconcile.problems import AnswerFinal, NotFound
from reconcile.store import answers, comparisons, differences, disputes, households
from reconcile.store.answers import Answer
from reconcile.store.database import Connection


async def take_back_answer(conn: Connection, parent: Parent, answer_id: UUID) -> None:
    """End an answer; one that ended before stays as it is. What was postponed is open again, and nobody is told.

    What was disputed is not opened as it was: its facts count as unanswered, and its child-year is judged by the facts of now. Raises
    NotFound, and AnswerFinal for an acceptance or a reversal.
    """
    version = await households.lock_household(conn, parent.household_id)
    known = await answers.answer_by_id(conn, parent.household_id, answer_id)
    if version is None or known is None:
        raise NotFound("There is no such answer for this household.")
    if known.kind not in ("dispute", "postponement"):
        raise AnswerFinal(f"This answer is a {known.kind}. What was accepted is undone by a reversal of its change.")
    if known.ended_at is not None:
        return
    await answers.take_answer_back(conn, parent.household_id, answer_id, version + 1)
    state = "open" if known.kind == "postponement" else "closed"
    await differences.set_difference_state(conn, parent.household_id, known.difference_id, state, version + 1)
    await differences.keep_difference_versions(conn, [parent.household_id], [known.difference_id])
    if known.kind == "dispute":
        await disputes.take_lines_back(conn, answer_id)
        await comparisons.mark_child_year_of_difference(conn, parent.household_id, known.difference_id)
    await households.record_changes(conn, [parent.household_id], [_event(parent, known)])


def _event(parent: Parent, answer: Answer) -> str:
    """Say for the audit who took what back."""
    event = {
        "action": "answer-taken-back",
        **parent.audited,
        "answerId": str(answer.answer_id),
        "differenceId": str(answer.difference_id),
        "differenceVersion": answer.difference_version,
    }
    return msgspec.json.encode(event).decode()
