"""Days to postpone until: to come, and three months ahead at most, whatever the lengths of the months."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.rules.postponement import last_day, may_postpone, told_from


@pytest.mark.parametrize(
    ("today", "last"),
    [
        ("2026-07-10", "2026-10-10"),
        ("2026-11-30", "2027-02-28"),
        ("2027-11-30", "2028-02-29"),
        ("2026-12-31", "2027-03-31"),
        ("2026-10-01", "2027-01-01"),
        ("2026-03-31", "2026-06-30"),
    ],
)
def test_three_months_ahead(today: str, last: str) -> None:
    assert last_day(date.fromisoformat(today)) == date.fromisoformat(last)


@given(st.dates(date(2020, 1, 1), date(2040, 12, 31)), st.integers(-400, 400))
def test_only_days_between_today_and_the_last_one(today: date, days: int) -> None:
    until = date.fromordinal(today.toordinal() + days)
    assert may_postpone(until, today) == (0 < days <= (last_day(today) - today).days)
    assert 89 <= (last_day(today) - today).days <= 92


def test_the_last_day_may_still_be_chosen_and_today_may_not() -> None:
    days = ("2026-07-10", "2026-07-11", "2026-10-10", "2026-10-11")
    assert [may_postpone(date.fromisoformat(day), date(2026, 7, 10)) for day in days] == [False, True, True, False]


def test_a_parent_is_told_in_the_morning_in_summer_and_in_winter() -> None:
    assert told_from(date(2026, 7, 10)) == datetime(2026, 7, 10, 6, tzinfo=UTC)
    assert told_from(date(2026, 12, 10)) == datetime(2026, 12, 10, 7, tzinfo=UTC)
