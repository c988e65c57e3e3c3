"""The kinds of difference: each has a Dutch name, and the table of the docstring is the same list."""

import re
from typing import get_args

from reconcile.rules import kinds


def test_every_kind_has_a_dutch_name_of_its_own() -> None:
    assert tuple(kinds.DUTCH_NAMES) == get_args(kinds.Kind)
    assert len(set(kinds.DUTCH_NAMES.values())) == len(kinds.DUTCH_NAMES)


def test_the_table_in_the_docstring_has_every_kind_with_its_name() -> None:
    rows = re.findall(r"^\| (D[0-9]{2}) \| ([^|]+) \|", kinds.__doc__ or "", re.MULTILINE)
    assert dict(rows) == kinds.DUTCH_NAMES


def test_what_is_no_difference_is_no_kind() -> None:
    assert {"D00", "D04", "D28"}.isdisjoint(get_args(kinds.Kind))
