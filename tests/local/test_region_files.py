"""The files of the region are what each party would send."""

from datetime import date

from local.region import sample_region
from local.region_files import declarations_file, delivery_files, probe_file
from reconcile.rules.declaration import Declaration, read_declaration
from reconcile.rules.delivery_csv import CsvReader
from reconcile.rules.delivery_json import JsonReader

REGION = sample_region(1, date(2026, 11, 24), households=200, organisations=24)


def test_every_declaration_reads() -> None:
    read = [read_declaration(line) for line in declarations_file(REGION).splitlines()]
    assert all(isinstance(one, Declaration) for one in read)
    assert len(read) == len(REGION.households)


def test_both_dialects_read_and_hold_as_many_lines_as_they_promise() -> None:
    first, second = delivery_files(REGION, 1)
    assert {file.is_csv for file in first} == {True, False}
    assert {kind for file in second for kind in file.expected} == {"applied", "unchanged", "superseded", "parked", "rejected"}
    for file in (*first, *second):
        reader = CsvReader(charset=None, this_month="2026-11") if file.is_csv else JsonReader(this_month="2026-11")
        lines = [*reader.feed(file.content), *reader.close()]
        assert len(lines) == sum(file.expected.values())


def test_the_last_file_of_the_second_round_is_the_first_of_the_first() -> None:
    first, second = delivery_files(REGION, 1)
    assert second[-1] == first[0]


def test_the_probe_is_about_one_household() -> None:
    household = next(one for one in REGION.households if not any(care.planted for care in one.cares))
    reader = probe_file(REGION, household)
    assert reader.expected == {"applied": 2}
