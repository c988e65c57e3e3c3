"""Declarations of TVS: sound ones become values, bad ones all their faults with the path of each."""

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.rules.bsn import marked_bsn
from reconcile.rules.declaration import Declaration, DeclaredPlacement, Income, Member, read_declaration
from reconcile.rules.facts import Segment
from reconcile.rules.faults import FAULTS, Fault
from tests import make

_PARENT, _CHILD, _OTHER = (marked_bsn(number) for number in range(3))


def _read(**change: Any) -> Declaration | Sequence[Fault]:
    return read_declaration(json.dumps(make.declaration_fields(**change)).encode())


def _faults(**change: Any) -> list[tuple[str, str | None]]:
    read = _read(**change)
    assert not isinstance(read, Declaration)
    return [(one.code, one.field) for one in read]


def _members(*more: dict[str, Any], **parent: Any) -> list[dict[str, Any]]:
    child = make.member_fields(personRef="child", bsn=_CHILD, role="child")
    return [make.member_fields(**parent), child, *more]


def _partner(**change: Any) -> dict[str, Any]:
    return make.member_fields(**{"personRef": "partner", "bsn": _OTHER, "role": "partner", **change})


def _care(*segments: dict[str, Any], **change: Any) -> list[dict[str, Any]]:
    return [make.placement_fields(segments=list(segments), **change)]


def test_a_sound_declaration_has_all_its_values() -> None:
    care = _care(
        make.segment_fields(**{"from": "2026-04", "hours": 120.5, "hourlyRate": 11}),
        make.segment_fields(until="2026-03"),
        startDate="2026-01-05",
        endDate="2026-12-31",
    )
    members = _members(givenName="Noor", birthDate="1990-02-28", until="2027-01")
    assert _read(members=members, placements=care) == Declaration(
        household_ref="household-1",
        version=1,
        deleted=False,
        members=(
            Member(
                person_ref="parent",
                bsn=_PARENT,
                role="applicant",
                given_name="Noor",
                birth_date=date(1990, 2, 28),
                from_month="2026-01",
                until_month="2027-01",
            ),
            Member(
                person_ref="child",
                bsn=_CHILD,
                role="child",
                given_name="",
                birth_date=None,
                from_month="2026-01",
                until_month=None,
            ),
        ),
        incomes=(Income(year=2026, amount_euro=80_000),),
        awarded_years=(2024,),
        placements=(
            DeclaredPlacement(
                child_ref="child",
                lrk_number="900000001",
                start_on=date(2026, 1, 5),
                end_on=date(2026, 12, 31),
                segments=(
                    Segment(
                        from_month="2026-01",
                        until_month="2026-03",
                        hours_hundredths=10_000,
                        hourly_rate_cents=1_000,
                    ),
                    Segment(
                        from_month="2026-04",
                        until_month=None,
                        hours_hundredths=12_050,
                        hourly_rate_cents=1_100,
                    ),
                ),
            ),
        ),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"deleted": True, "members": [], "incomes": [], "awardedYears": [], "placements": []},
        {"deleted": True, "members": ..., "incomes": ..., "awardedYears": ..., "placements": ...},
        {"members": _members(_partner())},
        {"members": _members(_partner(until="2026-03"), _partner(**{"from": "2026-04"}))},
        {"members": _members(_partner(**{"from": "2026-04"}), _partner(until="2026-03"))},
        {"members": _members(make.member_fields(personRef="second", bsn=_OTHER, role="child"))},
        {"members": _members(make.member_fields(**{"from": "2027-01"}), until="2026-12")},
        {"members": _members(_partner(personRef="parent", bsn=_PARENT, **{"from": "2027-01"}), until="2026-12")},
        {"placements": [make.placement_fields(), make.placement_fields(lrkNumber="900000002")]},
        {"placements": _care()},
        {"placements": _care(startDate="2026-02-01", endDate="2026-02-01")},
        {"placements": _care(make.segment_fields(hours=0, hourlyRate=0))},
        {"placements": _care(make.segment_fields(hours="744", hourlyRate="100.00"))},
        {"placements": _care(make.segment_fields(until="2026-01"), make.segment_fields(**{"from": "2026-02"}))},
        {"version": 2**53, "householdRef": "r" * 64},
    ],
)
def test_a_declaration_without_contradictions_is_taken(change: dict[str, Any]) -> None:
    assert isinstance(_read(**change), Declaration)


_VALUE = "declaration-value-invalid"
_CONTRADICT = "declaration-members-contradict"
_SEGMENT = "placements[0].segments[0]"


def _bad_segment(field: str, *values: Any) -> list[tuple[dict[str, Any], str, str]]:
    return [({"placements": _care(make.segment_fields(**{field: one}))}, _VALUE, f"{_SEGMENT}.{field}") for one in values]


_BAD = [
    *(({"members": _members(bsn=bsn)}, "declaration-bsn-invalid", "members[0].bsn") for bsn in ("", "900000000", f" {_PARENT}")),
    *(({"members": _members(**{"from": month})}, _VALUE, "members[0].from") for month in ("", "2026-13", "2004-12", "2026-1")),
    *(({"members": _members(until=month)}, _VALUE, "members[0].until") for month in ("", "2025-12", "2026-13", "2100-01")),
    *_bad_segment("from", "", "2026-00", "01-2026", "2026-01-01"),
    *_bad_segment("until", "", "2025-12", "2026-13"),
    *_bad_segment("hours", "", "-1", "744.01", "90,5", "1e2", 0.125, -1, 10**30),
    *_bad_segment("hourlyRate", "", "-1", "100.01", "€ 10", 10.555),
    *(({"placements": _care(lrkNumber=lrk)}, _VALUE, "placements[0].lrkNumber") for lrk in ("", "90000000", "9000000011")),
    ({"placements": _care(startDate="2026-02-01", endDate="2026-01-31")}, _VALUE, "placements[0].endDate"),
    *(({"incomes": [{"year": year, "amount": 1}]}, _VALUE, "incomes") for year in (2004, 2100, 0, -1)),
    ({"incomes": [{"year": 2026, "amount": 1}, {"year": 2026, "amount": 2}]}, _VALUE, "incomes"),
    *(({"awardedYears": years}, _VALUE, "awardedYears") for years in ([2004], [2100], [2024, 2024])),
    ({"members": [make.member_fields(personRef="child", role="child")]}, _CONTRADICT, "members"),
    ({"members": _members(make.member_fields(personRef="b", bsn=_OTHER))}, _CONTRADICT, "members[2]"),
    (
        {"members": _members(_partner(), _partner(personRef="d", bsn=marked_bsn(3)))},
        _CONTRADICT,
        "members[3]",
    ),
    ({"members": _members(_partner(until="2026-03"), _partner(**{"from": "2026-03"}))}, _CONTRADICT, "members[3]"),
    ({"members": _members(_partner(**{"from": "2026-03"}), _partner(until="2026-03"))}, _CONTRADICT, "members[3]"),
    ({"members": _members(_partner(personRef="parent", bsn=_PARENT))}, _CONTRADICT, "members[2]"),
    ({"members": _members(_partner(personRef="parent"))}, _CONTRADICT, "members[2].personRef"),
    (
        {"placements": [make.placement_fields(childRef="nobody")]},
        "declaration-child-unknown",
        "placements[0].childRef",
    ),
    (
        {"placements": [make.placement_fields(childRef="parent")]},
        "declaration-child-unknown",
        "placements[0].childRef",
    ),
    ({"placements": [make.placement_fields()] * 2}, "declaration-placement-twice", "placements[1]"),
    (
        {"placements": _care(make.segment_fields(), make.segment_fields())},
        "declaration-segments-overlap",
        "placements[0].segments",
    ),
    (
        {"placements": _care(make.segment_fields(**{"from": "2026-03"}), make.segment_fields(until="2026-03"))},
        "declaration-segments-overlap",
        "placements[0].segments",
    ),
]


@pytest.mark.parametrize(("change", "code", "field"), _BAD)
def test_a_bad_declaration_has_one_fault_with_its_path(change: dict[str, Any], code: str, field: str) -> None:
    assert (_faults(**change), FAULTS[code].scope) == ([(code, field)], "declaration")


_FORMLESS: list[tuple[dict[str, Any], str | None]] = [
    *(({"householdRef": value}, "householdRef") for value in ("", "r" * 65, 1, None)),
    *(({"version": value}, "version") for value in (0, -1, 2**53 + 1, "1", 1.5, None, True)),
    *(({"members": value}, "members") for value in (None, {}, [make.member_fields()] * 101)),
    ({"members": _members(role="boss")}, "members[0].role"),
    ({"members": _members(personRef="")}, "members[0].personRef"),
    ({"members": _members(birthDate="2026-02-30")}, "members[0].birthDate"),
    ({"members": _members(givenName="n" * 101)}, "members[0].givenName"),
    ({"members": _members(bsn=int(_PARENT))}, "members[0].bsn"),
    ({"incomes": [{"year": 2026, "amount": -1}]}, "incomes[0].amount"),
    ({"incomes": [{"year": 2026, "amount": 1.5}]}, "incomes[0].amount"),
    ({"incomes": [{"year": 2026}]}, "incomes[0]"),
    ({"awardedYears": ["2024"]}, "awardedYears[0]"),
    ({"placements": _care(startDate="05-01-2026")}, "placements[0].startDate"),
    ({"placements": _care(make.segment_fields(hours=None))}, "placements[0].segments[0].hours"),
    ({"placements": _care(make.segment_fields(**{"from": ...}))}, "placements[0].segments[0]"),
    ({"placements": [make.placement_fields()] * 201}, "placements"),
    *(({name: ...}, None) for name in ("householdRef", "version")),
    *(({name: 1}, None) for name in ("extra", "household_ref", _PARENT, f" - at `${_PARENT}", f" - at `$.{_PARENT}`")),
    ({f" - at `$.members[{_PARENT}]": 1}, None),
    ({" - at `$.{}[{}].{}[{}].{}[{}]".format("a", _PARENT[:3], "b", _PARENT[3:6], "c", _PARENT[6:]): 1}, None),
    ({"members": _members(**{" - at `$.version": 1})}, "members[0]"),
]


@pytest.mark.parametrize(("change", "field"), _FORMLESS)
def test_a_line_without_the_form_has_one_fault_where_it_fails(change: dict[str, Any], field: str | None) -> None:
    assert _faults(**change) == [("declaration-unreadable", field)]


_NO_JSON = [
    b"",
    b" ",
    b"{",
    b"null",
    b"[]",
    b"1",
    b'"x"',
    b"{}",
    b"\xff",
    b'{"householdRef":"\xff"}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("line", [*_NO_JSON, b'{"version":' + b"9" * 5_000 + b"}", b"{} {}", b'\xef\xbb\xbf{"version":1}'])
def test_a_line_that_is_no_object_of_ours_is_unreadable(line: bytes) -> None:
    read = read_declaration(line)
    assert not isinstance(read, Declaration)
    assert [one.code for one in read] == ["declaration-unreadable"]


def test_all_faults_of_a_declaration_come_at_once_with_the_shape_of_each_value_and_never_the_value() -> None:
    segment = make.segment_fields(**{"from": "jan 2026", "until": "2025-12", "hours": "9O,5", "hourlyRate": 100.01})
    care = [make.placement_fields(lrkNumber="LRK 9", segments=[segment])]
    assert _read(members=_members(bsn=f"{_PARENT}0", until="12-2026"), placements=care, awardedYears=[1]) == [
        Fault(code="declaration-bsn-invalid", field="members[0].bsn", shape="9999999999"),
        Fault(code=_VALUE, field="members[0].until", shape="99-9999"),
        Fault(code=_VALUE, field="placements[0].lrkNumber", shape="aaa 9"),
        Fault(code=_VALUE, field=f"{_SEGMENT}.from", shape="aaa 9999"),
        Fault(code=_VALUE, field=f"{_SEGMENT}.until", shape="9999-99"),
        Fault(code=_VALUE, field=f"{_SEGMENT}.hours", shape="9a,9"),
        Fault(code=_VALUE, field=f"{_SEGMENT}.hourlyRate", shape="999.99"),
        Fault(code=_VALUE, field="awardedYears"),
    ]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10) | st.just("2026-01"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=5,
)


@given(st.sampled_from(sorted(make.declaration_fields())), _JSON)
@settings(max_examples=100, deadline=None)
def test_any_value_in_any_member_gives_a_declaration_or_faults(name: str, value: Any) -> None:
    read = _read(**{name: value})
    assert isinstance(read, Declaration) or {FAULTS[one.code].scope for one in read} == {"declaration"}


@given(st.binary(max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_bytes_give_a_fault(line: bytes) -> None:
    read = read_declaration(line)
    assert not isinstance(read, Declaration)
    assert [one.code for one in read] == ["declaration-unreadable"]
