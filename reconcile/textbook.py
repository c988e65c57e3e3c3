"""Loads the sentences in force from the data files beside the rules: which need values, not files."""

import tomllib
from functools import cache
from importlib.resources import files

from reconcile.rules.text_book import LANGUAGES, TextBook, read_templates

# The folder of the sentences in force: raised with every change of one; it stands in each difference that was told by it.
TEXT_VERSION = "2026.1"


@cache
def texts_in_force() -> TextBook:
    """Return the sentences in force; the same object at every call. Raises BookRefused when they cannot be used."""
    folder = files("reconcile.rules") / "texts" / TEXT_VERSION
    tables = {language: tomllib.loads((folder / f"{language}.toml").read_text(encoding="utf-8")) for language in LANGUAGES}
    return TextBook(version=TEXT_VERSION, languages={language: read_templates(table) for language, table in tables.items()})
