"""What was expected, what came, and when it is late: by the calendar of the Netherlands."""

from datetime import UTC, datetime

import pytest

from reconcile.rules.expected import LocationMonth, OrganisationMonth, deadline_of, organisation_month


def location(number: int = 1, *, lines: int = 0, before: int = 0, is_complete: bool = False) -> LocationMonth:
    return LocationMonth(lrk_number=f"9{number:08d}", lines=lines, lines_before=before, is_complete=is_complete)


def judged(*held: LocationMonth, is_past: bool = False, has_delivered: bool = True) -> OrganisationMonth:
    return organisation_month(held, is_past=is_past, has_delivered=has_delivered)


@pytest.mark.parametrize(
    ("month", "day", "deadline"),
    [
        ("2026-01", 31, datetime(2026, 2, 28, 23, tzinfo=UTC)),
        ("2024-01", 31, datetime(2024, 2, 29, 23, tzinfo=UTC)),
        ("2026-02", 31, datetime(2026, 3, 31, 22, tzinfo=UTC)),  # summer time has begun
        ("2026-03", 31, datetime(2026, 4, 30, 22, tzinfo=UTC)),
        ("2026-11", 31, datetime(2026, 12, 31, 23, tzinfo=UTC)),
        ("2026-12", 31, datetime(2027, 1, 31, 23, tzinfo=UTC)),
        ("2026-03", 15, datetime(2026, 4, 15, 22, tzinfo=UTC)),
        ("2026-01", 30, datetime(2026, 2, 28, 23, tzinfo=UTC)),
        ("2026-03", 1, datetime(2026, 4, 1, 22, tzinfo=UTC)),
    ],
)
def test_a_month_may_be_delivered_until_the_end_of_a_day_of_the_next_one(month: str, day: int, deadline: datetime) -> None:
    assert deadline_of(month, day) == deadline
    assert deadline_of(month, day).tzinfo is UTC


@pytest.mark.parametrize(
    ("held", "state_before", "state_after"),
    [
        ([location(1, before=9), location(2, before=9)], "due", "late"),
        ([location(1, lines=9, before=9), location(2, before=9)], "partial", "partial"),
        ([location(1, lines=9, before=9), location(2, lines=5, before=9)], "received", "received"),
        ([location(1, lines=9, before=9), location(2, lines=4, before=9)], "partial", "partial"),
        ([location(1, lines=4, before=9)], "partial", "partial"),
        ([location(1, lines=5, before=10)], "received", "received"),  # half is no file that broke off
        ([location(1, lines=4, before=9, is_complete=True)], "received", "received"),
        ([location(1, before=9, is_complete=True)], "received", "received"),
        # A location without lines in the month before is not asked for, unless there was none at all.
        ([location(1, lines=9, before=9), location(2)], "received", "received"),
        ([location(1, lines=9), location(2)], "partial", "partial"),
        ([location(1), location(2)], "due", "late"),
        # New lines are heard of anyway.
        ([location(1, before=9), location(2, lines=1)], "partial", "partial"),
    ],
)
def test_the_state_of_a_month_before_and_after_its_deadline(held: list[LocationMonth], state_before: str, state_after: str) -> None:
    before, after = judged(*held), judged(*held, is_past=True)
    assert (before.state, after.state) == (state_before, state_after)
    assert (before.is_overdue, after.is_overdue) == (False, state_after != "received")


def test_who_never_delivered_is_told_apart_once_it_is_late() -> None:
    held = [location(1), location(2)]
    month = judged(*held, has_delivered=False)
    assert (month.state, [one.state for one in month.expected]) == ("due", ["due", "due"])
    month = judged(*held, is_past=True, has_delivered=False)
    assert (month.state, [one.state for one in month.expected]) == ("never", ["late", "late"])


def test_who_holds_nothing_owes_nothing() -> None:
    month = judged(is_past=True, has_delivered=False)
    assert (month.state, month.is_overdue, month.held, month.expected) == (None, False, 0, ())


def test_counts_are_of_expected_locations() -> None:
    month = judged(location(1, lines=9, before=9), location(2, before=9), location(3), is_past=True)
    assert (month.held, len(month.expected), month.received) == (3, 2, 1)
    assert [one.state for one in month.expected] == ["received", "late"]
