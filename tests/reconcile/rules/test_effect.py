"""The effect in euros: the worked examples, the first child, the caps, and when nothing can be said."""

from typing import get_args
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from reconcile.rulebook import rules_in_force
from reconcile.rules.effect import Amounts, Effect, NoEffectReason, effect_of, household_units, no_effect
from reconcile.rules.facts import CareType, ChildYearFacts, PlacementFacts, Segment
from reconcile.rules.proposal import Proposal, ProposedPlacement
from reconcile.rules.quantities import divide_half_up
from tests.make import child_care, child_year, placement, rule_book, segment

_RULES = rules_in_force()
_A, _B = UUID(int=1), UUID(int=2)
_Care = list[tuple[CareType, Segment]]


def _care(care_type: CareType, hours: str, rate: str) -> _Care:
    return [(care_type, segment(hours=hours, rate=rate))]


def _cents(care: dict[UUID, _Care], income: int) -> int:
    return divide_half_up(household_units(care, income, _RULES.tables[2026], _RULES), 100_000)


@pytest.mark.parametrize(
    ("income", "care", "cents"),
    [
        (80_000, {_A: _care("KDV", "100", "11.00")}, 94_490),
        (80_000, {_A: _care("KDV", "120", "11.00")}, 113_388),
        (100_000, {_A: _care("KDV", "120", "11.23"), _B: _care("BSO", "110", "9.98")}, 196_513),
        (100_000, {_A: _care("KDV", "120", "11.23"), _B: _care("BSO", "130", "9.98")}, 215_500),
        (56_412, {_A: _care("KDV", "230", "11.23")}, 247_958),
        (56_412, {_A: _care("KDV", "250", "12.50")}, 247_958),
    ],
)
def test_the_worked_examples_of_2026(income: int, care: dict[UUID, _Care], cents: int) -> None:
    assert _cents(care, income) == cents


def test_with_as_many_hours_the_child_with_the_highest_costs_is_the_first() -> None:
    # Of 100,000 euros the first child has 72.1%, the next 90.5%.
    care = {_A: _care("KDV", "100", "11.00"), _B: _care("KDV", "100", "10.00")}
    assert _cents(care, 100_000) == 79_310 + 90_500


def test_hours_above_the_cap_do_not_make_a_child_the_first() -> None:
    care = {_A: _care("KDV", "230", "11.00"), _B: _care("KDV", "250", "10.00")}
    assert _cents(care, 100_000) == 182_413 + 208_150


def test_the_dearest_hours_count_first_under_the_cap_of_a_child() -> None:
    care = {_A: [*_care("BSO", "100", "9.00"), *_care("KDV", "200", "11.00")]}
    assert _cents(care, 0) == (200 * 1_100 + 30 * 900) * 96 // 100


def test_a_rate_above_the_maximum_of_its_care_type_counts_as_the_maximum() -> None:
    assert _cents({_A: _care("BSO", "100", "11.00")}, 0) == _cents({_A: _care("BSO", "100", "9.98")}, 0)
    assert _cents({_A: _care("VGO", "100", "8.50")}, 0) == 100 * 849 * 96 // 100


@pytest.mark.parametrize("care", [{}, {_A: []}, {_A: _care("KDV", "0", "10.00")}])
def test_without_care_there_is_no_allowance(care: dict[UUID, _Care]) -> None:
    assert _cents(care, 0) == 0


_HOURS = st.integers(0, 30_000).map(lambda one: f"{one // 100}.{one % 100:02d}")
_RATES = st.integers(0, 1_500).map(lambda one: f"{one // 100}.{one % 100:02d}")


@given(
    st.lists(st.tuples(st.sampled_from(["KDV", "BSO", "VGO"]), _HOURS, _RATES), max_size=4),
    st.integers(0, 300_000),
)
@settings(max_examples=100, deadline=None)
def test_the_order_of_the_children_changes_nothing(care: list[tuple[CareType, str, str]], income: int) -> None:
    by_child = {UUID(int=number): _care(*one) for number, one in enumerate(care, start=1)}
    backwards = dict(reversed(by_child.items()))
    assert _cents(by_child, income) == _cents(backwards, income)


@given(_HOURS, _RATES, st.integers(0, 300_000), st.integers(0, 300_000))
@settings(max_examples=100, deadline=None)
def test_a_higher_income_never_gives_more_for_one_child(hours: str, rate: str, one: int, other: int) -> None:
    care = {_A: _care("KDV", hours, rate)}
    assert _cents(care, max(one, other)) <= _cents(care, min(one, other))


def _proposal(facts: ChildYearFacts, *segments: Segment) -> Proposal:
    own = facts.child.placements[0]
    one = ProposedPlacement(
        placement_id=own.placement_id,
        child_id=facts.child.child_id,
        lrk_number=own.lrk_number,
        end_on=None,
        segments=segments,
    )
    return Proposal(placements=(one,))


def _declared(hours: str, rate: str, number: int = 1, **change: object) -> PlacementFacts:
    return placement(number, declared=(segment(hours=hours, rate=rate),), **change)


def test_an_effect_is_of_the_month_where_the_last_segment_begins_and_of_the_year() -> None:
    facts = child_year(_declared("100", "11.00"))
    proposal = _proposal(facts, segment("2026-10", hours="120", rate="11.00"))
    assert effect_of(facts, proposal, _RULES) == Effect(
        reason=None,
        year=2026,
        month="2026-10",
        in_month=Amounts(before_euro=945, after_euro=1_134, change_euro=189),
        in_year=Amounts(before_euro=11_339, after_euro=11_906, change_euro=567),
    )


def test_more_hours_of_one_child_can_make_it_the_first() -> None:
    sibling = child_care(_declared("120", "11.23", 2), number=2)
    facts = child_year(_declared("110", "9.98", care_type="BSO"), siblings=(sibling,), income_euro=100_000)
    effect = effect_of(facts, _proposal(facts, segment("2026-12", hours="130", rate="9.98")), _RULES)
    assert effect.in_month == Amounts(before_euro=1_965, after_euro=2_155, change_euro=190)


def test_more_hours_above_both_caps_change_nothing() -> None:
    facts = child_year(_declared("230", "11.23"), income_euro=56_412)
    effect = effect_of(facts, _proposal(facts, segment("2026-12", hours="250", rate="12.50")), _RULES)
    assert effect.in_month == Amounts(before_euro=2_480, after_euro=2_480, change_euro=0)


def test_what_was_accepted_before_counts_before_too() -> None:
    overlaid = _declared("80", "11.00", overlay=(segment("2026-01", hours="100", rate="11.00"),))
    facts, accepted = child_year(_declared("100", "11.00")), child_year(overlaid)
    proposal = _proposal(facts, segment("2026-10", hours="120", rate="11.00"))
    assert effect_of(accepted, proposal, _RULES) == effect_of(facts, proposal, _RULES)


def test_a_proposal_that_begins_after_the_year_is_shown_in_its_last_month() -> None:
    facts = child_year(_declared("100", "11.00"))
    proposal = _proposal(facts, segment("2026-12", "2026-12", hours="120", rate="11.00"), segment("2027-01", hours="120"))
    effect = effect_of(facts, proposal, _RULES)
    assert (effect.month, effect.in_month) == (
        "2026-12",
        Amounts(before_euro=945, after_euro=1_134, change_euro=189),
    )


@pytest.mark.parametrize("reason", get_args(NoEffectReason))
def test_no_effect_has_a_reason_and_nothing_else(reason: NoEffectReason) -> None:
    assert no_effect(reason) == Effect(reason=reason, year=None, month=None, in_month=None, in_year=None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"year": 2025}, "table-incomplete"), ({"income_euro": None}, "income-unknown")],
)
def test_without_a_table_or_an_income_nothing_is_said(change: dict[str, object], reason: str) -> None:
    facts = structs.replace(child_year(placement()), **change)
    effect = effect_of(facts, _proposal(facts, segment("2026-10", hours="120")), _RULES)
    assert effect == Effect(reason=reason, year=None, month=None, in_month=None, in_year=None)


def test_the_difference_is_rounded_once() -> None:
    # 90% of 1.00 and of 1.62: 0.90 and 1.458 euros, a change of 0.558.
    facts = child_year(_declared("1.00", "1.00"), income_euro=0)
    effect = effect_of(facts, _proposal(facts, segment("2026-12", hours="1.62", rate="1.00")), rule_book())
    assert effect.in_month == Amounts(before_euro=1, after_euro=1, change_euro=1)
