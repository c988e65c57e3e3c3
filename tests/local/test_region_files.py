"""The files of the region are what each party would send."""

from datetime import date

from local.region import sample_region
from local.region_files import declarations_file, delivery_files, probe_file
from reconcile.rules.declaration import Declaration, read_declaration
from reconcile.rules.delivery_csv import CsvReader
from reconcile.rules.delivery_json import JsonReader
from reconcile.rules.delivery_ndjson import NdjsonReader

REGION = sample_region(1, date(2026, 11, 24), households=200, organisations=24)


def test_every_declaration_reads() -> None:
    read = [read_declaration(line) for line in declarations_file(REGION).splitlines()]
    assert all(isinstance(one, Declaration) for one in read)
    assert len(read) == len(REGION.households)


def test_every_dialect_has_every_outcome() -> None:
    first, second = delivery_files(REGION, 1)
    assert {file.dialect for file in first} == {"csv", "json", "ndjson"}
    assert {(file.dialect, kind) for file in second for kind in file.expected} == {
        (dialect, outcome)
        for dialect in ("csv", "json", "ndjson")
        for outcome in ("applied", "unchanged", "superseded", "parked", "rejected")
    }


def test_every_file_reads_and_holds_as_many_lines_as_it_promises() -> None:
    for file in (file for round_ in delivery_files(REGION, 1) for file in round_):
        reader = {
            "csv": CsvReader(charset=None, this_month="2026-11"),
            "json": JsonReader(this_month="2026-11"),
            "ndjson": NdjsonReader(this_month="2026-11"),
        }[file.dialect]
        lines = [*reader.feed(file.content), *reader.close()]
        assert len(lines) == sum(file.expected.values())
        assert reader.envelope().sent_at == (None if file.dialect == "csv" else file.created_at)


def test_the_last_file_of_the_second_round_is_the_first_of_the_first() -> None:
    first, second = delivery_files(REGION, 1)
    assert second[-1] == first[0]


def test_the_probe_is_about_one_household() -> None:
    household = next(one for one in REGION.households if not any(care.planted for care in one.cares))
    reader = probe_file(REGION, household)
    assert reader.expected == {"applied": 2}
