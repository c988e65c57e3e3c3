"""CSV as Dutch spreadsheets write it.

Semicolon, comma or tab; decimal comma or point; a byte order mark or none; `sep=`; headings in any order, Dutch or English.
"""

import codecs
import csv
import re
from collections.abc import Iterator, Mapping, Sequence

from reconcile.rules.delivery_file import LINE_BYTES_MAX, Envelope
from reconcile.rules.delivery_line import FIELDS, NEEDED_FIELDS, DeliveryLine, FieldValue, read_line, unreadable_line
from reconcile.rules.faults import UnreadableDelivery
from reconcile.rules.months import Month

_DUTCH = (
    "bsn_ouder",
    "bsn_kind",
    "lrk_nummer",
    "opvangsoort",
    "maand",
    "uren",
    "uurtarief",
    "bedrag",
    "einddatum",
    "regelkenmerk",
    "vervangen_bsn_ouder",
    "vervangen_bsn_kind",
    "vervangen_lrk_nummer",
    "vervangen_maand",
)
_FIELD_OF_HEADING: Mapping[str, str] = {
    **{name.casefold(): name for name in FIELDS},
    **dict(zip(_DUTCH, FIELDS, strict=True)),
}
_DECIMAL_FIELDS = frozenset({"hours", "hourlyRate", "amount"})
_SEPARATORS = ";,\t"
# A decimal comma; "1.234,5" stays as it is and is refused later, because a thousands separator is a guess.
_DECIMAL_COMMA = re.compile(r"[0-9]+,[0-9]+", re.ASCII)
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class CsvReader:
    """Reads CSV. `charset` is the one that the sender named; without one it must be UTF-8."""

    def __init__(self, *, charset: str | None, this_month: Month) -> None:
        self._this_month = this_month
        self._decoder_name = "cp1252" if charset == "windows-1252" else "utf-8"
        self._decoder = codecs.getincrementaldecoder(self._decoder_name)()
        self._is_start = True
        self._rest = ""
        self._pending: list[str] = []
        self._pending_characters = 0
        self._has_open_quote = False
        self._line_number = 0
        self._separator: str | None = None
        self._fields: Sequence[str] | None = None

    def envelope(self) -> Envelope:
        """A CSV has none: it stands in the query of the request."""
        return Envelope()

    def feed(self, data: bytes) -> Iterator[DeliveryLine]:
        """Take the next bytes and yield the lines that they complete. Raises UnreadableDelivery."""
        yield from self._read(data, final=False)

    def close(self) -> Iterator[DeliveryLine]:
        """Yield what the end of the file completes. Raises UnreadableDelivery."""
        yield from self._read(b"", final=True)
        if self._fields is None:
            raise UnreadableDelivery("heading-missing", "The file has no heading.")

    def _read(self, data: bytes, *, final: bool) -> Iterator[DeliveryLine]:
        """Take what can be read; what stands before a wrong byte comes before it, however the bytes come."""
        wrong = ""
        try:
            text = self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            text, wrong = error.object[: error.start].decode(self._decoder_name), "encoding-unknown"
        if self._is_start and text:
            # A byte order mark is one at the very beginning alone; further on it is a character like any other.
            text, self._is_start = text.removeprefix("\ufeff"), False
        forbidden = _FORBIDDEN.search(text)
        if forbidden is not None:
            text, wrong = text[: forbidden.start()], "characters-forbidden"
        yield from self._take(text, final=final and not wrong)
        if wrong:
            place = self._line_number + 1
            raise UnreadableDelivery(wrong, f"Line {place} has a byte that is no character of text in this encoding.", place)

    def _take(self, text: str, *, final: bool) -> Iterator[DeliveryLine]:
        *whole, self._rest = (self._rest + text).split("\n")
        if final and self._rest:
            whole.append(self._rest)
            self._rest = ""
        for piece in whole:
            self._line_number += 1
            self._pending.append(piece)
            self._pending_characters += len(piece) + 1
            self._has_open_quote ^= piece.count('"') % 2 == 1
            self._check_length(0)
            # A line end inside quotes belongs to the value.
            if not self._has_open_quote:
                record, first_number = "\n".join(self._pending), self._line_number - len(self._pending) + 1
                self._pending, self._pending_characters = [], 0
                yield from self._record(record.removesuffix("\r"), first_number)
        self._check_length(len(self._rest))
        if final and self._pending:
            first_number = self._line_number - len(self._pending) + 1
            raise UnreadableDelivery("quote-open", f"A quote on line {first_number} is never closed.", first_number)

    def _check_length(self, more: int) -> None:
        if self._pending_characters + more > LINE_BYTES_MAX:
            first_number = self._line_number - len(self._pending) + 1
            raise UnreadableDelivery("line-too-long", f"Line {first_number} is longer than 64 kB.", first_number)

    def _record(self, record: str, line_number: int) -> Iterator[DeliveryLine]:
        if self._fields is None:
            self._heading(record, line_number)
            return
        if not record.strip(f" {_SEPARATORS}"):
            return  # spreadsheets leave empty rows behind
        values = self._values(record)
        if values is None or len(values) != len(self._fields):
            yield unreadable_line(line_number)
            return
        fields: dict[str, FieldValue] = dict(zip(self._fields, values, strict=True))
        for name in _DECIMAL_FIELDS:
            value = fields.get(name)
            if isinstance(value, str) and _DECIMAL_COMMA.fullmatch(value.strip()):
                fields[name] = value.replace(",", ".")
        yield read_line(fields, line_number, this_month=self._this_month)

    def _values(self, record: str) -> Sequence[str] | None:
        if '"' not in record:
            return record.split(self._separator)
        try:
            return next(csv.reader([record], delimiter=self._separator or ";", strict=True))
        except csv.Error:
            return None

    def _heading(self, record: str, line_number: int) -> None:
        if not record.strip():
            return
        if self._separator is None and (named := re.fullmatch(r"sep=([;,\t])", record.strip(' "'), re.IGNORECASE)):
            self._separator = named[1]
            return
        if self._separator is None:
            self._separator = max(_SEPARATORS, key=record.count)
        fields = [_FIELD_OF_HEADING.get(name.strip().casefold(), "") for name in self._values(record) or ()]
        missing = [_DUTCH[FIELDS.index(name)] for name in NEEDED_FIELDS if name not in fields]
        if missing:
            raise UnreadableDelivery("heading-missing", f"The heading lacks {', '.join(missing)}.", line_number)
        # Its place alone: a heading that is not one of ours may hold a BSN.
        for place, field in enumerate(fields):
            if not field or field in fields[:place]:
                raise UnreadableDelivery("heading-unknown-column", f"Column {place + 1} is unknown or stands there twice.", line_number)
        self._fields = fields
