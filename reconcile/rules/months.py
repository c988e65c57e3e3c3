"""Calendar months as text ``YYYY-MM``: the order of the text is the order of time.

An `until` month is always the last month that is included; None means that it runs on.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo

from msgspec import Meta

MONTH_PATTERN = r"^[0-9]{4}-(0[1-9]|1[0-2])$"
Month = Annotated[str, Meta(pattern=MONTH_PATTERN, description="Calendar month, YYYY-MM", examples=["2026-03"])]

# Instants are UTC; which month or day it is, is decided where the parents live.
CALENDAR_ZONE = ZoneInfo("Europe/Amsterdam")

_MONTH = re.compile(MONTH_PATTERN, re.ASCII)
# The allowance for childcare exists since 2005; an earlier month is a typing error.
FIRST_MONTH: Month = "2005-01"
# Declared care may be known ahead, but not a human life ahead.
LAST_MONTH: Month = "2099-12"


@lru_cache(maxsize=4096)
def is_month(text: str) -> bool:
    """Tell whether `text` is a month this system accepts: well formed and between 2005-01 and 2099-12."""
    return len(text) == 7 and _MONTH.match(text) is not None and FIRST_MONTH <= text <= LAST_MONTH


@lru_cache(maxsize=4096)
def first_day(month: Month) -> date:
    """Return the first day of `month`, as SQL keeps it."""
    return date(int(month[:4]), int(month[5:]), 1)


def month_of(day: date) -> Month:
    """Return the month in which `day` lies."""
    return f"{day.year:04d}-{day.month:02d}"


def month_at(instant: datetime) -> Month:
    """Return the month in the Netherlands at an aware `instant`; 2026-03-31T22:30Z is 2026-04."""
    return month_of(day_at(instant))


def day_at(instant: datetime) -> date:
    """Return the day in the Netherlands at an aware `instant`; 2026-03-31T22:30Z is 1 April."""
    return instant.astimezone(CALENDAR_ZONE).date()


def year_of(month: Month) -> int:
    """Return the calculation year of `month`."""
    return int(month[:4])


def add_months(month: Month, count: int) -> Month:
    """Return the month `count` months later, or earlier when negative."""
    ordinal = int(month[:4]) * 12 + int(month[5:]) - 1 + count
    return f"{ordinal // 12:04d}-{ordinal % 12 + 1:02d}"


def next_month(month: Month) -> Month:
    """Return the month after `month`."""
    return add_months(month, 1)


def previous_month(month: Month) -> Month:
    """Return the month before `month`."""
    return add_months(month, -1)


def months_between(from_month: Month, until_month: Month) -> Iterator[Month]:
    """Yield the months from `from_month` until and including `until_month`; none when they are the wrong way round."""
    month = from_month
    while month <= until_month:
        yield month
        month = next_month(month)


def months_of_year(year: int) -> tuple[Month, ...]:
    """Return the twelve months of a calculation year."""
    return tuple(f"{year:04d}-{number:02d}" for number in range(1, 13))
