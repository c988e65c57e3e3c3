"""Verb: a parent takes over one version of a difference with one tap."""

from uuid import UUID, uuid4

import msgspec

from reconcile.announce import tell
from reconcile.callers import Parent
from reconcile.overlay import laid_over, laid_segments
from reconcile.problems import DifferenceClosed, NoProposal, NotFound, StaleDifference
from reconcile.rules.documents import ChangedPlacements
from reconcile.store import answers, households
from reconcile.store.answers import Acceptance
from reconcile.store.comparisons import mark_comparisons
from reconcile.store.database import Connection
from reconcile.store.notices import DifferenceKey
from reconcile.store.postponements import end_postponements


async def accept_difference(
    conn: Connection, parent: Parent, difference_id: UUID, *, seen_version: int, answer_id: UUID | None = None
) -> Acceptance:
    """Accept exactly what the parent saw: overlay, change, outbox row and audit link in the caller's transaction.

    `answer_id` is the number that a phone made. The same version again returns the acceptance that is there. Raises NotFound,
    StaleDifference, DifferenceClosed or NoProposal, and then nothing is written.
    """
    difference = await answers.lock_difference_to_answer(conn, parent.household_id, difference_id, seen_version)
    if difference is None:
        raise NotFound("There is no such difference for this household.")
    if difference.before is not None:
        return difference.before
    if not difference.is_as_seen:
        raise StaleDifference(difference_id=difference_id, seen_version=seen_version, current_version=difference.version)
    if not difference.is_open:
        raise DifferenceClosed(f"This difference is {difference.state}. Read it again to see what became of it.")
    if difference.proposal is None:
        raise NoProposal("This difference has no proposal to take over. Its route says what to do instead.")
    proposal = msgspec.json.decode(difference.proposal, type=ChangedPlacements)
    placement_ids = [placement.placement_id for placement in proposal.placements]
    change_id = uuid4()
    if difference.overlay:
        await answers.supersede_overlay(conn, parent.household_id, placement_ids)
    accepted = await answers.insert_acceptance(
        conn,
        parent.household_id,
        answer_id=answer_id or uuid4(),
        difference_id=difference_id,
        difference_version=seen_version,
        person_id=parent.person_id,
        change_id=change_id,
        version=difference.household_version + 1,
        placements=msgspec.json.encode(proposal.placements).decode(),
        laid=laid_segments(laid_over(difference.overlay, change_id, proposal.placements)),
    )
    key = DifferenceKey(household_id=parent.household_id, difference_id=difference_id)
    if difference.state == "postponed":
        await end_postponements(conn, [key])
    if difference.is_told:
        await tell(conn, (), moot=[key])
    await mark_comparisons(conn, difference.child_years)
    await households.record_changes(conn, [parent.household_id], [_event(parent, accepted)])
    return accepted


def _event(parent: Parent, accepted: Acceptance) -> str:
    """Say for the audit who accepted what."""
    event = {
        "action": "accepted",
        **parent.audited,
        "differenceId": str(accepted.difference_id),
        "differenceVersion": accepted.difference_version,
        "changeId": str(accepted.change_id),
    }
    return msgspec.json.encode(event).decode()
