"""The judgement: from the facts of one child in one year to its differences. Pure: the same facts and instant, the same answer."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct, structs

from reconcile.rules.circumstances import Found, accepted_before, circumstances_of
from reconcile.rules.effect import Effect, effect_of, no_effect
from reconcile.rules.evidence import Weighed, standing_from_newest, weighed
from reconcile.rules.explanation import ComparedMonth, Explanation, MovedFrom, compared_months
from reconcile.rules.facts import ChildCare, ChildYearFacts, ReportedMonth, Segment
from reconcile.rules.kind_of import kind_of
from reconcile.rules.kinds import Kind, Route
from reconcile.rules.months import Month, month_at, months_of_year
from reconcile.rules.new_care import Move, NewCare, is_beside_known_care, is_too_old, is_undeclared, move_of, new_cares, report_by
from reconcile.rules.notice import weight_cents
from reconcile.rules.proposal import Proposal, proposed_placement, proposed_segments
from reconcile.rules.rule_book import RuleBook
from reconcile.rules.segments import at_month, effective_segments


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


class _Case(Struct, frozen=True, kw_only=True):
    """What every step of one judgement goes by."""

    facts: ChildYearFacts
    this_month: Month
    rules: RuleBook


class _Side(Struct, frozen=True, kw_only=True):
    """One placement of a difference: what its reports show, its months, and the segments that one tap would declare."""

    weighed: Weighed
    months: tuple[ComparedMonth, ...]
    segments: tuple[Segment, ...] = ()


def judge(facts: ChildYearFacts, as_of: datetime, rules: RuleBook) -> tuple[JudgedDifference, ...]:
    """Judge one child in one calculation year as of an instant; months that are still to come then do not count.

    The answer is ordered by LRK number, a move by that of its new place, and does not depend on the order of the placements.
    """
    return tuple(_judged(_Case(facts=facts, this_month=month_at(as_of), rules=rules)))


def content_of(judged: JudgedDifference) -> bytes:
    """Return a hash of what the parent is told: kind, proposal, route, the values compared, the circumstances and the effect.

    By which delivery a value came is left out: the same values in another delivery are no news.
    """
    explanation = judged.explanation
    months = [*explanation.months, *(explanation.moved_from.months if explanation.moved_from else ())]
    values = [(one.month, _figures(one.declared), _figures(one.reported)) for one in months]
    return _digest((judged.kind, judged.placement_ids, judged.proposal, judged.route, values, explanation.circumstances, judged.effect))


def _figures(one: Segment | ReportedMonth | None) -> tuple[int, int] | None:
    return (one.hours_hundredths, one.hourly_rate_cents) if one else None


def _judged(case: _Case) -> Iterator[JudgedDifference]:
    ordered = sorted(case.facts.child.placements, key=lambda one: (one.lrk_number, one.placement_id))
    child = [weighed(one, case.facts.year, case.this_month, case.rules) for one in ordered]
    found = new_cares(child, case.facts.year, case.rules)
    move = move_of(found)
    cares = {care.weighed.placement.placement_id: care for care in found}
    for one in child:
        care = cares.get(one.placement.placement_id)
        if move is not None and one is move.new.weighed:
            yield _moved(case, move)
        elif care is not None:
            yield from _added(case, care)
        elif not (move is not None and one is move.old) and not is_undeclared(one, case.facts.year):
            yield from _changed(case, one)


def _changed(case: _Case, one: Weighed) -> Iterator[JudgedDifference]:
    """Judge declared care against what was reported of it."""
    segments = proposed_segments(one.evidence, one.effective)
    if not segments:
        yield from _missing(case, one)
        return
    side = _Side(weighed=one, months=compared_months(one, case.rules), segments=segments)
    kind = kind_of(one, segments, case.facts.year, case.rules)
    yield _difference(case, (side,), kind, _route_of_change(case, one, kind))


def _route_of_change(case: _Case, one: Weighed, kind: Kind) -> Route | None:
    if case.facts.is_closed_year:
        return "year-closed"
    if kind == "D08":
        return "mediation-costs"
    stop = one.evidence.stop_from
    if kind == "D14" and stop is not None and not _has_other_care_from(case.facts, one.placement.placement_id, stop):
        return "last-care-ended"
    return None


def _has_other_care_from(facts: ChildYearFacts, stopped_id: UUID, month: Month) -> bool:
    """Tell whether the household has other declared care from `month` on: ending the last care is outside the app."""
    children: tuple[ChildCare, ...] = (facts.child, *facts.siblings)
    return any(
        segment.hours_hundredths > 0 and (segment.until_month is None or segment.until_month >= month)
        for child in children
        for placement in child.placements
        if placement.placement_id != stopped_id
        for segment in effective_segments(placement)
    )


def _moved(case: _Case, move: Move) -> JudgedDifference:
    """Judge a move: the old place ends and the new one begins, in one tap."""
    old = weighed(move.old.placement, case.facts.year, case.this_month, case.rules, stopped_from=move.ended_from)
    new = structs.replace(move.new.weighed, evidence=standing_from_newest(move.new.weighed.evidence))
    reported = {one.month for one in old.evidence.reported}
    missing = [month for month in move.new.months if month in old.placement.complete_months and month not in reported]
    sides = (
        _Side(
            weighed=old,
            months=compared_months(old, case.rules, missing),
            segments=proposed_segments(old.evidence, old.effective),
        ),
        _Side(weighed=new, months=compared_months(new, case.rules), segments=proposed_segments(new.evidence, new.effective)),
    )
    kind: Kind = "D10" if old.placement.care_type == new.placement.care_type else "D11"
    return _difference(case, sides, kind, _route_of_new(case, move.new), care=move.new, ended_from=move.ended_from)


def _added(case: _Case, care: NewCare) -> Iterator[JudgedDifference]:
    """Judge care that nothing is declared for, beside other care of the child or as its first."""
    segments = proposed_segments(care.weighed.evidence, care.weighed.effective)
    if not segments:
        return
    side = _Side(weighed=care.weighed, months=compared_months(care.weighed, case.rules), segments=segments)
    if not any(one.is_declared or one.overlay for one in case.facts.child.placements):
        yield _difference(case, (side,), "D13", "year-closed" if case.facts.is_closed_year else "add-child", care=care)
        return
    route = _route_of_new(case, care) or (None if is_beside_known_care(care, case.facts.siblings) else "add-care")
    yield _difference(case, (side,), "D12", route, care=care)


def _route_of_new(case: _Case, care: NewCare) -> Route | None:
    if case.facts.is_closed_year:
        return "year-closed"
    return "too-old-for-new-care" if is_too_old(care.begins, case.this_month) else None


def _missing(case: _Case, one: Weighed) -> Iterator[JudgedDifference]:
    """The newest month that the organisation called complete has no line for declared care: ask, change nothing.

    A month that was not called complete is not received yet, which says nothing.
    """
    newest = max((month for month in one.placement.complete_months if month <= case.this_month), default=None)
    if newest is None or any(report.month >= newest for report in one.evidence.reported) or one.evidence.stop_from is not None:
        return
    declared = at_month(one.effective, newest)
    if declared is None or declared.hours_hundredths == 0:
        return
    months = (ComparedMonth(month=newest, declared=declared, reported=None, hours_deviate=True, rate_deviates=False),)
    side = _Side(weighed=one, months=months)
    yield _difference(case, (side,), "D15", "year-closed" if case.facts.is_closed_year else "ask-organisation")


def _difference(
    case: _Case,
    sides: tuple[_Side, ...],
    kind: Kind,
    route: Route | None,
    *,
    care: NewCare | None = None,
    ended_from: Month | None = None,
) -> JudgedDifference:
    facts, rules = case.facts, case.rules
    proposal = None
    if route is None:
        proposal = Proposal(placements=tuple(proposed_placement(facts.child.child_id, side.weighed, side.segments) for side in sides))
    effect = effect_of(facts, proposal, case.this_month, rules) if proposal else no_effect("no-proposal")
    found = Found(
        facts=facts,
        this_month=case.this_month,
        sides=tuple(side.weighed for side in sides),
        kind=kind,
        months=tuple(month for side in sides for month in side.months),
        begins_in=care.begins if care else None,
        proposal=proposal,
        effect=effect,
    )
    return JudgedDifference(
        kind=kind,
        year=facts.year,
        placement_ids=tuple(side.weighed.placement.placement_id for side in sides),
        facts_hash=_facts_hash(facts, sides, kind, care),
        proposal=proposal,
        route=route,
        explanation=_explanation(found, sides, ended_from, rules),
        effect=effect,
        weight_cents=sum(
            weight_cents(facts.year, side.weighed.effective, side.segments if proposal else (), side.months) for side in sides
        ),
    )


def _explanation(found: Found, sides: Sequence[_Side], ended_from: Month | None, rules: RuleBook) -> Explanation:
    own = sides[-1].weighed
    return Explanation(
        rules_version=rules.version,
        hours_tolerance_hundredths=rules.hours_tolerance_hundredths,
        rate_tolerance_cents=rules.rate_tolerance_cents,
        step=own.evidence.step,
        location_name=own.placement.location_name,
        lrk_number=own.placement.lrk_number,
        care_type=own.placement.care_type,
        declared_at=own.placement.declared_at,
        months=sides[-1].months,
        end_on=own.evidence.end_on,
        moved_from=_moved_from(sides[0], ended_from) if ended_from is not None else None,
        begins_in=found.begins_in,
        report_by=report_by(found.begins_in) if found.begins_in else None,
        accepted_before=accepted_before(found.facts, found.sides),
        circumstances=circumstances_of(found, rules),
    )


def _moved_from(side: _Side, ended_from: Month) -> MovedFrom:
    placement = side.weighed.placement
    return MovedFrom(
        placement_id=placement.placement_id,
        location_name=placement.location_name,
        lrk_number=placement.lrk_number,
        care_type=placement.care_type,
        months=side.months,
        ended_from=ended_from,
        end_on=side.weighed.evidence.end_on,
    )


def _facts_hash(facts: ChildYearFacts, sides: Sequence[_Side], kind: Kind, care: NewCare | None) -> bytes:
    """Hash the values that were judged; of new care also what is known of the child's other care, which decides about the tap."""
    others = [(one.weighed.placement.placement_id, one.is_known, one.ended_from) for one in care.others] if care else []
    values = [_values(side.weighed, facts.year, kind) for side in sides]
    return _digest((facts.year, values, others, facts.is_closed_year))


def _values(one: Weighed, year: int, kind: Kind) -> tuple[object, ...]:
    declared = [(month, _figures(at_month(one.effective, month))) for month in months_of_year(year)]
    reported = [(each.month, each.hours_hundredths, each.hourly_rate_cents, each.end_on) for each in one.placement.reported]
    complete = sorted(one.placement.complete_months) if kind == "D15" else []
    return one.placement.placement_id, declared, reported, complete


def _digest(value: object) -> bytes:
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).digest()
