"""Kinds within declared care, as stories; runs, single months and averages are told in test_judgement.py."""

from datetime import date
from typing import Any

import pytest

from reconcile.rules.facts import PlacementFacts, Segment
from reconcile.rules.judgement import JudgedDifference, judge
from tests.make import DECEMBER, child_year, placement, reported, reported_run, rule_book, segment

BESIDE = placement(9, declared=(segment(hours="10"),))


def one(own: PlacementFacts, **change: Any) -> JudgedDifference:
    (found,) = judge(child_year(own, BESIDE, **change), DECEMBER, rule_book())
    return found


def childminder(*rates: str, declared: str, hours: str = "100") -> PlacementFacts:
    months = tuple(reported(f"2026-{number:02d}", hours=hours, rate=rate) for number, rate in enumerate(rates, start=2))
    return placement(care_type="VGO", declared=(segment(rate=declared),), reported=months)


def test_d08_a_childminder_bills_less_than_the_parent_declared() -> None:
    """7.50 is billed and 8.20 declared: the agency's mediation costs may be in it, which is allowed. Explained, not proposed."""
    judged = one(childminder("7.50", "7.50", declared="8.20"))
    assert (judged.kind, judged.route, judged.proposal) == ("D08", "mediation-costs", None)
    month = judged.explanation.months[0]
    assert month.declared is not None
    assert month.reported is not None
    assert (month.declared.hourly_rate_cents, month.reported.hourly_rate_cents) == (820, 750)


@pytest.mark.parametrize(
    ("own", "kind"),
    [
        pytest.param(childminder("8.50", declared="8.20"), "D06", id="the declared rate lies below the reported one"),
        pytest.param(childminder("7.50", "8.50", declared="8.20"), "D06", id="below and above"),
        pytest.param(childminder("7.50", "8.20", declared="8.20"), "D06", id="below, and back at the declared rate"),
        pytest.param(childminder("9.10", declared="9.50"), "D07", id="both above the maximum"),
        pytest.param(childminder("7.50", "7.50", declared="8.20", hours="120"), "D09", id="the hours differ as well"),
        pytest.param(placement(declared=(segment(rate="8.20"),), reported=(reported("2026-02", rate="7.50"),)), "D06", id="no childminder"),
    ],
)
def test_only_a_childminder_with_a_higher_declared_rate_alone_is_d08(own: PlacementFacts, kind: str) -> None:
    assert (one(own).kind, one(own).route) == (kind, None)


def test_d08_in_a_closed_year_has_the_route_of_the_year() -> None:
    judged = one(childminder("7.50", declared="8.20"), is_closed_year=True)
    assert (judged.kind, judged.route) == ("D08", "year-closed")


@pytest.mark.parametrize(
    "own",
    [
        pytest.param(placement(reported=(reported("2026-03", hours="0", end_on=date(2026, 3, 31)),)), id="its last month had no hours"),
        pytest.param(placement(reported=(reported("2026-02"), *reported_run("2026-03", ["0", "0"]))), id="no hours for two months"),
        pytest.param(placement(reported=(reported("2026-03", end_on=date(2026, 2, 28), hours="0"),)), id="told a month later"),
    ],
)
def test_d14_is_the_kind_however_the_end_shows_in_the_months(own: PlacementFacts) -> None:
    judged = one(own)
    assert judged.kind == "D14"
    assert judged.proposal is not None
    assert judged.proposal.placements[0].segments == (segment("2026-03", hours="0"),)


def test_the_last_care_of_a_household_is_never_ended_by_a_tap_however_the_end_shows() -> None:
    for end_on in (date(2026, 3, 31), date(2026, 2, 28)):
        own = placement(reported=(reported("2026-03", hours="0", end_on=end_on),))
        (found,) = judge(child_year(own), DECEMBER, rule_book())
        assert (found.kind, found.route) == ("D14", "last-care-ended")


def test_an_end_date_with_care_in_a_later_month_is_not_heard() -> None:
    """April has no hours and names an end in February, and March was billed: a month without hours, and no end."""
    own = placement(reported=(*reported_run("2026-02", ["100", "100"]), reported("2026-04", hours="0", end_on=date(2026, 2, 28))))
    judged = one(own)
    assert (judged.kind, judged.explanation.end_on) == ("D03", None)
    assert judged.proposal is not None
    assert judged.proposal.placements[0].segments == (segment("2026-04", "2026-04", hours="0"),)


@pytest.mark.parametrize(
    ("hours", "kind", "segments"),
    [
        (["100", "100", "100", "130"], "D03", (segment("2026-05", "2026-05", hours="130"),)),
        (["120", "120", "120", "100"], "D03", (segment("2026-02", "2026-04", hours="120"),)),
        (["100", "100", "0"], "D03", (segment("2026-04", "2026-04", hours="0"),)),
        (["100", "100", "130", "160"], "D05", (segment("2026-02", hours="122.50"),)),
    ],
)
def test_where_most_months_are_at_one_level_another_month_is_an_exception(
    hours: list[str], kind: str, segments: tuple[Segment, ...]
) -> None:
    """D03 in a steady contract: extra days, a holiday. At most half of the months in runs is a contract that varies (D05)."""
    judged = one(placement(reported=reported_run("2026-02", hours)))
    assert (judged.kind, judged.proposal and judged.proposal.placements[0].segments) == (kind, segments)


@pytest.mark.parametrize(
    ("declared", "reported_hours", "kind"),
    [
        ((segment(hours="100"),), "101", "D01"),
        ((segment(hours="100"),), "99", "D02"),
        ((), "60", "D12"),
        ((segment("2026-01", "2026-02"), segment("2026-03", hours="120")), "110", "D02"),
        ((segment("2026-01", "2026-02", hours="120"), segment("2026-03")), "110", "D01"),
        # From March on the parent declared it already: February alone is what changes.
        ((segment("2026-01", "2026-02"), segment("2026-03", hours="120")), "120", "D01"),
        ((segment("2026-01", "2026-02", hours="130"), segment("2026-03", hours="120")), "120", "D02"),
    ],
)
def test_more_or_fewer_is_said_of_the_newest_month_that_deviates(declared: tuple[Segment, ...], reported_hours: str, kind: str) -> None:
    own = placement(declared=declared, reported=reported_run("2026-02", [reported_hours, reported_hours]))
    found = judge(child_year(own, placement(9, reported=(reported("2026-03"),))), DECEMBER, rule_book())
    assert [each.kind for each in found] == [kind]


@pytest.mark.parametrize(("march", "kind"), [("100", "D01"), ("130", "D02")])
def test_more_or_fewer_is_said_of_the_month_that_deviates_also_between_others(march: str, kind: str) -> None:
    """120 hours were billed in each month and declared for each but March."""
    declared = (segment("2026-01", "2026-02", hours="120"), segment("2026-03", "2026-03", hours=march), segment("2026-04", hours="120"))
    judged = one(placement(declared=declared, reported=reported_run("2026-02", ["120", "120", "120"])))
    assert judged.kind == kind
    assert judged.proposal is not None
    assert judged.proposal.placements[0].segments == (segment("2026-03", "2026-03", hours="120"),)


def test_hours_after_the_declared_care_are_more_hours() -> None:
    own = placement(declared=(segment("2026-01", "2026-03", hours="120"),), reported=reported_run("2026-03", ["120", "120"]))
    judged = one(own)
    assert judged.kind == "D01"
    assert judged.proposal is not None
    assert judged.proposal.placements[0].segments == (segment("2026-04", hours="120"),)
    least = one(placement(declared=(segment("2026-01", "2026-03"),), reported=reported_run("2026-03", ["100", "1.00", "0.01"])))
    assert least.kind == "D01"
