"""The published examples of faults, read by the rules alone; tests/api/test_sandbox.py sends each one over HTTP."""

from typing import Any

import pytest

from reconcile.rules.delivery_csv import CsvReader
from reconcile.rules.delivery_file import DeliveryReader
from reconcile.rules.delivery_json import JsonReader
from reconcile.rules.delivery_ndjson import NdjsonReader
from reconcile.rules.fault_examples import EXAMPLES, SOUND_FILES, FaultExample
from reconcile.rules.faults import FAULTS
from tests.reading import read_as_far, read_whole

_NOW = "2026-07"
# What only shows beside the register, the clock, the caller, other lines or what was delivered before.
_NOT_IN_THE_FILE_ALONE = {
    "all-or-nothing",
    "care-type-mismatch",
    "created-in-future",
    "duplicate-line",
    "lrk-number-not-registered",
    "lrk-number-not-yours",
    "lrk-number-unknown",
    "organisation-mismatch",
    "reference-mismatch",
    "replaced-line-unknown",
}


def _reader(suffix: str, charset: str | None = None) -> DeliveryReader:
    if suffix == "csv":
        return CsvReader(charset=charset, this_month=_NOW)
    return JsonReader(this_month=_NOW) if suffix == "json" else NdjsonReader(this_month=_NOW)


def _codes(example: FaultExample) -> set[str]:
    lines, _, code, _ = read_as_far(_reader(example.suffix, example.charset), [example.text.encode()])
    return {code} if code else {fault.code for line in lines for fault in line.faults}


def test_every_fault_of_a_line_or_a_delivery_has_its_example() -> None:
    assert set(EXAMPLES) == {kind.code for kind in FAULTS.values() if kind.scope in ("line", "delivery")}


@pytest.mark.parametrize("code", sorted(EXAMPLES))
def test_an_example_has_its_fault_and_no_other(code: str) -> None:
    expected = set() if code in _NOT_IN_THE_FILE_ALONE else {code}
    assert _codes(EXAMPLES[code]) == expected | set(EXAMPLES[code].also)


def test_an_example_is_published_under_its_code_and_sent_as_what_it_is() -> None:
    sent = {one.file: one.content_type for one in EXAMPLES.values()}
    assert sent["bsn-missing.csv"] == "text/csv"
    assert sent["encoding-unknown.csv"] == "text/csv; charset=windows-1252"
    assert sent["field-unknown.json"] == "application/json"
    assert sent["line-oversized.ndjson"] == "application/x-ndjson"


@pytest.mark.parametrize("suffix", SOUND_FILES)
def test_the_sound_file_of_each_format_says_the_same_of_two_children(suffix: str) -> None:
    content_type, text = SOUND_FILES[suffix]
    envelope, lines = read_whole(_reader(suffix), [text.encode()])
    assert content_type == {"csv": "text/csv", "json": "application/json", "ndjson": "application/x-ndjson"}[suffix]
    assert [line.faults for line in lines] == [()] * len(lines)
    assert len({line.child_bsn for line in lines}) == len(lines)
    told: list[Any] = [(line.parent_bsn, line.lrk_number, line.month) for line in lines]
    assert len(set(told)) == 1
    assert (envelope.sent_at is None) == (suffix == "csv")
