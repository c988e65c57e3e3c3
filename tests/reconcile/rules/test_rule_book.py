"""The rule book: which bracket an income lies in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.make import rule_book

_TABLE = rule_book().tables[2026]


@pytest.mark.parametrize(("income", "shares"), [(0, (900, 950)), (50_000, (900, 950)), (50_001, (500, 800)), (10**9, (500, 800))])
def test_an_income_lies_in_the_bracket_whose_bounds_hold_it(income: int, shares: tuple[int, int]) -> None:
    bracket = _TABLE.shares(income)
    assert (bracket.first_child_tenths, bracket.next_child_tenths) == shares


@given(st.integers(0, 10**7))
@settings(max_examples=100, deadline=None)
def test_every_income_lies_within_its_bracket(income: int) -> None:
    bracket = _TABLE.shares(income)
    assert bracket.from_euro <= income <= (bracket.until_euro or income)
