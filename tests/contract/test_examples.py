"""The published examples are taken as they are."""

from pathlib import Path

import msgspec

from reconcile.rules.declaration import Declaration, read_declaration
from reconcile.rules.delivery_csv import CsvReader
from reconcile.rules.delivery_file import DeliveryReader
from reconcile.rules.delivery_json import JsonReader
from reconcile.rules.delivery_line import DeliveryLine
from reconcile.rules.delivery_ndjson import NdjsonReader

_NOW = "2026-07"
EXAMPLES = Path(__file__).parents[2] / "openapi" / "examples"


def _lines(reader: DeliveryReader, name: str) -> list[DeliveryLine]:
    read = [*reader.feed((EXAMPLES / name).read_bytes()), *reader.close()]
    return [msgspec.structs.replace(one, line_number=0) for one in read]


def test_the_deliveries_say_the_same_in_every_format() -> None:
    json, ndjson, csv = JsonReader(this_month=_NOW), NdjsonReader(this_month=_NOW), CsvReader(charset=None, this_month=_NOW)
    from_json = _lines(json, "delivery.json")
    assert from_json == _lines(ndjson, "delivery.ndjson") == _lines(csv, "delivery.csv")
    assert [one.faults for one in from_json] == [(), ()]
    assert json.envelope() == ndjson.envelope()
    assert json.envelope().complete[0].month == "2026-03"


def test_the_declaration_is_one() -> None:
    document = msgspec.json.decode((EXAMPLES / "declaration.json").read_bytes())
    assert isinstance(read_declaration(msgspec.json.encode(document)), Declaration)
