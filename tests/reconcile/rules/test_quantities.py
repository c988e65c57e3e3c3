"""Hours and money: what is taken, what is refused, how it is printed and rounded."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.rules.quantities import divide_half_up, hundredths_text, parse_hundredths


@pytest.mark.parametrize(
    ("value", "hundredths"),
    [
        ("0", 0),
        ("90", 9_000),
        ("90.5", 9_050),
        ("90.50", 9_050),
        ("90.500", 9_050),
        ("090", 9_000),
        ("0.01", 1),
        ("999999999.99", 99_999_999_999),
        (90, 9_000),
        (0, 0),
        (90.25, 9_025),
        (90.1, 9_010),
        (Decimal("90.50"), 9_050),
        (Decimal("90"), 9_000),
    ],
)
def test_a_quantity_of_at_most_two_decimals_is_read_exactly(value: Any, hundredths: int) -> None:
    assert parse_hundredths(value) == hundredths


@pytest.mark.parametrize("value", ["0.125", "90.505", 0.125, Decimal("0.125"), 0.1 + 0.2])
def test_a_third_decimal_is_refused(value: Any) -> None:
    assert parse_hundredths(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "-1",
        "+1",
        "-0",
        "1e2",
        "1E2",
        "NaN",
        "nan",
        "Infinity",
        "inf",
        "0x10",
        "1_000",
        "1.000,50",
        "90,5",
        ".5",
    ]
    + [
        "5.",
        " 5",
        "5 ",
        "5\n",
        "€5",
        "٩٠",
        "９０",
        "9²",
        "1000000000",
        "1.2.3",
        "--1",
        "1/2",
        True,
        False,
        -1,
        -0.5,
        1e22,
    ]
    + [
        1e-7,
        float("nan"),
        float("inf"),
        float("-inf"),
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("1E+2"),
        Decimal(-1),
    ],
)
def test_what_a_lenient_parser_would_take_is_refused(value: Any) -> None:
    assert parse_hundredths(value) is None


@given(st.text(max_size=12))
@settings(max_examples=100, deadline=None)
def test_a_text_is_the_quantity_that_it_says_or_nothing(text: str) -> None:
    hundredths = parse_hundredths(text)
    assert hundredths is None or Fraction(text) == Fraction(hundredths, 100)


@given(st.floats(0, 99_999))
@settings(max_examples=100, deadline=None)
def test_a_float_is_read_as_its_shortest_text_or_not_at_all(value: float) -> None:
    assert parse_hundredths(value) in (None, Decimal(repr(value)) * 100)


@pytest.mark.parametrize(("hundredths", "text"), [(0, "0.00"), (5, "0.05"), (9_050, "90.50"), (-5, "-0.05"), (-12_345, "-123.45")])
def test_a_quantity_is_printed_with_two_decimals(hundredths: int, text: str) -> None:
    assert hundredths_text(hundredths) == text


@given(st.integers(0, 99_999_999_999))
@settings(max_examples=100, deadline=None)
def test_what_is_printed_is_read_back(hundredths: int) -> None:
    assert parse_hundredths(hundredths_text(hundredths)) == hundredths


@pytest.mark.parametrize(
    ("numerator", "denominator", "quotient"),
    [
        (5, 2, 3),
        (-5, 2, -3),
        (5, -2, -3),
        (-5, -2, 3),
        (4, 3, 1),
        (-4, 3, -1),
        (0, 7, 0),
        (14, 10, 1),
        (15, 10, 2),
    ],
)
def test_a_half_rounds_away_from_zero(numerator: int, denominator: int, quotient: int) -> None:
    assert divide_half_up(numerator, denominator) == quotient


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
@settings(max_examples=100, deadline=None)
def test_rounding_is_that_of_decimal(numerator: int, denominator: int) -> None:
    scaled = (Decimal(numerator) / Decimal(denominator)).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    assert divide_half_up(numerator, denominator) == int(scaled)
