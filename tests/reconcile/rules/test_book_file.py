"""Reading a rule book: what it holds, what was known when, and everything for which it is refused."""

from collections.abc import Mapping
from datetime import date

import pytest

from reconcile.rules.book_file import BookRefused, read_book
from reconcile.rules.facts import CareType
from reconcile.rules.rule_book import AllowanceTable, Bracket, Parameter, PublishedBook, RuleBook
from tests.books import RATES, SHARES, book_files

_NOT_FROM_JANUARY = "what holds for 2026 is effective from 2026-01-01: rates and shares are those of a calendar year."


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
    book = _read(book_files())
    rates: Mapping[CareType, int] = {"KDV": 1_100, "BSO": 1_000, "VGO": 900}
    brackets = (
        Bracket(from_euro=0, until_euro=50_000, first_child_tenths=900, next_child_tenths=950),
        Bracket(from_euro=50_001, until_euro=None, first_child_tenths=500, next_child_tenths=800),
    )
    assert book.version == "2026.2"
    assert book.newest == RuleBook(
        version="2026.2",
        hours_tolerance_hundredths=100,
        rate_tolerance_cents=5,
        counted_hours_hundredths=23_000,
        least_granted_euro=24,
        maximum_rate_cents={2026: rates},
        tables={2026: AllowanceTable(year=2026, brackets=brackets, maximum_rate_cents=rates)},
    )


def test_every_value_is_told_with_where_it_comes_from_and_since_when() -> None:
    files = _spoiled('[caps]\nsource = "a test"', '[caps]\nsource = "a law"')
    dated = {"source": "a test", "effective_from": date(2026, 1, 1), "known_since": date(2025, 10, 1)}
    assert _read(files).parameters == (
        Parameter(name="tolerances.hours", value="1.00", source="a test"),
        Parameter(name="tolerances.hourly_rate", value="0.05", source="a test"),
        Parameter(name="caps.counted_hours", value="230.00", source="a law"),
        Parameter(name="caps.least_granted_euro", value="24", source="a law"),
        Parameter(name="maximum_hourly_rates.2026.KDV", value="11.00", **dated),
        Parameter(name="maximum_hourly_rates.2026.BSO", value="10.00", **dated),
        Parameter(name="maximum_hourly_rates.2026.VGO", value="9.00", **dated),
        Parameter(name="percentages.2026", value="shares.csv", **dated),
    )


def test_a_rate_that_was_raised_afterwards_counts_from_when_it_was_known() -> None:
    raised = RATES + "2026,KDV,12.00,2026-01-01,2026-03-01\n"
    book = _read(book_files(rates=raised))
    assert [one.known_since for one in book.editions] == [date.min, date(2025, 10, 1), date(2026, 3, 1)]
    for day, cents in ((date(2025, 10, 1), 1_100), (date(2026, 2, 28), 1_100), (date(2026, 3, 1), 1_200), (date(2030, 1, 1), 1_200)):
        rules = book.known_at(day)
        assert (rules.maximum_rate_cents[2026]["KDV"], rules.tables[2026].maximum_rate_cents["KDV"]) == (cents, cents)
    assert book.newest is book.known_at(date.max)


def test_shares_that_were_changed_afterwards_count_from_when_they_were_known() -> None:
    """Whatever their order in the book: here the newer ones come first."""
    files = _spoiled("known_since = 2025-10-01", "known_since = 2026-03-01")
    older = book_files(shares=SHARES.replace("90.0", "88.0"))
    part = older["2026.2.toml"].decode().partition("[[percentages]]")[2].replace("shares.csv", "older.csv")
    text = files["2026.2.toml"].decode() + "[[percentages]]" + part
    book = _read({**files, "2026.2.toml": text.encode(), "older.csv": older["shares.csv"]})
    known = [book.known_at(day).tables[2026] for day in (date(2025, 10, 1), date(2026, 2, 28), date(2026, 3, 1))]
    assert [one.brackets[0].first_child_tenths for one in known] == [880, 880, 900]


def test_shares_without_any_rate_make_no_table_yet() -> None:
    book = _read(_spoiled("known_since = 2025-10-01", "known_since = 2025-09-01"))
    assert [(one.known_since, set(one.rules.tables)) for one in book.editions] == [
        (date.min, set()),
        (date(2025, 9, 1), set()),
        (date(2025, 10, 1), {2026}),
    ]


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
        ("[caps]", "[caps", "line 6"),
        ("least_granted_euro = 24", "least_granted_euro = -1", "least_granted_euro"),
    ],
)
def test_a_book_of_another_form_is_refused(old: str, new: str, told: str) -> None:
    with pytest.raises(BookRefused, match=f"^The book cannot be read: .*{told}"):
        _read(_spoiled(old, new))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('hours = "1.00"', 'hours = "1.005"', "tolerances.hours: '1.005' is no quantity of at most two decimals."),
        ('hours = "1.00"', 'hours = "0.00"', "A tolerance must be at least 0.01: what is equal is never a difference."),
        ('hourly_rate = "0.05"', 'hourly_rate = "0"', "A tolerance must be at least 0.01: what is equal is never a difference."),
        ('hourly_rate = "0.05"', 'hourly_rate = "5 cents"', "tolerances.hourly_rate: '5 cents' is no quantity of at most two decimals."),
        ('counted_hours = "230.00"', 'counted_hours = "many"', "caps.counted_hours: 'many' is no quantity of at most two decimals."),
        ("effective_from = 2026-01-01", "effective_from = 2026-02-01", f"shares.csv: {_NOT_FROM_JANUARY}"),
        ('file = "shares.csv"', 'file = "nowhere.csv"', "nowhere.csv does not stand beside the book."),
    ],
)
def test_a_book_that_is_not_whole_is_refused(old: str, new: str, told: str) -> None:
    with pytest.raises(BookRefused) as refused:
        _read(_spoiled(old, new))
    assert str(refused.value) == told


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


def _shares(rows: str) -> str:
    """Return a table of shares with these rows, from line 3 on."""
    return SHARES[: SHARES.index("0,50000")] + rows


def test_a_bracket_may_be_of_one_euro_and_shares_may_stay_the_same() -> None:
    table = _read(book_files(shares=_shares("0,0,100.0,100.0\n1,999999998,100.0,96.5\n999999999,,0.5,96.5\n"))).newest.tables[2026]
    assert table.brackets == (
        Bracket(from_euro=0, until_euro=0, first_child_tenths=1_000, next_child_tenths=1_000),
        Bracket(from_euro=1, until_euro=999_999_998, first_child_tenths=1_000, next_child_tenths=965),
        Bracket(from_euro=999_999_999, until_euro=None, first_child_tenths=5, next_child_tenths=965),
    )


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("0,50000,90.0,95.0\n50002,,50.0,80.0\n", ": the bracket from 50002 euros does not follow the one before it."),
        ("0,50000,90.0,95.0\n50000,,50.0,80.0\n", ": the bracket from 50000 euros does not follow the one before it."),
        ("1,,90.0,95.0\n", ": the bracket from 1 euros does not follow the one before it."),
        ("0,,90.0,95.0\n1,,50.0,80.0\n", ": the bracket from 1 euros does not follow the one before it."),
        ("0,50000,90.0,95.0\n50001,40000,50.0,80.0\n", ": the bracket from 50001 euros does not follow the one before it."),
        ("0,50000,90.0,95.0\n", ": the brackets end at 50000 euros; the last has no end."),
        ("", ": the brackets end at -1 euros; the last has no end."),
        ("0,50000,50.0,95.0\n50001,,90.0,80.0\n", ": a share rises with the income, from 50001 euros on."),
        ("0,50000,90.0,80.0\n50001,,50.0,95.0\n", ": a share rises with the income, from 50001 euros on."),
        ("0,50000,90.05,95.0\n50001,,50.0,80.0\n", ": '90.05' is no percentage of one decimal."),
        ("0,50000,90.0,95.05\n50001,,50.0,80.0\n", ": '95.05' is no percentage of one decimal."),
        ("0,50000,100.1,95.0\n50001,,50.0,80.0\n", ": '100.1' is no percentage of one decimal."),
        ("0,50000,90%,95.0\n50001,,50.0,80.0\n", ": '90%' is no quantity of at most two decimals."),
        ("0,50000,90.0,95.0\n50001,,50.0\n", " line 4: not as many values as columns."),
        ("# of low incomes\n0,50000,90.0,95.0,1\n50001,,50.0,80.0\n", " line 4: not as many values as columns."),
        ("0,-1,90.0,95.0\n", ": '-1' is no whole number."),
        ("0,1000000000,90.0,95.0\n", ": '1000000000' is no whole number."),
        ("zero,,90.0,95.0\n", ": 'zero' is no whole number."),
    ],
)
def test_brackets_that_leave_a_gap_or_hold_another_thing_are_refused(rows: str, told: str) -> None:
    with pytest.raises(BookRefused) as refused:
        _read(book_files(shares=_shares(rows)))
    assert str(refused.value) == f"shares.csv{told}"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("care_type", "kind", " must have the columns year, care_type, maximum_hourly_rate, effective_from, known_since."),
        ("2026,KDV", "2026,GOB", ": 'GOB' is no care type."),
        ("2026,KDV", "this year,KDV", ": 'this year' is no whole number."),
        ("11.00", "eleven", ": 'eleven' is no quantity of at most two decimals."),
        ("2026,KDV,11.00,2026-01-01", "2026,KDV,11.00,2026-07-01", f": {_NOT_FROM_JANUARY}"),
        ("2026,KDV,11.00,2026-01-01", "2026,KDV,11.00,January", ": 'January' is no day."),
        ("2026,KDV,11.00,2026-01-01,2025-10-01", "2026,KDV,11.00,2026-01-01,once", ": 'once' is no day."),
        ("2026,BSO", "2026,KDV", ": something is said twice as known since the same day."),
    ],
)
def test_rates_that_hold_another_thing_are_refused(old: str, new: str, told: str) -> None:
    assert old in RATES
    with pytest.raises(BookRefused) as refused:
        _read(book_files(rates=RATES.replace(old, new)))
    assert str(refused.value) == f"rates.csv{told}"
