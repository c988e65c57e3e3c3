"""Segments against an oracle that keeps one value for each month."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.rules.facts import Segment
from reconcile.rules.months import add_months, months_between
from reconcile.rules.segments import at_month, cut, lay_over, merge
from tests.make import segment

# Wide enough to have months before, between and after every segment.
_START = "2025-09"
_MONTHS = tuple(months_between(_START, "2028-12"))
_Values = Mapping[str, tuple[int, int]]


@st.composite
def _sets(draw: st.DrawFn) -> tuple[Segment, ...]:
    month, segments = add_months(_START, draw(st.integers(0, 8))), []
    for _ in range(draw(st.integers(0, 4))):
        until = None if draw(st.integers(0, 5)) == 0 else add_months(month, draw(st.integers(0, 5)))
        hours, rate = (
            draw(st.sampled_from(["0.00", "80.00", "100.00"])),
            draw(st.sampled_from(["9.00", "10.00"])),
        )
        segments.append(segment(month, until, hours=hours, rate=rate))
        if until is None:
            break
        month = add_months(until, 1 + draw(st.integers(0, 2)))
    return tuple(segments)


def _values(segments: tuple[Segment, ...]) -> _Values:
    """Return what every month has, by walking each segment."""
    return {
        month: (one.hours_hundredths, one.hourly_rate_cents)
        for one in segments
        for month in _MONTHS
        if one.from_month <= month <= (one.until_month or month)
    }


def _is_ordered_and_free_of_overlap(segments: tuple[Segment, ...]) -> bool:
    ends = [(one.from_month, one.until_month or "9999-12") for one in segments]
    starts_before_ends = all(start <= end for start, end in ends)
    return starts_before_ends and all(one[1] < other[0] for one, other in zip(ends, ends[1:], strict=False))


@given(_sets(), _sets())
@settings(max_examples=200, deadline=None)
def test_laying_over_is_the_upper_value_of_each_month(base: tuple[Segment, ...], over: tuple[Segment, ...]) -> None:
    laid = lay_over(base, over)
    assert _values(laid) == {**_values(base), **_values(over)}
    assert _is_ordered_and_free_of_overlap(laid)


@given(_sets(), _sets())
@settings(max_examples=200, deadline=None)
def test_cutting_leaves_the_months_that_are_not_covered(base: tuple[Segment, ...], over: tuple[Segment, ...]) -> None:
    left, covered = cut(base, over), _values(over)
    assert _values(left) == {month: value for month, value in _values(base).items() if month not in covered}
    assert _is_ordered_and_free_of_overlap(left)


@given(_sets())
@settings(max_examples=100, deadline=None)
def test_looking_up_is_the_value_of_the_month(segments: tuple[Segment, ...]) -> None:
    found = {month: one for month in _MONTHS if (one := at_month(segments, month))}
    assert {month: (one.hours_hundredths, one.hourly_rate_cents) for month, one in found.items()} == _values(segments)


@given(_sets())
@settings(max_examples=100, deadline=None)
def test_merging_changes_no_month_and_leaves_no_equal_neighbours(segments: tuple[Segment, ...]) -> None:
    merged = merge(segments)
    assert _values(merged) == _values(segments)
    assert _is_ordered_and_free_of_overlap(merged)
    assert merge(merged) == merged
    assert len(merged) == 1 + sum(
        one.until_month is None
        or add_months(one.until_month, 1) != other.from_month
        or (one.hours_hundredths, one.hourly_rate_cents) != (other.hours_hundredths, other.hourly_rate_cents)
        for one, other in zip(segments, segments[1:], strict=False)
    ) - (not segments)


@given(_sets(), _sets())
@settings(max_examples=100, deadline=None)
def test_laying_over_twice_is_laying_over_once(base: tuple[Segment, ...], over: tuple[Segment, ...]) -> None:
    once = lay_over(base, over)
    assert _values(lay_over(once, over)) == _values(once)


def test_laying_over_the_middle_leaves_both_ends() -> None:
    over = segment("2026-03", "2026-04", hours="50.00")
    assert lay_over([segment()], [over]) == (segment("2026-01", "2026-02"), over, segment("2026-05"))


def test_laying_an_open_segment_over_leaves_nothing_after_it() -> None:
    over = segment("2026-03", hours="50.00")
    assert lay_over([segment("2026-01", "2026-06"), segment("2026-08")], [over]) == (
        segment("2026-01", "2026-02"),
        over,
    )


@pytest.mark.parametrize(
    ("month", "expected"),
    [
        ("2025-12", None),
        ("2026-01", "a"),
        ("2026-02", "a"),
        ("2026-03", None),
        ("2026-04", "b"),
        ("2040-01", "b"),
    ],
)
def test_both_ends_of_a_segment_are_included(month: str, expected: str | None) -> None:
    first, second = segment("2026-01", "2026-02", hours="1.00"), segment("2026-04", hours="2.00")
    assert at_month([first, second], month) == {"a": first, "b": second, None: None}[expected]


def test_neighbours_with_another_rate_or_a_month_between_are_not_merged() -> None:
    apart = (segment("2026-01", "2026-02"), segment("2026-04", "2026-05"), segment("2026-06", rate="10.01"))
    assert merge(apart) == apart


def test_equal_neighbours_are_merged_over_the_year() -> None:
    assert merge((segment("2025-11", "2025-12"), segment("2026-01"))) == (segment("2025-11"),)
