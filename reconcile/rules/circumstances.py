"""What is said beside the numbers of a difference: which circumstances hold, with the facts that each needs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from reconcile.rules.effect import Effect
from reconcile.rules.evidence import Weighed, is_inside_month
from reconcile.rules.explanation import Circumstance, ComparedMonth
from reconcile.rules.facts import AcceptedBefore, ChildYearFacts, Segment
from reconcile.rules.kinds import Kind
from reconcile.rules.months import Month, month_of, months_of_year
from reconcile.rules.new_care import is_too_old
from reconcile.rules.proposal import Proposal
from reconcile.rules.rule_book import RuleBook
from reconcile.rules.segments import at_month, effective_segments, lay_over

_ENDS: Final[frozenset[Kind]] = frozenset({"D10", "D11", "D14"})
_PAYMENT: Final[frozenset[Kind]] = frozenset({"D10", "D11", "D12", "D14"})


class Found(Struct, frozen=True, kw_only=True):
    """A difference as far as it is judged: what its circumstances are about. `sides` are its placements, the new one of a move last."""

    facts: ChildYearFacts
    this_month: Month
    sides: tuple[Weighed, ...]
    kind: Kind
    months: tuple[ComparedMonth, ...]
    begins_in: Month | None
    proposal: Proposal | None
    effect: Effect


def circumstances_of(found: Found, rules: RuleBook) -> tuple[Circumstance, ...]:
    """Return the circumstances of a difference, in the order in which a parent wants to know them."""
    return (
        *_corrected(found),
        *_above_cap(found, rules),
        *_inside_months(found),
        *_old(found),
        *_of_kind(found),
        *_of_effect(found, rules),
    )


def accepted_before(facts: ChildYearFacts, sides: Sequence[Weighed]) -> tuple[AcceptedBefore, ...]:
    """Return what was taken over before on these placements."""
    own = {side.placement.placement_id for side in sides}
    return tuple(sorted((one for one in facts.accepted if one.placement_id in own), key=lambda one: one.accepted_at))


def _corrected(found: Found) -> Iterator[Circumstance]:
    """Months that the parent saw when accepting, and that say something else by now, or nothing any more."""
    now = {
        (side.placement.placement_id, one.month): (one.hours_hundredths, one.hourly_rate_cents)
        for side in found.sides
        for one in side.placement.reported
    }
    months = {
        seen.month
        for accepted in accepted_before(found.facts, found.sides)
        for seen in accepted.seen
        if now.get((accepted.placement_id, seen.month)) != (seen.hours_hundredths, seen.hourly_rate_cents)
    }
    if months:
        yield Circumstance(code="corrected-after-acceptance", months=tuple(sorted(months)))


def _above_cap(found: Found, rules: RuleBook) -> Iterator[Circumstance]:
    totals = {month: hours for month, hours in _hours_of_child(found).items() if hours > rules.counted_hours_hundredths}
    if totals:
        yield Circumstance(
            code="hours-above-cap",
            months=tuple(sorted(totals)),
            hours_hundredths=max(totals.values()),
            limit_hundredths=rules.counted_hours_hundredths,
        )


def _hours_of_child(found: Found) -> Mapping[Month, int]:
    """Return the hours of the child over all its placements in the months that would change, or that were reported without a tap.

    With a proposal as it would be declared; without one as it was reported on the placements of the difference.
    """
    over = {one.placement_id: one.segments for one in found.proposal.placements} if found.proposal else {}
    reported = {side.placement.placement_id: {one.month: one.hours_hundredths for one in side.evidence.reported} for side in found.sides}
    newest = reported[found.sides[-1].placement.placement_id]
    hours: dict[Month, int] = {}
    for month in months_of_year(found.facts.year):
        if not (any(at_month(segments, month) for segments in over.values()) if over else month in newest):
            continue
        hours[month] = sum(
            reported[placement.placement_id].get(month, 0)
            if not over and placement.placement_id in reported
            else _hours_at(lay_over(effective_segments(placement), over.get(placement.placement_id, ())), month)
            for placement in found.facts.child.placements
        )
    return hours


def _hours_at(segments: Sequence[Segment], month: Month) -> int:
    segment = at_month(segments, month)
    return segment.hours_hundredths if segment else 0


def _inside_months(found: Found) -> Iterator[Circumstance]:
    deviating = {one.month for one in found.months if one.hours_deviate}
    for side in found.sides:
        start_on, end_on = side.placement.start_on, side.evidence.end_on
        if start_on and start_on.day > 1 and month_of(start_on) in deviating:
            yield Circumstance(code="starts-in-month", months=(month_of(start_on),), day=start_on)
        if found.kind in _ENDS and end_on and is_inside_month(end_on):
            yield Circumstance(code="stops-in-month", months=(month_of(end_on),), day=end_on)


def _old(found: Found) -> Iterator[Circumstance]:
    segments = [segment for one in found.proposal.placements for segment in one.segments] if found.proposal else []
    first = min((segment.from_month for segment in segments), default=found.begins_in)
    if first is not None and is_too_old(first, found.this_month):
        yield Circumstance(code="older-than-three-months", months=(first,))


def _of_kind(found: Found) -> Iterator[Circumstance]:
    if any(one.hours_deviate and one.reported and one.reported.hours_hundredths > 0 for one in found.months):
        yield Circumstance(code="only-paid-hours-when-open")
    if found.proposal and found.kind in _PAYMENT:
        yield Circumstance(code="direct-payment-may-stop")


def _of_effect(found: Found, rules: RuleBook) -> Iterator[Circumstance]:
    if found.proposal is None:
        return
    if _is_without_effect(found, found.proposal, rules):
        yield Circumstance(code="no-effect")
    before, after = found.effect.first_child_before, found.effect.first_child_after
    if before is not None and after is not None and before != after:
        yield Circumstance(code="first-child-changes")
    if found.effect.in_year is not None:
        yield Circumstance(code="other-changes-not-counted")


def _is_without_effect(found: Found, proposal: Proposal, rules: RuleBook) -> bool:
    """Tell whether the allowance stays what it is; without a table it does when hours and rates that count stay what they are.

    What begins after the year has its effect there, which this year's table does not show.
    """
    if all(segment.from_month > f"{found.facts.year:04d}-12" for one in proposal.placements for segment in one.segments):
        return False
    if found.effect.in_year is not None:
        return found.effect.in_year.change_euro == 0
    maximum = rules.maximum_rate_cents.get(found.facts.year)
    if maximum is None:
        return False
    proposed = {one.placement_id: one.segments for one in proposal.placements}
    return all(
        _counted(side.effective, month, maximum[side.placement.care_type], rules)
        == _counted(lay_over(side.effective, proposed[side.placement.placement_id]), month, maximum[side.placement.care_type], rules)
        for side in found.sides
        for month in months_of_year(found.facts.year)
    )


def _counted(segments: Sequence[Segment], month: Month, maximum_cents: int, rules: RuleBook) -> tuple[int, int] | None:
    """Return hours and rate that count; of no hours the rate means nothing."""
    segment = at_month(segments, month)
    if segment is None or segment.hours_hundredths == 0:
        return None
    return min(segment.hours_hundredths, rules.counted_hours_hundredths), min(segment.hourly_rate_cents, maximum_cents)
