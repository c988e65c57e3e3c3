"""The published examples are taken as they are."""

from pathlib import Path

import msgspec

from reconcile.rules.declaration import Declaration, read_declaration
from reconcile.rules.delivery_csv import CsvReader
from reconcile.rules.delivery_json import JsonReader

EXAMPLES = Path(__file__).parents[2] / "openapi" / "examples"


def test_the_deliveries_say_the_same_in_both_formats() -> None:
    json, csv = JsonReader(this_month="2026-07"), CsvReader(charset=None, this_month="2026-07")
    from_json = [*json.feed((EXAMPLES / "delivery.json").read_bytes()), *json.close()]
    from_csv = [*csv.feed((EXAMPLES / "delivery.csv").read_bytes()), *csv.close()]
    assert [msgspec.structs.replace(one, line_number=0) for one in from_json] == [
        msgspec.structs.replace(one, line_number=0) for one in from_csv
    ]
    assert [one.faults for one in from_json] == [(), ()]
    assert json.envelope().complete[0].month == "2026-03"


def test_the_declaration_is_one() -> None:
    document = msgspec.json.decode((EXAMPLES / "declaration.json").read_bytes())
    assert isinstance(read_declaration(msgspec.json.encode(document)), Declaration)
