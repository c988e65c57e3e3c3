"""What accepted changes lay over the declared hours: in each month the newest of them, each segment tied to its own change (ADR 0007)."""

from collections.abc import Iterator, Sequence
from uuid import UUID

import msgspec

from reconcile.rules.documents import ChangedPlacementDocument, ProposedPlacementDocument, proposed_segments, undeclared_months
from reconcile.rules.months import first_day
from reconcile.rules.segments import cut
from reconcile.store import answers, changes
from reconcile.store.answers import LaidSegment, OverlaySegment
from reconcile.store.database import Connection


def laid_over(
    current: Sequence[OverlaySegment], change_id: UUID, placements: Sequence[ProposedPlacementDocument]
) -> Sequence[OverlaySegment]:
    """Return what lies over the placements with one more change on top: its segments, and of earlier ones what they leave."""
    new = {placement.placement_id: tuple(_tied(change_id, placement)) for placement in placements}
    laid = [segment for segments in new.values() for segment in segments]
    for earlier in current:
        laid += cut((earlier,), new.get(earlier.placement_id, ()))
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
    """Lay over these placements what every change that stands lays there, as if what was refused, or undone unsent, had never been.

    A change that stands in the declaration covers the months of earlier ones, and lays nothing itself any more.
    """
    overlay: Sequence[OverlaySegment] = ()
    standing = await changes.changes_over(conn, household_id, placement_ids)
    for change in standing:
        overlay = laid_over(overlay, change.change_id, msgspec.json.decode(change.placements, type=list[ChangedPlacementDocument]))
    lying = {change.change_id for change in standing if change.over_at is None}
    left = [segment for segment in overlay if segment.change_id in lying and segment.placement_id in placement_ids]
    await answers.supersede_overlay(conn, household_id, placement_ids)
    await answers.insert_overlay(conn, household_id, laid_segments(left))


def _tied(change_id: UUID, placement: ProposedPlacementDocument) -> Iterator[OverlaySegment]:
    for segment in proposed_segments(placement):
        yield OverlaySegment(
            placement_id=placement.placement_id,
            change_id=change_id,
            from_month=segment.from_month,
            until_month=segment.until_month,
            hours_hundredths=segment.hours_hundredths,
            hourly_rate_cents=segment.hourly_rate_cents,
        )
    for months in undeclared_months(placement):
        yield OverlaySegment(
            placement_id=placement.placement_id,
            change_id=change_id,
            from_month=months.from_month,
            until_month=months.until_month,
            hours_hundredths=None,
            hourly_rate_cents=None,
        )
