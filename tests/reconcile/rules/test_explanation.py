"""The months of an explanation: both sides, and what deviates by the tolerance or more."""

import pytest

from reconcile.rules.evidence import weighed
from reconcile.rules.explanation import ComparedMonth, compared_months
from reconcile.rules.facts import ReportedMonth, Segment
from tests.make import placement, reported, rule_book, segment


def _compared(
    *months: ReportedMonth, effective: tuple[Segment, ...] = (segment(),), missing: tuple[str, ...] = ()
) -> tuple[ComparedMonth, ...]:
    own = weighed(placement(reported=months, declared=effective), 2026, "2026-12", rule_book())
    return compared_months(own, rule_book(), missing)


@pytest.mark.parametrize(
    ("hours", "rate", "hours_deviate", "rate_deviates"),
    [
        ("100.00", "10.00", False, False),
        ("100.99", "10.04", False, False),
        ("99.01", "9.96", False, False),
        ("101.00", "10.05", True, True),
        ("99.00", "9.95", True, True),
        ("0", "99.00", True, False),
    ],
)
def test_a_month_says_what_deviates(hours: str, rate: str, hours_deviate: bool, rate_deviates: bool) -> None:
    month = reported(hours=hours, rate=rate)
    assert _compared(month) == (
        ComparedMonth(
            month="2026-01",
            declared=segment(),
            reported=month,
            hours_deviate=hours_deviate,
            rate_deviates=rate_deviates,
        ),
    )


@pytest.mark.parametrize(
    ("hours", "deviates"), [("1.00", (True, True)), ("0.99", (False, True)), ("0.01", (False, True)), ("0", (False, False))]
)
def test_a_month_that_nothing_was_declared_for_is_compared_with_no_hours(hours: str, deviates: tuple[bool, bool]) -> None:
    compared = _compared(reported(hours=hours), effective=())[0]
    assert (compared.declared, (compared.hours_deviate, compared.rate_deviates)) == (None, deviates)


def test_every_reported_month_of_the_year_stands_there_in_order() -> None:
    months = tuple(reported(month) for month in ("2025-12", "2026-01", "2026-02", "2027-01"))
    assert [one.month for one in _compared(*months)] == ["2026-01", "2026-02"]


def test_months_without_care_after_the_end_stand_there_too() -> None:
    months = tuple(reported(month, hours=hours) for month, hours in (("2026-01", "100"), ("2026-02", "0"), ("2026-03", "0")))
    assert [(one.month, one.hours_deviate) for one in _compared(*months)] == [
        ("2026-01", False),
        ("2026-02", True),
        ("2026-03", True),
    ]


@pytest.mark.parametrize(("effective", "deviates"), [((segment(hours="0.01"),), True), ((), False), ((segment(hours="0"),), False)])
def test_a_complete_month_without_a_line_stands_among_the_others(effective: tuple[Segment, ...], deviates: bool) -> None:
    found = _compared(reported("2026-01"), reported("2026-03"), effective=effective, missing=("2026-02",))
    assert [one.month for one in found] == ["2026-01", "2026-02", "2026-03"]
    assert (found[1].reported, found[1].hours_deviate, found[1].rate_deviates) == (None, deviates, False)
