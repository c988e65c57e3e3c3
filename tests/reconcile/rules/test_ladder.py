"""What follows when a month is late, by the calendar of the Netherlands, and what an excuse moves and does not move."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.rules.expected import LocationMonth, organisation_month
from reconcile.rules.ladder import STEPS, Excuse, Ladder, ladder_of

DEADLINE = datetime(2026, 4, 30, 22, tzinfo=UTC)
FIRST, SECOND = "900000001", "900000002"


def excuse(until: date, lrk_number: str | None = None, *, recorded_at: datetime = DEADLINE - timedelta(days=1)) -> Excuse:
    return Excuse(lrk_number=lrk_number, reason="software", note=None, deliver_on=until, recorded_at=recorded_at)


def ladder(now: datetime, *excuses: Excuse, missing: Any = (FIRST, SECOND)) -> Ladder | None:
    held = [LocationMonth(lrk_number=one, lines=0 if one in missing else 9, lines_before=9, is_complete=False) for one in (FIRST, SECOND)]
    month = organisation_month(held, is_past=now >= DEADLINE, has_delivered=True)
    return ladder_of(month, excuses, deadline=DEADLINE, now=now)


def step(now: datetime, *excuses: Excuse, missing: Any = (FIRST, SECOND)) -> str | None:
    found = ladder(now, *excuses, missing=missing)
    assert found is not None
    return found.step


def test_a_month_that_is_whole_has_no_ladder() -> None:
    assert ladder(DEADLINE + timedelta(days=99), missing=()) is None


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (DEADLINE - timedelta(seconds=1), None),
        (DEADLINE, "reminder"),
        (datetime(2026, 5, 14, 21, 59, 59, tzinfo=UTC), "reminder"),
        (datetime(2026, 5, 14, 22, tzinfo=UTC), "contact"),
        (datetime(2026, 5, 28, 21, 59, 59, tzinfo=UTC), "contact"),
        (datetime(2026, 5, 28, 22, tzinfo=UTC), "enforcement"),
        (datetime(2027, 5, 28, 22, tzinfo=UTC), "enforcement"),
    ],
)
def test_one_step_after_the_other(now: datetime, expected: str | None) -> None:
    assert step(now) == expected


def test_steps_fall_at_midnight_in_the_netherlands_whatever_the_season() -> None:
    deadline = datetime(2026, 2, 28, 23, tzinfo=UTC)  # of January; summer time begins on 29 March
    month = organisation_month(
        [LocationMonth(lrk_number=FIRST, lines=0, lines_before=9, is_complete=False)], is_past=True, has_delivered=True
    )
    found = ladder_of(month, [excuse(date(2026, 3, 20))], deadline=deadline, now=deadline)
    assert found is not None
    assert [one.since for one in found.steps[1:]] == [datetime(2026, 4, 3, 22, tzinfo=UTC), datetime(2026, 4, 17, 22, tzinfo=UTC)]


def test_an_excuse_that_came_in_time_moves_every_step() -> None:
    until = excuse(date(2026, 5, 10))
    found = ladder(DEADLINE + timedelta(days=3), until)
    assert found is not None
    assert (found.due_at, found.is_excused, found.step) == (datetime(2026, 5, 10, 22, tzinfo=UTC), True, None)
    assert [one.since.day for one in found.steps] == [10, 24, 7]
    assert step(datetime(2026, 5, 10, 22, tzinfo=UTC), until) == "reminder"


def test_a_month_is_excused_from_its_deadline_until_the_day_that_was_named_is_over() -> None:
    until = excuse(date(2026, 5, 10))
    ends = datetime(2026, 5, 10, 22, tzinfo=UTC)
    moments = (DEADLINE - timedelta(seconds=1), DEADLINE, ends - timedelta(seconds=1), ends)
    found = [ladder(now, until) for now in moments]
    assert [one.is_excused for one in found if one] == [False, True, True, False]


def test_an_excuse_of_the_last_instant_is_in_time() -> None:
    found = ladder(DEADLINE, excuse(date(2026, 5, 10), recorded_at=DEADLINE))
    assert found is not None
    assert (found.step, found.steps[0].since) == (None, datetime(2026, 5, 10, 22, tzinfo=UTC))


def test_an_excuse_after_the_deadline_gives_no_second_reminder_and_moves_the_rest() -> None:
    late = excuse(date(2026, 5, 20), recorded_at=DEADLINE + timedelta(days=2))
    found = ladder(datetime(2026, 5, 18, tzinfo=UTC), late)
    assert found is not None
    assert (found.is_excused, found.step, found.steps[0].since) == (True, "reminder", DEADLINE)
    assert found.steps[1].since == datetime(2026, 6, 3, 22, tzinfo=UTC)


def test_an_excuse_of_one_location_moves_nothing_for_another() -> None:
    one = excuse(date(2026, 5, 20), FIRST)
    now = DEADLINE + timedelta(days=1)
    assert (step(now, one), step(now, one, missing=(FIRST,)), step(now, one, excuse(date(2026, 5, 5)))) == ("reminder", None, None)
    both, alone = ladder(now, one), ladder(now, one, missing=(FIRST,))
    assert both is not None
    assert alone is not None
    assert (both.due_at, alone.due_at) == (DEADLINE, datetime(2026, 5, 20, 22, tzinfo=UTC))


def test_no_excuse_moves_a_month_for_ever_nor_forward() -> None:
    far, before = ladder(DEADLINE, excuse(date(2099, 1, 1))), ladder(DEADLINE, excuse(date(2026, 4, 1)))
    assert far is not None
    assert before is not None
    assert (far.due_at, before.due_at) == (datetime(2026, 5, 31, 22, tzinfo=UTC), DEADLINE)


@given(st.integers(-40, 90), st.integers(-60, 60), st.integers(-10, 120))
def test_an_excuse_only_ever_gives_time_and_steps_come_in_their_order(until: int, recorded: int, later: int) -> None:
    now = DEADLINE + timedelta(days=later)
    given_ = excuse(DEADLINE.date() + timedelta(days=until), recorded_at=DEADLINE + timedelta(days=recorded))
    with_one, without = ladder(now, given_), ladder(now)
    assert with_one is not None
    assert without is not None
    assert all(moved.since >= before.since for moved, before in zip(with_one.steps, without.steps, strict=True))
    assert [one.since for one in with_one.steps] == sorted(one.since for one in with_one.steps)
    assert [one.step for one in with_one.steps] == list(STEPS)
