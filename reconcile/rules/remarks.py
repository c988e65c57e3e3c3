"""A few words of an organisation to people: one line, and nobody is named in it by a number."""

import re
from itertools import accumulate

from reconcile.rules.bsn import is_bsn

CHARACTERS_MAX = 200
# A BSN that lost its zero has eight digits; a location has a field of its own, and its number looks like a BSN.
_LONG_NUMBER = re.compile(r"\d{8}")
# Digits in groups, as people write a BSN: 123 45 678 9 or 1234.56.789.
_GROUPS = re.compile(r"\d+(?:[ .\-/]\d+)+")


def is_remark(text: str) -> bool:
    """Tell whether `text` is a remark: 1 to 200 characters that can be printed, and no number that could be a BSN."""
    if not text.strip() or len(text) > CHARACTERS_MAX or not text.isprintable():
        return False
    return not _LONG_NUMBER.search(text) and not any(_tells_a_bsn(found[0]) for found in _GROUPS.finditer(text))


def _tells_a_bsn(groups: str) -> bool:
    parts = re.findall(r"\d+", groups)
    return any(len(joined) == 9 and is_bsn(joined) for start in range(len(parts)) for joined in accumulate(parts[start:]))
