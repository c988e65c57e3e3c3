"""JSON deliveries: lines and envelope, every unreadable file, and any bytes in any chunks."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.rules.bsn import marked_bsn
from reconcile.rules.delivery_file import Complete, Envelope
from reconcile.rules.delivery_json import JsonReader
from reconcile.rules.delivery_line import DeliveryLine, read_line, unreadable_line
from reconcile.rules.faults import FAULTS, UnreadableDelivery
from tests.make import delivery_fields
from tests.reading import chunked, read_as_far, read_whole, told

_NOW = "2026-07"
_SENT = "2026-04-02T08:15:00Z"
_OIN = "00000099000000110000"


def _body(*lines: Any, **change: Any) -> bytes:
    members = {"createdAt": _SENT, "lines": list(lines), **change}
    return json.dumps({name: value for name, value in members.items() if value is not ...}).encode()


def _read(chunks: Iterable[bytes]) -> tuple[Envelope, list[DeliveryLine]]:
    return read_whole(JsonReader(this_month=_NOW), chunks)


def _outcome(chunks: Iterable[bytes]) -> tuple[list[DeliveryLine], Envelope | None, str | None, int | None]:
    return read_as_far(JsonReader(this_month=_NOW), chunks)


def test_lines_are_numbered_by_their_place() -> None:
    envelope, lines = _read([_body(delivery_fields(), delivery_fields(month="2026-04"))])
    assert envelope == Envelope(sent_at=datetime(2026, 4, 2, 8, 15, tzinfo=UTC))
    assert lines == [
        read_line(delivery_fields(), 1, this_month=_NOW),
        read_line(delivery_fields(month="2026-04"), 2, this_month=_NOW),
    ]


def test_numbers_may_be_text_or_number() -> None:
    body = _body(delivery_fields(hours=120.5, hourlyRate=10.25, lrkNumber=900000001))
    assert _read([body])[1] == [read_line(delivery_fields(), 1, this_month=_NOW)]


def test_a_number_is_read_by_its_text_and_not_as_a_binary_fraction() -> None:
    body = _body(delivery_fields()).replace(b'"120.50"', b"0.1000000000000000055511151231257827")
    assert [one.code for one in _read([body])[1][0].faults] == ["hours-invalid"]


@pytest.mark.parametrize("line", [None, 1, "x", True, [], [{}], [[1]]])
def test_a_line_that_is_no_object_cannot_be_read_and_the_next_one_can(line: Any) -> None:
    sound = read_line(delivery_fields(), 2, this_month=_NOW)
    assert _read([_body(line, delivery_fields())])[1] == [unreadable_line(1), sound]


def test_every_member_of_the_envelope_is_read_in_any_order() -> None:
    complete = [{"month": "2026-03", "lrkNumbers": ["900000001", "900000002"]}]
    members = {"reference": "r-1", "organisationOin": _OIN, "complete": complete}
    expected = Envelope(
        reference="r-1",
        sent_at=datetime(2026, 4, 2, 8, 15, tzinfo=UTC),
        organisation_oin=_OIN,
        complete=(Complete(month="2026-03", lrk_numbers=("900000001", "900000002")),),
    )
    for body in (_body(**members), json.dumps({**members, "lines": [], "createdAt": _SENT}).encode()):
        assert _read([body]) == (expected, [])


def test_members_of_the_envelope_may_be_missing_or_null() -> None:
    assert _read([b'{"lines": []}']) == (Envelope(), [])
    assert _read([_body(createdAt=..., reference=None, organisationOin=None, complete=[])]) == (
        Envelope(),
        [],
    )


_UNREADABLE = [
    *((body, "json-broken") for body in (b"", b" ", b"[]", b"1", b'"x"', b"null", b"{}", b"{", b'{"lines"', b'{"lines":[')),
    *((body, "json-broken") for body in (b'{"lines":[]', b'{"lines":[]}]', b'{"lines":[]}{}', b'{"lines":[]} x')),
    *((body, "json-broken") for body in (b'{"lines":[],}', b'{"lines":[1,]}', b"{'lines':[]}", b'{"lines":[NaN]}')),
    *((body, "json-broken") for body in (b'{"lines":[Infinity]}', b'{"lines":[-]}', b'{"lines":[01]}', b'{"lines":["\x01"]}')),
    *((body, "json-broken") for body in (b'{"lines":["\xff"]}', b'\xef\xbb\xbf\xef\xbb\xbf{"lines":[]}', b'{"lines":["\\x"]}')),
    *((body, "json-broken") for body in (b'{"lines":null}', b'{"lines":1}', b'{"lines":"x"}', b'{"lines":{}}')),
    *((body, "json-broken") for body in (b'{"lines":{"a":1}}', b'{"lines":[' + b"[" * 9 + b"]" * 9 + b"]}", b"[" * 5_000)),
    *((body, "json-broken") for body in (b'{"createdAt":"x"}', b'{"lines":[1e99999999999999999999]}', b"PK\x03\x04")),
    *((b'{"lines":[{"hours":' + sign + b"9" * 5_000 + b"}]}", "json-broken") for sign in (b"", b"-")),
    *((_body(**{name: 1}), "envelope-invalid") for name in ("Lines", "created_at", "", "organisation")),
    *((_body(reference=value), "envelope-invalid") for value in (1, [], {}, True)),
    *((_body(createdAt=value), "envelope-invalid") for value in (None, "", 1, "2026-04-02", "2026-04-02T08:15:00", [])),
    *((_body(organisationOin=value), "envelope-invalid") for value in ("", "x", 99, _OIN[1:], f"{_OIN}0", [])),
    *((_body(complete=value), "envelope-invalid") for value in (None, 1, "x", {}, [1], [[]], [{}], [{"month": "2026-03"}])),
    (_body(complete=[{"month": "2026-3", "lrkNumbers": []}]), "envelope-invalid"),
    (_body(complete=[{"month": "2026-03", "lrkNumbers": [1]}]), "envelope-invalid"),
    (_body(complete=[{"month": "2026-03", "lrkNumbers": [], "x": 1}]), "envelope-invalid"),
    (b'{"lines":[],"lines":[]}', "envelope-invalid"),
    (b'{"reference":"a","reference":"a","lines":[]}', "envelope-invalid"),
    (b'{"lines":["' + b"x" * 400_000 + b'"]}', "line-too-long"),
    (b'{"lines":[' + b" " * 400_000 + b"]}", "line-too-long"),
    (b'{"reference":"' + b"x" * 400_000 + b'","lines":[]}', "line-too-long"),
]


@pytest.mark.parametrize("size", [1, 7, 500_000])
@pytest.mark.parametrize(("body", "code"), _UNREADABLE)
def test_a_file_that_cannot_be_read_has_one_code_in_chunks_of_any_size(body: bytes, code: str, size: int) -> None:
    if len(body) > 300_000:
        size *= 1_000
    outcome = _outcome(chunked(body, size))
    assert outcome == _outcome([body])
    assert (outcome[2], FAULTS[code].scope) == (code, "delivery")


def test_a_broken_file_says_after_which_line_and_quotes_nothing() -> None:
    body = _body(delivery_fields())[:-2] + b", {" + marked_bsn(0).encode()
    with pytest.raises(UnreadableDelivery) as caught:
        _read(chunked(body, 10))
    assert (caught.value.code, caught.value.line) == ("json-broken", 2)
    assert marked_bsn(0) not in caught.value.detail


_ONE_OBJECT = "The file is not one JSON object."
_BROKEN = "breaks off or is not valid JSON"
_MEMBER = "The object has a member that is unknown or stands there twice."
_LONG = b'"' + b"x" * 120_000 + b'"'
_DEEP = b"[" * 8 + b"]" * 8


@pytest.mark.parametrize(
    ("body", "code", "line", "detail"),
    [
        (b"[]", "json-broken", None, _ONE_OBJECT),
        (b'"x"', "json-broken", None, _ONE_OBJECT),
        (b"", "json-broken", None, f"What stands around the lines {_BROKEN}."),
        (b'{"reference":r,"lines":[1]}', "json-broken", None, f"What stands around the lines {_BROKEN}."),
        (b'{"lines":[1,2]', "json-broken", None, f"What stands around the lines {_BROKEN}."),
        (b'{"lines":[1,2,', "json-broken", 3, f"Line 3 {_BROKEN}."),
        (b'{"lines":[1,2,{"hours":01},4]}', "json-broken", 3, f"Line 3 {_BROKEN}."),
        (b'{"lines":[1,2,{"hours":"\xff"},4]}', "json-broken", 3, f"Line 3 {_BROKEN}."),
        *((b'{"lines":[1,2,' + start + b"9" * 5_000, "json-broken", 3, f"Line 3 {_BROKEN}.") for start in (b"", b'{"hours":-')),
        (b'{"lines":[1,2,{"hours":1e99999999999999999999}]}', "json-broken", 3, f"Line 3 {_BROKEN}."),
        (b'{"reference":"r"}', "json-broken", None, "The object has no lines."),
        *((b'{"lines":' + other + b"}", "json-broken", None, "lines must be an array.") for other in (b"1", b"{}", b'{"hours":1}')),
        (b'{"lines":[1,' + _DEEP + b"]}", "json-broken", 2, "Line 2 is nested too deep."),
        (b'{"lines":[1],"complete":' + _DEEP + b"}", "json-broken", None, "What stands around the lines is nested too deep."),
        (b'{"lines":[1,2,' + _LONG + b"]}", "line-too-long", 3, "Line 3 is too long."),
        (b'{"lines":[1,2],"reference":' + _LONG + b"}", "line-too-long", None, "What stands around the lines is too long."),
        (b'{"lines":[1,2]' + b" " * 120_000 + b"}", "line-too-long", None, "What stands around the lines is too long."),
        (b'{"reference":' + _LONG + b',"lines":[]}', "line-too-long", None, "What stands around the lines is too long."),
        (b'{"lines":[],"rules":1}', "envelope-invalid", None, _MEMBER),
        (b'{"lines":[],"lines":[]}', "envelope-invalid", None, _MEMBER),
    ],
)
def test_the_sender_is_told_where_a_file_cannot_be_read(body: bytes, code: str, line: int | None, detail: str) -> None:
    assert told(JsonReader(this_month=_NOW), chunked(body, 5_000)) == (code, line, detail)


def test_lines_that_are_no_array_are_not_read_as_lines() -> None:
    assert _outcome([b'{"lines":{"hours":1}}'])[0] == []


@pytest.mark.parametrize("deep", [6, 7])
def test_a_line_may_hold_six_levels(deep: int) -> None:
    lines, _, code, line = _outcome([b'{"lines":[' + b"[" * deep + b"]" * deep + b"]}"])
    assert (lines, code, line) == (([unreadable_line(1)], None, None) if deep == 6 else ([], "json-broken", 1))


_BLOCK = 16_384


def test_a_line_may_fill_five_blocks_beside_the_one_in_which_it_begins() -> None:
    first = b'{"lines":["'.ljust(6 * _BLOCK - 1, b"x") + b'"'
    second = b',"'.ljust(6 * _BLOCK - 1, b"y") + b'"'
    lines, _, code, line = _outcome([first + second + b"]}"])
    assert ([one.line_number for one in lines], code, line) == ([1, 2], None, None)
    for body, number in ((first[:-1] + b'x"]}', 1), (first + second[:-1] + b'y"]}', 2)):
        assert _outcome([body])[2:] == ("line-too-long", number)


def test_lines_come_as_soon_as_a_block_is_full() -> None:
    body = b'{"lines":[{"hours":1},'.ljust(_BLOCK - 1) + b"1"
    reader = JsonReader(this_month=_NOW)
    assert [line.line_number for line in reader.feed(body)] == [1]
    assert [line.line_number for line in (*reader.feed(b"]}"), *reader.close())] == [2]


def test_a_byte_order_mark_is_one_at_the_beginning_alone() -> None:
    before = b'{"lines":[],"reference":"'.ljust(_BLOCK, b"x")
    envelope, _ = _read([before + b'\xef\xbb\xbfr"}'])
    assert envelope.reference == "x" * (_BLOCK - 25) + "\ufeffr"


def test_a_long_delivery_of_short_lines_is_read_to_the_end() -> None:
    body = _body(*({"lineRef": str(number)} for number in range(20_000)))
    lines = _read(chunked(body, 50_000))[1]
    assert [line.line_ref for line in lines] == [str(number) for number in range(20_000)]


@pytest.mark.parametrize("size", [1, 1_000, 1_000_000])
@pytest.mark.parametrize(("characters", "code"), [(65_000, None), (100_000, "line-too-long"), (200_000, "line-too-long")])
def test_how_long_a_line_may_be_does_not_depend_on_the_chunks(characters: int, code: str | None, size: int) -> None:
    body = _body("x" * characters, *("y" for _ in range(5_000)))
    assert _outcome(chunked(body, size))[2] == code


def test_a_byte_order_mark_is_passed_over() -> None:
    assert _outcome(chunked(b"\xef\xbb\xbf" + _body(), 1)) == _outcome([_body()])


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_MEMBERS = st.fixed_dictionaries(
    {"lines": st.lists(_JSON | st.fixed_dictionaries({}, optional={"hours": _JSON, "month": _JSON}), max_size=4) | _JSON},
    optional={
        "createdAt": st.just(_SENT) | _JSON,
        "reference": _JSON,
        "complete": _JSON,
        "organisationOin": _JSON,
    },
)
_PIECES = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"lines":',
    b'"x"',
    b":",
    b",",
    b"1",
    b"1.5e3",
    b"-",
    b"null",
    b" ",
    b"\\u12",
    b'"',
]
_BODIES = _MEMBERS.map(lambda one: json.dumps(one).encode()) | st.lists(st.sampled_from(_PIECES) | st.binary(max_size=2), max_size=10).map(
    b"".join
)


@given(_BODIES, st.binary(max_size=1), st.lists(st.integers(0, 20), max_size=12))
@settings(max_examples=200, deadline=None)
def test_chunks_never_change_what_is_read(body: bytes, tail: bytes, sizes: list[int]) -> None:
    rest, chunks = body + tail, []
    for size in sizes:
        chunks.append(rest[:size])
        rest = rest[size:]
    assert _outcome([*chunks, rest]) == _outcome([body + tail])


@given(st.lists(_JSON, max_size=5), st.integers(1, 60))
@settings(max_examples=100, deadline=None)
def test_every_element_of_a_sound_file_is_one_line_in_chunks_of_any_size(lines: list[Any], size: int) -> None:
    body = _body(*lines, delivery_fields())
    read = _read(chunked(body, size))[1]
    assert len(read) == len(lines) + 1
    assert read[-1] == read_line(delivery_fields(), len(lines) + 1, this_month=_NOW)


def test_a_field_that_stands_twice_in_a_line_makes_that_line_unreadable_and_no_other() -> None:
    body = b'{"lines": [{"hours": 1, "hours": 2}, {"hours": 1, "month": "2026-03"}, {"hours": {"a": 1, "a": 2}}]}'
    reader = JsonReader(this_month="2026-07")
    read = [*reader.feed(body), *reader.close()]
    assert [[fault.code for fault in line.faults] == ["line-unreadable"] for line in read] == [True, False, False]
