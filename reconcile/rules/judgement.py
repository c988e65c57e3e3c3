"""The judgement: from the facts of one child in one year to its differences. Pure: the same facts and instant, the same answer."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from reconcile.rules.effect import Effect, effect_of, no_effect
from reconcile.rules.evidence import Evidence, proposed_segments, weigh
from reconcile.rules.explanation import ComparedMonth, Explanation, compared_months
from reconcile.rules.facts import ChildCare, ChildYearFacts, PlacementFacts, ReportedMonth, Segment
from reconcile.rules.kinds import Kind, Route
from reconcile.rules.months import Month, month_at, months_of_year
from reconcile.rules.notice import weight_cents
from reconcile.rules.proposal import Proposal, ProposedPlacement
from reconcile.rules.rule_book import RuleBook
from reconcile.rules.segments import at_month, lay_over, merge


class JudgedDifference(Struct, frozen=True, kw_only=True):
    """One difference: at most one for each placement and year, or one over the two placements of a move.

    `facts_hash` is over values alone: once answered, the same values never open again. Without a proposal, `route` says why and
    what to do instead. `weight_cents` says how much it is about (rules/notice.py).
    """

    kind: Kind
    year: int
    placement_ids: tuple[UUID, ...]
    facts_hash: bytes
    proposal: Proposal | None
    route: Route | None
    explanation: Explanation
    effect: Effect
    weight_cents: int


def judge(facts: ChildYearFacts, as_of: datetime, rules: RuleBook) -> tuple[JudgedDifference, ...]:
    """Judge one child in one calculation year as of an instant; months that are still to come then do not count.

    The answer is ordered by LRK number and does not depend on the order of the placements.
    """
    this_month = month_at(as_of)
    ordered = sorted(facts.child.placements, key=lambda one: (one.lrk_number, one.placement_id))
    found = (_judge_placement(facts, placement, this_month, rules) for placement in ordered)
    return tuple(one for one in found if one is not None)


def content_of(judged: JudgedDifference) -> bytes:
    """Return a hash of what the parent is told: kind, proposal, route and the values compared.

    The effect is left out: a new income estimate changes the euros shown, not the difference.
    """
    values = [(one.month, _figures(one.declared), _figures(one.reported)) for one in judged.explanation.months]
    return _digest((judged.kind, judged.proposal, judged.route, values))


def _figures(one: Segment | ReportedMonth | None) -> tuple[int, int] | None:
    return (one.hours_hundredths, one.hourly_rate_cents) if one else None


def _judge_placement(facts: ChildYearFacts, placement: PlacementFacts, this_month: Month, rules: RuleBook) -> JudgedDifference | None:
    effective = merge(lay_over(placement.declared, placement.overlay))
    evidence = weigh(placement, effective, facts.year, this_month, rules)
    months = compared_months(evidence, effective, rules)
    if not placement.is_declared and not effective:
        return _undeclared(facts, placement, evidence, months, rules)
    segments = merge(proposed_segments(evidence, effective))
    if not segments:
        return _missing(facts, placement, effective, evidence, this_month, rules)
    kind = _kind(facts.year, placement, evidence, effective, segments, rules)
    route = _no_tap(facts, placement, evidence, kind)
    proposal = None if route else _proposal(facts.child.child_id, placement, evidence, segments)
    return _difference(facts, placement, effective, evidence, kind, proposal, route, months, rules)


def _kind(
    year: int,
    placement: PlacementFacts,
    evidence: Evidence,
    effective: Sequence[Segment],
    segments: Sequence[Segment],
    rules: RuleBook,
) -> Kind:
    if evidence.stop_from is not None and any(one.from_month == evidence.stop_from and one.hours_hundredths == 0 for one in segments):
        return "D14"
    has_hours = bool(evidence.hours) or evidence.standing_from is not None
    if has_hours and evidence.rate:
        return "D09"
    if evidence.rate:
        return _rate_kind(year, placement, evidence, effective, rules)
    if evidence.step == "average":
        return "D05"
    if evidence.standing_from is None or evidence.standing_hours_hundredths is None:
        return "D03"
    declared = at_month(effective, evidence.months_compared[-1])
    deviating = declared if declared and declared.hours_hundredths != evidence.standing_hours_hundredths else None
    before = deviating or at_month(effective, evidence.standing_from)
    return "D01" if evidence.standing_hours_hundredths > (before.hours_hundredths if before else 0) else "D02"


def _rate_kind(year: int, placement: PlacementFacts, evidence: Evidence, effective: Sequence[Segment], rules: RuleBook) -> Kind:
    maximum = rules.maximum_rate_cents.get(year, {}).get(placement.care_type)
    if maximum is None:
        return "D06"
    declared = [at_month(effective, month) for month in evidence.rate]
    is_above = all(one is not None and one.hourly_rate_cents >= maximum for one in declared) and all(
        cents >= maximum for cents in evidence.rate.values()
    )
    return "D07" if is_above else "D06"


def _no_tap(facts: ChildYearFacts, placement: PlacementFacts, evidence: Evidence, kind: Kind) -> Route | None:
    if facts.is_closed_year:
        return "year-closed"
    if kind == "D14" and evidence.stop_from is not None and not _other_care_after(facts, placement, evidence.stop_from):
        return "last-care-ended"
    return None


def _other_care_after(facts: ChildYearFacts, stopped: PlacementFacts, month: Month) -> bool:
    """Tell whether the household has other declared care from `month` on: ending the last care is outside the app."""
    children: tuple[ChildCare, ...] = (facts.child, *facts.siblings)
    return any(
        segment.hours_hundredths > 0 and (segment.until_month is None or segment.until_month >= month)
        for child in children
        for placement in child.placements
        if placement.placement_id != stopped.placement_id
        for segment in lay_over(placement.declared, placement.overlay)
    )


def _undeclared(
    facts: ChildYearFacts, placement: PlacementFacts, evidence: Evidence, months: tuple[ComparedMonth, ...], rules: RuleBook
) -> JudgedDifference | None:
    """Care that only the organisation knows of: new conditions and the three-month rule may apply, so there is no tap."""
    if not any(one.hours_hundredths > 0 for one in evidence.reported):
        return None
    elsewhere = any(other.is_declared for other in facts.child.placements)
    route: Route = "year-closed" if facts.is_closed_year else "add-care" if elsewhere else "add-child"
    return _difference(facts, placement, (), evidence, "D12" if elsewhere else "D13", None, route, months, rules)


def _missing(
    facts: ChildYearFacts,
    placement: PlacementFacts,
    effective: Sequence[Segment],
    evidence: Evidence,
    this_month: Month,
    rules: RuleBook,
) -> JudgedDifference | None:
    """The newest month that the organisation called complete has no line for declared care: ask, change nothing.

    A month that was not called complete is not received yet, which says nothing.
    """
    complete = [month for month in placement.complete_months if month <= this_month]
    newest = max(complete, default=None)
    if newest is None or any(one.month >= newest for one in evidence.reported) or evidence.stop_from is not None:
        return None
    declared = at_month(effective, newest)
    if declared is None or declared.hours_hundredths == 0:
        return None
    months = (ComparedMonth(month=newest, declared=declared, reported=None, hours_deviate=True, rate_deviates=False),)
    route: Route = "year-closed" if facts.is_closed_year else "ask-organisation"
    return _difference(facts, placement, effective, evidence, "D15", None, route, months, rules)


def _proposal(child_id: UUID, placement: PlacementFacts, evidence: Evidence, segments: tuple[Segment, ...]) -> Proposal:
    return Proposal(
        placements=(
            ProposedPlacement(
                placement_id=placement.placement_id,
                child_id=child_id,
                lrk_number=placement.lrk_number,
                end_on=evidence.end_on,
                segments=segments,
            ),
        )
    )


def _difference(
    facts: ChildYearFacts,
    placement: PlacementFacts,
    effective: Sequence[Segment],
    evidence: Evidence,
    kind: Kind,
    proposal: Proposal | None,
    route: Route | None,
    months: tuple[ComparedMonth, ...],
    rules: RuleBook,
) -> JudgedDifference:
    return JudgedDifference(
        kind=kind,
        year=facts.year,
        placement_ids=(placement.placement_id,),
        facts_hash=_facts_hash(facts, placement, effective, kind),
        proposal=proposal,
        route=route,
        explanation=Explanation(
            rules_version=rules.version,
            hours_tolerance_hundredths=rules.hours_tolerance_hundredths,
            rate_tolerance_cents=rules.rate_tolerance_cents,
            step=evidence.step,
            location_name=placement.location_name,
            lrk_number=placement.lrk_number,
            care_type=placement.care_type,
            declared_at=placement.declared_at,
            months=months,
            end_on=evidence.end_on,
            remarks=tuple(_remarks(months, rules)),
        ),
        effect=effect_of(facts, proposal, evidence.this_month, rules) if proposal else no_effect("no-proposal"),
        weight_cents=weight_cents(facts.year, effective, proposal.placements[0].segments if proposal else (), months),
    )


def _remarks(months: Sequence[ComparedMonth], rules: RuleBook) -> Iterator[str]:
    if any(one.reported and one.reported.hours_hundredths > rules.counted_hours_hundredths for one in months):
        yield "hours-above-cap"
    yield "only-paid-hours-when-open"


def _facts_hash(facts: ChildYearFacts, placement: PlacementFacts, effective: Sequence[Segment], kind: Kind) -> bytes:
    declared = [(month, at_month(effective, month)) for month in months_of_year(facts.year)]
    reported = [(one.month, one.hours_hundredths, one.hourly_rate_cents, one.end_on) for one in placement.reported]
    complete = sorted(placement.complete_months) if kind == "D15" else []
    values = [(month, one.hours_hundredths, one.hourly_rate_cents) if one else (month,) for month, one in declared]
    return _digest((placement.placement_id, facts.year, values, reported, complete, facts.is_closed_year))


def _digest(value: object) -> bytes:
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).digest()
