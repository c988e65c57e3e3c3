"""BSNs: the eleven test and the marked range of test numbers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.rules.bsn import is_bsn, is_test_bsn, marked_bsn


def _eleven_test(digits: str) -> bool:
    first_eight = sum(int(digit) * weight for digit, weight in zip(digits, range(9, 1, -1), strict=False))
    return first_eight % 11 == int(digits[8])


def test_the_published_example_is_a_bsn() -> None:
    assert is_bsn("111222333")
    assert is_test_bsn("111222333")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "000000000",
        "111222334",
        "11122233",
        "1112223330",
        " 111222333",
        "111222333\n",
        "111.222.333",
        "11122233a",
    ]
    + ["١١١٢٢٢٣٣٣", "１１１２２２３３３", "-11222333", "1112223³3"],
)
def test_anything_that_is_not_nine_digits_with_the_eleven_test_is_refused(text: str) -> None:
    assert not is_bsn(text)
    assert not is_test_bsn(text)


@given(st.integers(90_000_000, 99_999_999), st.integers(0, 9))
@settings(max_examples=100, deadline=None)
def test_nine_digits_are_a_bsn_when_the_eleven_test_says_so(first_eight: int, ninth: int) -> None:
    digits = f"{first_eight:08d}{ninth}"
    assert is_bsn(digits) == _eleven_test(digits)


@given(st.integers(0, 4_999_999))
@settings(max_examples=100, deadline=None)
def test_a_marked_bsn_is_a_test_bsn(number: int) -> None:
    assert is_test_bsn(marked_bsn(number))


@given(st.integers(0, 4_999_999), st.integers(0, 8), st.integers(1, 9))
@settings(max_examples=100, deadline=None)
def test_one_wrong_digit_is_always_noticed(number: int, place: int, shift: int) -> None:
    bsn = marked_bsn(number)
    wrong = bsn[:place] + str((int(bsn[place]) + shift) % 10) + bsn[place + 1 :]
    assert not is_bsn(wrong)


def test_every_number_has_a_bsn_of_its_own() -> None:
    assert len({marked_bsn(number) for number in range(5_000)}) == 5_000


def test_the_same_number_always_gives_the_same_bsn() -> None:
    assert [marked_bsn(number) for number in range(3)] == ["900000004", "900000028", "900000041"]


def test_the_last_marked_bsn_ends_the_range() -> None:
    assert is_test_bsn(marked_bsn(4_999_999))
    assert marked_bsn(4_999_999).startswith("9999999")


@pytest.mark.parametrize("number", [-1, 5_000_000, 10_000_000])
def test_outside_of_the_range_there_is_no_marked_bsn(number: int) -> None:
    with pytest.raises(ValueError, match=f"no test BSN with number {number}"):
        marked_bsn(number)


def test_a_bsn_outside_the_marked_range_is_no_test_bsn() -> None:
    never_issued = f"{12:09d}"
    assert is_bsn(never_issued)
    assert not is_test_bsn(never_issued)
