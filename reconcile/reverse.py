"""Verb: a parent undoes an acceptance: the change is never sent, or another one declares again what stood before it (ADR 0034)."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import msgspec

from reconcile.callers import Parent
from reconcile.problems import ChangeStands, NotFound
from reconcile.reopen import changed_placements, lay_anew, open_again, take_back
from reconcile.rules.documents import (
    ChangedPlacementDocument,
    months_document,
    proposed_segments,
    segment_document,
    undeclared_months,
)
from reconcile.rules.facts import MonthSpan, Segment
from reconcile.rules.segments import cut, lay_over
from reconcile.rules.undoing import AcceptedCare, restored
from reconcile.store import changes, comparisons, differences, households, placements, reversals
from reconcile.store.answers import Answer
from reconcile.store.changes import Change, ChangeOver
from reconcile.store.database import Connection
from reconcile.store.placements import DeclaredThen


async def reverse_change(conn: Connection, parent: Parent, change_id: UUID, *, answer_id: UUID) -> Answer:
    """Undo the acceptance behind a change, in the caller's transaction; its difference opens again, and nobody is told.

    While nobody has begun to send the change, or when it is dead, it is not sent any more. Otherwise another change follows it, in the
    order of the household, that declares its months as they stood before. A change is undone once: again returns the reversal that
    is there, under its own number. Raises NotFound or ChangeStands, and then nothing is written.
    """
    version = await households.lock_household(conn, parent.household_id)
    change = None if version is None else await changes.change_by_id(conn, parent.household_id, change_id)
    if version is None or change is None:
        raise NotFound("There is no such change for this household.")
    before = await reversals.reversal_of(conn, parent.household_id, change_id)
    if before is not None:
        return before
    if change.kind == "reversal":
        raise ChangeStands("This change undoes another one. Accept the difference again instead.")
    if change.state == "refused":
        raise ChangeStands("Toeslagen refused this change: nothing of it stands, and its difference is open.")
    undoing: Sequence[ChangedPlacementDocument] | None = None
    if not await changes.cancel_change(conn, parent.household_id, change_id, version + 1):
        undoing = await _undoing(conn, change)
    await reversals.insert_reversal(
        conn,
        parent.household_id,
        answer_id=answer_id,
        difference_id=change.difference_id,
        difference_version=change.difference_version,
        person_id=parent.person_id,
        undone_change_id=change_id,
        version=version + 1,
        change_id=None if undoing is None else uuid4(),
        placements=None if undoing is None else msgspec.json.encode(undoing).decode(),
    )
    if undoing is None:
        await take_back(conn, change, version + 1)
    else:
        await lay_anew(conn, change)
        await open_again(conn, change, version + 1)
    answer = await reversals.reversal_of(conn, parent.household_id, change_id)
    assert answer is not None  # noqa: S101  # it was written above
    await comparisons.mark_comparisons(conn, await comparisons.reported_child_years(conn, [parent.household_id]))
    await households.record_changes(conn, [parent.household_id], [_event(parent, answer)])
    return answer


async def _undoing(conn: Connection, change: Change) -> Sequence[ChangedPlacementDocument]:
    """Return what a change that may be on its way, or was processed, is followed by: its placements as they stood before it."""
    if await differences.is_year_awarded(conn, change.household_id, change.difference_id):
        raise ChangeStands("Toeslagen has settled this year. What is declared for it can no longer be changed here.")
    own = changed_placements(change)
    placement_ids = [one.placement_id for one in own]
    around = await changes.changes_over(conn, change.household_id, placement_ids)
    then = await placements.declared_as_of(conn, change.household_id, placement_ids, change.answered_at)
    now = await placements.declared_as_of(conn, change.household_id, placement_ids)
    restored_ones = [_restored(one, change, around, then[one.placement_id], now[one.placement_id]) for one in own]
    undoing = [one for one in restored_ones if one.segments or one.undeclared or one.end_undone]
    if not undoing:
        raise ChangeStands("Nothing of this change stands any more: what came after it says otherwise about all of its months.")
    return undoing


def _restored(
    accepted: ChangedPlacementDocument, change: Change, around: Sequence[ChangeOver], then: DeclaredThen, now: DeclaredThen
) -> ChangedPlacementDocument:
    own = next(one for one in around if one.change_id == change.change_id)
    undone_at = {one.undone_change_id: one.sequence for one in around if one.undone_change_id is not None}
    # What was undone after this was accepted is not what stood before it.
    earlier = [one for one in around if one.sequence < own.sequence and undone_at.get(one.change_id, 0) < own.sequence]
    since = [one for one in around if one.sequence > own.sequence]
    # A later acceptance that was undone says nothing any more, and nor does what undid it; but TVS may still declare it.
    undone = {one.change_id for one in since if one.change_id in undone_at}
    later = [said for one in since if one.change_id not in undone and one.undone_change_id not in undone for said in _said(one, accepted)]
    ended = [said for one in since if one.change_id in undone for said in _said(one, accepted)]
    before = _counted(then, accepted, [(one, one.over_at is None or one.over_at > change.answered_at) for one in earlier])
    beneath = _counted(now, accepted, [(one, one.over_at is None) for one in earlier])
    what = restored(
        AcceptedCare(
            accepted=tuple(proposed_segments(accepted)),
            later=tuple(months for said in later for months in _months(said)),
            undone_since=tuple(tuple(proposed_segments(said)) for said in ended),
            before=before.segments,
            declared=now.segments,
            beneath=beneath.segments,
            is_declared=own.over_at is not None,
        )
    )
    # The last day of care by the same rule as the months.
    is_own_end = now.end_on in {accepted.end_on, *(said.end_on for said in ended)}
    is_end_undone = accepted.end_on is not None and not any(map(_says_end, later)) and (is_own_end or own.over_at is None)
    end_on = before.end_on if is_own_end else beneath.end_on
    return ChangedPlacementDocument(
        placement_id=accepted.placement_id,
        child_id=accepted.child_id,
        lrk_number=accepted.lrk_number,
        end_on=end_on if is_end_undone else None,
        hours_standing_from=None,
        rate_standing_from=None,
        segments=tuple(segment_document(one) for one in what.segments),
        undeclared=tuple(months_document(one) for one in what.undeclared),
        end_undone=is_end_undone,
    )


def _counted(declared: DeclaredThen, placement: ChangedPlacementDocument, earlier: Sequence[tuple[ChangeOver, bool]]) -> DeclaredThen:
    """Return what counts on a placement with these changes over what is declared, each with whether it still lies over that."""
    over: tuple[Segment, ...] = ()
    nothing: tuple[MonthSpan, ...] = ()
    end_on = declared.end_on
    for change, lies_over in earlier:
        for said in _said(change, placement):
            months = _months(said)
            over, nothing = cut(over, months), cut(nothing, months)
            if lies_over:
                over, nothing = (*over, *proposed_segments(said)), (*nothing, *undeclared_months(said))
            if _says_end(said):
                end_on = said.end_on if lies_over else declared.end_on
    return DeclaredThen(end_on=end_on, segments=lay_over(cut(declared.segments, nothing), over))


def _says_end(said: ChangedPlacementDocument) -> bool:
    return said.end_on is not None or said.end_undone


def _said(change: ChangeOver, placement: ChangedPlacementDocument) -> Sequence[ChangedPlacementDocument]:
    """Return what a change says of a placement, if anything."""
    said = msgspec.json.decode(change.placements, type=tuple[ChangedPlacementDocument, ...])
    return [one for one in said if one.placement_id == placement.placement_id]


def _months(said: ChangedPlacementDocument) -> Sequence[MonthSpan]:
    return (*proposed_segments(said), *undeclared_months(said))


def _event(parent: Parent, answer: Answer) -> str:
    """Say for the audit who undid what."""
    event = {
        "action": "reversed",
        **parent.audited,
        "differenceId": str(answer.difference_id),
        "undoneChangeId": str(answer.undone_change_id),
        "changeId": None if answer.change_id is None else str(answer.change_id),
    }
    return msgspec.json.encode(event).decode()
