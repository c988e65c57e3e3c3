"""Rows as a Dutch spreadsheet reads them: semicolons, decimal commas, a byte order mark; nothing that a spreadsheet would compute."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from litestar import Request

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# A cell that begins with one of these is computed by some spreadsheet; an apostrophe in front keeps it a text.
_COMPUTED = tuple("=+-@\t\r\n")

Cell = str | int | None


def wants_csv(request: Request[Any, Any, Any]) -> bool:
    """Tell whether the caller asks for CSV instead of JSON."""
    return "text/csv" in request.headers.get("Accept", "")


def rows_csv(rows: Iterable[Sequence[Cell]]) -> bytes:
    """Write rows; the first ones of a file follow the byte order mark."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return out.getvalue().encode()


def decimal_comma(quantity: str | None) -> str | None:
    """Write a quantity as it is written in the Netherlands: "90.50" → "90,50"."""
    return None if quantity is None else quantity.replace(".", ",")


def _cell(value: Cell) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in _COMPUTED and text else text
