"""What the judgement goes by: the tolerance, the caps and the tables, as values with a version.

Public, dated and the same for everyone, up and down.
"""

from collections.abc import Mapping

from msgspec import Struct

from reconcile.rules.facts import CareType


class Bracket(Struct, frozen=True, kw_only=True):
    """Shares of the costs for joint incomes from and up to and including these whole euros, in tenths of a percent."""

    from_euro: int
    until_euro: int | None
    first_child_tenths: int
    next_child_tenths: int


class AllowanceTable(Struct, frozen=True, kw_only=True):
    """Everything needed to compute the allowance of one year: brackets in order, maximum hourly rates in cents."""

    year: int
    brackets: tuple[Bracket, ...]
    maximum_rate_cents: Mapping[CareType, int]

    def shares(self, income_euro: int) -> Bracket:
        """Return the bracket of an income; the table covers every income from 0. No interpolation."""
        return next(one for one in self.brackets if one.until_euro is None or income_euro <= one.until_euro)


class RuleBook(Struct, frozen=True, kw_only=True):
    """The rules in force. A year without a complete table has none: no effect is shown for it.

    `hours_tolerance_hundredths` and `rate_tolerance_cents`: a deviation below them is no difference, one equal to them is.
    `counted_hours_hundredths`: hours of one child in one month that count at most (Besluit kinderopvangtoeslag art. 8a: 230).
    `least_granted_euro`: a year's allowance of fewer whole euros is not granted (Awir art. 14: 24).
    """

    version: str
    hours_tolerance_hundredths: int
    rate_tolerance_cents: int
    counted_hours_hundredths: int
    least_granted_euro: int
    maximum_rate_cents: Mapping[int, Mapping[CareType, int]]
    tables: Mapping[int, AllowanceTable]
