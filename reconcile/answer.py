"""Verb: a parent takes over one version of a difference with one tap."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID, uuid4

import msgspec

from reconcile.announce import tell
from reconcile.callers import Parent
from reconcile.problems import DifferenceClosed, NoProposal, NotFound, StaleDifference
from reconcile.rules.documents import ProposalDocument, proposed_segments
from reconcile.rules.facts import Segment
from reconcile.rules.months import Month, first_day
from reconcile.rules.segments import cut
from reconcile.store import answers, differences, households, placements
from reconcile.store.answers import Acceptance, LaidSegment
from reconcile.store.comparisons import mark_comparisons, reported_child_years
from reconcile.store.database import Connection
from reconcile.store.notices import DifferenceKey
from reconcile.store.placements import PlacementKey


async def accept_difference(conn: Connection, parent: Parent, difference_id: UUID, *, seen_version: int) -> Acceptance:
    """Accept exactly the version that the parent saw: overlay, change, outbox row and audit link in the caller's transaction.

    The same version again returns the acceptance that is there. Raises NotFound, StaleDifference, DifferenceClosed or NoProposal,
    and then nothing is written.
    """
    version = await households.lock_household(conn, parent.household_id)
    difference = await differences.lock_difference(conn, parent.household_id, difference_id) if version is not None else None
    if version is None or difference is None:
        raise NotFound("There is no such difference for this household.")
    before = await answers.acceptance_of_version(conn, parent.household_id, difference_id, seen_version)
    if before is not None:
        return before
    if difference.version != seen_version:
        raise StaleDifference(difference_id=difference_id, seen_version=seen_version, current_version=difference.version)
    if difference.state != "open":
        raise DifferenceClosed(f"This difference is {difference.state}. Read it again to see what became of it.")
    if difference.proposal is None:
        raise NoProposal("This difference has no proposal to take over. Its route says what to do instead.")
    proposal = msgspec.json.decode(difference.proposal, type=ProposalDocument)
    change_id = uuid4()
    accepted = await answers.insert_acceptance(
        conn,
        parent.household_id,
        acceptance_id=uuid4(),
        difference_id=difference_id,
        difference_version=seen_version,
        person_id=parent.person_id,
        change_id=change_id,
        version=version + 1,
        placements=msgspec.json.encode(proposal.placements).decode(),
    )
    await _lay_over(conn, parent.household_id, change_id, proposal)
    await differences.set_difference_state(conn, parent.household_id, difference_id, "accepted", version + 1)
    await differences.set_difference_placements_open(conn, parent.household_id, difference_id, is_open=False)
    await differences.keep_difference_versions(conn, [parent.household_id], [difference_id])
    await tell(conn, (), moot=[DifferenceKey(household_id=parent.household_id, difference_id=difference_id)])
    await mark_comparisons(conn, await reported_child_years(conn, [parent.household_id]))
    event = {
        "action": "accepted",
        "actor": str(parent.person_id),
        "differenceId": str(difference_id),
        "differenceVersion": seen_version,
        "changeId": str(change_id),
    }
    await households.record_changes(conn, [parent.household_id], [msgspec.json.encode(event).decode()])
    return accepted


async def _lay_over(conn: Connection, household_id: UUID, change_id: UUID, proposal: ProposalDocument) -> None:
    """Lay the accepted segments; what an earlier acceptance still lays on other months stays, tied to its own change."""
    laid: list[LaidSegment] = []
    placement_ids = [placement.placement_id for placement in proposal.placements]
    current = await answers.current_overlay(conn, household_id, placement_ids)
    for placement in proposal.placements:
        new = proposed_segments(placement)
        laid += _laid(placement.placement_id, change_id, new)
        for earlier in current:
            if earlier.placement_id == placement.placement_id:
                segment = Segment(
                    from_month=earlier.from_month,
                    until_month=earlier.until_month,
                    hours_hundredths=earlier.hours_hundredths,
                    hourly_rate_cents=earlier.hourly_rate_cents,
                )
                laid += _laid(placement.placement_id, earlier.change_id, cut((segment,), new))
    await answers.supersede_overlay(conn, household_id, placement_ids)
    await answers.insert_overlay(conn, household_id, laid)
    await placements.touch_placements(
        conn, [PlacementKey(household_id=household_id, placement_id=placement_id) for placement_id in placement_ids]
    )


def _laid(placement_id: UUID, change_id: UUID, segments: Sequence[Segment]) -> list[LaidSegment]:
    return [
        LaidSegment(
            placement_id=placement_id,
            change_id=change_id,
            from_month=first_day(segment.from_month),
            until_month=_day(segment.until_month),
            hours_hundredths=segment.hours_hundredths,
            hourly_rate_cents=segment.hourly_rate_cents,
        )
        for segment in segments
    ]


def _day(month: Month | None) -> date | None:
    return None if month is None else first_day(month)
