"""What the judgement goes by: the tolerance, the caps and the tables, as values with a version.

Public, dated and the same for everyone, up and down.
"""

from collections.abc import Mapping
from datetime import date

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
    """The rules to judge by. A year without a complete table has none: no effect is shown for it.

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


class Parameter(Struct, frozen=True, kw_only=True):
    """One value of a book and where it comes from; without dates it holds while the book is active."""

    name: str
    value: str
    source: str
    effective_from: date | None = None
    known_since: date | None = None


class Edition(Struct, frozen=True, kw_only=True):
    """The rules of a book as far as they were known from a day on."""

    known_since: date
    rules: RuleBook


class PublishedBook(Struct, frozen=True, kw_only=True):
    """A rule book as it was published: its parameters for people, and its rules by what was known when, oldest edition first.

    A rate can change for a year that has begun or is over: what was judged before that was known is explained by what was known then.
    `sha256` is over the file of the book, which holds its tables by their own: the same version with another content is another book.
    """

    version: str
    sha256: bytes
    parameters: tuple[Parameter, ...]
    editions: tuple[Edition, ...]

    def known_at(self, day: date) -> RuleBook:
        """Return the rules as far as they were known on a day in the Netherlands."""
        return next(one.rules for one in reversed(self.editions) if one.known_since <= day)

    @property
    def newest(self) -> RuleBook:
        """The rules with everything that the book has."""
        return self.editions[-1].rules
