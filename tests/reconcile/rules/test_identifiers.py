"""Forms of LRK numbers and organisation identification numbers."""

import pytest

from reconcile.rules.identifiers import is_lrk_number, is_oin


@pytest.mark.parametrize("text", ["900000001", "000000000", "999999999"])
def test_nine_digits_have_the_form_of_an_lrk_number(text: str) -> None:
    assert is_lrk_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "90000000",
        "9000000010",
        "90000000a",
        "900000001\n",
        " 900000001",
        "９００００００００",
        "٩٠٠٠٠٠٠٠٠",
    ],
)
def test_other_text_does_not_have_the_form_of_an_lrk_number(text: str) -> None:
    assert not is_lrk_number(text)


@pytest.mark.parametrize("prefix", [1, 2, 3, 4, 6, 7, 8, 9, 10, 99])
def test_twenty_positions_with_a_known_prefix_have_the_form_of_an_oin(prefix: int) -> None:
    assert is_oin(f"{prefix:08d}000000010000")
    assert is_oin(f"{prefix:08d}ABCdef010000")


@pytest.mark.parametrize(
    "text",
    ["", "0000009900000001000", "000000990000000100000", "00000099-00000010000", "00000099000000010000\n"]
    + [
        "00000000000000010000",
        "00000005000000010000",
        "00000011000000010000",
        "0000009A000000010000",
        "00000099000000010０00",
    ],
)
def test_other_text_does_not_have_the_form_of_an_oin(text: str) -> None:
    assert not is_oin(text)
