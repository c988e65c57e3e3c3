"""One line of a delivery: sound values, every fault, all faults at once, and what waits for the sender."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple

from reconcile.rules.bsn import marked_bsn
from reconcile.rules.delivery_line import FIELDS, NEEDED_FIELDS, DeliveryLine, read_line, read_object, unreadable_line
from reconcile.rules.faults import FAULTS, Fault, fault, shape_of
from tests.make import delivery_fields

_NOW = "2026-07"
_PARENT, _CHILD = marked_bsn(0), marked_bsn(1)
_SPREADSHEET_BSN = f"{12:09d}".lstrip("0")


def _read(**change: Any) -> DeliveryLine:
    return read_line(delivery_fields(**change), 7, this_month=_NOW)


def _codes(line: DeliveryLine) -> list[tuple[str, str | None]]:
    return [(one.code, one.field) for one in line.faults]


def test_a_sound_line_has_all_its_values() -> None:
    line = _read(careType="bso", amount="1235.13", endDate="2026-03-31", lineRef="A-1")
    assert line == DeliveryLine(
        line_number=7,
        line_ref="A-1",
        parent_bsn=_PARENT,
        child_bsn=_CHILD,
        lrk_number="900000001",
        care_type="BSO",
        month="2026-03",
        hours_hundredths=12_050,
        hourly_rate_cents=1_025,
        amount_cents=123_513,
        end_on=date(2026, 3, 31),
        replaced=None,
        faults=(),
    )


@pytest.mark.parametrize("empty", ["", None, ...])
def test_a_missing_optional_field_is_no_fault(empty: Any) -> None:
    line = _read(careType=empty, amount=empty, endDate=empty, lineRef=empty)
    assert (line.care_type, line.amount_cents, line.end_on, line.line_ref, line.faults) == (
        None,
        None,
        None,
        None,
        (),
    )


@pytest.mark.parametrize(
    ("field", "value", "attribute", "expected"),
    [
        ("parentBsn", f" {_PARENT} ", "parent_bsn", _PARENT),
        ("childBsn", int(_CHILD), "child_bsn", _CHILD),
        ("lrkNumber", 900000001, "lrk_number", "900000001"),
        ("month", " 2026-07 ", "month", "2026-07"),
        ("month", "2005-01", "month", "2005-01"),
        ("hours", 0, "hours_hundredths", 0),
        ("hours", 744, "hours_hundredths", 74_400),
        ("hours", 90.25, "hours_hundredths", 9_025),
        ("hours", Decimal("90.5"), "hours_hundredths", 9_050),
        ("hourlyRate", "0", "hourly_rate_cents", 0),
        ("hourlyRate", "100.00", "hourly_rate_cents", 10_000),
        ("careType", " Kdv", "care_type", "KDV"),
        ("careType", "vgo", "care_type", "VGO"),
        ("endDate", "31-03-2026", "end_on", date(2026, 3, 31)),
        ("endDate", "29-02-2028", "end_on", date(2028, 2, 29)),
        ("endDate", "2005-01-01", "end_on", date(2005, 1, 1)),
        ("endDate", "2099-12-31", "end_on", date(2099, 12, 31)),
        ("endDate", " 2026-03-31 ", "end_on", date(2026, 3, 31)),
        ("lineRef", 12, "line_ref", "12"),
        ("lineRef", "r" * 64, "line_ref", "r" * 64),
    ],
)
def test_other_ways_to_write_a_value_are_taken(field: str, value: Any, attribute: str, expected: Any) -> None:
    line = _read(**{field: value})
    assert (getattr(line, attribute), line.faults) == (expected, ())


_BAD_VALUES: list[tuple[str, Any, str]] = [
    *(("parentBsn", value, "bsn-missing") for value in ("", None, ...)),
    *(("childBsn", value, "bsn-missing") for value in ("", None, ...)),
    *(("parentBsn", value, "bsn-invalid") for value in ("900000000", "000000000", _SPREADSHEET_BSN, "x", True, 1.5, [])),
    *(("childBsn", value, "bsn-invalid") for value in (f"{_CHILD}0", "111.222.333", 12, {}, "１１１２２２３３３")),
    *(("lrkNumber", value, "lrk-number-invalid") for value in ("", None, ..., "90000000", "9000000010", "LRK900000", 1, True, [])),
    *(("careType", value, "care-type-invalid") for value in ("GOB", "PSZ", "dagopvang", "K DV", 1, True, [], {})),
    *(("month", value, "month-invalid") for value in ("", None, ..., "2026-13", "2026-3", "03-2026", "2004-12", 202603, [])),
    *(("month", value, "month-in-future") for value in ("2026-08", "2027-01", "2099-12")),
    *(("hours", value, "hours-invalid") for value in ("", None, ..., "-1", "90,5", "1.234,5", "90.125", "1e2", "NaN", True, [])),
    *(("hours", value, "hours-out-of-range") for value in ("744.01", "12050", 745)),
    *(("hourlyRate", value, "hourly-rate-invalid") for value in ("", None, ..., "-1", "100.01", "€ 10", "10.123", False, {})),
    *(("amount", value, "amount-invalid") for value in ("-1", "100000.01", "1.234,50", "ten", True, [], {})),
    *(("amount", value, "amount-mismatch") for value in ("0", "1234.46", "1235.80")),
    *(("endDate", value, "end-date-invalid") for value in ("2026-02-30", "31-3-2026", "31/03/2026", "2004-12-31", "2100-01-01")),
    *(("endDate", value, "end-date-invalid") for value in ("20260331", "2026-03", 20260331, True, [], "2026-03-31T00:00:00Z")),
    *(("lineRef", value, "line-ref-invalid") for value in (" ", "r" * 65, "a\nb", "a\x00b", 1.5, True, [], {})),
    *(("extra", value, "field-unknown") for value in ("", None, 1)),
]


@pytest.mark.parametrize(("field", "value", "code"), _BAD_VALUES)
def test_a_bad_value_has_one_fault_with_its_code_and_the_shape_of_the_value(field: str, value: Any, code: str) -> None:
    expected = Fault(code=code, field=field, shape=None if value is ... or code == "bsn-missing" else shape_of(value))
    if code == "field-unknown":
        expected = Fault(code=code, field=None, shape=shape_of(field))
    assert _read(**{field: value}).faults == (expected,)


def test_all_faults_of_a_line_come_at_once() -> None:
    line = read_line({"naam": "x", "hours": "-1", "month": "2026-13"}, 3, this_month=_NOW)
    assert [(one.code, one.field, one.shape) for one in line.faults] == [
        ("bsn-missing", "parentBsn", None),
        ("bsn-missing", "childBsn", None),
        ("lrk-number-invalid", "lrkNumber", None),
        ("month-invalid", "month", "9999-99"),
        ("hours-invalid", "hours", "-9"),
        ("hourly-rate-invalid", "hourlyRate", None),
        ("field-unknown", None, "aaaa"),
    ]


def test_a_month_that_is_still_to_come_is_kept_beside_its_fault() -> None:
    assert _read(month="2026-08").month == "2026-08"


@pytest.mark.parametrize(
    ("change", "waits_for"),
    [
        ({}, None),
        ({"childBsn": None}, "bsn-missing"),
        ({"childBsn": None, "parentBsn": ""}, "bsn-missing"),
        ({"childBsn": None, "hours": "-1"}, None),
        ({"childBsn": "x"}, None),
    ],
)
def test_a_line_waits_only_when_every_fault_can_be_filled_in(change: dict[str, Any], waits_for: str | None) -> None:
    assert _read(**change).waits_for == waits_for


@pytest.mark.parametrize(
    ("hours", "rate", "amount", "is_sound"),
    [
        ("100.00", "10.00", "1000.00", True),
        ("100.00", "10.00", "1000.56", True),
        ("100.00", "10.00", "1000.57", False),
        ("100.00", "10.00", "999.44", True),
        ("100.00", "10.00", "999.43", False),
        ("0", "0", "0.01", True),
        ("0", "0", "0.02", False),
        ("230.00", "100.00", "23001.66", True),
        ("230.00", "100.00", "23001.67", False),
    ],
)
def test_an_amount_may_miss_by_the_rounding_of_hours_and_rate(hours: str, rate: str, amount: str, is_sound: bool) -> None:
    assert _codes(_read(hours=hours, hourlyRate=rate, amount=amount)) == ([] if is_sound else [("amount-mismatch", "amount")])


@given(st.fractions(0, 744, max_denominator=1_000_000), st.fractions(0, 100, max_denominator=1_000_000))
@settings(max_examples=100, deadline=None)
def test_an_amount_of_the_unrounded_hours_and_rate_is_never_a_mismatch(hours: Any, rate: Any) -> None:
    exact = (round(hours * 100), round(rate * 100), round(hours * rate * 100))
    texts = [f"{one // 100}.{one % 100:02d}" for one in exact]
    assert _codes(_read(hours=texts[0], hourlyRate=texts[1], amount=texts[2])) == []


def test_parent_and_child_are_two_people() -> None:
    assert _read(childBsn=int(_PARENT)).faults == (Fault(code="bsn-same-twice", field="childBsn", shape="999999999"),)
    assert _codes(_read(parentBsn="x", childBsn="x")) == [("bsn-invalid", "parentBsn"), ("bsn-invalid", "childBsn")]


@pytest.mark.parametrize("line_ref", [_PARENT, _CHILD, f"K-{_CHILD}-2026-03"])
def test_a_reference_may_not_be_made_of_a_bsn(line_ref: str) -> None:
    line = _read(lineRef=line_ref)
    assert (line.faults, line.line_ref) == ((Fault(code="line-ref-invalid", field="lineRef", shape=shape_of(line_ref)),), None)
    assert line_ref not in str(line.faults)


def test_a_number_that_may_be_a_bsn_is_a_reference_only_of_a_sound_line() -> None:
    """Nine digits pass the eleven test by chance; on a faulty line they may have fallen into the wrong column."""
    other = marked_bsn(5)
    assert _read(lineRef=other).line_ref == other
    assert _read(lineRef=other, hours="x").line_ref is None


def test_an_amount_without_hours_or_rate_is_not_compared() -> None:
    assert _codes(_read(hours="x", amount="1")) == [("hours-invalid", "hours")]
    assert _codes(_read(hourlyRate="x", amount="1")) == [("hourly-rate-invalid", "hourlyRate")]


def test_an_unreadable_line_has_its_number_and_one_fault() -> None:
    line = unreadable_line(9)
    values = {name: getattr(line, name) for name in DeliveryLine.__struct_fields__}
    assert {name: value for name, value in values.items() if value is not None} == {
        "line_number": 9,
        "faults": (Fault(code="line-unreadable", field=None, shape=None),),
    }


def test_an_unreadable_line_may_say_more_closely_why() -> None:
    assert unreadable_line(9, fault("line-oversized", None)).faults == (Fault(code="line-oversized", field=None),)


def test_an_object_with_each_name_once_is_a_line() -> None:
    fields = delivery_fields()
    assert read_object(fields, 7, name_count=len(fields), this_month=_NOW) == _read()


@pytest.mark.parametrize(
    ("value", "name_count"), [(delivery_fields(), 7), (delivery_fields(), 12), ({"hours": 1}, 2), ([], 0), ([{}], 0), (None, 0), ("", 0)]
)
def test_what_is_no_object_or_has_a_name_twice_cannot_be_read(value: object, name_count: int) -> None:
    assert read_object(value, 7, name_count=name_count, this_month=_NOW) == unreadable_line(7)


def test_the_needed_fields_are_the_ones_that_have_a_fault_when_missing() -> None:
    assert {field for _, field in _codes(read_line({}, 1, this_month=_NOW))} == set(NEEDED_FIELDS)


_OLD_PARENT, _OLD_CHILD = marked_bsn(8_001), marked_bsn(8_002)


@pytest.mark.parametrize(
    ("change", "replaced"),
    [
        ({}, None),
        ({"replacedChildBsn": "", "replacedMonth": None}, None),
        ({"replacedChildBsn": _OLD_CHILD}, (_PARENT, _OLD_CHILD, "900000001", "2026-03")),
        ({"replacedParentBsn": f" {_OLD_PARENT} "}, (_OLD_PARENT, _CHILD, "900000001", "2026-03")),
        ({"replacedLrkNumber": 900000013, "replacedMonth": "2026-02"}, (_PARENT, _CHILD, "900000013", "2026-02")),
        ({"replacedParentBsn": _CHILD, "replacedChildBsn": _PARENT}, (_CHILD, _PARENT, "900000001", "2026-03")),
        ({"replacedChildBsn": _CHILD, "replacedMonth": "2026-02"}, (_PARENT, _CHILD, "900000001", "2026-02")),
    ],
)
def test_what_a_correction_does_not_name_is_as_in_the_line_itself(change: dict[str, Any], replaced: tuple[str, ...] | None) -> None:
    line = _read(**change)
    assert line.faults == ()
    assert (None if line.replaced is None else astuple(line.replaced)) == replaced


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"replacedChildBsn": _CHILD}, ("replaces-itself", "replacedChildBsn", None)),
        ({"replacedMonth": "2026-03", "replacedLrkNumber": "900000001"}, ("replaces-itself", "replacedLrkNumber", None)),
        ({"replacedParentBsn": "123"}, ("bsn-invalid", "replacedParentBsn", "999")),
        ({"replacedChildBsn": []}, ("bsn-invalid", "replacedChildBsn", "aaaa")),
        ({"replacedLrkNumber": "x"}, ("lrk-number-invalid", "replacedLrkNumber", "a")),
        ({"replacedMonth": "03-2026"}, ("month-invalid", "replacedMonth", "99-9999")),
        ({"replacedMonth": "2026-09"}, ("month-in-future", "replacedMonth", "9999-99")),
        ({"replacedChildBsn": _PARENT}, ("bsn-same-twice", "replacedChildBsn", "999999999")),
        ({"replacedParentBsn": _CHILD}, ("bsn-same-twice", "replacedParentBsn", "999999999")),
        ({"childBsn": None, "replacedMonth": "2026-03"}, ("bsn-missing", "childBsn", None)),
        ({"replacedChildBsn": _OLD_CHILD, "lineRef": f"K{_OLD_CHILD}"}, ("line-ref-invalid", "lineRef", "a999999999")),
    ],
)
def test_what_a_correction_names_is_checked_like_the_line_itself(change: dict[str, Any], expected: tuple[str, str, str | None]) -> None:
    code, field, shape = expected
    assert _read(**change).faults == (Fault(code=code, field=field, shape=shape),)


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text(max_size=80)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
)


@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=10), _VALUES, max_size=12))
@settings(max_examples=100, deadline=None)
def test_any_fields_give_a_line_with_registered_faults(fields: dict[str, Any]) -> None:
    line = read_line(fields, 1, this_month=_NOW)
    assert {FAULTS[one.code].scope for one in line.faults} <= {"line"}
    needed = (
        line.parent_bsn,
        line.child_bsn,
        line.lrk_number,
        line.month,
        line.hours_hundredths,
        line.hourly_rate_cents,
    )
    assert line.faults or None not in (*needed, *(() if line.replaced is None else astuple(line.replaced)))


@given(st.sampled_from(FIELDS), st.integers(0, 4_999_999).map(marked_bsn), st.sampled_from(["", " x", "-", "0"]))
@settings(max_examples=100, deadline=None)
def test_a_fault_never_quotes_a_bsn(field: str, bsn: str, tail: str) -> None:
    line = read_line({**delivery_fields(), field: f"{bsn}{tail}", bsn: bsn}, 1, this_month=_NOW)
    assert line.faults
    assert not any(bsn in str(one) for one in line.faults)
