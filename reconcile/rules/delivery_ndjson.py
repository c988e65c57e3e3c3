"""A delivery as NDJSON: one JSON object on each line, in UTF-8. The first line is the envelope, every other one a line.

The envelope has `createdAt`, `reference`, `organisationOin`, `complete` and `allOrNothing`, each optional. A first line that names fields
of a line and no member of the envelope is a line, and then there is no envelope. A first line that names both, or that cannot be read,
makes the delivery unreadable: what it said about `createdAt` decides which lines stand, and nobody may guess at that. A later line
that cannot be read is a fault of that line alone, because the end of the line tells where the next one begins.
"""

import codecs
import json
from collections.abc import Iterator
from decimal import Decimal

import msgspec

from reconcile.rules.delivery_file import ENVELOPE_MEMBERS, LINE_BYTES_MAX, Envelope, read_envelope
from reconcile.rules.delivery_line import FIELDS, DeliveryLine, read_object, unreadable_line
from reconcile.rules.faults import FAULTS, Fault, UnreadableDelivery, fault
from reconcile.rules.months import Month

_FIELDS = frozenset(FIELDS)
# JSON's white space within a line: what is only that is passed over, like the rows that spreadsheets leave behind.
_BLANK = b" \t\r"
# As deep as a line of the JSON format may be.
_DEPTH_MAX = 6
_OVERSIZED = fault("line-oversized", None)
_BROKEN = fault("line-json-broken", None)


class NdjsonReader:
    """Reads NDJSON. A line's number is that of the line of the file, from 1, the envelope and blank lines included."""

    def __init__(self, *, this_month: Month) -> None:
        self._this_month = this_month
        # A decimal fraction is read by its text, never as a binary one.
        self._decoder = msgspec.json.Decoder(float_hook=Decimal)
        self._rest = b""
        self._line_number = 0
        self._envelope: Envelope | None = None

    def envelope(self) -> Envelope:
        """Return what the first line said of the delivery; nothing when the first line was a line already."""
        return self._envelope or Envelope()

    def feed(self, data: bytes) -> Iterator[DeliveryLine]:
        """Take the next bytes and yield the lines that they complete. Raises UnreadableDelivery about the first line alone."""
        *whole, rest = (self._rest + data).split(b"\n")
        # Of a line that is too long, so much is kept that it stays too long.
        self._rest = rest[: LINE_BYTES_MAX + 1]
        for text in whole:
            line = self._take(text)
            if line is not None:
                yield line

    def close(self) -> Iterator[DeliveryLine]:
        """Yield the last line, which may lack its end. Raises UnreadableDelivery when there was no line at all."""
        last = self._take(self._rest)
        if last is not None:
            yield last
        if self._envelope is None:
            raise UnreadableDelivery("first-line-unreadable", "The file is empty.")

    def _take(self, text: bytes) -> DeliveryLine | None:
        self._line_number += 1
        if len(text) > LINE_BYTES_MAX:
            return self._unreadable(_OVERSIZED)
        if self._line_number == 1:
            text = text.removeprefix(codecs.BOM_UTF8)
        if not text.strip(_BLANK):
            return None
        try:
            value = self._decoder.decode(text)
            name_count = _name_count(text, value)
        # Broken JSON and broken UTF-8 are ValueErrors, an exponent without bounds is an ArithmeticError.
        except (ValueError, ArithmeticError, RecursionError):
            return self._unreadable(_BROKEN)
        if self._envelope is None:
            self._envelope, is_line = _first_line(value, name_count, self._line_number)
            if not is_line:
                return None
        return read_object(value, self._line_number, name_count=name_count, this_month=self._this_month)

    def _unreadable(self, reason: Fault) -> DeliveryLine:
        if self._envelope is None:
            raise UnreadableDelivery("first-line-unreadable", f"{FAULTS[reason.code].title_en}.", self._line_number)
        return unreadable_line(self._line_number, reason)


def _first_line(value: object, name_count: int, line_number: int) -> tuple[Envelope, bool]:
    """Return the envelope, and whether the first line is a line itself. Raises UnreadableDelivery when it may be either."""
    if not isinstance(value, dict):
        raise UnreadableDelivery("first-line-unreadable", "The first line is not a JSON object.", line_number)
    if not _FIELDS.isdisjoint(value) and ENVELOPE_MEMBERS.isdisjoint(value):
        return Envelope(), True
    if not ENVELOPE_MEMBERS.issuperset(value) or name_count != len(value):
        raise UnreadableDelivery("envelope-invalid", "The first line has a member that is unknown or stands there twice.", line_number)
    return read_envelope(value), False


def _name_count(text: bytes, value: object) -> int:
    """Count the names that stand in an object, those that stand twice included; 0 for what is no object.

    Raises ValueError for what is nested deeper than any line of ours.
    """
    if isinstance(value, dict):
        kinds = [type(one) for one in value.values()]
        if dict not in kinds and list not in kinds:
            if b"\\" in text:
                text = text.replace(rb"\\", b"").replace(rb"\"", b"")
            # Every quote that is left belongs to a name or to a value that is text.
            return text.count(b'"') // 2 - kinds.count(str)
    elif not isinstance(value, list):
        return 0
    if _is_deep(value):
        raise ValueError
    # The names of the outermost object are counted last; msgspec can tell only the fields, each once.
    counted = json.loads(text, object_pairs_hook=len)
    return counted if isinstance(counted, int) else 0


def _is_deep(value: object) -> bool:
    level = [value]
    for _ in range(_DEPTH_MAX):
        inner = [one for outer in level for one in (outer.values() if isinstance(outer, dict) else outer)]  # type: ignore[attr-defined]
        level = [one for one in inner if isinstance(one, dict | list)]
        if not level:
            return False
    return True
