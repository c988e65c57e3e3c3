"""Citizen service numbers (BSN): nine digits of text that pass the eleven test.

Test data uses only the marked range: numbers that begin with 9, where the published test persons lie as well, and the published
example 111222333.
"""

import re
from operator import mul

_NINE_DIGITS = re.compile(r"[0-9]{9}", re.ASCII)
_WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2, -1)
# A digit's code is 48 more than its value, so nine codes weigh this much more than nine digits.
_WEIGHT_OF_CODES = sum(_WEIGHTS) * ord("0")
_PUBLISHED_EXAMPLE = "111222333"
_TEST_RANGE_START = 900_000_000
_TEST_RANGE_COUNT = 5_000_000


def is_bsn(text: str) -> bool:
    """Tell whether `text` is a BSN: 9a+8b+7c+6d+5e+4f+3g+2h-1i is divisible by eleven and not all digits are zero."""
    if _NINE_DIGITS.fullmatch(text) is None:
        return False
    # Written out over the codes of the digits: every line of a delivery comes here twice.
    a, b, c, d, e, f, g, h, i = text.encode()
    total = 9 * a + 8 * b + 7 * c + 6 * d + 5 * e + 4 * f + 3 * g + 2 * h - i - _WEIGHT_OF_CODES
    return total % 11 == 0 and text != "000000000"


def is_test_bsn(text: str) -> bool:
    """Tell whether `text` is a BSN of the marked range, which belongs to nobody."""
    return is_bsn(text) and (text.startswith("9") or text == _PUBLISHED_EXAMPLE)


def marked_bsn(number: int) -> str:
    """Return the BSN of the marked range with this number, from 0; the same number always gives the same BSN.

    Raises ValueError outside of the range.
    """
    if not 0 <= number < _TEST_RANGE_COUNT:
        raise ValueError(f"the marked range has no test BSN with number {number}")
    # Eight digits fix the ninth, except where it would have to be ten. One more weighs two more, so those are passed over in one step,
    # and numbers are taken in steps of two to leave room for it.
    first_eight = _TEST_RANGE_START // 10 + 2 * number
    check = _check(first_eight)
    return f"{first_eight}{check}" if check < 10 else f"{first_eight + 1}{_check(first_eight + 1)}"


def _check(first_eight: int) -> int:
    return sum(map(mul, _WEIGHTS, map(int, str(first_eight)))) % 11
