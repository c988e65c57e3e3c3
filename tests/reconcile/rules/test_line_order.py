"""The order of applying: parents together, equal keys at one place, lines without a parent apart."""

from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from reconcile.rules.line_order import place_of

LOW, HIGH = UUID(int=1 << 96), UUID(int=(1 << 128) - 1)


@given(parent=st.uuids(), child=st.uuids(), number=st.integers(1, 2**31 - 1))
def test_a_place_fits_the_column_and_equal_keys_share_it(parent: UUID, child: UUID, number: int) -> None:
    place = place_of(parent, child, "900000001", "2026-03", line_number=number)
    assert -(2**63) <= place < 2**63
    assert place == place_of(parent, child, "900000001", "2026-03", line_number=number + 1)


@given(st.lists(st.tuples(st.sampled_from((LOW, HIGH, uuid4())), st.uuids(), st.sampled_from(("2026-01", "2026-02"))), max_size=30))
def test_the_lines_of_one_parent_follow_each_other(lines: list[tuple[UUID, UUID, str]]) -> None:
    ordered = sorted(lines, key=lambda line: place_of(line[0], line[1], "900000001", line[2], line_number=1))
    parents = [parent for parent, _, _ in ordered]
    assert sum(before != after for before, after in zip(parents, parents[1:], strict=False)) == max(0, len(set(parents)) - 1)


def test_other_keys_have_other_places() -> None:
    child, other = uuid4(), uuid4()
    keys = [
        (child, "900000001", "2026-01"),
        (child, "900000001", "2026-02"),
        (child, "900000013", "2026-01"),
        (other, "900000001", "2026-01"),
        (None, "900000001", "2026-01"),
    ]
    assert len({place_of(LOW, *key, line_number=1) for key in keys}) == len(keys)


def test_lines_without_a_parent_are_spread() -> None:
    assert [place_of(None, None, None, None, line_number=number) for number in (1, 2, 3)] == [1, 2, 3]
