"""The corpus: what senders get wrong, each case beside the answer that it must get. Tables alone; `test_corpus.py` sends them.

A case of a line changes the fields of a sound line and names the codes that it must be told, with the field of each where it has one
("hours-invalid" stands for the field `hours`, see `FIELD_OF`); no code means that the line is taken. A case of a file is a body with its
headers, and names the problem that refuses it, the code of the delivery that cannot be read, or the codes of its lines by number.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from reconcile.rules.bsn import marked_bsn
from tests import world

# Stands in values that are wrong: whatever is answered or logged must not have it.
CANARY = "KANARIE"
_SOUND_ONLY: Sequence[str] = ()
_ABSENT = object()


class LineCase(Struct, frozen=True, kw_only=True):
    """Other values of fields, and the codes that the line must be told."""

    name: str
    change: Mapping[str, Any]
    codes: tuple[str, ...]


class FileCase(Struct, frozen=True, kw_only=True):
    """A request: what is sent, and what must become of it.

    `problem` is (status, slug); `unreadable` the code of the delivery; otherwise `lines` has the codes of each line in their order.
    """

    name: str
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = {}
    params: Mapping[str, str] = {}
    problem: tuple[int, str] | None = None
    unreadable: str | None = None
    lines: tuple[tuple[str, ...], ...] = ()


def absent(value: object) -> bool:
    """Tell whether a field is left out of the line."""
    return value is _ABSENT


def _each(field: str, values: Sequence[Any], *codes: str) -> Iterator[LineCase]:
    return (LineCase(name=f"{field}={value!r}"[:60], change={field: value}, codes=codes) for value in values)


_OF_NO_KIND = (True, False, [], ["1"], {}, {"hours": 1}, [[]])
_NO_NUMBERS = (
    "", " ", "-", "-1", "- 1", "+5", "+-5", "1-", "1,5", "1.234,5", "1,234.5", "1.234.5", "1'234", "1 234", "12 34", "1_0", "1e2", "1E2", "1e-2", "0x10",
    "0b1", "1/2", "½", "٣", "९०", "９０", "NaN", "nan", "Infinity", "-Infinity", "inf", "null", "None", "true", "=1+1", "=90", "@90", "90u", "90 uur", "90:30",
    "€90", "90%", "90.125", "90.001", "0.005", ".5", "5.", ".", "..", "9" * 10, "9" * 40, "1" + "0" * 30, "-0", "-0.01", f"{CANARY}", f"90{CANARY}", "90\u00a0",
    "9\u200b0", "\u202e09", "90\n", "9\n0", "90\x00", "'90", '"90"', "90;80", "<b>90</b>", "{{90}}", "${90}", "'; DROP TABLE line; --", "%s%n", "\\u0039", "九十", 1e400, -1, -0.5, 0.125,
    10**30, 1.0e22,
)  # fmt: skip
_TAKEN_AS_STRIPPED = {"90\u00a0", "90\n"}
_BEYOND = {"9" * 10, "9" * 40, "1" + "0" * 30}

HOURS = (
    *_each("hours", [one for one in _NO_NUMBERS if one not in _TAKEN_AS_STRIPPED and one != 1e400], "hours-invalid"),
    *_each("hours", [None, _ABSENT, *_OF_NO_KIND], "hours-invalid"),
    *_each("hours", ["744.01", "745", "999999999", 745, 12050, "999999999.99", 744.01], "hours-out-of-range"),
    *_each(
        "hours",
        ["0", "0.00", "0.01", "00000090", "90.500", "744", "744.00", " 90 ", "\t90", "90\u00a0", "90\n", 0, 90, 90.5, 744, "230.01"],
    ),
)
RATES = (
    *_each("hourlyRate", [one for one in _NO_NUMBERS if one not in _TAKEN_AS_STRIPPED and one != 1e400][:40], "hourly-rate-invalid"),
    *_each("hourlyRate", [None, _ABSENT, *_OF_NO_KIND, "100.01", "101", "1000", 1000, "995"], "hourly-rate-invalid"),
    *_each("hourlyRate", ["0", "0.01", "100", "100.00", 9.95, " 9.95 "]),
)
AMOUNTS = (
    *_each("amount", ["-1", "1.234,50", "x", CANARY, "€ 900", "100000.01", "1e3", "١", "900.123", *_OF_NO_KIND], "amount-invalid"),
    *_each("amount", ["0", "0.01", "999", "1001", "100000.00", 1, 998.44], "amount-mismatch"),
    *_each("amount", ["1000", "1000.00", 1000, "1000.56", "999.44", "", None]),
)
MONTHS = (
    *_each("month", [
        "", " ", None, _ABSENT, "2026-00", "2026-13", "2026-3", "26-03", "03-2026", "3-2026", "2026/03", "2026.03", "202603", 202603, "2026-03-01", "2026-03-31T00:00:00Z",
        "2026-W10", "2026-Q1", "maart 2026", "mrt-26", "March 2026", "0000-00", "0000-01", "1970-01", "2004-12", "2100-01", "9999-12", "10000-01", "-2026-03", "+2026-03", "2026--03",
        "２０２６-03", "٢٠٢٦-٠٣", "2026‐03", "2026–03", "2026-03\x00", "2026-0\u200b3", "2026-03-", "45717", 45717, 2026.03, CANARY, f"2026-03{CANARY}", *_OF_NO_KIND,
    ], "month-invalid"),
    *_each("month", ["2026-08", "2026-12", "2027-01", "2099-12"], "month-in-future"),
    *_each("month", ["2005-01", "2014-12"], "lrk-number-not-registered"),
    *_each("month", ["2015-01", "2024-02", "2026-02", "2026-07", " 2026-03 ", "2026-03\n"]),
)  # fmt: skip
DATES = (
    *_each("endDate", [
        "2026-02-29", "2026-02-30", "2026-04-31", "2026-13-01", "2026-00-10", "2026-01-00", "2026-01-32", "29-02-2026", "31-04-2026", "00-01-2026", "32-01-2026", "01-13-2026",
        "1-1-2026", "01-1-2026", "31/03/2026", "31.03.2026", "03/31/2026", "20260331", 20260331, "2026-3-31", "2026-W10-1", "2026-090", "2004-12-31", "2100-01-01", "0001-01-01", "9999-12-31",
        "2026-03-31T00:00:00Z", "2026-03-31T24:00:00", "2026-03-31 00:00", "2026-03-29T02:30:00+01:00", "2026-10-25T02:30:00+02:00", "31 maart 2026", "vandaag", "46112", 46112, "NaT", "31-03-26",
        "2026-03-31\x00", "２０２６-03-31", "٣١-٠٣-٢٠٢٦", CANARY, "2026-03-31+01:00", "--03-31", *_OF_NO_KIND,
    ], "end-date-invalid"),
    *_each("endDate", ["2026-03-31", "31-03-2026", "2024-02-29", "29-02-2024", "2000-02-29".replace("2000", "2028"), "2005-01-01", "2099-12-31", " 31-03-2026 ", "", None]),
)  # fmt: skip
_NO_BSNS: Sequence[Any] = (
    "0", "000000000", "12345678", "1234567890", "900000000", "900000001", f"0{marked_bsn(3)}", f"{marked_bsn(3)}0", marked_bsn(3)[:-1] + ("0" if marked_bsn(3)[-1] != "0" else "1"),
    ".".join((marked_bsn(3)[:4], marked_bsn(3)[4:6], marked_bsn(3)[6:])), f"{marked_bsn(3)[:3]} {marked_bsn(3)[3:6]} {marked_bsn(3)[6:]}", f"B{marked_bsn(3)}", f"{marked_bsn(3)}x",
    f"'{marked_bsn(3)}", f"={marked_bsn(3)}", f"+{marked_bsn(3)}", f"-{marked_bsn(3)}", f"{marked_bsn(3)}.0", f"{marked_bsn(3)}\x00", f"{marked_bsn(3)[:4]}\u200b{marked_bsn(3)[4:]}",
    "".join(chr(ord(digit) - ord("0") + 0x0660) for digit in marked_bsn(3)), "".join(chr(ord(digit) - ord("0") + 0xFF10) for digit in marked_bsn(3)), "9,0E+08", "9E8", "-", "onbekend", "n.v.t.", "NULL",
    CANARY, "Noor de Vries", " ", 12345678, 9.0e8, -1, 0, 10**30, *_OF_NO_KIND,
)  # fmt: skip
BSNS = (
    *_each("childBsn", _NO_BSNS, "bsn-invalid"),
    *_each("parentBsn", _NO_BSNS, "bsn-invalid"),
    *_each("childBsn", ["", None, _ABSENT], "bsn-missing"),
    *_each("parentBsn", ["", None, _ABSENT], "bsn-missing"),
    *_each("childBsn", [f" {marked_bsn(200_001)} ", int(marked_bsn(200_002)), f"{marked_bsn(200_003)}\n"]),
)
LOCATIONS = (
    *_each("lrkNumber", [
        "", " ", None, _ABSENT, "1", "12345678", "1234567890", "LRK900000", "900 000 01", "9000-0000", "9.0E8", 1, 9.5, "９" * 9, "٩" * 9, f"{world.KDV}x", CANARY, "gastouder", *_OF_NO_KIND,
    ], "lrk-number-invalid"),
    *_each("lrkNumber", ["000000000", "123456789", "999999999", marked_bsn(77), world.CHILD, world.APPLICANT], "lrk-number-unknown"),
    *_each("lrkNumber", [world.ELSEWHERE, int(world.ELSEWHERE), f" {world.ELSEWHERE} "], "lrk-number-not-yours"),
    *_each("careType", ["GOB", "PSZ", "dagopvang", "K DV", "KDV,BSO", "KDV\x00", "ＫＤＶ", CANARY, "=KDV", 1, 1.5, *_OF_NO_KIND], "care-type-invalid"),
    *_each("careType", ["BSO", "VGO", " bso ", "vgo"], "care-type-mismatch"),
    *_each("careType", ["KDV", "kdv", " Kdv ", "", None]),
)  # fmt: skip
TEXTS = (
    *_each("lineRef", [
        " ", "x" * 65, "é" * 65, "a\nb", "a\rb", "a\tb", "a\x00b", "\x1b[31m", "a\u202eb", "a\u200bb", "a\u2028b", "a\ufeffb", "a\x7fb", "X-Header: 1\r\nSet-Cookie: a=1", 1.5, *_OF_NO_KIND,
    ], "line-ref-invalid"),
    *_each("lineRef", [
        "x", "x" * 64, "é" * 64, "=SUM(A1)", "@x", "+1", "-1", "'; DROP TABLE line; --", "${jndi:ldap://x}", "{{7*7}}", "%s%s%n", "<script>alert(1)</script>", "../../etc/passwd", "a;b", 'a"b', "👩‍👧"[:1], "漢字", 0, 12, "",
        None, "NULL",
    ]),
    *(LineCase(name=f"extra {name!r}"[:60], change={name: value}, codes=("field-unknown",)) for name, value in (
        ("naam", CANARY), ("", ""), ("hours ", "1"), ("Hours", "1"), ("uren", "1"), ("__proto__", {}), ("constructor", "x"), (f"{CANARY}-veld", 1), ("a" * 1_000, 1), ("\x00", 1), ("é", None),
        ("$where", "1"), ("createdAt", "2026-04-01T00:00:00Z"), ("line_number", 1), ("outcome", "applied"), ("faults", []), ("organisationId", "x"),
    )),
)  # fmt: skip
TOGETHER = (
    LineCase(name="all wrong at once", change={"hours": "x", "month": "y", "lrkNumber": "z", "hourlyRate": "w", "childBsn": "v"},
             codes=("bsn-invalid", "lrk-number-invalid", "month-invalid", "hours-invalid", "hourly-rate-invalid")),
    LineCase(name="a gap and a fault", change={"childBsn": None, "hours": "x"}, codes=("bsn-missing", "hours-invalid")),
    LineCase(name="two gaps", change={"childBsn": None, "parentBsn": None}, codes=("bsn-missing", "bsn-missing")),
    LineCase(name="another's location of another kind", change={"lrkNumber": world.ELSEWHERE, "careType": "BSO"},
             codes=("lrk-number-not-yours", "care-type-mismatch")),
    LineCase(name="future and another's", change={"lrkNumber": world.ELSEWHERE, "month": "2026-09"},
             codes=("month-in-future", "lrk-number-not-yours")),
    LineCase(name="parent is child", change={"parentBsn": marked_bsn(200_010), "childBsn": marked_bsn(200_010)}, codes=("bsn-same-twice",)),
    LineCase(name="child as reference", change={"childBsn": marked_bsn(200_011), "lineRef": f"K{marked_bsn(200_011)}"}, codes=("line-ref-invalid",)),
)  # fmt: skip
CORRECTIONS = (
    *_each("replacedChildBsn", _NO_BSNS, "bsn-invalid"),
    *_each("replacedMonth", ["2026-13", "03-2026", "maart", 202603, *_OF_NO_KIND], "month-invalid"),
    *_each("replacedMonth", ["2026-09", "2099-12"], "month-in-future"),
    *_each("replacedLrkNumber", [" ", "1", "12345678", CANARY, 1.5, *_OF_NO_KIND], "lrk-number-invalid"),
    *_each("replacedLrkNumber", ["000000000", "123456789", marked_bsn(77), world.CHILD], "lrk-number-unknown"),
    *_each("replacedLrkNumber", [world.BSO, world.ELSEWHERE], "replaced-line-unknown"),
    *_each("replacedChildBsn", [marked_bsn(200_020), int(marked_bsn(200_021)), f" {marked_bsn(200_022)} "], "replaced-line-unknown"),
    *_each("replacedLrkNumber", [world.KDV, int(world.KDV)], "replaces-itself"),
    *_each("replacedLrkNumber", ["", None]),
)  # fmt: skip
LINE_CASES: Sequence[LineCase] = (*HOURS, *RATES, *AMOUNTS, *MONTHS, *DATES, *BSNS, *LOCATIONS, *TEXTS, *TOGETHER, *CORRECTIONS)


# Files. Their people are strangers to every household, so that a line that is taken changes nothing there.
_PERSON = {"parentBsn": marked_bsn(300_000), "childBsn": marked_bsn(300_001)}
LINE = {**_PERSON, "lrkNumber": world.KDV, "month": "2026-03", "hours": "90.50", "hourlyRate": "9.95"}
_AT = "2026-04-02T08:15:00Z"
SOUND_LINE = json.dumps(LINE)
SOUND_JSON = json.dumps({"createdAt": _AT, "lines": [LINE]})
_HEAD = "regelkenmerk;bsn_ouder;bsn_kind;lrk_nummer;maand;uren;uurtarief"
_ROW = f"r1;{_PERSON['parentBsn']};{_PERSON['childBsn']};{world.KDV};2026-03;90,50;9,95"
SOUND_CSV = f"{_HEAD}\r\n{_ROW}\r\n"
_GZIP = {"Content-Encoding": "gzip"}
_TAKEN = ((),)


def _file(name: str, body: str | bytes, **answer: Any) -> FileCase:
    return FileCase(name=name, body=body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass"), **answer)


def _csv(name: str, body: str | bytes, *, content_type: str = "text/csv", **answer: Any) -> FileCase:
    return _file(f"csv {name}", body, content_type=content_type, **answer)


def _ndjson(name: str, *lines: str | bytes, **answer: Any) -> FileCase:
    body = b"\n".join(one if isinstance(one, bytes) else one.encode("utf-8", "surrogatepass") for one in lines)
    return _file(f"ndjson {name}", body, content_type="application/x-ndjson", **answer)


def _one_line(text: str) -> str:
    return f'{{"createdAt":"{_AT}","lines":[{text}]}}'


def _with(value: str) -> str:
    """The sound line as JSON with this text as its hours."""
    return SOUND_LINE.replace('"90.50"', value)


_BROKEN = {"unreadable": "json-broken"}
JSON_WIRE = (
    *(_file(f"json cut at {place}", SOUND_JSON[:place], **_BROKEN) for place in range(0, len(SOUND_JSON) - 1, 7)),
    *(_file(f"json root {text[:20]!r} of {len(text)}", text, **_BROKEN) for text in (
        "null", "true", "1", '"x"', "[]", "[{}]", "{}", '{"lines":1}', '{"lines":null}', '{"lines":{}}', '{"lines":"x"}', "nul", "{]", "{'lines':[]}", "{lines:[]}", '{"lines":[],}', '{"lines":[]', '{"lines":[]]',
        '{"lines":[]}{"lines":[]}', '{"lines":[]} x', '{"lines":[]}\x00', "\x00", "\ufffe", "<lines/>", "PK\x03\x04", "%PDF-1.7", "a;b;c\n1;2;3\n", " ", "\n\n", CANARY, "//x\n{}", "NaN", "[" * 100, "[" * 50_000, '{"lines":[' + "[" * 50_000,
    )),
    _file("json sound with white space", f" \r\n\t{SOUND_JSON} \n", lines=_TAKEN),
    _file("json with a byte order mark", b"\xef\xbb\xbf" + SOUND_JSON.encode(), lines=_TAKEN),
    _file("json in UTF-16", SOUND_JSON.encode("utf-16"), **_BROKEN),
    _file("json in UTF-32", SOUND_JSON.encode("utf-32"), **_BROKEN),
    _file("json in Latin-1", SOUND_JSON.replace('"month"', '"naam": "é", "month"').encode("latin-1"), **_BROKEN),
    _file("json with an overlong sequence", SOUND_JSON.encode().replace(b"90.50", b"\xc0\xaf"), **_BROKEN),
    _file("json with a lone continuation", SOUND_JSON.encode().replace(b"90.50", b"\x80"), **_BROKEN),
    _file("json without lines", f'{{"createdAt":"{_AT}"}}', **_BROKEN),
    _file("json all or nothing", f'{{"createdAt":"{_AT}","allOrNothing":true,"lines":[{SOUND_LINE},{_with("true")}]}}', lines=(("all-or-nothing",), ("hours-invalid",))),
    *(_file(f"json all or nothing {text}", f'{{"allOrNothing":{text},"lines":[]}}', unreadable="envelope-invalid") for text in ("null", "1", '"true"', "[]", "{}")),
    _file("json with no line", f'{{"createdAt":"{_AT}","lines":[]}}', lines=()),
    *(_file(f"json line {text[:24]!r}", _one_line(text), lines=(("line-unreadable",),)) for text in (
        "null", "true", "0", '"x"', "[]", "[[]]", f'"{CANARY}"', "1e400", "-0",
    )),
    *(_file(f"json value {text[:24]!r}", _one_line(_with(text)), lines=(("hours-invalid",),)) for text in ("1e2", "-1", "0.125", '"\\u0000"', '"x"', "[]", "{}", "null", "true")),
    *(_file(f"json number {text[:24]!r}", _one_line(_with(text)), lines=_TAKEN) for text in ("90", "90.5", "90.50", "90.500", "0", "-0", "9E-1", '"\\u0039\\u0030"')),
    *(_file(f"json invalid number {text[:24]!r}", _one_line(_with(text)), **_BROKEN) for text in ("01", "+1", ".5", "1.", "0x1", "NaN", "Infinity", "-", "1e", "'90'", "90,5", "tru")),
    _file("json field twice", _one_line(SOUND_LINE[:-1] + ',"hours":"1"}'), lines=(("line-unreadable",),)),
    _file("json same field twice with one value", _one_line(SOUND_LINE[:-1] + ',"hours":"90.50"}'), lines=(("line-unreadable",),)),
    _file("json empty object as a line", _one_line("{}"), lines=(("bsn-missing", "bsn-missing", "lrk-number-invalid", "month-invalid", "hours-invalid", "hourly-rate-invalid"),)),
    _file("json line nested too deep", _one_line(_with("[" * 20 + "]" * 20)), **_BROKEN),
    _file("json 70 kB in one line", _one_line(_with(f'"{"9" * 120_000}"')), unreadable="line-too-long"),
    _file("json duplicate line", _one_line(f"{SOUND_LINE},{SOUND_LINE}"), lines=(("duplicate-line",), ("duplicate-line",))),
    *(_file(f"json envelope {members[:70]}", f'{{{members},"lines":[{SOUND_LINE}]}}', unreadable="envelope-invalid") for members in (
        '"a":{"a":{}}', '"createdAt":null', '"createdAt":1', '"createdAt":""', '"createdAt":"gisteren"', '"createdAt":"2026-04-02"', '"createdAt":"2026-04-02T08:15:00"', '"createdAt":"2026-02-30T08:15:00Z"', '"createdAt":"2026-04-02T24:30:00Z"',
        '"createdAt":"2026-04-02T08:60:00Z"', '"createdAt":"0001-01-01T00:00:00+23:59"', '"createdAt":"9999-12-31T23:59:59-23:59"', '"createdAt":"2004-12-31T00:00:00Z"', '"createdAt":"2100-01-01T00:00:00Z"', '"createdAt":[]', '"reference":1',
        '"reference":[]', '"organisationOin":1', '"organisationOin":"1"', f'"organisationOin":"{CANARY}"', '"complete":1', '"complete":{}', '"complete":[1]', '"complete":[{}]', '"complete":[{"month":"2026-13","lrkNumbers":[]}]',
        '"complete":[{"month":"2026-03","lrkNumbers":["1"]}]', '"complete":[{"month":"2026-03","lrkNumbers":null}]', '"complete":[{"month":"2026-03","lrkNumbers":[],"x":1}]',
    )),
    _file("json another reference", f'{{"reference":"{CANARY}","lines":[]}}', unreadable="reference-mismatch"),
    _file("json made in the future", '{"createdAt":"2099-12-31T12:00:00Z","lines":[]}', unreadable="created-in-future"),
    _file("json another organisation", f'{{"organisationOin":"{world.OTHER_OIN}","lines":[]}}', unreadable="organisation-mismatch"),
)  # fmt: skip
NDJSON_WIRE = (
    _ndjson("empty", "", unreadable="first-line-unreadable"),
    *(_ndjson(f"first line {text[:24]!r}", text, SOUND_LINE, unreadable="first-line-unreadable") for text in ("null", "[]", "1", '"x"', "{", "nul", CANARY, "\x00", "a;b", "PK\x03\x04", "<x/>", b"\xff\xfe", "[" * 5_000)),
    *(_ndjson(f"envelope {text[:40]!r}", text, SOUND_LINE, unreadable="envelope-invalid") for text in ('{"x":1}', '{"createdAt":"x"}', '{"createdAt":null}', f'{{"createdAt":"{_AT}","hours":"1"}}', '{"created_at":"x"}', f'{{"createdAt":"{_AT}","createdAt":"{_AT}"}}', '{"lines":[]}', f'{{"{CANARY}":1}}')),
    *(_ndjson(f"broken line {text[:24]!r} of {len(text)}", f'{{"createdAt":"{_AT}"}}', text, SOUND_LINE, lines=(("line-json-broken",), ())) for text in (
        "{", "}", SOUND_LINE[:-1], SOUND_LINE[:40], SOUND_LINE + "}", SOUND_LINE + SOUND_LINE, "nul", CANARY, b"\xff", b'{"hours":"\xe9"}', "NaN", "{'a':1}", '{"a":01}', "[" * 3_000, '{"a":' * 3_000, "\x00", '{"hours":"a\x01b"}',
    )),
    *(_ndjson(f"no object {text[:24]!r}", f'{{"createdAt":"{_AT}"}}', text, SOUND_LINE, lines=(("line-unreadable",), ())) for text in ("null", "1", "[]", "true", f'"{CANARY}"', SOUND_LINE[:-1] + ',"hours":"1"}')),
    _ndjson("oversized line", f'{{"createdAt":"{_AT}"}}', _with(f'"{CANARY * 10_000}"'), SOUND_LINE, lines=(("line-oversized",), ())),
    _ndjson("blank lines and CRLF", "\ufeff" + f'{{"createdAt":"{_AT}"}}\r', "", " \r", SOUND_LINE + "\r", "", lines=_TAKEN),
    _ndjson("no envelope", SOUND_LINE, lines=_TAKEN),
)  # fmt: skip
_SHEET = {"unreadable": "heading-missing"}
_WIDTH = {"lines": (("line-unreadable",),)}


def _cells(**change: str) -> str:
    names = ("ref", "parent", "child", "lrk", "month", "hours", "rate")
    return ";".join(change.get(name, cell) for name, cell in zip(names, _ROW.split(";"), strict=True))


CSV_WIRE = (
    *(_csv(f"no heading {text[:24]!r} of {len(text)}", text, **_SHEET) for text in (
        "", " ", "\n\n\n", "sep=;\n", _ROW, "a;b;c\n1;2;3\n", "bsn_ouder\n", _HEAD.replace("uren;", "") + "\n", _HEAD.replace(";", "|") + "\n" + _ROW, _HEAD.replace("bsn_kind", "bsn kind") + "\n", CANARY, "[]", SOUND_JSON, "\ufeff", "sep=|\n" + SOUND_CSV, _HEAD.replace("maand", "uren") + "\n",
    )),
    *(_csv(f"heading {head[-30:]!r}", f"{head}\n", unreadable="heading-unknown-column") for head in (_HEAD + ";naam", _HEAD + ";", _HEAD + ";uren", _HEAD + ";hours", _HEAD + ";opmerking", _HEAD + f";{CANARY}", "naam;" + _HEAD, _HEAD + ";=1+1")),
    *(_csv(f"as {name}", body, lines=_TAKEN) for name, body in (
        ("written by Excel", SOUND_CSV), ("LF", SOUND_CSV.replace("\r", "")), ("no end", SOUND_CSV.rstrip()), ("byte order mark", "\ufeff" + SOUND_CSV), ("sep=", "sep=;\r\n" + SOUND_CSV), ("tabs", SOUND_CSV.replace(";", "\t")), ("commas", SOUND_CSV.replace("90,50", "90.50").replace("9,95", "9.95").replace(";", ",")),
        ("quoted", ";".join(f'"{cell}"' for cell in _HEAD.split(";")) + "\n" + ";".join(f'"{cell}"' for cell in _ROW.split(";"))), ("empty rows", SOUND_CSV + "\r\n;;;;;;\r\n \r\n"), ("capitals", SOUND_CSV.replace(_HEAD, _HEAD.upper())), ("English", SOUND_CSV.replace(_HEAD, "lineRef;parentBsn;childBsn;lrkNumber;month;hours;hourlyRate")),
        ("other order", "uren;uurtarief;maand;lrk_nummer;bsn_kind;bsn_ouder\n90,50;9,95;2026-03;" + f"{world.KDV};{_PERSON['childBsn']};{_PERSON['parentBsn']}\n"), ("mixed line ends", SOUND_CSV + "\n\r\n\n"),
        ("a quoted line end", f'{_HEAD}\n{_cells(ref=chr(34) + "r1" + chr(34))}\n'),
    )),
    *(_csv(f"row {name}", f"{_HEAD}\n{row}\n", **_WIDTH) for name, row in (
        ("too narrow", _ROW.rpartition(";")[0]), ("too wide", _ROW + ";1"), ("of one cell", CANARY), ("with a separator in a value", _cells(ref="a;b")), ("decimal comma in a comma file", _ROW.replace(";", ",")), ("with a quote inside", _cells(ref='"a"b')), ("of 10,000 columns", ";" * 10_000 + "x"),
    )),
    *(_csv(f"hours {text!r}", f"{_HEAD}\n{_cells(hours=text)}\n", lines=((code,),)) for text, code in (
        ("1.234,5", "hours-invalid"), ("90,125", "hours-invalid"), ("90,", "hours-invalid"), (",5", "hours-invalid"), ("90.5,0", "hours-invalid"), ("=90", "hours-invalid"), ("'90", "hours-invalid"), ("90 u", "hours-invalid"), ("-90", "hours-invalid"), ("#REF!", "hours-invalid"), ("#N/B", "hours-invalid"), ("", "hours-invalid"),
        ("9,0E+01", "hours-invalid"), ("745", "hours-out-of-range"), ("1234,5", "hours-out-of-range"), (CANARY, "hours-invalid"), ("٩٠", "hours-invalid"),
    )),
    # Under a mark of its own: with that of the sound row, its child would be known.
    *(_csv(f"child {text!r}", f"{_HEAD}\n{_cells(child=text, ref='another')}\n", lines=((code,),)) for text, code in (
        ("", "bsn-missing"), ("12345678", "bsn-invalid"), ("9,0E+08", "bsn-invalid"), ('="900000012"', "bsn-invalid"), ("'900000012", "bsn-invalid"), ("9000.00.012", "bsn-invalid"), (CANARY, "bsn-invalid"), (_PERSON["parentBsn"], "bsn-same-twice"),
    )),
    *(_csv(f"month {text!r}", f"{_HEAD}\n{_cells(month=text)}\n", lines=((code,),)) for text, code in (
        ("03-2026", "month-invalid"), ("mrt-26", "month-invalid"), ("1-3-2026", "month-invalid"), ("2026-3", "month-invalid"), ("46082", "month-invalid"), ("2026-09", "month-in-future"), ("=MAAND()", "month-invalid"), ("2014-12", "lrk-number-not-registered"),
    )),
    *(_csv(f"quote open {text[:6]}…{text[-6:]}", f"{_HEAD}\n{text}\n{_ROW}\n", unreadable="quote-open") for text in ('"', f'"{_ROW}', _cells(rate='"9,95'))),
    *(_csv(f"control character {text!r}", f"{_HEAD}\n{_cells(ref=text)}\n", unreadable="characters-forbidden") for text in ("\x00", "a\x01", "\x08", "\x0b", "\x0c", "\x1a", "\x1b[31m", "\x7f")),
    *(_csv(f"bytes {name}", body, unreadable=code) for name, body, code in (
        ("of UTF-16", SOUND_CSV.encode("utf-16"), "encoding-unknown"), ("of UTF-16 without a mark", SOUND_CSV.encode("utf-16-le"), "characters-forbidden"), ("of Windows-1252", f"{_HEAD}\n{_cells(ref='é')}\n".encode("cp1252"), "encoding-unknown"), ("of a workbook", b"PK\x03\x04\x14\x00", "characters-forbidden"),
        ("of an old workbook", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "encoding-unknown"), ("cut in a character", f"{_HEAD}\n{_cells(ref='é')}".encode()[: len(_HEAD) + 2], "encoding-unknown"), ("of gzip", gzip.compress(SOUND_CSV.encode(), mtime=0), "characters-forbidden"),
    )),
    _csv("Windows-1252 that is said", f"{_HEAD}\n{_cells(ref='é€')}\n".encode("cp1252"), content_type="text/csv; charset=windows-1252", lines=_TAKEN),
    _csv("an impossible byte of Windows-1252", b"\x81", content_type="text/csv; charset=windows-1252", unreadable="encoding-unknown"),
    _csv("line of 70 kB", f"{_HEAD}\n{'x' * 70_000}\n", unreadable="line-too-long"),
    _csv("heading of 70 kB", f"{';' * 70_000}\n", unreadable="line-too-long"),
    _csv("quoted value of 70 kB over many lines", f'{_HEAD}\n"' + "x\n" * 35_000, unreadable="line-too-long"),
    _csv("CR alone", SOUND_CSV.replace("\n", ""), unreadable="heading-missing"),
    _csv("duplicate row", SOUND_CSV + _ROW, lines=(("duplicate-line",), ("duplicate-line",))),
    _csv("reference that computes", f"{_HEAD}\n{_cells(ref='=1+1')}\n", lines=_TAKEN),
)  # fmt: skip
_PACKED = gzip.compress(SOUND_JSON.encode(), mtime=0)
_NO_GZIP = {"headers": _GZIP, "problem": (400, "invalid-request")}
COMPRESSION = (
    _file("gzip", _PACKED, headers=_GZIP, lines=_TAKEN),
    _file("gzip in capitals", _PACKED, headers={"Content-Encoding": "GZIP"}, lines=_TAKEN),
    _file("gzip stored", gzip.compress(SOUND_JSON.encode(), compresslevel=0, mtime=0), headers=_GZIP, lines=_TAKEN),
    *(_file(f"gzip cut at {place}", _PACKED[:place], **_NO_GZIP) for place in range(0, len(_PACKED), 12)),
    *(_file(f"gzip spoilt at {place}", _PACKED[:place] + bytes([_PACKED[place] ^ 0xFF]) + _PACKED[place + 1 :], **_NO_GZIP) for place in (0, 1, 2, len(_PACKED) - 8, len(_PACKED) - 4)),
    _file("gzip and something after it", _PACKED + b"x", **_NO_GZIP),
    _file("gzip of two members", _PACKED + _PACKED, **_NO_GZIP),
    _file("gzip in gzip", gzip.compress(_PACKED, mtime=0), headers=_GZIP, **_BROKEN),
    _file("plain that says gzip", SOUND_JSON, **_NO_GZIP),
    _file("zlib that says gzip", zlib.compress(SOUND_JSON.encode()), **_NO_GZIP),
    _file("deflate that says gzip", zlib.compress(SOUND_JSON.encode())[2:-4], **_NO_GZIP),
    _file("gzip that says nothing", _PACKED, **_BROKEN),
    _file("gzip of nothing", gzip.compress(b"", mtime=0), headers=_GZIP, **_BROKEN),
    _file("a bomb", gzip.compress(b" " * 20_000_000, mtime=0), headers=_GZIP, problem=(413, "body-too-large")),
    *(_file(f"encoding {name}", SOUND_JSON, headers={"Content-Encoding": name}, problem=(415, "unsupported-media-type")) for name in ("br", "deflate", "zstd", "x", "gzip, gzip", "gzip;q=1", CANARY)),
)  # fmt: skip
_MEDIA = {"problem": (415, "unsupported-media-type")}
_REQUEST = {"problem": (400, "invalid-request")}
REQUESTS = (
    *(_file(f"type {name!r}", SOUND_JSON, content_type=name, **_MEDIA) for name in ("", "text/plain", "application/xml", "multipart/form-data", "application/octet-stream", "application/vnd.ms-excel", "application/json; charset=utf-16", "application/json; charset=windows-1252", "text/csv; charset=latin-1", "json", "*/*", CANARY)),
    *(_file(f"key {key!r}", SOUND_JSON, headers={"Idempotency-Key": key}, **_REQUEST) for key in ("a b", "x" * 65, "a/b", "a\tb", '"', CANARY + "!", "a:b", "=", "..;")),
    *(_file(f"query {params}", SOUND_JSON, params=params, **_REQUEST) for params in ({"createdAt": _AT}, {"complete": "2026-03:900000012"}, {"dryRun": "x"}, {"sandbox": "true"})),
    *(_csv(f"query {params}", SOUND_CSV, params=params, **_REQUEST) for params in ({"createdAt": "x"}, {"createdAt": CANARY}, {"createdAt": "2026-04-02"}, {"organisationOin": "1"}, {"organisationOin": CANARY}, {"complete": "2026-13:1"}, {"complete": "2026-03"}, {"complete": f"2026-03:{CANARY}"}, {"complete": "2026-03:12"})),
    _csv("for another organisation", SOUND_CSV + "\r\n", params={"organisationOin": world.OTHER_OIN}, problem=(403, "not-mandated")),
    _csv("for itself by name", SOUND_CSV + "\r\n\r\n", params={"organisationOin": world.OIN}, lines=_TAKEN),
)  # fmt: skip
GROUPS: Mapping[str, Sequence[FileCase]] = {
    "json": JSON_WIRE, "ndjson": NDJSON_WIRE, "csv": CSV_WIRE, "compression": COMPRESSION, "requests": REQUESTS,
}  # fmt: skip
FILE_CASES: Sequence[FileCase] = tuple(case for group in GROUPS.values() for case in group)
