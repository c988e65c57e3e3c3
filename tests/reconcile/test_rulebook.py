"""The shipped books are whole, their tables are those of their sources, and another folder can hold others."""

from datetime import date
from pathlib import Path

import pytest

from reconcile.rulebook import Books, NoSuchBook, books_of, rules_in_force, shipped_books
from reconcile.rules.book_file import BookRefused
from tests.books import book_files


def test_the_same_book_every_time() -> None:
    assert rules_in_force() is rules_in_force()


@pytest.mark.parametrize(
    ("income", "first", "following"),
    [
        (0, 960, 960),
        (56_412, 960, 960),
        (56_413, 955, 956),
        (161_767, 385, 817),
        (165_657, 385, 817),
        (165_658, 365, 814),
        (235_698, 365, 682),
    ],
)
def test_rows_of_2026(income: int, first: int, following: int) -> None:
    """Domain notes 4.5: rows to check against."""
    row = rules_in_force().tables[2026].shares(income)
    assert (row.first_child_tenths, row.next_child_tenths) == (first, following)


@pytest.mark.parametrize("year", [2023, 2024, 2026])
def test_every_table_is_whole(year: int) -> None:
    table = rules_in_force().tables[year]
    assert len(table.brackets) == 69
    assert table.brackets[0].from_euro == 0
    assert table.brackets[-1].until_euro is None
    for one, following in zip(table.brackets, table.brackets[1:], strict=False):
        assert one.until_euro is not None
        assert following.from_euro == one.until_euro + 1
        assert following.first_child_tenths <= one.first_child_tenths
    assert set(table.maximum_rate_cents) == {"KDV", "BSO", "VGO"}


def test_a_year_without_a_complete_table_has_none() -> None:
    assert set(rules_in_force().tables) == {2023, 2024, 2026}
    assert rules_in_force().maximum_rate_cents[2025]["KDV"] == 1_071


def test_a_rate_that_was_raised_in_december_2022_was_another_before() -> None:
    """Domain notes 4.1: the rates of 2023 were changed retroactively once."""
    book = shipped_books().book("2026.1")
    assert [book.known_at(day).maximum_rate_cents[2023]["KDV"] for day in (date(2022, 11, 30), date(2022, 12, 1))] == [897, 912]
    assert 2026 not in book.known_at(date(2025, 9, 30)).tables


def _with(folder: Path, *versions: str) -> Books:
    for version in versions:
        for name, content in book_files(version).items():
            (folder / name).write_bytes(content)
    return Books(folder)


def test_the_newest_shipped_book_is_that_of_the_highest_version(tmp_path: Path) -> None:
    assert _with(tmp_path, "2026.10", "2026.9", "2025.11").versions() == ("2025.11", "2026.9", "2026.10")
    assert rules_in_force() is shipped_books().book(shipped_books().versions()[-1]).newest


def test_every_shipped_book_is_whole() -> None:
    for version in shipped_books().versions():
        assert shipped_books().book(version).newest.version == version


def test_a_book_of_another_folder_is_found_by_its_version_also_when_it_comes_later(tmp_path: Path) -> None:
    books = _with(tmp_path, "2026.2")
    assert books.book("2026.2") is books.book("2026.2")
    with pytest.raises(NoSuchBook, match="no rule book 2026.3; there is 2026.2"):
        books.book("2026.3")
    _with(tmp_path, "2026.3")
    assert books.book("2026.3").version == "2026.3"
    assert books_of(str(tmp_path)).versions() == ("2026.2", "2026.3")
    assert books_of("") is shipped_books()


@pytest.mark.parametrize("version", ["../2026.2", "", "2026.2.toml", "2026"])
def test_a_name_that_is_no_version_finds_no_file(tmp_path: Path, version: str) -> None:
    with pytest.raises(NoSuchBook):
        _with(tmp_path, "2026.2").book(version)


def test_a_folder_without_books_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoSuchBook, match="there is none"):
        Books(tmp_path).book("2026.1")
    with pytest.raises(NoSuchBook, match="cannot be read: FileNotFoundError"):
        Books(tmp_path / "nowhere").book("2026.1")


def test_a_file_that_says_it_is_another_book_is_refused(tmp_path: Path) -> None:
    books = _with(tmp_path, "2026.2")
    (tmp_path / "2026.2.toml").rename(tmp_path / "2026.3.toml")
    with pytest.raises(BookRefused, match="says that it is 2026.2"):
        books.book("2026.3")
