"""Loads rule books from the data files beside the rules, which need values and not files, or from another folder."""

import re
from datetime import datetime
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from reconcile.rules.book_file import VERSION_PATTERN, BookRefused, read_book
from reconcile.rules.months import day_at
from reconcile.rules.rule_book import PublishedBook, RuleBook

_VERSION = re.compile(VERSION_PATTERN)


class NoSuchBook(LookupError):
    """There is no rule book of this version in the folder."""


class Books:
    """The rule books of a folder: `<version>.toml` and the tables that they name. Each is read once; files that came later are seen."""

    def __init__(self, folder: Traversable) -> None:
        self._folder = folder
        self._read: dict[str, PublishedBook] = {}

    def versions(self) -> tuple[str, ...]:
        """Return the versions that are there, oldest first. Raises NoSuchBook when the folder cannot be read."""
        try:
            names = [one.name.removesuffix(".toml") for one in self._folder.iterdir() if one.name.endswith(".toml")]
        except OSError as error:
            raise NoSuchBook(f"The folder of rule books cannot be read: {type(error).__name__}.") from None
        return tuple(sorted(filter(_VERSION.match, names), key=_place))

    def book(self, version: str) -> PublishedBook:
        """Return a book, the same object at every call. Raises NoSuchBook, and BookRefused when it is not whole."""
        if version not in self._read:
            if version not in self.versions():
                raise NoSuchBook(f"There is no rule book {version}; there is {', '.join(self.versions()) or 'none'}.")
            book = read_book((self._folder / f"{version}.toml").read_bytes(), lambda name: (self._folder / name).read_bytes())
            if book.version != version:
                raise BookRefused(f"The file of rule book {version} says that it is {book.version}.")
            self._read[version] = book
        return self._read[version]

    def rules_then(self, version: str, instant: datetime) -> RuleBook | None:
        """Return the rules by which something was judged at an instant; None when its book is not here any more."""
        try:
            return self.book(version).known_at(day_at(instant))
        except (NoSuchBook, BookRefused):
            return None


@cache
def shipped_books() -> Books:
    """Return the books of this release."""
    return Books(files("reconcile.rules") / "books")


def books_of(folder: str) -> Books:
    """Return the books of a folder; of an empty name, those of this release."""
    return Books(Path(folder)) if folder else shipped_books()


def rules_in_force() -> RuleBook:
    """Return the newest rules of this release, with everything that is known; the same object at every call.

    For tests and tools. What a running system judges by is what was activated in it: `reconcile/adopt.py`.
    """
    books = shipped_books()
    return books.book(books.versions()[-1]).newest


def _place(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
