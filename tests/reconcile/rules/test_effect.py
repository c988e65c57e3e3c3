"""The effect in euros: the worked examples, the first child, the caps, and when nothing can be said."""

from typing import get_args
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from reconcile.rulebook import rules_in_force
from reconcile.rules.effect import Amounts, Effect, NoEffectReason, effect_of, household_allowance, no_effect
from reconcile.rules.facts import CareType, ChildYearFacts, PlacementFacts, Segment
from reconcile.rules.months import months_of_year
from reconcile.rules.proposal import Proposal, ProposedPlacement
from reconcile.rules.quantities import divide_half_up
from tests.make import child_care, child_year, placement, rule_book, segment, undeclared

_RULES = rules_in_force()
_A, _B = UUID(int=1), UUID(int=2)
_Care = list[tuple[CareType, Segment]]


def _care(care_type: CareType, hours: str, rate: str) -> _Care:
    return [(care_type, segment(hours=hours, rate=rate))]


def _units(care: dict[UUID, _Care], income: int) -> int:
    table = _RULES.tables[2026]
    return household_allowance(care, table.shares(income), table, _RULES).units


def _cents(care: dict[UUID, _Care], income: int) -> int:
    return divide_half_up(_units(care, income), 100_000)


def _first_child(care: dict[UUID, _Care]) -> UUID | None:
    table = _RULES.tables[2026]
    return household_allowance(care, table.shares(100_000), table, _RULES).first_child_id


# Domain notes 4.6: what each child has before and after, the exact cents, and the whole euros that are shown.
_VECTORS = {
    "more hours of one child": (
        80_000,
        {_A: ("KDV", "100", "11.00", "120", "11.00")},
        (94_490, 113_388),
        (945, 1_134, 189),
    ),
    "the first child flips": (
        100_000,
        {_A: ("KDV", "120", "11.23", "120", "11.23"), _B: ("BSO", "110", "9.98", "130", "9.98")},
        (196_513, 215_500),
        (1_965, 2_155, 190),
    ),
    "both caps": (
        56_412,
        {_A: ("KDV", "230", "11.23", "250", "12.50")},
        (247_958, 247_958),
        (2_480, 2_480, 0),
    ),
}


@pytest.mark.parametrize(("income", "children", "cents", "euros"), _VECTORS.values(), ids=_VECTORS)
def test_the_worked_examples_of_2026(
    income: int,
    children: dict[UUID, tuple[CareType, str, str, str, str]],
    cents: tuple[int, int],
    euros: tuple[int, int, int],
) -> None:
    before = {child: _care(one[0], one[1], one[2]) for child, one in children.items()}
    after = {child: _care(one[0], one[3], one[4]) for child, one in children.items()}
    assert (_cents(before, income), _cents(after, income)) == cents
    # The child whose hours change is judged; another one is its sibling.
    *others, (own, changed) = children.items()
    siblings = tuple(child_care(_declared(one[1], one[2], 2, care_type=one[0]), number=2) for _, one in others)
    facts = child_year(_declared(changed[1], changed[2], care_type=changed[0]), siblings=siblings, income_euro=income)
    effect = effect_of(facts, _proposal(facts, segment("2026-12", hours=changed[3], rate=changed[4])), "2026-11", _RULES)
    assert effect.in_month is not None
    assert (effect.in_month.before_euro, effect.in_month.after_euro, effect.in_month.change_euro) == euros


def test_the_first_child_has_the_most_hours_then_the_highest_costs_then_the_lowest_number() -> None:
    dear, cheap = _care("KDV", "100", "11.00"), _care("KDV", "100", "10.00")
    assert _first_child({_A: _care("BSO", "90", "9.00"), _B: _care("BSO", "91", "8.00")}) == _B
    assert _first_child({_A: cheap, _B: dear}) == _B
    assert _first_child({_B: dear, _A: dear}) == _A
    assert _first_child({_A: _care("KDV", "0", "10.00"), _B: []}) is None


def test_which_of_two_equal_children_is_the_first_changes_nothing() -> None:
    equal = _care("KDV", "100", "11.00")
    assert _units({_A: equal, _B: equal}, 100_000) == 100 * 100 * 1_100 * (721 + 905)


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


def _year_of(amounts: list[tuple[int, int]]) -> list[tuple[str, int, int, int]]:
    return [(month, *pair, pair[1] - pair[0]) for month, pair in zip(months_of_year(2026), amounts, strict=True)]


def _months(effect: Effect) -> list[tuple[str, int, int, int]]:
    return [(one.month, one.before_euro, one.after_euro, one.change_euro) for one in effect.months or ()]


def test_an_effect_is_of_the_coming_month_of_the_year_and_of_what_is_past() -> None:
    facts = child_year(_declared("100", "11.00"))
    proposal = _proposal(facts, segment("2026-09", hours="120", rate="11.00"))
    effect = effect_of(facts, proposal, "2026-10", _RULES)
    assert _months(effect) == _year_of([(945, 945)] * 8 + [(945, 1_134)] * 4)
    assert (effect.reason, effect.year, effect.month) == (None, 2026, "2026-11")
    assert effect.in_month == Amounts(before_euro=945, after_euro=1_134, change_euro=189)
    assert effect.in_year == Amounts(before_euro=11_339, after_euro=12_095, change_euro=756)
    assert effect.until_now == Amounts(before_euro=9_449, after_euro=9_827, change_euro=378)
    assert (effect.first_child_before, effect.first_child_after) == (facts.child.child_id, facts.child.child_id)


def test_who_does_nothing_settles_the_year_at_its_end_and_who_accepts_settles_the_past_now() -> None:
    """February to December 20 hours fewer, seen in July: nothing brings 945 a month and 2,079 to pay back; accepting 756, and 1,134 now."""
    facts = child_year(_declared("100", "11.00"))
    effect = effect_of(facts, _proposal(facts, segment("2026-02", hours="80", rate="11.00")), "2026-07", _RULES)
    assert effect.in_month == Amounts(before_euro=945, after_euro=756, change_euro=-189)
    assert effect.in_year == Amounts(before_euro=11_339, after_euro=9_260, change_euro=-2_079)
    assert effect.until_now == Amounts(before_euro=6_614, after_euro=5_480, change_euro=-1_134)


@pytest.mark.parametrize(
    ("this_month", "shown"),
    [("2025-03", "2026-01"), ("2025-12", "2026-01"), ("2026-05", "2026-06"), ("2026-12", "2026-12"), ("2027-02", "2026-12")],
)
def test_the_month_shown_is_the_coming_one_within_the_year(this_month: str, shown: str) -> None:
    facts = child_year(_declared("100", "11.00"))
    effect = effect_of(facts, _proposal(facts, segment("2026-01", hours="120", rate="11.00")), this_month, _RULES)
    assert (effect.month, effect.in_month) == (shown, Amounts(before_euro=945, after_euro=1_134, change_euro=189))


def test_a_past_month_alone_leaves_the_coming_ones_as_they_are() -> None:
    facts = child_year(_declared("100", "11.00"))
    effect = effect_of(facts, _proposal(facts, segment("2026-03", "2026-03", hours="120", rate="11.00")), "2026-05", _RULES)
    assert effect.in_month == Amounts(before_euro=945, after_euro=945, change_euro=0)
    assert (effect.until_now, effect.in_year) == (
        Amounts(before_euro=4_725, after_euro=4_913, change_euro=189),
        Amounts(before_euro=11_339, after_euro=11_528, change_euro=189),
    )


@pytest.mark.parametrize(("this_month", "count"), [("2025-12", 0), ("2026-01", 1), ("2026-06", 6), ("2026-12", 12), ("2027-03", 12)])
def test_what_is_past_is_summed_up_to_and_including_this_month(this_month: str, count: int) -> None:
    facts = child_year(_declared("100", "11.00"))
    effect = effect_of(facts, _proposal(facts, segment("2026-01", hours="120", rate="11.00")), this_month, _RULES)
    assert effect.until_now is not None
    assert effect.until_now.change_euro == divide_half_up(count * 18_898, 100)
    assert (effect.until_now == effect.in_year) == (count == 12)


@pytest.mark.parametrize(
    ("start", "until", "this_month", "flips"),
    [
        ("2026-03", None, "2026-05", True),
        ("2026-03", "2026-03", "2026-05", True),
        ("2026-03", "2026-06", "2026-05", True),
        ("2026-03", "2026-05", "2026-05", True),
        ("2026-12", "2026-12", "2026-05", True),
        ("2025-03", "2026-01", "2026-05", True),
        ("2026-03", None, "2027-02", True),
        ("2027-01", None, "2026-12", False),
    ],
)
def test_a_first_child_that_flips_where_the_proposal_changes_something_is_named(
    start: str, until: str | None, this_month: str, flips: bool
) -> None:
    sibling = child_care(_declared("120", "11.23", 2), number=2)
    facts = child_year(_declared("110", "9.98", care_type="BSO"), siblings=(sibling,), income_euro=100_000)
    effect = effect_of(facts, _proposal(facts, segment(start, until, hours="130", rate="9.98")), this_month, _RULES)
    assert (effect.first_child_before, effect.first_child_after) == (sibling.child_id, facts.child.child_id if flips else sibling.child_id)


def test_without_care_nobody_is_the_first_child() -> None:
    facts = child_year(placement(declared=(segment("2026-01", "2026-03"),)))
    effect = effect_of(facts, _proposal(facts, segment("2026-06", hours="50")), "2026-05", _RULES)
    assert (effect.first_child_before, effect.first_child_after) == (None, facts.child.child_id)


def test_what_was_accepted_before_counts_before_too() -> None:
    overlaid = _declared("80", "11.00", overlay=(segment("2026-01", hours="100", rate="11.00"),))
    facts, accepted = child_year(_declared("100", "11.00")), child_year(overlaid)
    proposal = _proposal(facts, segment("2026-10", hours="120", rate="11.00"))
    assert effect_of(accepted, proposal, "2026-11", _RULES) == effect_of(facts, proposal, "2026-11", _RULES)


def test_two_placements_of_a_move_are_one_effect() -> None:
    facts = child_year(_declared("100", "11.00"), undeclared(2))
    old, new = facts.child.placements
    sides = [
        ProposedPlacement(
            placement_id=one.placement_id, child_id=facts.child.child_id, lrk_number=one.lrk_number, end_on=None, segments=(after,)
        )
        for one, after in ((old, segment("2026-06", hours="0", rate="11.00")), (new, segment("2026-06", hours="100", rate="11.00")))
    ]
    effect = effect_of(facts, Proposal(placements=tuple(sides)), "2026-07", _RULES)
    assert effect.in_year == Amounts(before_euro=11_339, after_euro=11_339, change_euro=0)


def test_an_allowance_of_less_than_24_euros_a_year_is_not_granted() -> None:
    """Over ten months 90% of 2.61 euros are 23.49, and of 2.62 euros 23.58: 24 in whole euros."""
    rules = rule_book()
    facts = child_year(placement(declared=()), income_euro=0)
    for hours, granted in (("2.61", 0), ("2.62", 24)):
        effect = effect_of(facts, _proposal(facts, segment("2026-03", hours=hours, rate="1.00")), "2026-06", rules)
        assert effect.in_year == Amounts(before_euro=0, after_euro=granted, change_euro=granted)
        assert sum(one.after_euro for one in effect.months or ()) == (20 if granted else 0)
        assert effect.in_month == Amounts(before_euro=0, after_euro=2 if granted else 0, change_euro=2 if granted else 0)


@pytest.mark.parametrize("reason", get_args(NoEffectReason))
def test_no_effect_has_a_reason_and_nothing_else(reason: NoEffectReason) -> None:
    said = structs.asdict(no_effect(reason))
    assert said.pop("reason") == reason
    assert set(said.values()) == {None}


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"year": 2025}, "table-incomplete"), ({"income_euro": None}, "income-unknown")],
)
def test_without_a_table_or_an_income_nothing_is_said(change: dict[str, object], reason: str) -> None:
    facts = structs.replace(child_year(placement()), **change)
    assert effect_of(facts, _proposal(facts, segment("2026-10", hours="120")), "2026-11", _RULES) == no_effect(reason)


def test_the_difference_is_rounded_once() -> None:
    # 90% of 101.00 and of 101.62: 90.90 and 91.458 euros, a change of 0.558.
    facts = child_year(_declared("101.00", "1.00"), income_euro=0)
    effect = effect_of(facts, _proposal(facts, segment("2026-12", hours="101.62", rate="1.00")), "2026-11", rule_book())
    assert effect.in_month == Amounts(before_euro=91, after_euro=91, change_euro=1)
    assert effect.in_year == Amounts(before_euro=1_091, after_euro=1_091, change_euro=1)


_CARE = st.tuples(st.sampled_from(["KDV", "BSO", "VGO"]), _HOURS, _RATES)
_MONTH = st.integers(1, 12).map(lambda one: f"2026-{one:02d}")
_SEGMENTS = st.lists(st.tuples(_HOURS, _RATES), min_size=12, max_size=12).map(
    lambda pairs: tuple(
        segment(month, month, hours=hours, rate=rate) for month, (hours, rate) in zip(months_of_year(2026), pairs, strict=True)
    )
)


def _household(own: list[Segment], others: list[tuple[CareType, str, str]], income: int) -> ChildYearFacts:
    siblings = (
        child_care(_declared(hours, rate, number, care_type=care_type), number=number)
        for number, (care_type, hours, rate) in enumerate(others, start=2)
    )
    return child_year(placement(declared=tuple(own)), siblings=tuple(siblings), income_euro=income)


@given(_SEGMENTS, st.lists(_CARE, max_size=2), st.integers(0, 300_000), _MONTH)
@settings(max_examples=60, deadline=None)
def test_a_proposal_of_what_is_declared_changes_nothing(
    own: tuple[Segment, ...], others: list[tuple[CareType, str, str]], income: int, this_month: str
) -> None:
    facts = _household(list(own), others, income)
    effect = effect_of(facts, _proposal(facts, *own), this_month, _RULES)
    assert effect.first_child_before == effect.first_child_after
    for one in (effect.in_month, effect.in_year, effect.until_now, *(effect.months or ())):
        assert one is not None
        assert (one.change_euro, one.before_euro) == (0, one.after_euro)


@given(_SEGMENTS, _SEGMENTS, st.lists(_CARE, max_size=2), st.integers(0, 300_000), _MONTH, _MONTH)
@settings(max_examples=100, deadline=None)
def test_every_amount_is_that_of_its_months_computed_one_by_one(
    own: tuple[Segment, ...],
    proposed: tuple[Segment, ...],
    others: list[tuple[CareType, str, str]],
    income: int,
    start: str,
    this_month: str,
) -> None:
    """The effect skips months in which nothing changes; here every month is computed, and the sums are taken of exact amounts."""
    rules = structs.replace(_RULES, least_granted_euro=0)
    table = rules.tables[2026]
    changed = [one for one in proposed if one.from_month >= start]
    facts = _household(list(own), others, income)
    effect = effect_of(facts, _proposal(facts, *changed), this_month, rules)

    def exact(own_segment: Segment) -> int:
        care = {UUID(int=100 + number): _care(*one) for number, one in enumerate(others)}
        return household_allowance({_A: [("KDV", own_segment)], **care}, table.shares(income), table, rules).units

    before = [exact(one) for one in own]
    after = [exact(new if new.from_month >= start else old) for old, new in zip(own, proposed, strict=True)]
    past = int(this_month[5:])
    for shown, count in ((effect.in_year, 12), (effect.until_now, past)):
        sums = sum(before[:count]), sum(after[:count])
        assert shown == Amounts(
            before_euro=divide_half_up(sums[0], 10**7),
            after_euro=divide_half_up(sums[1], 10**7),
            change_euro=divide_half_up(sums[1] - sums[0], 10**7),
        )
    assert [one.change_euro for one in effect.months or ()] == [
        divide_half_up(new - old, 10**7) for old, new in zip(before, after, strict=True)
    ]


@given(st.integers(23_000, 74_400), st.integers(23_000, 74_400), _RATES, st.lists(_CARE, max_size=2), st.integers(0, 300_000))
@settings(max_examples=60, deadline=None)
def test_hours_above_230_change_nothing(
    declared: int, proposed: int, rate: str, others: list[tuple[CareType, str, str]], income: int
) -> None:
    facts = _household([segment(hours=f"{declared / 100:.2f}", rate=rate)], others, income)
    effect = effect_of(facts, _proposal(facts, segment("2026-03", hours=f"{proposed / 100:.2f}", rate=rate)), "2026-06", _RULES)
    assert effect.in_year is not None
    assert effect.in_year.change_euro == 0
    assert effect.first_child_before == effect.first_child_after


def test_the_first_child_is_told_of_the_coming_month_also_when_that_is_the_last_that_changes() -> None:
    """The sibling has more hours until March and fewer from April on; in April May is the coming month, where the proposal ends."""
    sibling = child_care(placement(5, declared=(segment("2026-01", "2026-03", hours="110"), segment("2026-04", hours="90"))), number=2)
    own = placement()
    proposed = ProposedPlacement(
        placement_id=own.placement_id,
        child_id=child_care().child_id,
        lrk_number=own.lrk_number,
        end_on=None,
        segments=(segment("2026-02", "2026-05", hours="120"),),
    )
    effect = effect_of(child_year(own, siblings=(sibling,)), Proposal(placements=(proposed,)), "2026-04", rule_book())
    assert (effect.month, effect.first_child_before, effect.first_child_after) == ("2026-05", child_care().child_id, child_care().child_id)
