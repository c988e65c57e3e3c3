"""Verbs around a change on its way to TVS: what TVS reads, what it answers, and what the sender must settle."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from reconcile.callers import Tvs
from reconcile.problems import NotFound, ReceiptContradicts
from reconcile.reopen import changed_placements, take_back, take_back_reversal
from reconcile.rules.declaration import NO_NUL
from reconcile.rules.documents import ChangedPlacementDocument, MonthsDocument, SegmentDocument
from reconcile.store import changes, comparisons, households, outbox, placements
from reconcile.store.changes import Change, ReferencedPerson
from reconcile.store.database import Connection
from reconcile.store.outbox import ClaimedMessage, Postponed, Settled

KIND = "change"
# A change that cannot be handed over for this long needs a person: it is shown as dead and blocks what comes after it.
CHANGE_AGE_MAX = timedelta(hours=72)


class ChangedPlacement(Struct, frozen=True, kw_only=True, rename="camel"):
    """What TVS is to declare for one placement, in the references of TVS: the months named here, and no others."""

    placement_id: UUID
    child_ref: str
    lrk_number: str
    end_date: Annotated[date | None, Meta(description="Last day of care; null leaves it as it is, unless `endUndone`")]
    segments: tuple[SegmentDocument, ...]
    undeclared: Annotated[tuple[MonthsDocument, ...], Meta(description="Of a reversal: months in which nothing is to be declared any more")]
    end_undone: Annotated[bool, Meta(description="Of a reversal: the last day is again what `endDate` says, none when that is null")]


class AnsweredBy(Struct, frozen=True, kw_only=True, rename="camel"):
    """The parent who accepted, or undid, in the references of TVS."""

    person_ref: str
    role: str


class ChangeDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """The report of change as TVS reads it. It holds no BSN: TVS knows its own references."""

    change_id: UUID
    household_ref: str
    sequence: int
    kind: Annotated[str, Meta(description="acceptance, or reversal: declare again what stood before the change that it undoes")]
    undone_change_id: Annotated[UUID | None, Meta(description="Of a reversal: the change that it undoes; it came before, in order")]
    state: Annotated[str, Meta(description="Process it when it is staged or sent; reversed: the parent undid it, declare nothing")]
    difference_id: UUID
    difference_version: int
    answered_at: datetime
    answered_by: AnsweredBy
    placements: tuple[ChangedPlacement, ...]
    declaration_version: int | None
    reason: str | None


class Processed(Struct, frozen=True, kw_only=True, rename="camel", tag_field="outcome", tag="processed", forbid_unknown_fields=True):
    """TVS processed the change; it stands in this version of the household's declaration."""

    declaration_version: Annotated[int, Meta(ge=1, le=2**53, description="Version of the declaration that holds the change")]


class Refused(Struct, frozen=True, kw_only=True, rename="camel", tag_field="outcome", tag="refused", forbid_unknown_fields=True):
    """TVS refused the change, with a reason for the parent."""

    reason: Annotated[str, Meta(min_length=1, max_length=500, pattern=NO_NUL, description="Why, in words for the parent")]


Receipt = Processed | Refused


async def change_for_tvs(conn: Connection, tvs: Tvs, change_id: UUID) -> ChangeDocument:
    """Return a change for TVS, and chain in the household's audit that it was read. Raises NotFound."""
    change = await _locked_change(conn, change_id)
    return await _read(conn, tvs, change)


async def record_receipt(conn: Connection, tvs: Tvs, change_id: UUID, receipt: Receipt) -> ChangeDocument:
    """Record what TVS made of a change. The same receipt again is a reading of it; another one raises ReceiptContradicts.

    Processed: the overlay ends as soon as the declaration that holds the change is here. Refused: the overlay ends at once, what it
    covered of earlier changes lies there again, and the difference opens again, unless newer facts already opened another one; of a
    reversal, the acceptance stands again. A change that the parent undid before it was sent cannot be processed. Raises NotFound.
    """
    change = await _locked_change(conn, change_id)
    if change.state == "reversed":
        if isinstance(receipt, Processed):
            raise ReceiptContradicts("The parent undid this change before it was sent. Declare nothing of it.")
        return await _document(conn, change)
    outcome = "processed" if isinstance(receipt, Processed) else "refused"
    declaration_version = receipt.declaration_version if isinstance(receipt, Processed) else None
    reason = receipt.reason if isinstance(receipt, Refused) else None
    if change.state in ("processed", "refused"):
        if (change.state, change.declaration_version, change.reason) != (outcome, declaration_version, reason):
            raise ReceiptContradicts(f"This change was settled before as {change.state}. A change is settled once.")
        return await _read(conn, tvs, change)
    version = await households.lock_household(conn, change.household_id)
    assert version is not None  # noqa: S101  # _locked_change found and locked the household
    await changes.settle_change(
        conn, change.household_id, change_id, state=outcome, version=version + 1, declaration_version=declaration_version, reason=reason
    )
    await changes.settle_change_outbox(conn, change.household_id, change_id, outcome)
    if isinstance(receipt, Processed):
        await placements.touch_placements(conn, await placements.end_processed_overlays(conn, [change.household_id]))
    else:
        await (take_back_reversal if change.kind == "reversal" else take_back)(conn, change, version + 1)
    await comparisons.mark_comparisons(conn, await comparisons.reported_child_years(conn, [change.household_id]))
    event = {"action": outcome, "actor": f"tvs {tvs.oin}", "changeId": str(change_id), "declarationVersion": declaration_version}
    await households.record_changes(conn, [change.household_id], [msgspec.json.encode(event).decode()])
    return await _document(conn, await _locked_change(conn, change_id))


async def claim_changes(conn: Connection, *, lease: timedelta, changes_max: int) -> Sequence[ClaimedMessage]:
    """Take changes to send by lease, in order per household."""
    return await outbox.claim_changes(conn, lease, changes_max)


async def settle_sent(conn: Connection, message: ClaimedMessage) -> bool:
    """TVS took the change; False when another worker has it by now."""
    return await _settle(conn, message, state="done", error=None)


async def settle_dead(conn: Connection, message: ClaimedMessage, *, error: str) -> bool:
    """The change cannot be sent; it stays visible and blocks what comes after it. False when another worker has it by now."""
    return await _settle(conn, message, state="dead", error=error)


async def postpone_change(conn: Connection, message: ClaimedMessage, *, error: str, at_least: timedelta = timedelta()) -> None:
    """Send the change later, not before `at_least` has passed."""
    later = Postponed(
        household_id=message.household_id, subject_id=message.subject_id, attempts=message.attempts, error=error, at_least=at_least
    )
    await outbox.postpone_outbox(conn, KIND, [later])


async def revive_change(conn: Connection, change_id: UUID) -> None:
    """A person looked at a dead change and set right what was wrong: send it again, and what it blocked after it. Raises NotFound."""
    household_id = await changes.household_of_change(conn, change_id)
    version = None if household_id is None else await households.lock_household(conn, household_id)
    if household_id is None or version is None or not await changes.revive_change(conn, household_id, change_id, version + 1):
        raise NotFound("There is no dead change of this number.")
    event = {"action": "revived", "actor": "operator", "changeId": str(change_id)}
    await households.record_changes(conn, [household_id], [msgspec.json.encode(event).decode()])


async def _settle(conn: Connection, message: ClaimedMessage, *, state: Literal["done", "dead"], error: str | None) -> bool:
    # Household before outbox, as everywhere: a receipt that comes at this moment takes the locks in the same order.
    version = await households.lock_household(conn, message.household_id)
    settled = Settled(household_id=message.household_id, subject_id=message.subject_id, attempts=message.attempts, state=state, error=error)
    if version is None or not await outbox.settle_outbox(conn, KIND, [settled]):
        return False
    mark = changes.mark_change_sent if state == "done" else changes.mark_change_dead
    await mark(conn, message.household_id, message.subject_id, version + 1)
    event = {"action": "sent" if state == "done" else "dead", "actor": "forward", "changeId": str(message.subject_id)}
    await households.record_changes(conn, [message.household_id], [msgspec.json.encode(event).decode()])
    return True


async def _locked_change(conn: Connection, change_id: UUID) -> Change:
    household_id = await changes.household_of_change(conn, change_id)
    if household_id is not None:
        await households.lock_household(conn, household_id)
        change = await changes.change_by_id(conn, household_id, change_id)
        if change is not None:
            return change
    raise NotFound("There is no such change.")


async def _read(conn: Connection, tvs: Tvs, change: Change) -> ChangeDocument:
    """Return a locked change for TVS, and chain in the household's audit that it was read."""
    event = {"action": "read", "actor": f"tvs {tvs.oin}", "changeId": str(change.change_id)}
    await households.record_read(conn, change.household_id, msgspec.json.encode(event).decode())
    return await _document(conn, change)


async def _document(conn: Connection, change: Change) -> ChangeDocument:
    proposed = changed_placements(change)
    people = await changes.people_of_change(conn, change.household_id, [change.person_id, *(one.child_id for one in proposed)])
    return ChangeDocument(
        change_id=change.change_id,
        household_ref=change.household_ref,
        sequence=change.sequence,
        kind=change.kind,
        undone_change_id=change.undone_change_id,
        state=change.state,
        difference_id=change.difference_id,
        difference_version=change.difference_version,
        answered_at=change.answered_at,
        answered_by=AnsweredBy(person_ref=people[change.person_id].person_ref, role=people[change.person_id].role),
        placements=tuple(_placement(one, people) for one in proposed),
        declaration_version=change.declaration_version,
        reason=change.reason,
    )


def _placement(proposed: ChangedPlacementDocument, people: Mapping[UUID, ReferencedPerson]) -> ChangedPlacement:
    return ChangedPlacement(
        placement_id=proposed.placement_id,
        child_ref=people[proposed.child_id].person_ref,
        lrk_number=proposed.lrk_number,
        end_date=proposed.end_on,
        segments=proposed.segments,
        undeclared=proposed.undeclared,
        end_undone=proposed.end_undone,
    )
