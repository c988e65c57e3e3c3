"""Hours, money, months and days in Dutch and in English."""

from datetime import date

import pytest

from reconcile.rules.spelling import Spelling
from reconcile.textbook import texts_in_force

_NL, _EN = (Spelling(texts_in_force().languages[language]) for language in ("nl", "en"))


@pytest.mark.parametrize(
    ("text", "dutch", "english"),
    [
        ("120.50", "120,5 uur", "120.5 hours"),
        ("120.25", "120,25 uur", "120.25 hours"),
        ("100.00", "100 uur", "100 hours"),
        ("1.00", "1 uur", "1 hour"),
        ("1.50", "1,5 uur", "1.5 hours"),
        ("0.00", "0 uur", "0 hours"),
        ("0.05", "0,05 uur", "0.05 hours"),
    ],
)
def test_hours(text: str, dutch: str, english: str) -> None:
    assert (_NL.hours(text), _EN.hours(text)) == (dutch, english)


@pytest.mark.parametrize(
    ("text", "dutch", "english"), [("12.35", "€ 12,35", "€12.35"), ("9.00", "€ 9,00", "€9.00"), ("1000.05", "€ 1.000,05", "€1,000.05")]
)
def test_rates(text: str, dutch: str, english: str) -> None:
    assert (_NL.rate(text), _EN.rate(text)) == (dutch, english)


@pytest.mark.parametrize(
    ("euros", "dutch", "english"),
    [(0, "€ 0", "€0"), (999, "€ 999", "€999"), (1_134, "€ 1.134", "€1,134"), (1_234_567, "€ 1.234.567", "€1,234,567")],
)
def test_whole_euros(euros: int, dutch: str, english: str) -> None:
    assert (_NL.euros(euros), _EN.euros(euros)) == (dutch, english)


@pytest.mark.parametrize(
    ("from_month", "until_month", "dutch", "english"),
    [
        ("2026-03", "2026-03", "maart 2026", "March 2026"),
        ("2026-01", "2026-12", "januari tot en met december 2026", "January up to and including December 2026"),
        ("2026-11", "2027-02", "november 2026 tot en met februari 2027", "November 2026 up to and including February 2027"),
    ],
)
def test_months(from_month: str, until_month: str, dutch: str, english: str) -> None:
    assert (_NL.months(from_month, until_month), _EN.months(from_month, until_month)) == (dutch, english)


def test_days() -> None:
    assert (_NL.day(date(2026, 3, 1)), _EN.day(date(2026, 3, 1))) == ("1 maart 2026", "1 March 2026")
