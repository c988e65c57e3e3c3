"""A file for every fault that a line or a delivery can have: tried as the sandbox organisation, it always gives that code and no other.

The one exception is `all-or-nothing`, which a line has because another one has a fault.

Published under openapi/examples/faults. Where a file has several lines, those before the faulty one are sound.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from reconcile.rules.bsn import marked_bsn
from reconcile.rules.delivery_file import LINE_BYTES_MAX
from reconcile.rules.sandbox import NEIGHBOUR_KVK, SANDBOX, SANDBOX_PREFIX

_PARENT, _CHILD, _OTHER_CHILD, _NEVER_DELIVERED = (marked_bsn(number) for number in (4_000_101, 4_000_102, 4_000_103, 4_000_104))
_HEADING = ("regelkenmerk", "bsn_ouder", "bsn_kind", "lrk_nummer", "opvangsoort", "maand", "uren", "uurtarief", "bedrag", "einddatum")
_ROW = ("fout", _PARENT, _CHILD, SANDBOX.day_care, "", "2026-03", "90,50", "9,95", "", "")
_SOUND_ROW = ("goed", _PARENT, _OTHER_CHILD, SANDBOX.day_care, "KDV", "2026-03", "80,00", "9,95", "796,00", "31-12-2026")
_FIELDS = {
    "parentBsn": _PARENT,
    "childBsn": _CHILD,
    "lrkNumber": SANDBOX.day_care,
    "month": "2026-03",
    "hours": "90.50",
    "hourlyRate": "9.95",
}
_ENVELOPE = {"createdAt": "2026-04-02T08:15:00Z"}
_TOO_LONG = "x" * LINE_BYTES_MAX
_SUFFIXES = {"json": "application/json", "ndjson": "application/x-ndjson", "csv": "text/csv"}


class FaultExample(Struct, frozen=True, kw_only=True):
    """What to send, as it is, to be told `code`. `reference` is the Idempotency-Key where the fault depends on it.

    `also` are the codes that other lines of the file have, where there are any.
    """

    code: str
    suffix: str
    text: str
    charset: str | None = None
    reference: str | None = None
    also: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """Name of the published file."""
        return f"{self.code}.{self.suffix}"

    @property
    def content_type(self) -> str:
        """Content-Type to send it with."""
        return _SUFFIXES[self.suffix] + (f"; charset={self.charset}" if self.charset else "")


def _sheet(*rows: Sequence[str], heading: Sequence[str] = _HEADING) -> str:
    return "".join(";".join(row) + "\r\n" for row in (heading, *rows))


def _row(code: str, column: str, value: str) -> FaultExample:
    """A sound row, and one with another value in a column."""
    row = [value if name == column else cell for name, cell in zip(_HEADING, _ROW, strict=True)]
    return _csv(code, _sheet(_SOUND_ROW, row))


def _correction(code: str, replaced_child_bsn: str) -> FaultExample:
    """A sound row, and one that says which child stood there before."""
    heading, sound = (*_HEADING, "vervangen_bsn_kind"), (*_SOUND_ROW, "")
    return _csv(code, _sheet(sound, (*_ROW, replaced_child_bsn), heading=heading))


def _csv(code: str, text: str, **change: Any) -> FaultExample:  # noqa: ANN401  # the other fields of an example
    return FaultExample(code=code, suffix="csv", text=text, **change)


def _json(code: str, *lines: Mapping[str, str], envelope: Mapping[str, str] = _ENVELOPE, reference: str | None = None) -> FaultExample:
    text = json.dumps({**envelope, "lines": lines}, indent=2) + "\n"
    return FaultExample(code=code, suffix="json", text=text, reference=reference)


def _ndjson(code: str, *lines: str) -> FaultExample:
    return FaultExample(code=code, suffix="ndjson", text="".join(f"{one}\n" for one in lines))


_OF_LINES = (
    _row("bsn-invalid", "bsn_kind", "12345678"),
    _row("bsn-missing", "bsn_kind", ""),
    _row("bsn-same-twice", "bsn_kind", _PARENT),
    _row("lrk-number-invalid", "lrk_nummer", "12345"),
    _row("lrk-number-unknown", "lrk_nummer", SANDBOX.unknown),
    _row("lrk-number-not-registered", "lrk_nummer", SANDBOX.not_yet_registered),
    _row("lrk-number-not-yours", "lrk_nummer", SANDBOX.of_a_neighbour),
    _row("care-type-mismatch", "opvangsoort", "BSO"),
    _row("care-type-invalid", "opvangsoort", "PSZ"),
    _row("month-invalid", "maand", "03-2026"),
    _row("month-in-future", "maand", "2099-12"),
    _row("hours-invalid", "uren", "1.234,5"),
    _row("hours-out-of-range", "uren", "900,00"),
    _row("hourly-rate-invalid", "uurtarief", "9,955"),
    _row("amount-invalid", "bedrag", "gratis"),
    _row("amount-mismatch", "bedrag", "1,00"),
    _row("end-date-invalid", "einddatum", "31-3-2026"),
    _row("line-ref-invalid", "regelkenmerk", "x" * 65),
    _json("field-unknown", _FIELDS, {**_FIELDS, "childBsn": _OTHER_CHILD, "naam": "Noor"}),
    _csv("line-unreadable", _sheet(_SOUND_ROW, _ROW[:-1])),
    _ndjson("line-json-broken", json.dumps(_ENVELOPE), json.dumps(_FIELDS), json.dumps(_FIELDS)[:-1]),
    _ndjson("line-oversized", json.dumps(_ENVELOPE), json.dumps(_FIELDS), json.dumps({**_FIELDS, "lineRef": _TOO_LONG})),
    FaultExample(
        code="all-or-nothing",
        suffix="json",
        text=json.dumps({**_ENVELOPE, "allOrNothing": True, "lines": [_FIELDS, {**_FIELDS, "hours": "900.00"}]}, indent=2) + "\n",
        also=("hours-out-of-range",),
    ),
    _csv("duplicate-line", _sheet(_SOUND_ROW, _ROW, (*_ROW[:6], "60,00", *_ROW[7:]))),
    _correction("replaces-itself", _CHILD),
    _correction("replaced-line-unknown", _NEVER_DELIVERED),
)
_OF_DELIVERIES = (
    # Sent as Windows-1252, but written in UTF-8: the second byte of this letter is no character there.
    _csv("encoding-unknown", _sheet(("Áron", *_ROW[1:])), charset="windows-1252"),
    _csv("characters-forbidden", _sheet(("\x02", *_ROW[1:]))),
    _csv("line-too-long", _sheet((_TOO_LONG, *_ROW[1:]))),
    _csv("quote-open", _sheet(('"fout', *_ROW[1:]))),
    _csv("heading-missing", _sheet(_ROW[:-5], heading=_HEADING[:-5])),
    _csv("heading-unknown-column", _sheet((*_ROW, "Noor"), heading=(*_HEADING, "naam"))),
    FaultExample(code="json-broken", suffix="json", text=json.dumps({**_ENVELOPE, "lines": [_FIELDS]})[:-1] + "\n"),
    _ndjson("first-line-unreadable", json.dumps(_ENVELOPE)[:-1], json.dumps(_FIELDS)),
    _json("envelope-invalid", _FIELDS, envelope={"createdAt": "gisteren"}),
    _json("created-in-future", _FIELDS, envelope={"createdAt": "2099-12-31T12:00:00Z"}),
    _json("reference-mismatch", _FIELDS, envelope={**_ENVELOPE, "reference": "levering-1"}, reference="levering-2"),
    _json("organisation-mismatch", _FIELDS, envelope={**_ENVELOPE, "organisationOin": f"{SANDBOX_PREFIX}{NEIGHBOUR_KVK}0000"}),
)
EXAMPLES: Mapping[str, FaultExample] = {one.code: one for one in (*_OF_LINES, *_OF_DELIVERIES)}
# A sound file in each format: its Content-Type and its text. Every line of it would be applied.
SOUND_FILES: Mapping[str, tuple[str, str]] = {
    "csv": (_SUFFIXES["csv"], _sheet(_SOUND_ROW, _ROW)),
    "json": (_SUFFIXES["json"], json.dumps({**_ENVELOPE, "lines": [_FIELDS, {**_FIELDS, "childBsn": _OTHER_CHILD}]})),
    "ndjson": (_SUFFIXES["ndjson"], "".join(f"{json.dumps(one)}\n" for one in (_ENVELOPE, _FIELDS))),
}
