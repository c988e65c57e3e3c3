"""What a proposal means in euros for the whole household, before and after: an indication, never a decision.

per child and month: min(hours, 230) x min(rate, maximum) x share by income; the first child is the one with the most hours, ties
by the highest costs (Besluit kinderopvangtoeslag art. 2, 3, 8a). A changed number of hours can flip the first child, so the effect
is never computed per line. Exact in whole numbers inside; every amount is rounded once, at the very end, so that rounded months need
not add up to the rounded year.

"If you do nothing" stands beside "if you accept" in the same numbers, as long as the organisation's hours are right:

- nothing: every coming month brings `in_month.before_euro`, and the final calculation after the year settles `in_year.change_euro`;
- accept: every coming month brings `in_month.after_euro`, and `until_now.change_euro` is paid or asked back for what is past.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple
from uuid import UUID

from msgspec import Struct

from reconcile.rules.facts import CareType, ChildYearFacts, PlacementFacts, Segment
from reconcile.rules.months import Month, months_of_year, next_month
from reconcile.rules.proposal import Proposal
from reconcile.rules.quantities import divide_half_up
from reconcile.rules.rule_book import AllowanceTable, Bracket, RuleBook
from reconcile.rules.segments import at_month, effective_segments

NoEffectReason = Literal["no-proposal", "table-incomplete", "income-unknown"]

# hundredths of hours x cents x tenths of percents: ten million of these units are one euro.
UNITS_PER_EURO = 10_000_000


class Amounts(Struct, frozen=True, kw_only=True):
    """About so many whole euros, before and after, and the difference of the exact amounts rounded once."""

    before_euro: int
    after_euro: int
    change_euro: int


class MonthAmounts(Struct, frozen=True, kw_only=True):
    """The same for one month."""

    month: Month
    before_euro: int
    after_euro: int
    change_euro: int


class Effect(Struct, frozen=True, kw_only=True):
    """The effect on the household's allowance of the year of the facts; without one, all but `reason` is None.

    `month`, and `in_month` with it, is the coming month; December when the year ends before, January when it is still to come.
    `until_now` sums the months up to and including this month. `first_child_before` and `first_child_after` are the child with the
    lower share in `month`, or, when the proposal leaves that as it is, in the month where its newest segment begins; None without care.
    """

    reason: NoEffectReason | None
    year: int | None = None
    month: Month | None = None
    in_month: Amounts | None = None
    in_year: Amounts | None = None
    until_now: Amounts | None = None
    months: tuple[MonthAmounts, ...] | None = None
    first_child_before: UUID | None = None
    first_child_after: UUID | None = None


class Allowance(NamedTuple):
    """The allowance of a month in ten-millionths of a euro, and the first child in it."""

    units: int
    first_child_id: UUID | None


class CountedCare(NamedTuple):
    """Hours in hundredths and hourly rate in cents that count of one placement in one month; `place` is its place in what was asked."""

    place: int
    hours_hundredths: int
    rate_cents: int


class HouseholdCare(NamedTuple):
    """One placement: what is declared for it, and what the proposal would put in its place."""

    child_id: UUID
    placement: PlacementFacts
    effective: Sequence[Segment]
    proposed: Sequence[Segment]


def no_effect(reason: NoEffectReason) -> Effect:
    """Return that nothing can be said, and why."""
    return Effect(reason=reason)


def effect_of(facts: ChildYearFacts, proposal: Proposal, this_month: Month, rules: RuleBook) -> Effect:
    """Compute what accepting in `this_month` would change for the household in the year of the facts."""
    table = rules.tables.get(facts.year)
    if table is None:
        return no_effect("table-incomplete")
    if facts.income_euro is None:
        return no_effect("income-unknown")
    months = months_of_year(facts.year)
    by_month = _allowances(months, household_care(facts, proposal), table.shares(facts.income_euro), table, rules)
    before = granted([one.units for one, _ in by_month], rules)
    after = granted([one.units for _, one in by_month], rules)
    coming = min(max(next_month(this_month), months[0]), months[-1])
    at = months.index(coming)
    first_before, first_after = by_month[months.index(_changed_month(proposal, months, coming))]
    past = sum(month <= this_month for month in months)
    return Effect(
        reason=None,
        year=facts.year,
        month=coming,
        in_month=_amounts(before[at], after[at]),
        in_year=_amounts(sum(before), sum(after)),
        until_now=_amounts(sum(before[:past]), sum(after[:past])),
        months=tuple(
            MonthAmounts(month=month, before_euro=_euro(one), after_euro=_euro(other), change_euro=_euro(other - one))
            for month, one, other in zip(months, before, after, strict=True)
        ),
        first_child_before=first_before.first_child_id,
        first_child_after=first_after.first_child_id,
    )


def household_allowance(
    care: Mapping[UUID, Sequence[tuple[CareType, Segment]]], shares: Bracket, table: AllowanceTable, rules: RuleBook
) -> Allowance:
    """Return the allowance of one month, from what each child has in that month.

    With the same hours and the same costs either child may be the first: the allowance is the same, and Toeslagen decides. The one
    with the lowest number is named, so that judging again names the same.
    """
    counted = {child_id: _sums(counted_care(segments, table, rules)) for child_id, segments in care.items()}
    first = min(
        (child_id for child_id, (hours, _) in counted.items() if hours),
        key=lambda child_id: (-counted[child_id][0], -counted[child_id][1], child_id),
        default=None,
    )
    units = sum(
        costs * (shares.first_child_tenths if child_id == first else shares.next_child_tenths) for child_id, (_, costs) in counted.items()
    )
    return Allowance(units, first)


def counted_care(segments: Sequence[tuple[CareType, Segment]], table: AllowanceTable, rules: RuleBook) -> Sequence[CountedCare]:
    """Return what counts of one child's care in one month, at the highest rate first.

    Above the cap the hours at the lowest rate fall off: which ones do is not documented, and this is the best for the parent.
    """
    left = rules.counted_hours_hundredths
    rated = [
        (min(one.hourly_rate_cents, table.maximum_rate_cents[care_type]), one.hours_hundredths, place)
        for place, (care_type, one) in enumerate(segments)
    ]
    if len(rated) > 1:
        rated.sort(reverse=True)
    counted = []
    for rate, declared, place in rated:
        hours = min(declared, left)
        left -= hours
        counted.append(CountedCare(place, hours, rate))
    return counted


def _sums(counted: Sequence[CountedCare]) -> tuple[int, int]:
    """Return hours and costs that count for one child in one month."""
    hours = costs = 0
    for _, counted_hours, rate in counted:
        hours += counted_hours
        costs += counted_hours * rate
    return hours, costs


def household_care(facts: ChildYearFacts, proposal: Proposal) -> Sequence[HouseholdCare]:
    """Return all care of the household, the child's own first."""
    over = {one.placement_id: one.segments for one in proposal.placements}
    return [
        HouseholdCare(
            child.child_id,
            placement,
            effective_segments(placement) if placement.overlay or placement.undeclared else placement.declared,
            over.get(placement.placement_id, ()),
        )
        for child in (facts.child, *facts.siblings)
        for placement in child.placements
    ]


def _allowances(
    months: Sequence[Month], care: Sequence[HouseholdCare], shares: Bracket, table: AllowanceTable, rules: RuleBook
) -> Sequence[tuple[Allowance, Allowance]]:
    """Return the allowance of each month before and after; computed once for months in a row in which nothing changes."""
    breaks = set(_breaks(care))
    by_month: list[tuple[Allowance, Allowance]] = []
    for month in months:
        if by_month and month not in breaks:
            by_month.append(by_month[-1])
            continue
        before: dict[UUID, list[tuple[CareType, Segment]]] = {}
        after: dict[UUID, list[tuple[CareType, Segment]]] = {}
        is_proposed = False
        for one in care:
            declared = at_month(one.effective, month)
            proposed = at_month(one.proposed, month)
            if declared is not None:
                before.setdefault(one.child_id, []).append((one.placement.care_type, declared))
            if proposed is not None or declared is not None:
                after.setdefault(one.child_id, []).append((one.placement.care_type, proposed or declared))  # type: ignore[arg-type]  # one of them is
            is_proposed = is_proposed or proposed is not None
        stands = household_allowance(before, shares, table, rules)
        by_month.append((stands, household_allowance(after, shares, table, rules) if is_proposed else stands))
    return by_month


def _breaks(care: Sequence[HouseholdCare]) -> Iterator[Month]:
    """Yield the months in which something begins or has just ended."""
    for one in care:
        for segments in (one.effective, one.proposed):
            for segment in segments:
                yield segment.from_month
                if segment.until_month is not None:
                    yield next_month(segment.until_month)


def granted(units: Sequence[int], rules: RuleBook) -> Sequence[int]:
    """Return the amounts of the months, or nothing at all: a year under the least amount is not granted (Awir art. 14)."""
    return units if _euro(sum(units)) >= rules.least_granted_euro else [0] * len(units)


def _changed_month(proposal: Proposal, months: Sequence[Month], coming: Month) -> Month:
    """Return the coming month when the newest segment of the proposal covers it, and otherwise the month where that begins."""
    newest = max((segment for one in proposal.placements for segment in one.segments), key=lambda segment: segment.from_month)
    if newest.from_month <= coming and (newest.until_month is None or newest.until_month >= coming):
        return coming
    return min(max(newest.from_month, months[0]), months[-1])


def _amounts(before: int, after: int) -> Amounts:
    return Amounts(before_euro=_euro(before), after_euro=_euro(after), change_euro=_euro(after - before))


def _euro(units: int) -> int:
    return divide_half_up(units, UNITS_PER_EURO)
