"""A remark is short, on one line, and tells no BSN however it is written; a note may be longer, and tells none either."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.rules.bsn import marked_bsn
from reconcile.rules.remarks import CHARACTERS_MAX, NOTE_CHARACTERS_MAX, is_note, is_remark

BSN = marked_bsn(0)


@pytest.mark.parametrize(
    "text",
    ["Verkeerd bestand", "software staat stil sinds 2026-04-02, 08:15", "é", "x" * CHARACTERS_MAX, "40.000 regels te veel", "1 2 3 4"],
)
def test_words_are_a_remark(text: str) -> None:
    assert is_remark(text)


@pytest.mark.parametrize(
    "text",
    ["", " ", "x" * (CHARACTERS_MAX + 1), "two\nlines", "\x00", "a\tb", "\u202e", BSN, f"kind {BSN}.", BSN[1:], f"A{BSN}B", "12345678"]
    + [
        f"{BSN[:3]} {BSN[3:5]} {BSN[5:8]} {BSN[8]}",
        f"bsn {BSN[:4]}.{BSN[4:6]}.{BSN[6:]}",
        f"7 {BSN[:4]}-{BSN[4:]}",
        f"{BSN[:4]}/{BSN[4:]} 12",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert not is_remark(text)


@given(
    st.integers(0, 4_999_999).map(marked_bsn),
    st.text("abc .,", max_size=20),
    st.lists(st.integers(1, 8), max_size=4),
    st.sampled_from(" .-/"),
)
@settings(max_examples=200, deadline=None)
def test_no_bsn_gets_through_in_any_grouping(bsn: str, before: str, cuts: list[int], separator: str) -> None:
    grouped = "".join(separator * (place in cuts) + digit for place, digit in enumerate(bsn))
    assert not is_remark(f"{before}{grouped}")
    assert not is_note(f"{before}{grouped}")


@pytest.mark.parametrize(
    "text",
    [
        "Wij waren op vakantie.\nTwee weken.",
        "x" * NOTE_CHARACTERS_MAX,
        "Bel 06-12345678 of 020 1234567",
        "factuur 2026031234",
        "klantnummer 123456789",
        "\U0001f469\u200d\U0001f467",
    ],
)
def test_words_are_a_note(text: str) -> None:
    assert is_note(text)


@pytest.mark.parametrize(
    "text",
    ["", " \n", "x" * (NOTE_CHARACTERS_MAX + 1), "\x00", "\x1b[2J", "\u202e", "\ud800", BSN, f"ik ben {BSN}", f"A{BSN}B"]
    + [
        f"{BSN[:3]}. {BSN[3:6]}. {BSN[6:]}",
        f"{BSN[:3]}\n{BSN[3:]}",
        f"{BSN[:3]}\u200b{BSN[3:]}",
        f"{BSN[:3]}\u00a0{BSN[3:]}",
        BSN.translate({ord(str(digit)): chr(0xFF10 + digit) for digit in range(10)}),
    ],
)
def test_anything_else_is_no_note(text: str) -> None:
    assert not is_note(text)
