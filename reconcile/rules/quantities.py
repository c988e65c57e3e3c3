"""Hours and money at the border: text with two decimals outside, whole hundredths and cents inside.

One rule parses them all and refuses NaN, infinity, exponents, a third decimal, digits of other scripts and anything else
that a lenient parser would take. This is the only module that rounds.
"""

import re
from decimal import Decimal
from functools import lru_cache

# A month of 31 days has 744 hours: more cannot have been billed (domain notes, Q06).
HOURS_HUNDREDTHS_MAX = 74_400
# Ten times any published maximum rate: above it the column is wrong, not the price.
HOURLY_RATE_CENTS_MAX = 10_000
AMOUNT_CENTS_MAX = 10_000_000

_QUANTITY = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,2})0*)?", re.ASCII)


def parse_hundredths(value: str | int | float | Decimal) -> int | None:
    """Read a quantity of at most two decimals as whole hundredths; None when it is not one.

    "90" → 9_000, "90.5" → 9_050, 90.25 → 9_025, "0.125" → None, "-1" → None, "1e2" → None, True → None.
    A third decimal is taken only when it is a zero: "90.500" is the same number as "90.5".
    """
    if isinstance(value, bool):
        return None
    # repr of a float is its shortest exact text: 90.1 is "90.1", and 1e22 keeps its exponent and is refused below.
    return _text_hundredths(str(value))


# The same few quantities stand on thousands of lines.
@lru_cache(maxsize=4096)
def _text_hundredths(text: str) -> int | None:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    whole, decimals = match.groups(default="")
    return int(whole + decimals.ljust(2, "0"))


def hundredths_text(hundredths: int) -> str:
    """Print hundredths with two decimals and a point: 9_050 → "90.50", -5 → "-0.05"."""
    sign = "-" if hundredths < 0 else ""
    whole, rest = divmod(abs(hundredths), 100)
    return f"{sign}{whole}.{rest:02d}"


def divide_half_up(numerator: int, denominator: int) -> int:
    """Divide whole numbers and round half away from zero: 5 / 2 → 3, -5 / 2 → -3."""
    sign = -1 if (numerator < 0) != (denominator < 0) else 1
    quotient, remainder = divmod(abs(numerator), abs(denominator))
    return sign * (quotient + (1 if remainder * 2 >= abs(denominator) else 0))
