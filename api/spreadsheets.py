"""CSV as a Dutch spreadsheet reads it, for what an organisation may want to open in one."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from litestar import Request

Cell = str | int | None


def wants_csv(request: Request[Any, Any, Any]) -> bool:
    """Tell whether the caller asks for CSV instead of JSON."""
    return "text/csv" in request.headers.get("Accept", "")


def csv_bytes(heading: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Write rows beneath a heading; a cell that a spreadsheet would compute is quoted away."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(heading)
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _cell(value: Cell) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in tuple("=+-@\t\r\n") and text else text
