"""What accepted changes lay over the declared hours: in each month the newest of them, each segment tied to its own change (ADR 0007)."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from reconcile.rules.documents import ProposedPlacementDocument, proposed_segments
from reconcile.rules.facts import Segment
from reconcile.rules.months import first_day
from reconcile.rules.segments import cut
from reconcile.store import answers, changes
from reconcile.store.answers import LaidSegment, OverlaySegment
from reconcile.store.database import Connection


def laid_over(
    current: Sequence[OverlaySegment], change_id: UUID, placements: Sequence[ProposedPlacementDocument]
) -> Sequence[OverlaySegment]:
    """Return what lies over the placements with one more change on top: its segments, and of earlier ones what they leave."""
    new = {placement.placement_id: proposed_segments(placement) for placement in placements}
    laid: list[OverlaySegment] = []
    for placement_id, segments in new.items():
        laid += _tied(placement_id, change_id, segments)
    for earlier in current:
        segment = Segment(
            from_month=earlier.from_month,
            until_month=earlier.until_month,
            hours_hundredths=earlier.hours_hundredths,
            hourly_rate_cents=earlier.hourly_rate_cents,
        )
        laid += _tied(earlier.placement_id, earlier.change_id, cut((segment,), new.get(earlier.placement_id, ())))
    return laid


def laid_segments(overlay: Sequence[OverlaySegment]) -> Sequence[LaidSegment]:
    """Return an overlay as it is written."""
    return [
        LaidSegment(
            placement_id=segment.placement_id,
            change_id=segment.change_id,
            from_month=first_day(segment.from_month),
            until_month=None if segment.until_month is None else first_day(segment.until_month),
            hours_hundredths=segment.hours_hundredths,
            hourly_rate_cents=segment.hourly_rate_cents,
        )
        for segment in overlay
    ]


async def lay_again(conn: Connection, household_id: UUID, placement_ids: Sequence[UUID]) -> None:
    """Lay over these placements what every change that TVS did not refuse lays there, as if the refused ones had never been.

    A change that stands in the declaration covers the months of earlier ones, and lays nothing itself any more.
    """
    overlay: Sequence[OverlaySegment] = ()
    unrefused = await changes.changes_over(conn, household_id, placement_ids)
    for change in unrefused:
        overlay = laid_over(overlay, change.change_id, msgspec.json.decode(change.placements, type=list[ProposedPlacementDocument]))
    lying = {change.change_id for change in unrefused if change.lies_over}
    left = [segment for segment in overlay if segment.change_id in lying and segment.placement_id in placement_ids]
    await answers.supersede_overlay(conn, household_id, placement_ids)
    await answers.insert_overlay(conn, household_id, laid_segments(left))


def _tied(placement_id: UUID, change_id: UUID, segments: Sequence[Segment]) -> list[OverlaySegment]:
    return [
        OverlaySegment(
            placement_id=placement_id,
            change_id=change_id,
            from_month=segment.from_month,
            until_month=segment.until_month,
            hours_hundredths=segment.hours_hundredths,
            hourly_rate_cents=segment.hourly_rate_cents,
        )
        for segment in segments
    ]
