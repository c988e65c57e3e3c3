"""Reads a rule book from its file and those of its tables, and refuses one that is not whole.

TOML with `version`, `[tolerances]`, `[caps]`, `[maximum_hourly_rates]` and a `[[percentages]]` for each year; tables are CSV files
beside it, each held by its SHA-256. Quantities are text with at most two decimals.
"""

import csv
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Annotated, get_args

import msgspec
from msgspec import Meta, Struct

from reconcile.rules.facts import CareType
from reconcile.rules.quantities import hundredths_text, parse_hundredths
from reconcile.rules.rule_book import AllowanceTable, Bracket, Edition, Parameter, PublishedBook, RuleBook

VERSION_PATTERN = r"^[0-9]{4}\.[1-9][0-9]{0,3}$"

_RATE_COLUMNS = ("year", "care_type", "maximum_hourly_rate", "effective_from", "known_since")
_SHARE_COLUMNS = ("toetsingsinkomen_vanaf", "toetsingsinkomen_tot_en_met", "pct_eerste_kind", "pct_volgende_kinderen")
_CARE_TYPES: tuple[CareType, ...] = get_args(CareType)

Text = Annotated[str, Meta(min_length=1)]
Year = Annotated[int, Meta(ge=2005, le=2099)]
FileName = Annotated[str, Meta(pattern=r"^[a-z0-9_]+\.csv$")]
Sha256Text = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class BookRefused(ValueError):
    """A file is no rule book; the message says what is wrong with which part."""


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    source: Text


class _Tolerances(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    hours: Text
    hourly_rate: Text


class _Caps(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    counted_hours: Text
    least_granted_euro: Annotated[int, Meta(ge=0)]


class _Rates(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    file: FileName
    sha256: Sha256Text


class _Percentages(_Rates, frozen=True, kw_only=True, forbid_unknown_fields=True):
    year: Year
    effective_from: date
    known_since: date


class _BookFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: Annotated[str, Meta(pattern=VERSION_PATTERN)]
    tolerances: _Tolerances
    caps: _Caps
    maximum_hourly_rates: _Rates
    percentages: tuple[_Percentages, ...] = ()


class _Rate(Struct, frozen=True, kw_only=True):
    """A maximum hourly rate in cents of one care type in one year, and since when it was known."""

    year: int
    care_type: CareType
    cents: int
    effective_from: date
    known_since: date


class _Table(Struct, frozen=True, kw_only=True):
    year: int
    brackets: tuple[Bracket, ...]
    known_since: date


def read_book(content: bytes, table: Callable[[str], bytes]) -> PublishedBook:
    """Read a book; `table` returns the content of a file beside it, and raises OSError without one. Raises BookRefused."""
    try:
        file = msgspec.toml.decode(content, type=_BookFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BookRefused(f"The book cannot be read: {error}") from None
    rates = _rates(file.maximum_hourly_rates, table)
    tables = tuple(_table(one, table) for one in file.percentages)
    _refuse_twice([(one.year, one.known_since) for one in tables], "percentages")
    return PublishedBook(
        version=file.version,
        sha256=hashlib.sha256(content).digest(),
        parameters=tuple(_parameters(file, rates)),
        editions=tuple(_editions(file, rates, tables)),
    )


def _editions(file: _BookFile, rates: Sequence[_Rate], tables: Sequence[_Table]) -> Iterator[Edition]:
    """Yield what was known since each day on which something became known; before the first, there is no rate and no table."""
    hours_tolerance = _quantity(file.tolerances.hours, "tolerances.hours")
    rate_tolerance = _quantity(file.tolerances.hourly_rate, "tolerances.hourly_rate")
    counted_hours = _quantity(file.caps.counted_hours, "caps.counted_hours")
    if not (hours_tolerance and rate_tolerance):
        raise BookRefused("A tolerance must be at least 0.01: what is equal is never a difference.")
    days = {date.min, *(one.known_since for one in rates), *(one.known_since for one in tables)}
    for day in sorted(days):
        cents = _known_rates(rates, day)
        yield Edition(
            known_since=day,
            rules=RuleBook(
                version=file.version,
                hours_tolerance_hundredths=hours_tolerance,
                rate_tolerance_cents=rate_tolerance,
                counted_hours_hundredths=counted_hours,
                least_granted_euro=file.caps.least_granted_euro,
                maximum_rate_cents=cents,
                tables={
                    one.year: AllowanceTable(year=one.year, brackets=one.brackets, maximum_rate_cents=cents[one.year])
                    for one in sorted(tables, key=lambda one: one.known_since)
                    if one.known_since <= day and set(cents.get(one.year, ())) == set(_CARE_TYPES)
                },
            ),
        )


def _known_rates(rates: Sequence[_Rate], day: date) -> Mapping[int, Mapping[CareType, int]]:
    known: dict[int, dict[CareType, int]] = {}
    for one in sorted(rates, key=lambda one: one.known_since):
        if one.known_since <= day:
            known.setdefault(one.year, {})[one.care_type] = one.cents
    return known


def _rates(part: _Rates, table: Callable[[str], bytes]) -> Sequence[_Rate]:
    rates = []
    for row in _rows(part, table, _RATE_COLUMNS):
        care_type = next((one for one in _CARE_TYPES if one == row["care_type"]), None)
        if care_type is None:
            raise BookRefused(f"{part.file}: {row['care_type']!r} is no care type.")
        rate = _Rate(
            year=_whole(row["year"], part.file),
            care_type=care_type,
            cents=_quantity(row["maximum_hourly_rate"], part.file),
            effective_from=_day(row["effective_from"], part.file),
            known_since=_day(row["known_since"], part.file),
        )
        _refuse_within_a_year(rate.year, rate.effective_from, part.file)
        rates.append(rate)
    _refuse_twice([(one.year, one.care_type, one.known_since) for one in rates], part.file)
    return rates


def _table(part: _Percentages, table: Callable[[str], bytes]) -> _Table:
    _refuse_within_a_year(part.year, part.effective_from, part.file)
    brackets = tuple(
        Bracket(
            from_euro=_whole(row["toetsingsinkomen_vanaf"], part.file),
            until_euro=_whole(row["toetsingsinkomen_tot_en_met"], part.file) if row["toetsingsinkomen_tot_en_met"] else None,
            first_child_tenths=_tenths(row["pct_eerste_kind"], part.file),
            next_child_tenths=_tenths(row["pct_volgende_kinderen"], part.file),
        )
        for row in _rows(part, table, _SHARE_COLUMNS)
    )
    expected: int | None = 0
    for one in brackets:
        if one.from_euro != expected or (one.until_euro is not None and one.until_euro < one.from_euro):
            raise BookRefused(f"{part.file}: the bracket from {one.from_euro} euros does not follow the one before it.")
        expected = None if one.until_euro is None else one.until_euro + 1
    if expected is not None:
        raise BookRefused(f"{part.file}: the brackets end at {expected - 1} euros; the last has no end.")
    for one, higher in pairwise(brackets):
        if higher.first_child_tenths > one.first_child_tenths or higher.next_child_tenths > one.next_child_tenths:
            raise BookRefused(f"{part.file}: a share rises with the income, from {higher.from_euro} euros on.")
    return _Table(year=part.year, brackets=brackets, known_since=part.known_since)


def _rows(part: _Rates, table: Callable[[str], bytes], columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the rows of a table, which must be the very file that the book was made with."""
    try:
        content = table(part.file)
    except OSError:
        raise BookRefused(f"{part.file} does not stand beside the book.") from None
    if hashlib.sha256(content).hexdigest() != part.sha256:
        raise BookRefused(f"{part.file} is not the file that the book names: its SHA-256 is another.")
    # Checked bytes: whatever they hold, they hold it for good. Lines that begin with # say where it comes from.
    lines = {number: line for number, line in enumerate(content.decode("utf-8").splitlines(), 1) if not line.startswith("#")}
    numbers = tuple(lines)
    reader = csv.DictReader(lines.values(), restkey="more")
    if tuple(reader.fieldnames or ()) != tuple(columns):
        raise BookRefused(f"{part.file} must have the columns {', '.join(columns)}.")
    for row in reader:
        if "more" in row or None in row.values():
            raise BookRefused(f"{part.file} line {numbers[reader.line_num - 1]}: not as many values as columns.")
        yield row


def _parameters(file: _BookFile, rates: Sequence[_Rate]) -> Iterator[Parameter]:
    tolerances, caps = file.tolerances, file.caps
    yield Parameter(name="tolerances.hours", value=tolerances.hours, source=tolerances.source)
    yield Parameter(name="tolerances.hourly_rate", value=tolerances.hourly_rate, source=tolerances.source)
    yield Parameter(name="caps.counted_hours", value=caps.counted_hours, source=caps.source)
    yield Parameter(name="caps.least_granted_euro", value=str(caps.least_granted_euro), source=caps.source)
    for rate in rates:
        yield Parameter(
            name=f"maximum_hourly_rates.{rate.year}.{rate.care_type}",
            value=hundredths_text(rate.cents),
            source=file.maximum_hourly_rates.source,
            effective_from=rate.effective_from,
            known_since=rate.known_since,
        )
    for one in file.percentages:
        yield Parameter(
            name=f"percentages.{one.year}",
            value=one.file,
            source=one.source,
            effective_from=one.effective_from,
            known_since=one.known_since,
        )


def _refuse_within_a_year(year: int, effective_from: date, where: str) -> None:
    if effective_from != date(year, 1, 1):
        raise BookRefused(f"{where}: what holds for {year} is effective from {year}-01-01: rates and shares are those of a calendar year.")


def _refuse_twice(keys: Sequence[object], where: str) -> None:
    if len(set(keys)) != len(keys):
        raise BookRefused(f"{where}: something is said twice as known since the same day.")


def _tenths(text: str, where: str) -> int:
    tenths, rest = divmod(_quantity(text, where), 10)
    if rest or tenths > 1_000:
        raise BookRefused(f"{where}: {text!r} is no percentage of one decimal.")
    return tenths


def _quantity(text: str, where: str) -> int:
    value = parse_hundredths(text)
    if value is None:
        raise BookRefused(f"{where}: {text!r} is no quantity of at most two decimals.")
    return value


def _whole(text: str, where: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise BookRefused(f"{where}: {text!r} is no whole number.")
    return int(text)


def _day(text: str, where: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BookRefused(f"{where}: {text!r} is no day.") from None
