"""Reading a rule book: what it holds, what was known when, and everything for which it is refused."""

from collections.abc import Mapping
from datetime import date

import pytest

from reconcile.rules.book_file import BookRefused, read_book
from reconcile.rules.rule_book import PublishedBook
from tests.books import RATES, SHARES, book_files


def _read(files: Mapping[str, bytes]) -> PublishedBook:
    def table(name: str) -> bytes:
        if name not in files:
            raise FileNotFoundError(name)
        return files[name]

    (book,) = (content for name, content in files.items() if name.endswith(".toml"))
    return read_book(book, table)


def _spoiled(old: str, new: str) -> Mapping[str, bytes]:
    """Return the files with one text of the book replaced."""
    files = book_files()
    text = files["2026.2.toml"].decode()
    assert old in text, old
    return {**files, "2026.2.toml": text.replace(old, new).encode()}


def test_a_whole_book_is_read() -> None:
    rules = _read(book_files()).newest
    assert (rules.version, rules.hours_tolerance_hundredths, rules.rate_tolerance_cents) == ("2026.2", 100, 5)
    assert (rules.counted_hours_hundredths, rules.least_granted_euro) == (23_000, 24)
    assert rules.maximum_rate_cents == {2026: {"KDV": 1_100, "BSO": 1_000, "VGO": 900}}
    table = rules.tables[2026]
    assert [(one.from_euro, one.until_euro, one.first_child_tenths, one.next_child_tenths) for one in table.brackets] == [
        (0, 50_000, 900, 950),
        (50_001, None, 500, 800),
    ]
    assert table.maximum_rate_cents == rules.maximum_rate_cents[2026]


def test_every_value_is_told_with_where_it_comes_from_and_since_when() -> None:
    told = {one.name: one for one in _read(book_files()).parameters}
    assert (told["tolerances.hours"].value, told["tolerances.hours"].known_since) == ("1.00", None)
    assert (told["tolerances.hourly_rate"].value, told["caps.counted_hours"].value, told["caps.least_granted_euro"].value) == (
        "0.05",
        "230.00",
        "24",
    )
    rate = told["maximum_hourly_rates.2026.BSO"]
    assert (rate.value, rate.source, rate.effective_from, rate.known_since) == ("10.00", "a test", date(2026, 1, 1), date(2025, 10, 1))
    assert (told["percentages.2026"].value, told["percentages.2026"].known_since) == ("shares.csv", date(2025, 10, 1))
    assert len(told) == 8


def test_a_rate_that_was_raised_afterwards_counts_from_when_it_was_known() -> None:
    raised = RATES + "2026,KDV,12.00,2026-01-01,2026-03-01\n"
    book = _read(book_files(rates=raised))
    assert [one.known_since for one in book.editions] == [date.min, date(2025, 10, 1), date(2026, 3, 1)]
    for day, cents in ((date(2025, 10, 1), 1_100), (date(2026, 2, 28), 1_100), (date(2026, 3, 1), 1_200), (date(2030, 1, 1), 1_200)):
        rules = book.known_at(day)
        assert (rules.maximum_rate_cents[2026]["KDV"], rules.tables[2026].maximum_rate_cents["KDV"]) == (cents, cents)
    assert book.newest is book.known_at(date.max)


def test_before_anything_was_known_there_is_no_table() -> None:
    rules = _read(book_files()).known_at(date(2025, 9, 30))
    assert (rules.tables, rules.maximum_rate_cents, rules.hours_tolerance_hundredths) == ({}, {}, 100)


def test_a_year_of_which_one_rate_is_not_known_has_no_table() -> None:
    rules = _read(book_files(rates=RATES.replace("2026,VGO,9.00,2026-01-01,2025-10-01\n", ""))).newest
    assert rules.tables == {}
    assert set(rules.maximum_rate_cents[2026]) == {"KDV", "BSO"}


def test_another_content_is_another_digest() -> None:
    assert _read(book_files()).sha256 != _read(book_files(hours="1.50")).sha256
    assert _read(book_files()).sha256 != _read(book_files(shares=SHARES.replace("90.0", "89.0"))).sha256


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('version = "2026.2"', "", "missing required field `version`"),
        ('"2026.2"', '"2026.02"', "version"),
        ('hours = "1.00"', 'hours = "1.00"\nlower_hours = "0.50"', "unknown field `lower_hours`"),
        ('source = "a test"\nhours', "hours", "missing required field `source`"),
        ('hours = "1.00"', "hours = 1.0", "Expected `str`"),
        ("year = 2026", "year = 1999", "year"),
        ('file = "rates.csv"', 'file = "../rates.csv"', "file"),
        ("[caps]", "[caps", "cannot be read"),
        ('hours = "1.00"', 'hours = "1.005"', "tolerances.hours"),
        ('hours = "1.00"', 'hours = "0.00"', "at least 0.01"),
        ('hourly_rate = "0.05"', 'hourly_rate = "0"', "at least 0.01"),
        ('hourly_rate = "0.05"', 'hourly_rate = "5 cents"', "tolerances.hourly_rate"),
        ('counted_hours = "230.00"', 'counted_hours = "many"', "caps.counted_hours"),
        ("least_granted_euro = 24", "least_granted_euro = -1", "least_granted_euro"),
        ("effective_from = 2026-01-01", "effective_from = 2026-02-01", "effective from 2026-01-01"),
        ('file = "shares.csv"', 'file = "nowhere.csv"', "does not stand beside"),
    ],
)
def test_a_book_that_is_not_whole_is_refused(old: str, new: str, told: str) -> None:
    with pytest.raises(BookRefused, match=told):
        _read(_spoiled(old, new))


def test_a_book_that_is_no_text_is_refused() -> None:
    with pytest.raises(BookRefused, match="cannot be read"):
        read_book(b"\xff\xfe", lambda name: b"")


def test_a_table_that_was_touched_is_refused() -> None:
    files = {**book_files(), "shares.csv": SHARES.replace("90.0", "91.0").encode()}
    with pytest.raises(BookRefused, match="SHA-256"):
        _read(files)


def test_a_year_that_has_two_tables_known_since_one_day_is_refused() -> None:
    part = book_files()["2026.2.toml"].decode()
    twice = part + part[part.index("[[percentages]]") :]
    with pytest.raises(BookRefused, match="percentages: something is said twice"):
        _read({**book_files(), "2026.2.toml": twice.encode()})


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("0,50000,90.0,95.0\n50002,,50.0,80.0\n", "from 50002 euros does not follow"),
        ("0,50000,90.0,95.0\n50000,,50.0,80.0\n", "from 50000 euros does not follow"),
        ("1,,90.0,95.0\n", "from 1 euros does not follow"),
        ("0,,90.0,95.0\n1,,50.0,80.0\n", "from 1 euros does not follow"),
        ("0,50000,90.0,95.0\n50001,40000,50.0,80.0\n", "from 50001 euros does not follow"),
        ("0,50000,90.0,95.0\n", "end at 50000 euros"),
        ("", "end at -1 euros"),
        ("0,50000,50.0,95.0\n50001,,90.0,80.0\n", "a share rises"),
        ("0,50000,90.0,80.0\n50001,,50.0,95.0\n", "a share rises"),
        ("0,50000,90.05,95.0\n50001,,50.0,80.0\n", "no percentage of one decimal"),
        ("0,50000,100.1,95.0\n50001,,50.0,80.0\n", "no percentage of one decimal"),
        ("0,50000,90.0\n50001,,50.0,80.0\n", "not as many values"),
        ("0,50000,90.0,95.0,1\n50001,,50.0,80.0\n", "not as many values"),
        ("0,-1,90.0,95.0\n", "no whole number"),
        ("zero,,90.0,95.0\n", "no whole number"),
    ],
)
def test_brackets_that_leave_a_gap_or_hold_another_thing_are_refused(rows: str, told: str) -> None:
    heading = "toetsingsinkomen_vanaf,toetsingsinkomen_tot_en_met,pct_eerste_kind,pct_volgende_kinderen\n"
    with pytest.raises(BookRefused, match=told):
        _read(book_files(shares=heading + rows))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("care_type", "kind", "must have the columns"),
        ("2026,KDV", "2026,GOB", "'GOB' is no care type"),
        ("2026,KDV", "this year,KDV", "no whole number"),
        ("11.00", "eleven", "no quantity"),
        ("2026,KDV,11.00,2026-01-01", "2026,KDV,11.00,2026-07-01", "effective from 2026-01-01"),
        ("2026,KDV,11.00,2026-01-01,2025-10-01", "2026,KDV,11.00,2026-01-01,once", "'once' is no day"),
        ("2026,BSO,10.00,2026-01-01,2025-10-01", "2026,KDV,10.00,2026-01-01,2025-10-01", "rates.csv: something is said twice"),
    ],
)
def test_rates_that_hold_another_thing_are_refused(old: str, new: str, told: str) -> None:
    assert old in RATES
    with pytest.raises(BookRefused, match=told):
        _read(book_files(rates=RATES.replace(old, new)))
