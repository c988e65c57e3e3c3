"""Loads the rules in force from the data files beside the rules: which need values, not files."""

import csv
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files

from reconcile.rules.facts import CareType
from reconcile.rules.quantities import parse_hundredths
from reconcile.rules.rule_book import AllowanceTable, Bracket, RuleBook

# Raised with every change of a rule, a tolerance or a table; it stands in each difference that was judged by it.
RULES_VERSION = "2026.1"
_TABLE_YEARS = (2023, 2024, 2026)


@cache
def rules_in_force() -> RuleBook:
    """Return the rules in force; the same object at every call."""
    rates = _maximum_rates()
    return RuleBook(
        version=RULES_VERSION,
        hours_tolerance_hundredths=100,
        rate_tolerance_cents=5,
        counted_hours_hundredths=23_000,
        maximum_rate_cents=rates,
        tables={year: AllowanceTable(year=year, brackets=_brackets(year), maximum_rate_cents=rates[year]) for year in _TABLE_YEARS},
    )


def rules_of(version: str) -> RuleBook | None:
    """Return the rules of a version, by which something was judged before; None when this release does not have them."""
    rules = rules_in_force()
    return rules if rules.version == version else None


def _maximum_rates() -> Mapping[int, Mapping[CareType, int]]:
    rates: dict[int, dict[CareType, int]] = {}
    for row in _rows("maximum_hourly_rates.csv"):
        rates.setdefault(int(row["year"]), {})[_care_type(row["care_type"])] = _hundredths(row["maximum_hourly_rate"])
    return rates


def _brackets(year: int) -> tuple[Bracket, ...]:
    return tuple(
        Bracket(
            from_euro=int(row["toetsingsinkomen_vanaf"]),
            until_euro=int(row["toetsingsinkomen_tot_en_met"]) if row["toetsingsinkomen_tot_en_met"] else None,
            first_child_tenths=_hundredths(row["pct_eerste_kind"]) // 10,
            next_child_tenths=_hundredths(row["pct_volgende_kinderen"]) // 10,
        )
        for row in _rows(f"kot_percentages_{year}.csv")
    )


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = (files("reconcile.rules") / "tables" / name).read_text(encoding="utf-8")
    return csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))


def _care_type(text: str) -> CareType:
    if text not in ("KDV", "BSO", "VGO"):
        raise ValueError(f"{text!r} is no care type")
    return text  # type: ignore[return-value]  # the check above is the proof


def _hundredths(text: str) -> int:
    value = parse_hundredths(text)
    if value is None:
        raise ValueError(f"{text!r} is no quantity of at most two decimals")
    return value
