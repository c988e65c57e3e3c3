"""CSV deliveries: every dialect of a spreadsheet, every unreadable file, and any bytes in any chunks."""

import codecs
from collections.abc import Iterable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconcile.rules.bsn import marked_bsn
from reconcile.rules.delivery_csv import CsvReader
from reconcile.rules.delivery_file import LINE_BYTES_MAX, Envelope
from reconcile.rules.delivery_line import DeliveryLine, read_line
from reconcile.rules.faults import FAULTS, Fault, UnreadableDelivery
from tests.make import delivery_fields
from tests.reading import chunked, read_as_far, read_whole, told

_NOW = "2026-07"
_PARENT, _CHILD = marked_bsn(0), marked_bsn(1)
_DUTCH = "bsn_ouder;bsn_kind;lrk_nummer;maand;uren;uurtarief"
_ENGLISH = "parentBsn;childBsn;lrkNumber;month;hours;hourlyRate"
_ROW = f"{_PARENT};{_CHILD};900000001;2026-03;120,50;10,25"
_SOUND = read_line(delivery_fields(), 2, this_month=_NOW)


def _lines(chunks: Iterable[bytes], charset: str | None = None) -> list[DeliveryLine]:
    return read_whole(CsvReader(charset=charset, this_month=_NOW), chunks)[1]


def _read(text: str) -> list[DeliveryLine]:
    return _lines([text.encode()])


def _outcome(chunks: Iterable[bytes]) -> tuple[list[DeliveryLine], str | None, int | None]:
    lines, _, code, line = read_as_far(CsvReader(charset=None, this_month=_NOW), chunks)
    return lines, code, line


@pytest.mark.parametrize(
    "text",
    [
        f"{_DUTCH}\n{_ROW}\n",
        f"{_DUTCH}\r\n{_ROW}\r\n",
        f"{_DUTCH}\n{_ROW}\r\n",
        f"{_DUTCH}\n{_ROW}",
        f"\ufeff{_DUTCH}\n{_ROW}\n",
        f"{_ENGLISH}\n{_ROW}\n",
        f" BSN_Ouder ; BSN_KIND;LRK_nummer;Maand;UREN;Uurtarief\n{_ROW}",
        f"{_DUTCH}\n{_ROW}\n\n;;;;;\n ; ; ;;;\n",
        _DUTCH.replace(";", "\t") + "\n" + _ROW.replace(";", "\t"),
        _DUTCH.replace(";", ",") + "\n" + _ROW.replace(",", ".").replace(";", ","),
        _DUTCH.replace(";", ",") + f'\n{_PARENT},{_CHILD},900000001,2026-03,"120,50","10,25"',
        '"' + _DUTCH.replace(";", '";"') + '"\n"' + _ROW.replace(";", '";"') + '"\n',
        f'{_DUTCH}\n"{_PARENT}";{_CHILD};900000001;"2026-03";120,50;" 10,25 "',
        _DUTCH + "\n" + _ROW.replace(";", " ; "),
        _DUTCH + ";opvangsoort;bedrag;einddatum;regelkenmerk\n" + _ROW + ";;;;",
    ],
)
def test_every_dialect_of_a_spreadsheet_gives_the_same_line(text: str) -> None:
    assert _read(text) == [_SOUND]


@pytest.mark.parametrize("first", ["sep=;\n", "SEP=;\r\n", '"sep=;"\n', "\n", " \n"])
def test_a_line_before_the_heading_counts_as_a_line(first: str) -> None:
    assert _read(f"{first}{_DUTCH}\n{_ROW}\n") == [read_line(delivery_fields(), 3, this_month=_NOW)]


def test_columns_may_stand_in_any_order() -> None:
    heading, row = (";".join(reversed(text.split(";"))) for text in (_DUTCH, _ROW))
    assert _read(f"{heading}\n{row}") == [_SOUND]


def test_every_dutch_heading_has_its_field() -> None:
    replaced = "vervangen_bsn_ouder;vervangen_bsn_kind;vervangen_lrk_nummer;vervangen_maand"
    heading = f"{_DUTCH};opvangsoort;bedrag;einddatum;regelkenmerk;{replaced}"
    extra = {"careType": "KDV", "amount": "1235.13", "endDate": "31-03-2026", "lineRef": "A;1"}
    old = {"replacedParentBsn": _CHILD, "replacedChildBsn": _PARENT, "replacedLrkNumber": "900000013", "replacedMonth": "2026-02"}
    expected = read_line(delivery_fields(**extra, **old), 2, this_month=_NOW)
    assert expected.replaced is not None
    assert _read(f'{heading}\n{_ROW};kdv;1235,13;31-03-2026;"A;1";{";".join(old.values())}') == [expected]
    assert _read(f'{heading}\n{_ROW};kdv;1235,13;31-03-2026;"A;1";;;;')[0].replaced is None


def test_a_line_has_the_number_of_the_line_on_which_it_begins() -> None:
    head = f"{_DUTCH};regelkenmerk"
    lines = _read(f'{head}\n{_ROW};a\n\n{_ROW};"b\nc"\n{_ROW};d\n')
    assert [(line.line_number, line.line_ref, line.faults) for line in lines] == [
        (2, "a", ()),
        (4, None, (Fault(code="line-ref-invalid", field="lineRef", shape="a?a"),)),
        (6, "d", ()),
    ]


@pytest.mark.parametrize(
    "row",
    [
        "x",
        _ROW + ";",
        ";" + _ROW,
        _ROW.rpartition(";")[0],
        _ROW.replace(";", ","),
        f'"{_ROW}"',
        f'"a"b{_ROW}',
        f'"{_PARENT}" {_ROW}',
    ],
)
def test_a_row_with_another_number_of_columns_cannot_be_read(row: str) -> None:
    assert [(line.line_number, [one.code for one in line.faults]) for line in _read(f"{_DUTCH}\n{row}\n{_ROW}")] == [
        (2, ["line-unreadable"]),
        (3, []),
    ]


@pytest.mark.parametrize("hours", ["1.234,5", "1,234.5", "1,2,3", ",5", "5,", "٩,٥", "1 234,5"])
def test_a_thousands_separator_is_not_guessed_at(hours: str) -> None:
    line = _read(f"{_DUTCH}\n{_PARENT};{_CHILD};900000001;2026-03;{hours};10,25")[0]
    assert [(one.code, one.field) for one in line.faults] == [("hours-invalid", "hours")]


def test_a_decimal_comma_is_one_only_in_quantities() -> None:
    line = _read(f"{_DUTCH};regelkenmerk\n{_ROW};1,5")[0]
    assert (line.line_ref, line.faults) == ("1,5", ())


def test_windows_1252_is_read_when_the_sender_names_it() -> None:
    body = f"{_DUTCH};regelkenmerk\n{_ROW};zoë €\n".encode("cp1252")
    assert [line.line_ref for line in _lines([body], "windows-1252")] == ["zoë €"]
    assert _outcome([body]) == ([], "encoding-unknown", 2)


def test_a_heading_alone_is_a_delivery_without_lines() -> None:
    assert _read(_DUTCH) == []


def test_a_csv_has_no_envelope() -> None:
    assert CsvReader(charset=None, this_month=_NOW).envelope() == Envelope()


_UNREADABLE = [
    (b"", "heading-missing"),
    (b"\n\n", "heading-missing"),
    (b"\xef\xbb\xbf", "heading-missing"),
    (b"sep=;", "heading-missing"),
    (b"sep=;\nsep=;\n", "heading-missing"),
    (b"sep=|\n" + _DUTCH.encode(), "heading-missing"),
    (b"Xsep=;X\n" + _DUTCH.encode(), "heading-missing"),
    (_ROW.encode(), "heading-missing"),
    (_DUTCH.replace(";", "|").encode(), "heading-missing"),
    (_DUTCH.rpartition(";")[0].encode(), "heading-missing"),
    (_DUTCH.replace("maand", "jaar").encode(), "heading-missing"),
    (b"sep=,\n" + _DUTCH.encode(), "heading-missing"),
    (f'"bsn_ouder"x;{_DUTCH}\n'.encode(), "heading-missing"),
    (f"{_DUTCH};naam".encode(), "heading-unknown-column"),
    (f"{_DUTCH};".encode(), "heading-unknown-column"),
    (f"{_DUTCH};maand".encode(), "heading-unknown-column"),
    (f"{_DUTCH};month".encode(), "heading-unknown-column"),
    (f"{_DUTCH}\n".encode() + b"\xff", "encoding-unknown"),
    (f"{_DUTCH}\n".encode() + b"\xc3", "encoding-unknown"),
    (f"{_DUTCH}\n".encode() + b"\xed\xa0\x80", "encoding-unknown"),
    (f"{_DUTCH}\n{_ROW}\n".encode("utf-16"), "encoding-unknown"),
    (f"{_DUTCH}\n{_ROW}\n".encode("utf-16-le"), "characters-forbidden"),
    (b"PK\x03\x04", "characters-forbidden"),
    (f"{_DUTCH}\r{_ROW}\r".encode(), "heading-missing"),
    (b"x;y\n\xff", "heading-missing"),
    (b"\xff\nx;y\n", "encoding-unknown"),
    (f"{_DUTCH}\n\xff\x01".encode("latin-1"), "encoding-unknown"),
    (f"{_DUTCH}\n\x01\xff".encode("latin-1"), "characters-forbidden"),
    (f"{_DUTCH}\n\x00".encode(), "characters-forbidden"),
    (f"{_DUTCH}\n\x1b[0m".encode(), "characters-forbidden"),
    (f"{_DUTCH}\n\x7f".encode(), "characters-forbidden"),
    (f'{_DUTCH}\n"{_ROW}\n'.encode(), "quote-open"),
    (f"{_DUTCH}\n".encode() + b'"' + b"\n" * 65_537, "line-too-long"),
    (f"{_DUTCH}\n".encode() + b"x" * 65_537, "line-too-long"),
    (f"{_DUTCH}\n".encode() + b"x" * 65_537 + b"\n", "line-too-long"),
    (b"x" * 65_537, "line-too-long"),
]


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize(("body", "code"), _UNREADABLE)
def test_a_file_that_cannot_be_read_has_one_code_in_chunks_of_any_size(body: bytes, code: str, size: int) -> None:
    if len(body) > 60_000:
        size *= 1_000
    outcome = _outcome(chunked(body, size))
    assert outcome == _outcome([body])
    assert (outcome[1], FAULTS[code].scope) == (code, "delivery")


_NO_TEXT = "has a byte that is no character of text in this encoding."


@pytest.mark.parametrize(
    ("body", "code", "line", "detail"),
    [
        ("\n\n", "heading-missing", None, "The file has no heading."),
        ("\nbsn_ouder;naam;uren", "heading-missing", 2, "The heading lacks bsn_kind, lrk_nummer, maand, uurtarief."),
        (f"sep=;\n{_DUTCH};maand;naam", "heading-unknown-column", 2, "Column 7 is unknown or stands there twice."),
        (f"naam;{_DUTCH};month", "heading-unknown-column", 1, "Column 1 is unknown or stands there twice."),
        (f"{_DUTCH};\n{_ROW}", "heading-unknown-column", 1, "Column 7 is unknown or stands there twice."),
        (f"{_DUTCH}\n{_ROW}\n{_ROW[:-3]}\udcff", "encoding-unknown", 3, f"Line 3 {_NO_TEXT}"),
        (f"{_DUTCH}\n\n{_ROW}\x00", "characters-forbidden", 3, f"Line 3 {_NO_TEXT}"),
        (f'{_DUTCH}\n{_ROW}\n{_ROW};"a\nb\nc\n', "quote-open", 3, "A quote on line 3 is never closed."),
        (f'{_DUTCH}\n{_ROW}\n{_ROW};"a\nb\nc', "quote-open", 3, "A quote on line 3 is never closed."),
        (f"{_DUTCH}\n{_ROW}\n{'x' * 70_000}", "line-too-long", 3, "Line 3 is longer than 64 kB."),
        (f'{_DUTCH}\n{_ROW}\n"{"x" * 40_000}\n{"x" * 40_000}"', "line-too-long", 3, "Line 3 is longer than 64 kB."),
    ],
)
@pytest.mark.parametrize("size", [900, 100_000])
def test_the_sender_is_told_where_a_file_cannot_be_read(body: str, code: str, line: int | None, detail: str, size: int) -> None:
    chunks = chunked(body.encode(errors="surrogateescape"), size)
    assert told(CsvReader(charset=None, this_month=_NOW), chunks) == (code, line, detail)


# With the end that it may lack: what one more character makes too long.
_LONGEST = LINE_BYTES_MAX - 1


@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("size", [1_000, LINE_BYTES_MAX, 1_000_000])
def test_how_long_a_line_may_be_depends_neither_on_its_place_nor_on_the_chunks(size: int, end: str) -> None:
    heading, row = _DUTCH.ljust(_LONGEST), _ROW.ljust(_LONGEST)
    for text, line in ((f"{heading}\n{row}\n{row}{end}", None), (f"{heading} \n{row}", 1), (f"{heading}\n{row}\n{row} {end}", 3)):
        lines, code, place = _outcome(chunked(text.encode(), size))
        assert (code, place) == ((None, None) if line is None else ("line-too-long", line))
        assert [one.line_number for one in lines if not one.faults] == [2, 3][: 2 if line is None else line // 2]
    open_quote = chunked(f'{heading}\n"{row[1:]}{end}'.encode(), size)
    assert _outcome(open_quote) == ([], "quote-open", 2)


@pytest.mark.parametrize("begun", [b"", b'"' + b"\n" * 40_000])
def test_a_line_that_is_too_long_is_refused_before_it_ends(begun: bytes) -> None:
    reader = CsvReader(charset=None, this_month=_NOW)
    assert [*reader.feed(f"{_DUTCH}\n".encode() + begun)] == []
    with pytest.raises(UnreadableDelivery) as caught:
        [*reader.feed(b"x" * (LINE_BYTES_MAX + 1 - len(begun)))]
    assert (caught.value.code, caught.value.line) == ("line-too-long", 2)


def test_the_detail_of_an_unreadable_heading_quotes_nothing_of_it() -> None:
    for body in (_ROW, f"{_DUTCH};{_PARENT}"):
        with pytest.raises(UnreadableDelivery) as caught:
            _read(body)
        assert _PARENT not in caught.value.detail


_PIECES = [
    *(f"{_DUTCH}\n", f"{_ROW}\n", f"{_ROW}\r\n", f"{_ROW}\r", f'"{_ROW}"\n', "é", "\u2028", "\x85", "\ufeff"),
    *(";", ",", "\t", "\n", "\r", '"', '""', "sep=;\n", "1,5", "x", " "),
]
_BODIES = st.lists(st.sampled_from(_PIECES).map(lambda text: text.encode()) | st.binary(max_size=2), max_size=8).map(b"".join)


@given(
    _BODIES | _BODIES.map(lambda body: f"{_DUTCH}\n".encode() + body),
    st.lists(st.integers(1, 40), max_size=12),
)
@example(f"{_DUTCH}\n".encode() + codecs.BOM_UTF8 + f"{_ROW}\n".encode() + b"\xff", [len(_DUTCH) + 1])
@settings(max_examples=200, deadline=None)
def test_chunks_never_change_what_is_read(body: bytes, sizes: list[int]) -> None:
    rest, chunks = body, []
    for size in sizes:
        chunks.append(rest[:size])
        rest = rest[size:]
    assert _outcome([*chunks, rest]) == _outcome([body])


@given(
    st.integers(1, 100),
    st.lists(st.sampled_from([_ROW, "x", f'{_ROW};"a\nb"', f'"{_PARENT}";2']), max_size=6),
)
@settings(max_examples=100, deadline=None)
def test_every_row_of_a_readable_file_is_one_line_in_chunks_of_any_size(size: int, rows: list[str]) -> None:
    body = "\r\n".join([_DUTCH, *rows]).encode()
    lines = _lines(chunked(body, size))
    assert [not line.faults for line in lines] == [row == _ROW for row in rows]
    assert [line.line_number for line in lines] == [2 + place + sum("\n" in row for row in rows[:place]) for place in range(len(rows))]


def test_a_value_may_be_as_long_as_a_line_may_be() -> None:
    row = f"{_ROW};{'r' * 60_000}"
    lines = _lines(chunked(f"{_DUTCH};regelkenmerk\n{row}\n{_ROW};ok\n".encode(), 5_000))
    assert [[one.code for one in line.faults] for line in lines] == [["line-ref-invalid"], []]


@pytest.mark.parametrize("separator", ["\u2028", "\x85"])
def test_only_a_newline_ends_a_line(separator: str) -> None:
    lines = _read(f"{_DUTCH};regelkenmerk\n{_ROW};a{separator}b\n{_ROW};c\n")
    assert [(line.line_number, [one.code for one in line.faults]) for line in lines] == [
        (2, ["line-ref-invalid"]),
        (3, []),
    ]


def test_a_quote_that_is_never_closed_costs_no_more_than_its_bytes() -> None:
    body = f"{_DUTCH}\n".encode() + (b'"' + b"\n" * 65_000 + b'"\n') * 3
    assert [line.line_number for line in _lines(chunked(body, 1_000))] == [2, 65_003, 130_004]
