"""What a parent is told, and what is shown without telling. The same upwards and downwards.

A difference without any effect in euros is never pushed (domain notes, D07 and D30). One that was told is told again only when it
grew: a smaller one replaces it silently (D21), and so does the same one with one more month behind it.
"""

from collections.abc import Sequence
from typing import Literal

from reconcile.rules.explanation import Circumstance, ComparedMonth
from reconcile.rules.facts import ReportedMonth, Segment
from reconcile.rules.months import months_of_year
from reconcile.rules.segments import at_month, lay_over

# What a notice says, by the key of its sentence in the app: something differs, differs more than when it was told, or still does on the day
# until which it was postponed.
Sentence = Literal["difference-new", "difference-changed", "difference-again"]


def is_worth_telling(circumstances: Sequence[Circumstance]) -> bool:
    """Tell whether a difference may be pushed: it has an effect in the year, or it cannot be said that it has none."""
    return all(one.code != "no-effect" for one in circumstances)


def weight_cents(year: int, effective: Sequence[Segment], proposed: Sequence[Segment], months: Sequence[ComparedMonth]) -> int:
    """Return how much a difference is about, in cents of costs (hours times rate) without sign.

    With proposed segments: by how much they would change the year. Without: how far the months compared lie apart.
    """
    if proposed:
        after = lay_over(effective, proposed)
        return sum(_apart(at_month(effective, month), at_month(after, month)) for month in months_of_year(year))
    return sum(_apart(one.declared, one.reported) for one in months)


def _apart(one: Segment | None, other: Segment | ReportedMonth | None) -> int:
    return abs(_costs_cents(one) - _costs_cents(other))


def _costs_cents(one: Segment | ReportedMonth | None) -> int:
    return one.hours_hundredths * one.hourly_rate_cents // 100 if one else 0
