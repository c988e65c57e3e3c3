"""Weighing reports: which step fires, what stands from when, and when care has stopped."""

from datetime import date

import pytest

from reconcile.rules.evidence import Evidence, is_inside_month, weigh
from reconcile.rules.facts import PlacementFacts, ReportedMonth, Segment
from tests.make import placement, reported, reported_run, rule_book, segment

_OPEN = (segment(),)


def _weigh(
    *months: ReportedMonth,
    effective: tuple[Segment, ...] = _OPEN,
    this_month: str = "2026-12",
    year: int = 2026,
) -> Evidence:
    return weigh(_placement(months), effective, year, this_month, rule_book())


def _placement(months: tuple[ReportedMonth, ...]) -> PlacementFacts:
    return placement(reported=months)


def _hours(evidence: Evidence) -> tuple[str, dict[str, int], str | None, int | None]:
    return evidence.step, dict(evidence.hours), evidence.standing_from, evidence.standing_hours_hundredths


@pytest.mark.parametrize(
    ("start", "hours", "expected"),
    [
        ("2026-01", ["100.00"] * 3, ("equal", {}, None, None)),
        ("2026-01", [], ("equal", {}, None, None)),
        ("2026-01", ["100.99", "99.01"], ("equal", {}, None, None)),
        ("2026-01", ["101.00"], ("single-months", {"2026-01": 10_100}, None, None)),
        (
            "2026-01",
            ["120.00", "80.00"],
            ("single-months", {"2026-01": 12_000, "2026-02": 8_000}, None, None),
        ),
        ("2026-01", ["120.00", "120.00"], ("run", {}, "2026-01", 12_000)),
        ("2026-01", ["100.00", "120.00", "120.00"], ("run", {}, "2026-02", 12_000)),
        ("2026-01", ["80.00", "120.50", "120.00"], ("run", {"2026-01": 8_000}, "2026-02", 12_000)),
        (
            "2026-01",
            ["120.00", "121.00"],
            ("single-months", {"2026-01": 12_000, "2026-02": 12_100}, None, None),
        ),
        ("2026-01", ["120.00", "100.00", "100.00"], ("single-months", {"2026-01": 12_000}, None, None)),
        ("2026-01", ["90.00", "130.00", "110.00"], ("average", {}, "2026-01", 11_000)),
        ("2026-01", ["90.00", "110.00", "100.00"], ("equal", {}, None, None)),
        ("2026-01", ["90.00", "110.00", "102.97"], ("equal", {}, None, None)),
        ("2026-01", ["90.00", "110.00", "103.00"], ("average", {}, "2026-01", 10_100)),
        ("2025-12", ["120.00", "120.00"], ("run", {}, "2026-01", 12_000)),
        ("2025-11", ["120.00", "120.00"], ("equal", {}, None, None)),
    ],
)
def test_one_step_fires_for_the_hours(start: str, hours: list[str], expected: tuple[str, dict[str, int], str | None, int | None]) -> None:
    assert _hours(_weigh(*reported_run(start, hours))) == expected


def test_a_run_is_broken_by_a_month_without_a_report() -> None:
    months = (reported("2026-01", hours="120.00"), reported("2026-03", hours="120.00"))
    assert _hours(_weigh(*months)) == ("single-months", {"2026-01": 12_000, "2026-03": 12_000}, None, None)


@pytest.mark.parametrize(
    ("this_month", "step", "standing"),
    [
        ("2026-03", "waiting-for-quarter", None),
        ("2026-04", "average", 11_000),
        ("2026-06", "average", 11_000),
        ("2026-07", "average", 11_500),
    ],
)
def test_an_average_is_asked_over_the_quarters_that_are_over(this_month: str, step: str, standing: int | None) -> None:
    months = reported_run("2026-01", ["90.00", "130.00", "110.00", "150.00", "80.00", "130.00"])
    evidence = _weigh(*months, this_month=this_month)
    assert (evidence.step, evidence.standing_hours_hundredths) == (step, standing)


def test_a_month_that_is_still_to_come_does_not_count() -> None:
    evidence = _weigh(*reported_run("2026-05", ["100.00", "120.00"]), this_month="2026-05")
    assert evidence.step == "equal"
    assert [one.month for one in evidence.reported] == ["2026-05"]


def test_an_undeclared_month_is_compared_with_no_hours() -> None:
    evidence = _weigh(reported("2026-01", hours="0.99"), reported("2026-02"), effective=())
    assert _hours(evidence) == ("single-months", {"2026-02": 10_000}, None, None)
    assert dict(evidence.rate) == {"2026-01": 1_000}


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        (["10.04", "9.96"], {}),
        (["10.05"], {"2026-01": 1_005}),
        (["9.95"], {"2026-01": 995}),
        (["10.00", "10.50", "10.54", "10.46"], {"2026-02": 1_050}),
        (["10.50", "10.00"], {"2026-01": 1_050, "2026-02": 1_000}),
        (["10.50", "10.55", "10.55"], {"2026-01": 1_050, "2026-02": 1_055}),
    ],
)
def test_a_rate_stands_from_the_month_it_deviates(rates: list[str], expected: dict[str, int]) -> None:
    months = (reported(f"2026-{place:02d}", rate=rate) for place, rate in enumerate(rates, start=1))
    assert dict(_weigh(*months).rate) == expected


def test_a_month_without_hours_says_nothing_about_the_rate() -> None:
    months = (reported("2026-01", hours="0", rate="99.00"), reported("2026-02", rate="10.00"))
    assert dict(_weigh(*months).rate) == {}


@pytest.mark.parametrize(
    ("end_on", "stop_from"),
    [
        (date(2026, 3, 31), "2026-04"),
        (date(2026, 3, 1), "2026-04"),
        (date(2026, 12, 31), "2027-01"),
        (date(2027, 1, 1), None),
    ],
)
def test_care_stops_after_the_month_of_an_end_date_that_has_come(end_on: date, stop_from: str | None) -> None:
    evidence = _weigh(reported("2026-03", end_on=end_on))
    assert (evidence.stop_from, evidence.end_on) == (stop_from, end_on if stop_from else None)


def test_an_older_end_date_with_care_after_it_is_not_heard() -> None:
    evidence = _weigh(reported("2026-03", end_on=date(2026, 3, 31)), reported("2026-04"))
    assert (evidence.stop_from, evidence.end_on, evidence.step) == (None, None, "equal")


@pytest.mark.parametrize(
    ("start", "hours", "stop_from"),
    [
        ("2026-01", ["100.00", "0", "0"], "2026-02"),
        ("2026-01", ["100.00", "0.50", "0"], "2026-02"),
        ("2026-01", ["100.00", "0"], None),
        ("2026-01", ["0", "0", "100.00"], None),
        ("2025-11", ["0", "0", "0"], "2026-01"),
        ("2025-12", ["0", "0"], "2026-01"),
    ],
)
def test_care_stops_where_a_run_without_hours_begins(start: str, hours: list[str], stop_from: str | None) -> None:
    assert _weigh(*reported_run(start, hours)).stop_from == stop_from


def test_months_after_the_stop_are_not_compared() -> None:
    evidence = _weigh(*reported_run("2026-01", ["120.00", "0", "0"]))
    assert evidence.months_compared == ("2026-01",)
    assert _hours(evidence) == ("single-months", {"2026-01": 12_000}, None, None)


def test_undeclared_care_stands_on_its_newest_level_also_when_that_is_its_first() -> None:
    evidence = _weigh(*reported_run("2026-01", ["80.00", "80.00", "120.00"]), effective=())
    assert _hours(evidence) == ("run", {"2026-03": 12_000}, "2026-01", 8_000)


@pytest.mark.parametrize(
    ("end_on", "is_inside"),
    [
        (date(2026, 3, 1), True),
        (date(2026, 3, 30), True),
        (date(2026, 3, 31), False),
        (date(2028, 2, 28), True),
        (date(2028, 2, 29), False),
    ],
)
def test_only_the_last_day_of_a_month_ends_care_with_its_month(end_on: date, is_inside: bool) -> None:
    assert is_inside_month(end_on) == is_inside


def test_care_of_the_tolerance_is_part_of_an_average_and_less_before_it_is_not() -> None:
    for first, expected in (("1.00", ("2026-01", 5_300)), ("0.99", ("2026-02", 7_033))):
        evidence = _weigh(*reported_run("2026-01", [first, "50.00", "90.00", "71.00"]), effective=())
        assert (evidence.step, evidence.standing_from, evidence.standing_hours_hundredths) == ("average", *expected)


def test_the_least_of_hours_after_an_end_date_contradicts_it() -> None:
    for hours, stop_from in (("0", "2026-03"), ("0.01", None)):
        assert _weigh(reported("2026-02"), reported("2026-03", hours=hours, end_on=date(2026, 2, 28))).stop_from == stop_from
