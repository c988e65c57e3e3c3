"""Kinds, routes and circumstances as data: all of them, each with names of its own, and every code of the taxonomy has its place."""

from typing import get_args

from reconcile.rules import kinds


def test_every_code_that_the_rules_may_say_is_described() -> None:
    assert tuple(kinds.KINDS) == get_args(kinds.Kind)
    assert tuple(kinds.ROUTES) == get_args(kinds.Route)
    assert tuple(kinds.CIRCUMSTANCES) == get_args(kinds.CircumstanceCode)


def test_every_entry_has_names_of_its_own_in_both_languages() -> None:
    for entries in (kinds.KINDS, kinds.ROUTES, kinds.CIRCUMSTANCES):
        for names in ([one.dutch for one in entries.values()], [one.english for one in entries.values()]):
            assert all(names)
            assert len(set(names)) == len(names)


def test_every_code_of_the_taxonomy_is_a_kind_or_says_where_it_shows() -> None:
    assert sorted([*kinds.KINDS, *kinds.ELSEWHERE]) == [f"D{number:02d}" for number in range(33)]


def test_the_page_has_a_row_for_every_code_and_names_only_codes_that_exist() -> None:
    page = kinds.kinds_page()
    rows = [line.split("|")[1].strip(" `") for line in page.splitlines() if line.startswith("| ")]
    for code in (*kinds.KINDS, *kinds.ELSEWHERE, *kinds.ROUTES, *kinds.CIRCUMSTANCES):
        assert rows.count(code) == 1, code


def test_no_kind_means_suspicion() -> None:
    words = ("suspic", "fraud", "risk", "verdacht", "fraude", "risico")
    page = kinds.kinds_page().replace("No kind means suspicion", "").lower()
    assert not any(word in page for word in words)
