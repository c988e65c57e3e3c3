"""Months as text: form, bounds, steps, and which month an instant lies in."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.rules import months

_MONTHS = st.builds("{:04d}-{:02d}".format, st.integers(2005, 2099), st.integers(1, 12))


@pytest.mark.parametrize("text", ["2005-01", "2026-03", "2026-12", "2099-12"])
def test_a_well_formed_month_between_the_bounds_is_a_month(text: str) -> None:
    assert months.is_month(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "2026-3",
        "2026-00",
        "2026-13",
        "2026/03",
        "03-2026",
        "2026-03-01",
        "26-03",
        " 2026-03",
        "2026-03 ",
    ]
    + [
        "2026-03\n",
        "2004-12",
        "2100-01",
        "0000-01",
        "9999-12",
        "٢٠٢٦-03",
        "2026-٠٣",
        "２０２６-03",
        "2026−03",
        "-026-03",
    ],
)
def test_anything_else_is_not_a_month(text: str) -> None:
    assert not months.is_month(text)


@given(st.text(max_size=9))
@settings(max_examples=100, deadline=None)
def test_every_accepted_text_is_its_own_month_again(text: str) -> None:
    if months.is_month(text):
        assert months.month_of(months.first_day(text)) == text


@given(_MONTHS)
@settings(max_examples=100, deadline=None)
def test_every_month_between_the_bounds_is_accepted(month: str) -> None:
    assert months.is_month(month)
    assert months.month_of(months.first_day(month)) == month


def test_the_first_day_is_a_date() -> None:
    assert months.first_day("2026-03") == date(2026, 3, 1)


@pytest.mark.parametrize(
    ("day", "month"),
    [(date(2026, 3, 1), "2026-03"), (date(2026, 3, 31), "2026-03"), (date(999, 1, 1), "0999-01")],
)
def test_a_day_lies_in_its_month(day: date, month: str) -> None:
    assert months.month_of(day) == month


@pytest.mark.parametrize(
    ("instant", "month"),
    [
        (datetime(2026, 3, 31, 21, 59, 59, tzinfo=UTC), "2026-03"),
        (datetime(2026, 3, 31, 22, 0, tzinfo=UTC), "2026-04"),
        (datetime(2026, 12, 31, 22, 59, tzinfo=UTC), "2026-12"),
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), "2027-01"),
        (datetime(2026, 4, 1, 0, 30, tzinfo=timezone(timedelta(hours=9))), "2026-03"),
    ],
)
def test_an_instant_lies_in_the_month_of_the_netherlands(instant: datetime, month: str) -> None:
    assert months.month_at(instant) == month


def test_the_year_of_a_month_is_its_calculation_year() -> None:
    assert months.year_of("2026-12") == 2026


@pytest.mark.parametrize(
    ("month", "count", "expected"),
    [
        ("2026-03", 0, "2026-03"),
        ("2026-12", 1, "2027-01"),
        ("2026-01", -1, "2025-12"),
        ("2026-03", 12, "2027-03"),
        ("2026-03", -15, "2024-12"),
    ],
)
def test_months_are_counted_over_the_year(month: str, count: int, expected: str) -> None:
    assert months.add_months(month, count) == expected


@given(_MONTHS, st.integers(-600, 600))
@settings(max_examples=100, deadline=None)
def test_adding_months_and_taking_them_off_comes_back(month: str, count: int) -> None:
    assert months.add_months(months.add_months(month, count), -count) == month


@given(_MONTHS)
@settings(max_examples=100, deadline=None)
def test_the_next_month_is_later_and_the_previous_one_comes_back(month: str) -> None:
    assert month < months.next_month(month)
    assert months.previous_month(months.next_month(month)) == month


@pytest.mark.parametrize(
    ("from_month", "until_month", "expected"),
    [
        ("2025-11", "2026-02", ["2025-11", "2025-12", "2026-01", "2026-02"]),
        ("2026-02", "2026-02", ["2026-02"]),
        ("2026-03", "2026-02", []),
    ],
)
def test_both_ends_are_included_between_months(from_month: str, until_month: str, expected: list[str]) -> None:
    assert list(months.months_between(from_month, until_month)) == expected


def test_a_year_has_its_twelve_months_in_order() -> None:
    assert months.months_of_year(2026) == tuple(months.months_between("2026-01", "2026-12"))
