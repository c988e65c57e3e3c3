"""Which kind a difference within declared care is of, from what its reports show."""

from collections.abc import Sequence

from reconcile.rules.evidence import Weighed
from reconcile.rules.facts import Segment
from reconcile.rules.kinds import Kind
from reconcile.rules.months import Month
from reconcile.rules.rule_book import RuleBook
from reconcile.rules.segments import at_month


def kind_of(one: Weighed, segments: Sequence[Segment], year: int, rules: RuleBook) -> Kind:
    """Return the kind of what `segments` would change."""
    evidence = one.evidence
    if evidence.stop_from is not None and _has_no_hours(at_month(segments, evidence.stop_from)):
        return "D14"
    has_hours = bool(evidence.hours) or evidence.standing_from is not None
    if has_hours and evidence.rate:
        return "D09"
    if evidence.rate:
        return _rate_kind(one, year, rules)
    if evidence.step == "average":
        return "D05"
    if evidence.standing_from is None or evidence.standing_hours_hundredths is None:
        return "D03"
    before = _declared_otherwise(one, evidence.standing_from, evidence.standing_hours_hundredths)
    return "D01" if evidence.standing_hours_hundredths > before else "D02"


def _declared_otherwise(one: Weighed, standing_from: Month, hours_hundredths: int) -> int:
    """Return the hours that were declared instead, in the newest of the months that stand; none where nothing was declared."""
    for month in reversed(one.evidence.months_compared):
        declared = at_month(one.effective, month)
        if month >= standing_from and declared is not None and declared.hours_hundredths != hours_hundredths:
            return declared.hours_hundredths
    return 0


def _has_no_hours(segment: Segment | None) -> bool:
    return segment is not None and segment.hours_hundredths == 0


def _rate_kind(one: Weighed, year: int, rules: RuleBook) -> Kind:
    """Tell rates apart: above the maximum on both sides, a childminder's below the declared one, or just another one."""
    rates = [(at_month(one.effective, month), cents) for month, cents in one.evidence.rate.items()]
    maximum = rules.maximum_rate_cents.get(year, {}).get(one.placement.care_type)
    if maximum is not None and all(cents >= maximum and declared and declared.hourly_rate_cents >= maximum for declared, cents in rates):
        return "D07"
    if one.placement.care_type == "VGO" and all(declared and declared.hourly_rate_cents > cents for declared, cents in rates):
        return "D08"
    return "D06"
