"""The sentences in force."""

from importlib.resources import files

from reconcile.rules.text_book import LANGUAGES
from reconcile.textbook import TEXT_VERSION, texts_in_force


def test_the_same_book_every_time() -> None:
    assert texts_in_force() is texts_in_force()


def test_the_newest_version_is_in_force_in_every_language() -> None:
    book = texts_in_force()
    assert book.version == TEXT_VERSION == max(one.name for one in (files("reconcile.rules") / "texts").iterdir() if one.is_dir())
    assert tuple(book.languages) == LANGUAGES


def test_every_version_that_was_in_force_can_be_read_again() -> None:
    for version in (files("reconcile.rules") / "texts").iterdir():
        assert {one.name for one in version.iterdir()} == {f"{language}.toml" for language in LANGUAGES}
