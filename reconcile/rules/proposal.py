"""What one tap would declare."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from msgspec import Struct, structs

from reconcile.rules.evidence import Evidence, Weighed
from reconcile.rules.facts import Segment
from reconcile.rules.months import Month, months_between, next_month, previous_month
from reconcile.rules.segments import at_month, lay_over, merge


class ProposedPlacement(Struct, frozen=True, kw_only=True):
    """Segments that replace exactly the months they cover; the rest of the declared segments stays. `end_on` is the last day of care.

    From `hours_standing_from` on the hours stand ("from March"), and the rate from `rate_standing_from`; None when they change in single
    months alone ("only March"), after which what was declared returns.
    """

    placement_id: UUID
    child_id: UUID
    lrk_number: str
    end_on: date | None
    hours_standing_from: Month | None = None
    rate_standing_from: Month | None = None
    segments: tuple[Segment, ...]


class Proposal(Struct, frozen=True, kw_only=True):
    """The placements that one tap would declare together: one, or the two of a move, the old one first."""

    placements: tuple[ProposedPlacement, ...]


def together(proposals: Sequence[Proposal]) -> Proposal:
    """Return what taking over these would declare, one after the other: where two say something of a month, the later one counts."""
    placements: dict[UUID, ProposedPlacement] = {}
    for one in (placement for proposal in proposals for placement in proposal.placements):
        before = placements.get(one.placement_id)
        segments = one.segments if before is None else lay_over(before.segments, one.segments)
        placements[one.placement_id] = structs.replace(one, segments=segments)
    return Proposal(placements=tuple(placements.values()))


def proposed_placement(child_id: UUID, one: Weighed, segments: tuple[Segment, ...]) -> ProposedPlacement:
    """Propose these segments for a placement, and say from which month they stand."""
    evidence = one.evidence
    last = max(month for month in (*evidence.months_compared, evidence.stop_from) if month is not None)
    stopped = evidence.stop_from if evidence.stop_from is not None and at_month(segments, evidence.stop_from) else None
    hours_go_on = evidence.standing_from is not None or at_month(one.effective, last) is not None
    return ProposedPlacement(
        placement_id=one.placement.placement_id,
        child_id=child_id,
        lrk_number=one.placement.lrk_number,
        end_on=evidence.end_on,
        hours_standing_from=stopped or _changed_from(evidence.standing_from, segments),
        rate_standing_from=_changed_from(max(evidence.rate, default=None), segments) if hours_go_on else None,
        segments=segments,
    )


def _changed_from(month: Month | None, segments: Sequence[Segment]) -> Month | None:
    """Return the month when anything changes from it on: a figure that is back at the declared one stands for nothing."""
    changes = month is not None and any(one.until_month is None or one.until_month >= month for one in segments)
    return month if changes else None


def proposed_segments(evidence: Evidence, effective: Sequence[Segment]) -> tuple[Segment, ...]:
    """Return what one tap would declare: the months that change and, where something stands, the months after the newest report.

    What stands runs on to the end of the declared segment it lies in, never over one that the parent declared for later.
    """
    starts = [*evidence.hours, *evidence.rate, *([evidence.standing_from] if evidence.standing_from else [])]
    segments: list[Segment] = []
    if starts and evidence.months_compared:
        last = evidence.months_compared[-1]
        for month in months_between(min(starts), last):
            segments += _changed_month(month, evidence, effective)
        if evidence.stop_from is None:
            segments += _standing_tail(last, evidence, effective)
    if evidence.stop_from is not None and (running := at_month(effective, evidence.stop_from)) and running.hours_hundredths > 0:
        segments.append(
            Segment(
                from_month=evidence.stop_from,
                until_month=running.until_month,
                hours_hundredths=0,
                hourly_rate_cents=running.hourly_rate_cents,
            )
        )
    return merge(segments)


def _target(month: Month, evidence: Evidence, effective: Sequence[Segment]) -> tuple[int | None, int | None]:
    declared = at_month(effective, month)
    hours = declared.hours_hundredths if declared else None
    if evidence.standing_from is not None and month >= evidence.standing_from:
        hours = evidence.standing_hours_hundredths
    hours = evidence.hours.get(month, hours)
    begun = [start for start in evidence.rate if start <= month]
    rate = evidence.rate[max(begun)] if begun else declared.hourly_rate_cents if declared else _rate_before(month, evidence)
    return hours, rate


def _is_declared(declared: Segment | None, hours: int, rate: int) -> bool:
    """Tell whether this is declared already; of no hours the rate means nothing."""
    return declared is not None and declared.hours_hundredths == hours and (hours == 0 or declared.hourly_rate_cents == rate)


def _rate_before(month: Month, evidence: Evidence) -> int | None:
    """Return the newest reported rate until `month`: that of a month which nothing is declared for, within the tolerance."""
    rates = [one.hourly_rate_cents for one in evidence.reported if one.month <= month and one.hours_hundredths > 0]
    return rates[-1] if rates else None


def _changed_month(month: Month, evidence: Evidence, effective: Sequence[Segment]) -> list[Segment]:
    hours, rate = _target(month, evidence, effective)
    declared = at_month(effective, month)
    if hours is None or rate is None or _is_declared(declared, hours, rate):
        return []
    return [Segment(from_month=month, until_month=month, hours_hundredths=hours, hourly_rate_cents=rate)]


def _standing_tail(last: Month, evidence: Evidence, effective: Sequence[Segment]) -> list[Segment]:
    if evidence.standing_from is None and not evidence.rate:
        return []
    following = next_month(last)
    declared = at_month(effective, last)
    if declared is None and evidence.is_silent_after:
        # Nothing is declared there and the child was not in what came after: nothing says that it goes on.
        return []
    hours, rate = _target(following, evidence, (declared,) if declared else ())
    if hours is None or rate is None:
        return []
    later = [one.from_month for one in effective if one.from_month > last]
    until = declared.until_month if declared else previous_month(min(later)) if later else None
    if until is not None and until < following:
        return []
    if _is_declared(declared, hours, rate):
        return []
    return [Segment(from_month=following, until_month=until, hours_hundredths=hours, hourly_rate_cents=rate)]
