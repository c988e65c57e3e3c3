"""Forms of the numbers that name organisations and locations. Whether one exists, only the register can tell."""

import re
from functools import lru_cache

_LRK_NUMBER = re.compile(r"[0-9]{9}", re.ASCII)
_OIN = re.compile(r"[0-9]{8}[0-9A-Za-z]{12}", re.ASCII)
# Prefixes of the OIN system (Logius, March 2026): RSIN, Fi, KvK, sub-OIN, Logius, BRIN, foreign, UZI, TRR, test.
_OIN_PREFIXES = frozenset(f"{number:08d}" for number in (1, 2, 3, 4, 6, 7, 8, 9, 10, 99))


@lru_cache(maxsize=4096)
def is_lrk_number(text: str) -> bool:
    """Tell whether `text` has the form of an LRK number: nine digits. Real ones pass the BSN's eleven test too."""
    return _LRK_NUMBER.fullmatch(text) is not None


def is_oin(text: str) -> bool:
    """Tell whether `text` has the form of an organisation identification number: twenty positions with a known prefix."""
    return _OIN.fullmatch(text) is not None and text[:8] in _OIN_PREFIXES
