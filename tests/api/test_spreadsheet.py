"""Cells that no spreadsheet computes, and quantities as they are written in the Netherlands."""

import csv
import io

import pytest

from api.spreadsheet import decimal_comma, rows_csv


@pytest.mark.parametrize("text", ["=1+1", "+31", "-1", "@SUM(A1)", "\tx", "\r=1", "\n=1"])
def test_a_cell_that_would_be_computed_stays_a_text(text: str) -> None:
    ((cell,),) = csv.reader(io.StringIO(rows_csv([[text]]).decode(), newline=""), delimiter=";")
    assert cell == f"'{text}"


def test_everything_else_stays_as_it_is() -> None:
    row = ["a;b", 'say "no"', "two\nlines", "ë", "", "2026-03"]
    (read,) = csv.reader(io.StringIO(rows_csv([[*row, None, 12]]).decode(), newline=""), delimiter=";")
    assert read == [*row, "", "12"]


def test_quantities_have_a_comma() -> None:
    assert [decimal_comma(one) for one in ("90.50", "0.00", None)] == ["90,50", "0,00", None]
