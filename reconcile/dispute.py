"""Verbs: a parent says that what was reported is wrong; the organisation reads of its own lines what it was passed on.

A dispute changes no hours and no money. Without the parent's word nobody hears of it.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from reconcile.answering import begin_answer, give_answer
from reconcile.callers import Organisation, Parent
from reconcile.problems import NoteRefused
from reconcile.rules.dispute import DisputeReason, disputed_sources
from reconcile.rules.explanation_document import ExplanationDocument
from reconcile.rules.remarks import NOTE_CHARACTERS_MAX, is_note
from reconcile.store import differences, disputes
from reconcile.store.answers import Answer, AnswerContent
from reconcile.store.database import Connection
from reconcile.store.deliveries import lock_deliveries_of_organisation, record_organisation_event
from reconcile.store.disputes import DisputedLine

_EXPLANATION = msgspec.json.Decoder(ExplanationDocument)


async def dispute_difference(
    conn: Connection,
    parent: Parent,
    difference_id: UUID,
    *,
    seen_version: int,
    answer_id: UUID,
    reason: DisputeReason,
    note: str | None,
    pass_on: bool,
) -> Answer:
    """Dispute exactly the version that the parent saw; with `pass_on` the organisations see their lines behind it, reason and note.

    The same answer again returns what is there, other content under the same number edits it. Raises NotFound, StaleDifference,
    DifferenceClosed, AnswerReused, AnswerEnded or NoteRefused, and then nothing is written.
    """
    content = AnswerContent(kind="dispute", reason=reason, note=note, pass_on=pass_on)
    begun = await begin_answer(conn, parent, difference_id, content, seen_version=seen_version, answer_id=answer_id)
    if begun.known is not None and begun.known.content == content:
        return begun.known
    if note is not None and not is_note(note):
        raise NoteRefused(
            f"A note is 1 to {NOTE_CHARACTERS_MAX} characters of words, without a number that could be somebody's BSN. "
            "Nothing was changed: leave the number out."
        )
    given = await give_answer(conn, parent, begun, content, state="disputed")
    if given.pass_on:
        shown = await differences.shown_version(conn, parent.household_id, difference_id, given.difference_version)
        sources = disputed_sources(_EXPLANATION.decode(shown.explanation))
        await disputes.pass_on_lines(conn, parent.household_id, given, sources)
    elif begun.known is not None and begun.known.pass_on:
        await disputes.take_lines_back(conn, given.answer_id)
    return given


async def read_disputed_lines(
    conn: Connection, organisation: Organisation, *, before: tuple[datetime, UUID] | None, limit: int
) -> Sequence[DisputedLine]:
    """Return the organisation's lines that parents dispute and passed on, changed last first; of a vendor those that it sent.

    What parents wrote is read, so that the reading stands in the organisation's audit chain.
    """
    found = await disputes.disputed_lines(conn, organisation.organisation_id, before=before, limit=limit)
    if found:
        await lock_deliveries_of_organisation(conn, organisation.organisation_id)
        event = {
            "action": "disputes-read",
            "actor": f"organisation {organisation.organisation_id}",
            "senderOin": organisation.sender_oin,
            "lines": len(found),
        }
        await record_organisation_event(conn, organisation.organisation_id, msgspec.json.encode(event).decode())
    return found
