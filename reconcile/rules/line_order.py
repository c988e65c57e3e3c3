"""In which order the lines of a delivery are applied: the lines of one parent after each other, whatever the order of the file.

So a household is locked, counted and audited once for all its months, and two lines for one key stand at one place, which is how
they are found.
"""

from uuid import UUID
from zlib import crc32


def place_of(parent_id: UUID | None, child_id: UUID | None, lrk_number: str | None, month: str | None, *, line_number: int) -> int:
    """Return the place of a line, a signed number of 64 bits: its high half is the parent's, its low half the key's.

    Equal keys have equal places; other keys may have them too. A line without a parent contradicts no other: its own number spreads it.
    """
    if parent_id is None:
        return line_number
    key = crc32(f"{lrk_number}{month}".encode(), 0 if child_id is None else crc32(child_id.bytes))
    return int.from_bytes(parent_id.bytes[:4], signed=True) << 32 | key
