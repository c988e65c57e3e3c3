"""The register of the region reads as the open data does."""

from datetime import date

from local.lrk_file import register_file
from local.region import sample_region
from reconcile.rules.register_file import read_register

REGION = sample_region(1, date(2026, 11, 24), households=200, organisations=24)


def test_the_register_reads_as_lrk_open_data() -> None:
    snapshot = read_register(register_file(REGION).decode("utf-8-sig").splitlines())
    assert {one.lrk_number for one in snapshot.locations} == {place.lrk_number for one in REGION.organisations for place in one.locations}
    assert {one.kvk_number for one in snapshot.holders} == {one.kvk_number for one in REGION.organisations}
