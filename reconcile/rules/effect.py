"""What a proposal means in euros for the whole household, before and after: an indication, never a decision.

per child and month: min(hours, 230) x min(rate, maximum) x share by income; the first child is the one with the most hours, ties
by the highest costs (Besluit kinderopvangtoeslag art. 2, 3, 8a). A changed number of hours can flip the first child, so the effect
is never computed per line. Exact in whole numbers inside; rounded to whole euros at the very end.
"""

from collections.abc import Mapping, Sequence
from typing import Literal
from uuid import UUID

from msgspec import Struct

from reconcile.rules.facts import CareType, ChildCare, ChildYearFacts, Segment
from reconcile.rules.months import Month, months_of_year, year_of
from reconcile.rules.proposal import Proposal
from reconcile.rules.quantities import divide_half_up
from reconcile.rules.rule_book import AllowanceTable, RuleBook
from reconcile.rules.segments import at_month, lay_over

NoEffectReason = Literal["no-proposal", "table-incomplete", "income-unknown"]

# hundredths of hours x cents x tenths of percents: ten million of these units are one euro.
_UNITS_PER_EURO = 10_000_000


class Amounts(Struct, frozen=True, kw_only=True):
    """About so many whole euros, before and after, and the difference of the exact amounts rounded once."""

    before_euro: int
    after_euro: int
    change_euro: int


class Effect(Struct, frozen=True, kw_only=True):
    """The effect in `month` (where the last segment of the proposal begins) and over the year; all None with a `reason`."""

    reason: NoEffectReason | None
    year: int | None
    month: Month | None
    in_month: Amounts | None
    in_year: Amounts | None


class _Care(Struct, frozen=True, kw_only=True):
    """Segments of one placement, with its care type."""

    care_type: CareType
    segments: tuple[Segment, ...]


def no_effect(reason: NoEffectReason) -> Effect:
    """Return that nothing can be said, and why."""
    return Effect(reason=reason, year=None, month=None, in_month=None, in_year=None)


def effect_of(facts: ChildYearFacts, proposal: Proposal, rules: RuleBook) -> Effect:
    """Compute what accepting would change for the household in the year of the facts."""
    table = rules.tables.get(facts.year)
    if table is None:
        return no_effect("table-incomplete")
    if facts.income_euro is None:
        return no_effect("income-unknown")
    over = {one.placement_id: one.segments for one in proposal.placements}
    children = (facts.child, *facts.siblings)
    before = _units_by_month(facts, _care(children, {}), table, rules)
    after = _units_by_month(facts, _care(children, over), table, rules)
    newest = max(segment.from_month for segments in over.values() for segment in segments)
    month = newest if year_of(newest) == facts.year else f"{facts.year:04d}-12"
    return Effect(
        reason=None,
        year=facts.year,
        month=month,
        in_month=_amounts(before[month], after[month]),
        in_year=_amounts(sum(before.values()), sum(after.values())),
    )


def household_units(
    care: Mapping[UUID, Sequence[tuple[CareType, Segment]]], income_euro: int, table: AllowanceTable, rules: RuleBook
) -> int:
    """Return the allowance of one month in ten-millionths of a euro, from what each child has in that month."""
    counted = {child_id: _counted(segments, table, rules) for child_id, segments in care.items()}
    if not counted:
        return 0
    first = max(counted, key=lambda child_id: (*counted[child_id], child_id))
    shares = table.shares(income_euro)
    return sum(
        costs * (shares.first_child_tenths if child_id == first else shares.next_child_tenths) for child_id, (_, costs) in counted.items()
    )


def _counted(segments: Sequence[tuple[CareType, Segment]], table: AllowanceTable, rules: RuleBook) -> tuple[int, int]:
    """Return hours and costs that count for one child in one month.

    Above the cap the hours at the lowest rate fall off: which ones do is not documented, and this is the best for the parent.
    """
    left = rules.counted_hours_hundredths
    hours = costs = 0
    rated = [(min(one.hourly_rate_cents, table.maximum_rate_cents[care_type]), one.hours_hundredths) for care_type, one in segments]
    for rate, declared in sorted(rated, reverse=True):
        counted = min(declared, left)
        left -= counted
        hours += counted
        costs += counted * rate
    return hours, costs


def _care(children: Sequence[ChildCare], over: Mapping[UUID, tuple[Segment, ...]]) -> Mapping[UUID, Sequence[_Care]]:
    return {
        child.child_id: [
            _Care(
                care_type=placement.care_type,
                segments=lay_over(lay_over(placement.declared, placement.overlay), over.get(placement.placement_id, ())),
            )
            for placement in child.placements
        ]
        for child in children
    }


def _units_by_month(
    facts: ChildYearFacts, care: Mapping[UUID, Sequence[_Care]], table: AllowanceTable, rules: RuleBook
) -> Mapping[Month, int]:
    income = facts.income_euro or 0
    return {
        month: household_units(
            {
                child_id: [(one.care_type, segment) for one in placements if (segment := at_month(one.segments, month))]
                for child_id, placements in care.items()
            },
            income,
            table,
            rules,
        )
        for month in months_of_year(facts.year)
    }


def _amounts(before: int, after: int) -> Amounts:
    return Amounts(
        before_euro=divide_half_up(before, _UNITS_PER_EURO),
        after_euro=divide_half_up(after, _UNITS_PER_EURO),
        change_euro=divide_half_up(after - before, _UNITS_PER_EURO),
    )
