"""Random care of one child, for properties and for the oracle: few values, so that runs, averages, ends and moves all come about."""

import random
from datetime import UTC, date, datetime
from typing import Any

from msgspec import structs

from reconcile.rules.facts import ChildYearFacts, PlacementFacts, ReportedMonth, Segment
from reconcile.rules.months import add_months, months_of_year
from tests.make import child_care, child_year, placement, reported, segment

_LEVELS = (("100", "120"), ("100", "100", "100.99", "101", "99"), ("0", "60", "99.50", "100", "100.99", "101", "120", "120.50"))
_RATES = (
    *(("10.00",),) * 5,
    ("10.00",) * 9 + ("10.05",),
    ("10.00", "10.04", "10.05", "10.10"),
    ("8.50", "8.60"),
    ("9.50", "11.00", "12.00"),
)
_ENDS = (date(2025, 11, 5), date(2026, 3, 31), date(2026, 5, 12), date(2026, 12, 31), date(2027, 2, 1))


def instant(dice: random.Random) -> datetime:
    """A day in 2026, or just after it."""
    return datetime(2026 + (dice.random() < 0.05), dice.randint(1, 12), dice.choice((1, 10, 28)), 12, tzinfo=UTC)


def facts(dice: random.Random) -> ChildYearFacts:
    """A child with one to three places in 2026, or one that moved, and sometimes a sibling with care that goes on."""
    count = dice.choice((1, 1, 2, 2, 2, 3))
    places = moved(dice) if dice.random() < 0.3 else tuple(place(dice, number) for number in range(1, count + 1))
    siblings = (child_care(placement(9), number=2),) if dice.random() < 0.6 else ()
    return child_year(*places, siblings=siblings, is_closed_year=dice.random() < 0.03)


def moved(dice: random.Random) -> tuple[PlacementFacts, ...]:
    """A place that ends or falls silent, one that begins about then, and sometimes a third that may go on."""
    turn, levels = dice.randint(1, 9), dice.choice(_LEVELS)
    until, begins = turn + dice.choice((0, 0, 0, 1)), turn + dice.choice((0, 0, 0, 1, -1))
    old = [reported(add_months("2026-01", number), hours=dice.choice(levels)) for number in range(until)]
    how = dice.choice(("end", "end", "zero", "silent", "unknown"))
    last = old[-1].month
    if how == "end":
        day = date(int(last[:4]), int(last[5:]), dice.choice((15, 28)))
        old[-1] = structs.replace(old[-1], end_on=day)
    if how == "zero":
        old += [reported(add_months(last, number), hours="0") for number in range(1, dice.choice((2, 3)))]
    complete = tuple(month for month in months_of_year(2026) if month > last) if how == "silent" else ()
    new = [reported(add_months("2026-01", number), hours=dice.choice(levels)) for number in range(begins, begins + dice.randint(1, 4))]
    kinds = dice.choice((("KDV", "KDV"), ("KDV", "BSO")))
    first = placement(1, care_type=kinds[0], reported=tuple(old), complete_months=complete)
    second = placement(2, care_type=kinds[1], is_declared=False, declared=(), reported=tuple(new))
    return (first, second, place(dice, 3)) if dice.random() < 0.2 else (first, second)


def place(dice: random.Random, number: int = 1) -> PlacementFacts:
    """One place: declared or not, reported in some months or not, with complete months, ends, and a start inside a month at times."""
    levels, rates = dice.choice(_LEVELS), dice.choice(_RATES)
    is_declared = dice.random() < 0.7
    declared = _declared(dice, levels, rates) if is_declared else ()
    change: dict[str, Any] = {
        "care_type": dice.choice(("KDV", "KDV", "BSO", "VGO")),
        "is_declared": is_declared,
        "declared": declared,
        "reported": _reported(dice, levels, rates),
        "complete_months": tuple(month for month in months_of_year(2026) if dice.random() < 0.3) if dice.random() < 0.5 else (),
        "start_on": date(2026, dice.randint(1, 6), dice.choice((1, 16))) if dice.random() < 0.2 else None,
    }
    return placement(number, **change)


def _declared(dice: random.Random, levels: tuple[str, ...], rates: tuple[str, ...]) -> tuple[Segment, ...]:
    month = add_months("2025-10", dice.randint(0, 7))
    made: list[Segment] = []
    for _ in range(dice.randint(1, 3)):
        until = add_months(month, dice.randint(0, 8)) if dice.random() < 0.4 else None
        made.append(segment(month, until, hours=dice.choice(levels), rate=dice.choice(rates)))
        if until is None:
            break
        month = add_months(until, dice.randint(1, 2))
    return tuple(made)


def _reported(dice: random.Random, levels: tuple[str, ...], rates: tuple[str, ...]) -> tuple[ReportedMonth, ...]:
    first, last = dice.randint(-3, 8), dice.randint(0, 13)
    places = [number for number in range(first, last) if dice.random() < 0.85]
    tail = dice.choice((0, 0, 0, 1, 2)) if len(places) > 2 else 0
    made = []
    for count, number in enumerate(places):
        is_last = count == len(places) - 1
        hours = "0" if count >= len(places) - tail else dice.choice(levels)
        end_on = dice.choice(_ENDS) if dice.random() < (0.25 if is_last else 0.02) else None
        made.append(reported(add_months("2026-01", number), hours=hours, rate=dice.choice(rates), end_on=end_on))
    return tuple(made)
