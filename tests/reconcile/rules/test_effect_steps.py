"""How an effect comes about: the worked examples step by step, and on random care the steps add up to the effect."""

import random
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

import pytest
from msgspec import structs

from reconcile.rules.effect import effect_of
from reconcile.rules.effect_steps import CareStep, ChildStep, EffectSteps, MonthsStep, effect_steps
from reconcile.rules.facts import ChildYearFacts
from reconcile.rules.judgement import judge
from reconcile.rules.months import month_at, months_between
from reconcile.rules.proposal import Proposal, ProposedPlacement
from tests.make import child_care, child_year, placement, rule_book, segment, undeclared
from tests.reconcile.rules import random_care

_RULES = rule_book()
_OWN, _ELSE, _SIBLINGS = placement(1), undeclared(2), placement(3, care_type="BSO")


def _proposal(*segments_: object, number: int = 1) -> Proposal:
    one = placement(number)
    return Proposal(
        placements=(
            ProposedPlacement(
                placement_id=one.placement_id,
                child_id=child_care().child_id,
                lrk_number=one.lrk_number,
                end_on=None,
                segments=segments_,  # type: ignore[arg-type]
            ),
        )
    )


def _steps(facts: ChildYearFacts, proposal: Proposal) -> EffectSteps:
    steps = effect_steps(facts, proposal, _RULES)
    assert steps is not None
    return steps


def test_more_hours_from_march_on_step_by_step() -> None:
    """100 hours at 10.00 become 240 at 12.00: 230 of them count, at 11.00 at most, and half of the costs is paid at this income."""
    steps = _steps(child_year(_OWN), _proposal(segment("2026-03", hours="240", rate="12")))
    care = CareStep(
        lrk_number=_OWN.lrk_number, care_type="KDV", hours="100.00", hourly_rate="10.00", counted_hours="100.00", counted_rate="10.00"
    )
    stands = ChildStep(child_id=child_care().child_id, is_first_child=True, share="50.0", care=(care,), amount="500.0000000")
    would = structs.replace(
        stands,
        amount="1265.0000000",
        care=(structs.replace(care, hours="240.00", hourly_rate="12.00", counted_hours="230.00", counted_rate="11.00"),),
    )
    assert steps == EffectSteps(
        income_euro=80_000,
        first_child_share="50.0",
        next_child_share="80.0",
        counted_hours_most="230.00",
        least_granted_euro=24,
        is_granted_before=True,
        is_granted_after=True,
        months=(
            MonthsStep(
                from_month="2026-01",
                until_month="2026-02",
                before=(stands,),
                after=(stands,),
                amount_before="500.0000000",
                amount_after="500.0000000",
            ),
            MonthsStep(
                from_month="2026-03",
                until_month="2026-12",
                before=(stands,),
                after=(would,),
                amount_before="500.0000000",
                amount_after="1265.0000000",
            ),
        ),
    )


def test_the_first_child_flips_where_the_other_one_gets_more_hours() -> None:
    sibling = child_care(_SIBLINGS, number=2)
    facts = child_year(placement(1, declared=(segment(hours="90"),)), siblings=(sibling,))
    (months,) = _steps(facts, _proposal(segment(hours="110"))).months
    shown = [[(one.is_first_child, one.share, one.amount) for one in side] for side in (months.before, months.after)]
    assert shown == [
        [(False, "80.0", "720.0000000"), (True, "50.0", "500.0000000")],
        [(True, "50.0", "550.0000000"), (False, "80.0", "800.0000000")],
    ]
    assert (months.amount_before, months.amount_after) == ("1220.0000000", "1350.0000000")


def test_above_the_cap_the_care_at_the_lowest_rate_falls_off() -> None:
    own = placement(1, declared=(segment(hours="150", rate="8.00"),))
    (months,) = _steps(child_year(own, _ELSE), _proposal(segment(hours="100", rate="9.00"), number=2)).months
    assert [(one.lrk_number, one.hours, one.counted_hours) for one in months.after[0].care] == [
        (_ELSE.lrk_number, "100.00", "100.00"),
        (own.lrk_number, "150.00", "130.00"),
    ]


def test_a_year_below_the_least_amount_comes_to_nothing() -> None:
    own = placement(1, declared=(segment(hours="0.39"),))
    steps = _steps(child_year(own), _proposal(segment("2026-12", hours="1.00")))
    assert (steps.is_granted_before, steps.is_granted_after) == (False, True)
    assert {one.amount_before for one in steps.months} == {"1.9500000"}


def test_a_share_of_half_a_percent_and_a_part_of_a_cent_are_exact() -> None:
    own = placement(1, declared=(segment(hours="0.01", rate="0.01"),))
    table = _RULES.tables[2026]
    brackets = tuple(structs.replace(one, first_child_tenths=667) for one in table.brackets)
    rules = structs.replace(_RULES, tables={2026: structs.replace(table, brackets=brackets)})
    steps = effect_steps(child_year(own), _proposal(segment(hours="0.02", rate="0.01")), rules)
    assert steps is not None
    assert [(one.share, one.amount) for one in steps.months[0].before] == [("66.7", "0.0000667")]


@pytest.mark.parametrize("change", [{"income_euro": None}, {"year": 2025}])
def test_without_an_income_or_a_table_there_are_no_steps(change: dict[str, object]) -> None:
    assert effect_steps(child_year(_OWN, **change), _proposal(segment(hours="120")), _RULES) is None


def _euro(amounts: Iterable[Decimal]) -> int:
    return int(sum(amounts, Decimal()).quantize(Decimal(1), ROUND_HALF_UP))


def test_the_steps_add_up_to_the_effect() -> None:
    """From the published steps alone: care to child, children to month, months to the effect that is stored."""
    seen = 0
    for seed in range(120):
        dice = random.Random(seed)
        facts, as_of = random_care.facts(dice), random_care.instant(dice)
        for judged in judge(facts, as_of, _RULES):
            if judged.proposal is None or judged.effect.months is None or judged.effect.in_year is None:
                continue
            seen += 1
            steps = _steps(facts, judged.proposal)
            by_month = {month: one for one in steps.months for month in months_between(one.from_month, one.until_month)}
            sides = []
            for name, is_granted in (("before", steps.is_granted_before), ("after", steps.is_granted_after)):
                amounts = {month: Decimal(getattr(one, f"amount_{name}")) * is_granted for month, one in by_month.items()}
                for one in by_month.values():
                    children = getattr(one, name)
                    assert sum((Decimal(child.amount) for child in children), Decimal()) == Decimal(getattr(one, f"amount_{name}"))
                    for child in children:
                        costs = sum((Decimal(each.counted_hours) * Decimal(each.counted_rate) for each in child.care), Decimal())
                        assert costs * Decimal(child.share) / 100 == Decimal(child.amount)
                sides.append(amounts)
            before, after = sides
            assert [(one.month, one.before_euro, one.after_euro, one.change_euro) for one in judged.effect.months] == [
                (month, _euro([before[month]]), _euro([after[month]]), _euro([after[month], -before[month]])) for month in by_month
            ]
            year = judged.effect.in_year
            assert (year.before_euro, year.after_euro) == (_euro(before.values()), _euro(after.values()))
            assert judged.effect == effect_of(facts, judged.proposal, month_at(as_of), _RULES)
    assert seen > 30
