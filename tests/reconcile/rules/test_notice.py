"""What is told, and what is not told again."""

import pytest
from msgspec import structs

from reconcile.rules.judgement import judge
from reconcile.rules.notice import is_worth_telling, weight_cents
from tests.make import DECEMBER, child_year, placement, reported_run, rule_book, segment


def judged(*hours: str, rate: str = "10.00", **change: object) -> list[tuple[str, bool, int]]:
    facts = child_year(placement(reported=reported_run("2026-02", hours, rate=rate)), **change)
    return [(one.kind, is_worth_telling(one.explanation.circumstances), one.weight_cents) for one in judge(facts, DECEMBER, rule_book())]


def test_more_and_fewer_hours_weigh_the_same() -> None:
    """Twenty hours at ten euros from February until December, up or down."""
    assert judged("120.00", "120.00") == [("D01", True, 220_000)]
    assert judged("80.00", "80.00") == [("D02", True, 220_000)]


def test_one_month_more_of_the_same_weighs_no_more() -> None:
    assert judged("120.00", "120.00", "120.00") == judged("120.00", "120.00")


def test_what_has_no_effect_is_shown_and_not_told() -> None:
    """Both rates lie above the maximum: the allowance stays what it was (D07)."""
    facts = child_year(placement(declared=(segment(rate="20.00"),), reported=reported_run("2026-02", ("100.00", "100.00"), rate="21.00")))
    assert [(one.kind, is_worth_telling(one.explanation.circumstances)) for one in judge(facts, DECEMBER, rule_book())] == [("D07", False)]


def test_an_effect_that_cannot_be_said_is_told() -> None:
    assert judged("120.00", "120.00", income_euro=None) == [("D01", True, 220_000)]


def test_an_end_of_care_weighs_what_it_takes_away() -> None:
    months = reported_run("2026-02", ("100.00", "0.00", "0.00"))
    other = placement(2, declared=(segment(hours="10.00"),))
    found = judge(child_year(placement(reported=months), other), DECEMBER, rule_book())
    assert [(one.kind, one.weight_cents) for one in found] == [("D14", 10 * 100_000)]


def test_a_weight_is_in_whole_cents_and_nothing_weighs_nothing() -> None:
    """Three hundredths of an hour at 9.99 euro are 29 cents and a part of one; in the other months nothing is declared."""
    assert weight_cents(2026, (), (segment("2026-12", "2026-12", hours="0.03", rate="9.99"),), ()) == 29
    assert weight_cents(2026, (), (segment("2026-12", "2026-12", hours="0.00"),), ()) == 0


def test_without_a_proposal_the_months_compared_weigh() -> None:
    facts = child_year(placement(reported=reported_run("2026-02", ("120.00", "120.00"))), is_closed_year=True)
    assert [(one.route, one.weight_cents) for one in judge(facts, DECEMBER, rule_book())] == [("year-closed", 40_000)]


@pytest.mark.parametrize(("hours", "weight"), [("100.00", 0), ("101.00", 12_000)])
def test_weight_is_the_change_over_the_year(hours: str, weight: int) -> None:
    standing = (segment(),)
    assert weight_cents(2026, standing, (structs.replace(segment(hours=hours), from_month="2026-01"),), ()) == weight
