"""Named SQL, read once from the .sql files beside this module."""

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files

from msgspec import Struct

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def load(noun: str) -> Mapping[str, str]:
    """Return the queries of `<noun>.sql` by name; the name leads the text, so logs of the server show it.

    Raises ValueError when a name occurs twice.
    """
    text = (files(__package__) / f"{noun}.sql").read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    pairs = list(zip(parts[::2], parts[1::2], strict=True))
    queries = {name: f"-- {noun}.{name}\n{body.strip()}" for name, body in pairs}
    if len(queries) != len(pairs):
        raise ValueError(f"{noun}.sql names a query twice")
    return queries


def columns(of: type[Struct], rows: Sequence[Struct]) -> tuple[list[object], ...]:
    """Turn rows into one list for each field, in the order of the Struct: the arguments of an `unnest`."""
    return tuple([getattr(row, field) for row in rows] for field in of.__struct_fields__)
