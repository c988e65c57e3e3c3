"""The tables in force are those of their sources."""

import pytest

from reconcile.rulebook import rules_in_force, rules_of


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


def test_rules_are_found_by_their_version_or_not_at_all() -> None:
    assert rules_of(rules_in_force().version) is rules_in_force()
    assert rules_of("1999.1") is None
