"""Which deliveries were expected of an organisation for a month, and what became of them.

A month that was not delivered is "not received", never zero hours: nothing here looks at hours, and nothing here reaches a difference.
Late and partial are about paperwork; they mean nothing about a parent or an organisation beyond that.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Literal, get_args

from msgspec import Struct

from reconcile.rules.months import CALENDAR_ZONE, Month, first_day, next_month

# due: nothing yet, and there is time; never: nothing in time from an organisation that never delivered anything.
MonthState = Literal["due", "received", "late", "partial", "never"]
MONTH_STATES: tuple[MonthState, ...] = get_args(MonthState)


class LocationMonth(Struct, frozen=True, kw_only=True):
    """A location that an organisation holds in a month: lines that stand or wait, for it and for the month before."""

    lrk_number: str
    lines: int
    lines_before: int
    is_complete: bool


class LocationState(Struct, frozen=True, kw_only=True):
    """A location of which lines are expected, and whether they came."""

    location: LocationMonth
    state: MonthState


class OrganisationMonth(Struct, frozen=True, kw_only=True):
    """What was expected of an organisation. `state` is None when it holds no location in that month: nothing was."""

    state: MonthState | None
    is_overdue: bool
    held: int
    expected: tuple[LocationState, ...]

    @property
    def received(self) -> int:
        """How many of the expected locations were received."""
        return sum(one.state == "received" for one in self.expected)


def deadline_of(month: Month, day: int) -> datetime:
    """Return the instant (UTC) until which a month may be delivered: the end of a day of the next month in the Netherlands.

    A day that the next month does not have is its last: 31 is the last day of every month.
    """
    following = next_month(month)
    last = first_day(next_month(following)) - timedelta(days=1)
    return end_of_day(min(last, first_day(following) + timedelta(days=day - 1)))


def end_of_day(day: date) -> datetime:
    """Return the instant (UTC) at which a day ends in the Netherlands."""
    after = day + timedelta(days=1)
    return datetime(after.year, after.month, after.day, tzinfo=CALENDAR_ZONE).astimezone(UTC)


def organisation_month(held: Sequence[LocationMonth], *, is_past: bool, has_delivered: bool) -> OrganisationMonth:
    """Judge a month of an organisation by the locations that it holds; `has_delivered`: a line of it stands or waits, of any month.

    Expected are the locations with lines in the month before, and those that were delivered or called complete anyway: a location
    without children is not asked for month after month. Of an organisation without any line in the month before, all are expected.
    """
    is_silent = not any(one.lines_before for one in held)
    expected = tuple(
        LocationState(location=one, state=_location_state(one, is_past=is_past))
        for one in held
        if is_silent or one.lines_before or one.lines or one.is_complete
    )
    states = {one.state for one in expected}
    state: MonthState | None
    if not expected:
        state = None
    elif states == {"received"}:
        state = "received"
    elif states & {"received", "partial"}:
        state = "partial"
    elif not is_past:
        state = "due"
    else:
        state = "late" if has_delivered else "never"
    return OrganisationMonth(state=state, is_overdue=is_past and state not in (None, "received"), held=len(held), expected=expected)


def _location_state(one: LocationMonth, *, is_past: bool) -> MonthState:
    """Fewer than half of the lines of the month before look like a file that broke off; who calls it complete knows better."""
    if one.is_complete or (one.lines and one.lines * 2 >= one.lines_before):
        return "received"
    if one.lines:
        return "partial"
    return "late" if is_past else "due"
