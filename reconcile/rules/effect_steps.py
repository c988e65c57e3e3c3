"""How an effect in euros comes about, step by step: for people who ask, derived from the facts and the rules that it was judged by.

For each child and month: hours that count × hourly rate that counts × share by income, summed over the child's care. Amounts are
exact, in euros with seven decimals: they add up to the effect, which is rounded once at the very end (effect.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from uuid import UUID

from msgspec import Struct

from reconcile.rules.effect import UNITS_PER_EURO, HouseholdCare, counted_care, granted, household_allowance, household_care
from reconcile.rules.facts import CareType, ChildYearFacts, Segment
from reconcile.rules.months import Month, months_of_year
from reconcile.rules.proposal import Proposal
from reconcile.rules.quantities import hundredths_text
from reconcile.rules.rule_book import AllowanceTable, Bracket, RuleBook
from reconcile.rules.segments import at_month

_Held = Sequence[tuple[HouseholdCare, Segment]]


class CareStep(Struct, frozen=True, kw_only=True, rename="camel"):
    """One placement in a month: the hours and rate, and what of them counts (the cap on hours, the maximum rate)."""

    lrk_number: str
    care_type: CareType
    hours: str
    hourly_rate: str
    counted_hours: str
    counted_rate: str


class ChildStep(Struct, frozen=True, kw_only=True, rename="camel"):
    """One child in a month: its care, the share of the costs in percents, and the exact amount in euros."""

    child_id: UUID
    is_first_child: bool
    share: str
    care: tuple[CareStep, ...]
    amount: str


class MonthsStep(Struct, frozen=True, kw_only=True, rename="camel"):
    """Months in a row in which each month is alike, as it stands and as it would be; `amount...` is of one month, exact."""

    from_month: Month
    until_month: Month
    before: tuple[ChildStep, ...]
    after: tuple[ChildStep, ...]
    amount_before: str
    amount_after: str


class EffectSteps(Struct, frozen=True, kw_only=True, rename="camel"):
    """The steps of one effect. A year that is not granted, because it is below `least_granted_euro`, has amounts and comes to nothing."""

    income_euro: int
    first_child_share: str
    next_child_share: str
    counted_hours_most: str
    least_granted_euro: int
    is_granted_before: bool
    is_granted_after: bool
    months: tuple[MonthsStep, ...]


class _Year(Struct, frozen=True, kw_only=True):
    """What every month is computed by."""

    shares: Bracket
    table: AllowanceTable
    rules: RuleBook


def effect_steps(facts: ChildYearFacts, proposal: Proposal, rules: RuleBook) -> EffectSteps | None:
    """Return the steps of the effect of a proposal; None where it has none, because the table or the income is not known."""
    table = rules.tables.get(facts.year)
    if table is None or facts.income_euro is None:
        return None
    year = _Year(shares=table.shares(facts.income_euro), table=table, rules=rules)
    care = household_care(facts, proposal)
    found = {month: _month(care, month, year) for month in months_of_year(facts.year)}
    before, after = [units for (_, units), _ in found.values()], [units for _, (_, units) in found.values()]
    return EffectSteps(
        income_euro=facts.income_euro,
        first_child_share=_percents(year.shares.first_child_tenths),
        next_child_share=_percents(year.shares.next_child_tenths),
        counted_hours_most=hundredths_text(rules.counted_hours_hundredths),
        least_granted_euro=rules.least_granted_euro,
        is_granted_before=granted(before, rules) == before,
        is_granted_after=granted(after, rules) == after,
        months=tuple(_grouped(found)),
    )


_Side = tuple[tuple[ChildStep, ...], int]


def _grouped(found: Mapping[Month, tuple[_Side, _Side]]) -> Iterator[MonthsStep]:
    for ((before, units_before), (after, units_after)), alike in groupby(found.items(), key=lambda one: one[1]):
        held = [month for month, _ in alike]
        yield MonthsStep(
            from_month=held[0],
            until_month=held[-1],
            before=before,
            after=after,
            amount_before=_euros(units_before),
            amount_after=_euros(units_after),
        )


def _month(care: Sequence[HouseholdCare], month: Month, year: _Year) -> tuple[_Side, _Side]:
    stands = [(one, at_month(one.effective, month)) for one in care]
    would = [(one, at_month(one.proposed, month) or segment) for one, segment in stands]
    return _side(stands, year), _side(would, year)


def _side(care: Sequence[tuple[HouseholdCare, Segment | None]], year: _Year) -> _Side:
    by_child: dict[UUID, list[tuple[HouseholdCare, Segment]]] = {}
    for one, segment in care:
        if segment is not None:
            by_child.setdefault(one.child_id, []).append((one, segment))
    typed = {child_id: [(one.placement.care_type, segment) for one, segment in held] for child_id, held in by_child.items()}
    allowance = household_allowance(typed, year.shares, year.table, year.rules)
    children = (_child(child_id, held, allowance.first_child_id == child_id, year) for child_id, held in by_child.items())
    return tuple(children), allowance.units


def _child(child_id: UUID, held: _Held, is_first_child: bool, year: _Year) -> ChildStep:
    share = year.shares.first_child_tenths if is_first_child else year.shares.next_child_tenths
    counted = counted_care([(one.placement.care_type, segment) for one, segment in held], year.table, year.rules)
    return ChildStep(
        child_id=child_id,
        is_first_child=is_first_child,
        share=_percents(share),
        care=tuple(
            CareStep(
                lrk_number=held[place][0].placement.lrk_number,
                care_type=held[place][0].placement.care_type,
                hours=hundredths_text(held[place][1].hours_hundredths),
                hourly_rate=hundredths_text(held[place][1].hourly_rate_cents),
                counted_hours=hundredths_text(hours),
                counted_rate=hundredths_text(rate),
            )
            for place, hours, rate in counted
        ),
        amount=_euros(sum(hours * rate for _, hours, rate in counted) * share),
    )


def _percents(tenths: int) -> str:
    return f"{tenths // 10}.{tenths % 10}"


def _euros(units: int) -> str:
    return f"{units // UNITS_PER_EURO}.{units % UNITS_PER_EURO:07d}"
