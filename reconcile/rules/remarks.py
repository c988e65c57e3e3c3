"""A few words of people to people: nobody is named in them by a number.

A remark is one line of an organisation; a note is what a parent adds to a dispute, of more lines if need be.
"""

import re
import unicodedata
from itertools import accumulate

from reconcile.rules.bsn import is_bsn

CHARACTERS_MAX = 200
NOTE_CHARACTERS_MAX = 500
# A BSN that lost its zero has eight digits; a location has a field of its own, and its number looks like a BSN.
_LONG_NUMBER = re.compile(r"\d{8}")
# Digits in groups, as people write a BSN: 123 45 678 9 or 1234.56.789.
_DIGITS = re.compile(r"\d+(?:[\s.\-/]{1,2}\d+)*")
# Invisible marks that turn text around, so that something else is read than what stands there.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def is_remark(text: str) -> bool:
    """Tell whether `text` is a remark: 1 to 200 characters that can be printed, and no number that could be a BSN."""
    if not text.strip() or len(text) > CHARACTERS_MAX or not text.isprintable():
        return False
    return not _LONG_NUMBER.search(text) and not _holds_bsn(text)


def is_note(text: str) -> bool:
    """Tell whether `text` is a note: 1 to 500 characters of words, over more lines if need be, and no BSN.

    Other long numbers may stand in it: of a contract, an invoice, a telephone.
    """
    if not text.strip() or len(text) > NOTE_CHARACTERS_MAX:
        return False
    if any((unicodedata.category(one) in ("Cc", "Cs") and one not in "\n\r\t") or one in _TURNING for one in text):
        return False
    return not _holds_bsn(text)


def _holds_bsn(text: str) -> bool:
    # Digits of another width are digits; what joins an emoji may stand between digits unseen.
    plain = "".join(one for one in unicodedata.normalize("NFKC", text) if unicodedata.category(one) != "Cf")
    return any(_tells_a_bsn(found[0]) for found in _DIGITS.finditer(plain))


def _tells_a_bsn(groups: str) -> bool:
    parts = re.findall(r"\d+", groups)
    return any(is_bsn(joined) for start in range(len(parts)) for joined in accumulate(parts[start:]))
