"""The open-data file of the LRK: what is read, who holds what, and that one wrong row refuses the whole file."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.rules.register_file import (
    COLUMNS,
    Holder,
    RegisteredLocation,
    UnreadableRegister,
    read_register,
)

_HEADING = ";".join(COLUMNS)


def _row(**change: str) -> str:
    values = {
        "lrk_id": "900000001",
        "type_oko": "KDV",
        "actuele_naam_oko": "De Voorbeeldboom",
        "status": "Ingeschreven",
        "inschrijfdatum": "01-02-2015",
        "naam_houder": "Voorbeeld B.V.",
        "kvk_nummer_houder": "00000011",
        "gastouderbureau_1": "",
        "gastouderbureau_2": "",
    }
    assert change.keys() <= values.keys()
    return ";".join({**values, **change}.values())


def _location(**change: Any) -> RegisteredLocation:
    values = {
        "lrk_number": "900000001",
        "care_type": "KDV",
        "name": "De Voorbeeldboom",
        "registered_on": date(2015, 2, 1),
        "is_registered": True,
        "holder_name": "Voorbeeld B.V.",
        "holder_kvk_number": "00000011",
        "agencies": (),
    }
    return RegisteredLocation(**{**values, **change})


_HOLDER = Holder(kvk_number="00000011", name="Voorbeeld B.V.")
_CHILDMINDER = {"type_oko": "VGO", "naam_houder": "G. Ouder", "kvk_nummer_houder": ""}


def test_a_location_and_its_holder_are_read() -> None:
    snapshot = read_register([_HEADING, _row()])
    assert snapshot.locations == (_location(),)
    assert snapshot.holders == (_HOLDER,)
    assert snapshot.holdings == (("900000001", "00000011"),)


@pytest.mark.parametrize(
    ("heading", "row"),
    [
        (_HEADING.replace(";", " ; "), _row().replace(";", " ; ")),
        (f"telefoon;{_HEADING};website", f"06;{_row()};x"),
        (";".join(reversed(COLUMNS)), ";".join(reversed(_row().split(";")))),
        ('"' + _HEADING.replace(";", '";"') + '"', '"' + _row().replace(";", '";"') + '"'),
        (_HEADING + "\r\n", _row() + "\r\n"),
    ],
)
def test_columns_may_stand_in_any_order_among_others(heading: str, row: str) -> None:
    assert read_register([heading, row]).locations == (_location(),)


@pytest.mark.parametrize(
    ("status", "is_registered"),
    [("Ingeschreven", True), ("INGESCHREVEN", True), ("Uitgeschreven", False), ("", False)],
)
def test_only_a_registered_location_is_registered(status: str, is_registered: bool) -> None:
    assert read_register([_HEADING, _row(status=status)]).locations == (_location(is_registered=is_registered),)


def test_a_holder_of_more_locations_stands_there_once() -> None:
    snapshot = read_register([_HEADING, _row(), _row(lrk_id="900000002", type_oko="BSO")])
    assert snapshot.holders == (_HOLDER,)
    assert snapshot.holdings == (("900000001", "00000011"), ("900000002", "00000011"))


def test_a_name_may_hold_a_semicolon_in_quotes() -> None:
    snapshot = read_register([_HEADING, _row(actuele_naam_oko='"De ""Boom""; boven"')])
    assert snapshot.locations == (_location(name='De "Boom"; boven'),)


def test_playgroups_are_passed_over_whatever_they_hold() -> None:
    snapshot = read_register([_HEADING, _row(type_oko="PSZ", lrk_id="x", inschrijfdatum="", kvk_nummer_houder=""), _row()])
    assert snapshot.locations == (_location(),)


def test_a_childminder_is_held_by_its_agencies_and_is_no_holder_itself() -> None:
    childminder = _row(**_CHILDMINDER, lrk_id="900000003", gastouderbureau_1="900000004", gastouderbureau_2="900000005")
    agency = _row(type_oko="GOB", lrk_id="900000004", naam_houder="Bureau", kvk_nummer_houder="00000012")
    snapshot = read_register([_HEADING, childminder, agency])
    assert snapshot.locations == (
        _location(
            lrk_number="900000003",
            care_type="VGO",
            holder_name="G. Ouder",
            holder_kvk_number="",
            agencies=("900000004", "900000005"),
        ),
    )
    assert snapshot.holders == (Holder(kvk_number="00000012", name="Bureau"),)
    assert snapshot.holdings == (("900000003", "00000012"),)


def test_a_childminder_without_a_known_agency_is_held_by_nobody() -> None:
    snapshot = read_register([_HEADING, _row(**_CHILDMINDER, gastouderbureau_1="900000009")])
    assert (snapshot.holders, snapshot.holdings) == ((), ())


_NO_TYPE, _NO_NUMBER, _NO_HOLDER, _NO_DATE = (
    ("type_oko", "is not KDV, BSO, VGO, GOB or PSZ."),
    ("lrk_id", "is not nine digits."),
    ("kvk_nummer_houder", "is not eight digits."),
    ("inschrijfdatum", "is not a date like 31-12-2026."),
)


@pytest.mark.parametrize(
    ("column", "says", "value", "care_type"),
    [
        *((*_NO_TYPE, value, value) for value in ("", "kdv", "BSO+KDV")),
        *((*_NO_NUMBER, value, "KDV") for value in ("", "90000001", "9000000010", "٩٠٠٠٠٠٠٠١")),
        *((*_NO_HOLDER, value, "KDV") for value in ("", "1234567", "123456789")),
        (*_NO_HOLDER, "", "GOB"),
        *((*_NO_DATE, value, "VGO") for value in ("", "2015-02-01", "30-02-2015", "1-2-2015", "01-02-15")),
    ],
)
def test_one_wrong_row_refuses_the_whole_file_and_says_where_it_is_wrong(column: str, says: str, value: str, care_type: str) -> None:
    with pytest.raises(UnreadableRegister) as refused:
        read_register([_HEADING, _row(), _row(**{"type_oko": care_type, column: value})])
    assert str(refused.value) == f"Line 3: {column} {value!r} {says}"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a;b", "Line 3 has 10 columns, the heading 9."),
        ('"a"b', "Line 3 cannot be read: "),
        ('"a', "Line 3 cannot be read: "),
    ],
)
def test_a_row_in_other_columns_than_the_heading_refuses_the_whole_file(name: str, says: str) -> None:
    with pytest.raises(UnreadableRegister) as refused:
        read_register([_HEADING, _row(), _row(actuele_naam_oko=name)])
    assert str(refused.value).startswith(says)


@pytest.mark.parametrize(
    ("heading", "lacks"),
    [
        *((";".join(name for name in COLUMNS if name != column), column) for column in COLUMNS),
        (";".join(COLUMNS[:-2]), "gastouderbureau_1, gastouderbureau_2"),
        *((heading, ", ".join(COLUMNS)) for heading in ("", "x", ",".join(COLUMNS))),
    ],
)
def test_a_heading_without_a_column_is_refused_by_its_name(heading: str, lacks: str) -> None:
    with pytest.raises(UnreadableRegister) as refused:
        read_register([heading, _row()])
    assert str(refused.value) == f"The heading lacks {lacks}. Use the CSV of the LRK open data, with semicolons."


def test_an_empty_file_lacks_every_column() -> None:
    with pytest.raises(UnreadableRegister, match=f"^The heading lacks {', '.join(COLUMNS)}\\. "):
        read_register([])


@pytest.mark.parametrize("rows", [[], [_row(type_oko="PSZ")], [_row(type_oko="GOB")]])
def test_a_file_without_locations_is_refused(rows: list[str]) -> None:
    with pytest.raises(UnreadableRegister) as refused:
        read_register([_HEADING, *rows])
    assert str(refused.value) == "The file has no locations. Use the CSV of the LRK open data."


@given(
    st.lists(
        st.sampled_from([_row(), _row(type_oko="PSZ"), _row(type_oko="GOB")]) | st.text(max_size=40),
        max_size=6,
    )
)
@settings(max_examples=100, deadline=None)
def test_any_lines_are_read_or_refused(lines: list[str]) -> None:
    try:
        snapshot = read_register([_HEADING, *lines])
    except UnreadableRegister:
        return
    assert {lrk_number for lrk_number, _ in snapshot.holdings} == {one.lrk_number for one in snapshot.locations}
