"""Verb: a parent puts a difference off until a day; it is asked again then (reconcile/remind.py), or as soon as its facts change."""

from datetime import date, timedelta
from uuid import UUID

from reconcile.answering import begin_answer, give_answer
from reconcile.callers import Parent
from reconcile.problems import DayRefused
from reconcile.rules.postponement import last_day, may_postpone
from reconcile.store.answers import Answer, AnswerContent
from reconcile.store.database import Connection


async def postpone_difference(
    conn: Connection, parent: Parent, difference_id: UUID, *, seen_version: int, answer_id: UUID, until: date, today: date
) -> Answer:
    """Postpone exactly the version that the parent saw until a day; `until` and `today` are days in the Netherlands.

    The same answer again returns what is there, another day under the same number moves it; both write nothing else. Raises NotFound,
    StaleDifference, DifferenceClosed, AnswerReused, AnswerEnded or DayRefused, and then nothing is written.
    """
    content = AnswerContent(kind="postponement", until=until)
    begun = await begin_answer(conn, parent, difference_id, content, seen_version=seen_version, answer_id=answer_id)
    if begun.known is not None and begun.known.content == content:
        return begun.known
    if not may_postpone(until, today):
        raise DayRefused(first=today + timedelta(days=1), last=last_day(today))
    return await give_answer(conn, parent, begun, content, state="postponed")
