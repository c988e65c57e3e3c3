"""Until when a parent may postpone a difference: a day to come, not so far ahead that it is forgotten."""

import calendar
from datetime import date, datetime, time

from reconcile.rules.months import CALENDAR_ZONE

MONTHS_MAX = 3
# The difference is open again from the first minute of its day; telephones ring later.
_TOLD_FROM = time(8)


def last_day(today: date) -> date:
    """Return the last day to postpone until: the same day three months on, or the last of that month; 30 November gives 28 February."""
    year, month = divmod(today.year * 12 + today.month - 1 + MONTHS_MAX, 12)
    return date(year, month + 1, min(today.day, calendar.monthrange(year, month + 1)[1]))


def may_postpone(until: date, today: date) -> bool:
    """Tell whether a difference may be postponed until a day; both are days in the Netherlands."""
    return today < until <= last_day(today)


def told_from(day: date) -> datetime:
    """Return the instant of a day from which a parent is told again: eight in the morning in the Netherlands."""
    return datetime.combine(day, _TOLD_FROM, CALENDAR_ZONE)
