"""NDJSON deliveries: the first line, lines that break alone, the same lines as JSON gives, and any bytes in any chunks."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from reconcile.rules.bsn import marked_bsn
from reconcile.rules.delivery_file import LINE_BYTES_MAX, Complete, Envelope
from reconcile.rules.delivery_json import JsonReader
from reconcile.rules.delivery_line import DeliveryLine, read_line
from reconcile.rules.delivery_ndjson import NdjsonReader
from reconcile.rules.faults import FAULTS, UnreadableDelivery
from tests.make import delivery_fields
from tests.reading import chunked, read_as_far, read_whole, told

_NOW = "2026-07"
_SENT = "2026-04-02T08:15:00Z"
_OIN = "00000099000000110000"
_HEAD = json.dumps({"createdAt": _SENT}).encode()
_SOUND = json.dumps(delivery_fields()).encode()
_AT = Envelope(sent_at=datetime(2026, 4, 2, 8, 15, tzinfo=UTC))


def _read(chunks: Iterable[bytes]) -> tuple[Envelope, list[DeliveryLine]]:
    return read_whole(NdjsonReader(this_month=_NOW), chunks)


def _outcome(chunks: Iterable[bytes]) -> tuple[list[DeliveryLine], Envelope | None, str | None, int | None]:
    return read_as_far(NdjsonReader(this_month=_NOW), chunks)


def _sound(number: int) -> DeliveryLine:
    return read_line(delivery_fields(), number, this_month=_NOW)


def _codes(lines: Iterable[DeliveryLine]) -> list[tuple[int, list[str]]]:
    return [(line.line_number, [one.code for one in line.faults]) for line in lines]


@pytest.mark.parametrize(
    ("body", "numbers"),
    [
        (_HEAD + b"\n" + _SOUND + b"\n" + _SOUND + b"\n", [2, 3]),
        (_HEAD + b"\n" + _SOUND + b"\n" + _SOUND, [2, 3]),
        (_HEAD + b"\r\n" + _SOUND + b"\r\n" + _SOUND + b"\r\n", [2, 3]),
        (b"\xef\xbb\xbf" + _HEAD + b"\n" + _SOUND + b"\n", [2]),
        (b"\n \n" + _HEAD + b"\n\r\n\t\n" + _SOUND + b"\n\n\n", [6]),
        (b"\xef\xbb\xbf\n" + _HEAD + b"\n  " + _SOUND + b"  \n ", [3]),
        (_HEAD, []),
        (_HEAD + b"\n", []),
    ],
)
def test_lines_have_the_number_of_the_line_of_the_file(body: bytes, numbers: list[int]) -> None:
    for chunks in ([body], chunked(body, 1), chunked(body, 7)):
        assert _read(chunks) == (_AT, [_sound(number) for number in numbers])


def test_the_first_line_has_every_member_of_the_envelope() -> None:
    members = {
        "complete": [{"month": "2026-03", "lrkNumbers": ["900000001", "900000002"]}],
        "organisationOin": _OIN,
        "reference": 'r-"1"',
        "createdAt": _SENT,
    }
    expected = Envelope(
        reference='r-"1"',
        sent_at=_AT.sent_at,
        organisation_oin=_OIN,
        complete=(Complete(month="2026-03", lrk_numbers=("900000001", "900000002")),),
    )
    assert _read([json.dumps(members).encode()]) == (expected, [])
    assert _read([b"{}\n" + _SOUND]) == (Envelope(), [_sound(2)])


def test_a_first_line_with_fields_of_a_line_is_one_and_there_is_no_envelope() -> None:
    assert _read([_SOUND + b"\n" + _SOUND]) == (Envelope(), [_sound(1), _sound(2)])
    faulty = b'{"month":"2026-13","extra":1}\n{"hours":1,"hours":1}\n'
    assert [number for number, codes in _codes(_read([faulty])[1]) if codes] == [1, 2]
    assert _codes(_read([b'{"hours":1,"hours":1}\n'])[1]) == [(1, ["line-unreadable"])]


def test_an_envelope_that_is_not_first_is_a_line_with_faults() -> None:
    _, lines = _read([_SOUND + b"\n" + _HEAD + b"\n" + _SOUND])
    assert [bool(line.faults) for line in lines] == [False, True, False]
    assert "field-unknown" in {one.code for one in lines[1].faults}


_UNREADABLE = [
    *((body, "first-line-unreadable", None) for body in (b"", b"\n", b" \r\n\t\n", b"\xef\xbb\xbf")),
    *((body, "first-line-unreadable", 1) for body in (b"{", b"PK\x03\x04", b"\x00", b"x", b"[]", b"1", b"null", b'"createdAt"')),
    *((body, "first-line-unreadable", 1) for body in (b"\xff\xfe{\x00}\x00", b"\x0c", b"[" * 5_000, b"{" + b" " * 70_000 + b"}")),
    *((body, "first-line-unreadable", 1) for body in (b'{\n  "createdAt": 1\n}', b"\xef\xbb\xbf\xef\xbb\xbf{}", _HEAD + _SOUND)),
    (b"\n\n{\n" + _SOUND, "first-line-unreadable", 3),
    (json.dumps({"createdAt": _SENT, "lines": [delivery_fields()]}).encode(), "envelope-invalid", 1),
    (json.dumps({"createdAt": _SENT, **delivery_fields()}).encode(), "envelope-invalid", 1),
    *((body, "envelope-invalid", 1) for body in (b'{"created_at":"x"}', b'{"x":1}', b'{"reference":"a","reference":"a"}')),
    *((json.dumps({"reference": value}).encode(), "envelope-invalid", None) for value in (1, [], {}, True)),
    *((json.dumps({"createdAt": value}).encode(), "envelope-invalid", None) for value in (None, "", 1, "2026-04-02", [])),
    *((json.dumps({"organisationOin": value}).encode(), "envelope-invalid", None) for value in ("", "x", 99, _OIN[1:])),
    *((json.dumps({"complete": value}).encode(), "envelope-invalid", None) for value in (None, {}, [1], [{"month": "2026-03"}])),
]


@pytest.mark.parametrize("size", [1_000, 7_000, 500_000])
@pytest.mark.parametrize(("body", "code", "line"), _UNREADABLE)
def test_a_first_line_that_cannot_be_read_makes_the_delivery_unreadable(body: bytes, code: str, line: int | None, size: int) -> None:
    outcome = _outcome(chunked(body, size if len(body) > 4_000 else size // 1_000))
    assert outcome == ([], None, code, line)
    assert FAULTS[code].scope == "delivery"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        *((line, "line-json-broken") for line in (b"{", b"x", b"\x00", b'{"a":1}}', b'{"a":1,}', b"{'a':1}", b'{"a":NaN}', b'{"a":01}')),
        *((line, "line-json-broken") for line in (b'{"a":"\xff"}', b'{"\xff":1}', b'{"a":"\x01"}', b'{"a":"\\ud800"}', b'{"a":"\\x"}')),
        *((line, "line-json-broken") for line in (b'{"a":1e99999999999999999999}', b'{"a":' + b"9" * 5_000 + b"}", b"{} {}")),
        *((b'{"hours":' + b"[" * deep + b"]" * deep + b"}", "line-json-broken") for deep in (6, 500, 20_000)),
        *((b"[" * deep + b"]" * deep, "line-json-broken") for deep in (7, 500, 20_000)),
        *((line, "line-unreadable") for line in (b"[]", b"1", b"null", b'"x"', b"[[[[[[]]]]]]", b'[{"hours":1,"hours":2}]')),
        *((line, "line-unreadable") for line in (b'{"hours":1,"hours":1}', b'{"hours":"1","hours":1}', b'{"a":null,"a":[]}')),
        *((line, "line-unreadable") for line in (b'{"hours":"\\"","hours":"\\\\"}', b'{"hours":1,"h\\u006furs":1}')),
        *((line, "line-unreadable") for line in (b'{"hours":{"a":1},"hours":{"a":1}}', b'{"":"","":""}')),
        *((line, "line-oversized") for line in (b" " * 70_000, b"x" * (LINE_BYTES_MAX + 1), b"x" * 200_000)),
    ],
)
@pytest.mark.parametrize("size", [1_000, 65_537, 500_000])
def test_a_line_that_cannot_be_read_has_one_fault_and_the_next_one_is_read(line: bytes, code: str, size: int) -> None:
    body = b"\n".join((_HEAD, line, _SOUND, line))
    read = _read(chunked(body, size))[1]
    assert _codes(read) == [(2, [code]), (3, []), (4, [code])]
    assert read[1] == _sound(3)
    assert FAULTS[code].scope == "line"


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
@pytest.mark.parametrize("size", [1, 1_000, 65_536, 1_000_000])
def test_how_long_a_line_may_be_does_not_depend_on_the_chunks(size: int, end: bytes) -> None:
    longest = LINE_BYTES_MAX - len(end.strip(b"\n"))
    for length, is_read in ((longest, True), (longest + 1, False)):
        body = _HEAD + b"\n" + _SOUND + b" " * (length - len(_SOUND)) + end
        assert _codes(_read(chunked(body, size))[1]) == [(2, [] if is_read else ["line-oversized"])]


def test_memory_does_not_grow_with_a_line_that_never_ends() -> None:
    reader = NdjsonReader(this_month=_NOW)
    assert [*reader.feed(_HEAD + b"\n")] == []
    for _ in range(100):
        assert [*reader.feed(b"x" * 100_000)] == []
    assert len(reader._rest) <= LINE_BYTES_MAX + 1
    assert _codes([*reader.feed(b"\n" + _SOUND), *reader.close()]) == [(2, ["line-oversized"]), (3, [])]


@pytest.mark.parametrize("text", ['"', "\\", '\\"', '\\\\"', "/", "é\n", '":"', "{}", "a" * 64])
@pytest.mark.parametrize("is_ascii", [True, False])
def test_quotes_and_escapes_in_a_value_are_no_second_name(text: str, is_ascii: bool) -> None:
    fields = delivery_fields(lineRef=text, careType=None)
    body = _HEAD + b"\n" + json.dumps(fields, ensure_ascii=is_ascii).encode().replace(b"/", b"\\/")
    assert _read([body])[1] == [read_line(fields, 2, this_month=_NOW)]


def test_a_name_that_stands_twice_deeper_in_a_line_is_a_fault_of_its_field() -> None:
    assert "line-unreadable" not in _codes(_read([_HEAD + b'\n{"hours":{"a":1,"a":2}}'])[1])[0][1]


def test_a_number_is_read_by_its_text_and_not_as_a_binary_fraction() -> None:
    body = _HEAD + b"\n" + _SOUND.replace(b'"120.50"', b"0.1000000000000000055511151231257827")
    assert _codes(_read([body])[1]) == [(2, ["hours-invalid"])]


_MEMBER = "The first line has a member that is unknown or stands there twice."


@pytest.mark.parametrize(
    ("body", "code", "line", "detail"),
    [
        (b"\n \n", "first-line-unreadable", None, "The file is empty."),
        (b"\n[]\n", "first-line-unreadable", 2, "The first line is not a JSON object."),
        (b"\n\n{\n", "first-line-unreadable", 3, "This line is not valid JSON."),
        (b"x" * 70_000, "first-line-unreadable", 1, "This line is longer than 64 kB."),
        (b'\n{"rules":1}', "envelope-invalid", 2, _MEMBER),
        (b'{"reference":"a","reference":"a"}', "envelope-invalid", 1, _MEMBER),
    ],
)
def test_the_sender_is_told_where_a_file_cannot_be_read(body: bytes, code: str, line: int | None, detail: str) -> None:
    assert told(NdjsonReader(this_month=_NOW), chunked(body, 5_000)) == (code, line, detail)


def test_a_broken_first_line_is_told_without_quoting_it() -> None:
    with pytest.raises(UnreadableDelivery) as caught:
        _read([b"{" + marked_bsn(0).encode()])
    assert marked_bsn(0) not in caught.value.detail


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_FIELD = st.sampled_from(["hours", "month", "lineRef", "parentBsn"]) | st.text(max_size=3)
# Objects as text, so that a name may stand twice.
_OBJECT = st.lists(st.tuples(_FIELD, _JSON, st.booleans()), max_size=5).map(
    lambda pairs: "{" + ",".join(f"{json.dumps(name, ensure_ascii=ascii_)}:{json.dumps(value)}" for name, value, ascii_ in pairs) + "}"
)
_LINE = _OBJECT | _JSON.map(json.dumps) | st.just(_SOUND.decode())


@given(st.lists(_LINE, max_size=6), st.integers(1, 90))
@settings(max_examples=200, deadline=None)
def test_lines_are_those_that_json_gives(lines: list[str], size: int) -> None:
    ndjson = "\n".join([_HEAD.decode(), *lines]).encode()
    document = f'{{"createdAt":"{_SENT}","lines":[{",".join(lines)}]}}'.encode()
    json_reader = JsonReader(this_month=_NOW)
    expected = [*json_reader.feed(document), *json_reader.close()]
    envelope, read = _read(chunked(ndjson, size))
    assert envelope == json_reader.envelope()
    assert [structs.replace(line, line_number=line.line_number - 1) for line in read] == expected


_PIECES = [b"\n", b"\r\n", b"{", b"}", b"[", b'"hours":', b'"x"', b":", b",", b"1", b"1.5e3", b"null", b" ", b"\\", b'"', b"\xef\xbb\xbf"]
_BODIES = st.lists(st.sampled_from([*_PIECES, _HEAD, _SOUND, b"x" * 70_000]) | st.binary(max_size=2), max_size=12).map(b"".join)


@given(st.booleans(), _BODIES, st.lists(st.integers(0, 90), max_size=12))
@settings(max_examples=300, deadline=None)
def test_chunks_never_change_what_is_read(has_head: bool, body: bytes, sizes: list[int]) -> None:
    body = _HEAD + b"\n" + body if has_head else body
    rest, chunks = body, []
    for size in sizes:
        chunks.append(rest[:size])
        rest = rest[size:]
    assert _outcome([*chunks, rest]) == _outcome([body])


@given(st.lists(st.binary(max_size=20).filter(lambda one: b"\n" not in one), max_size=8))
@settings(max_examples=200, deadline=None)
def test_no_line_vanishes_and_every_sound_one_is_read(broken: list[bytes]) -> None:
    body = b"\n".join(part for one in broken for part in (one, _SOUND))
    lines = {line.line_number: line for line in _read([_HEAD + b"\n" + body])[1]}
    for place, one in enumerate(broken):
        assert ((2 * place + 2) in lines) == bool(one.strip(b" \t\r"))
        assert lines[2 * place + 3] == _sound(2 * place + 3)
