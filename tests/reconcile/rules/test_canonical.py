"""The canonical form, by the rules of RFC 8785 and its own examples as far as they have no fractions."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.rules.canonical import canonical_json

_WHOLE = st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_VALUES = st.recursive(
    st.none() | st.booleans() | _WHOLE | _TEXT, lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner), max_leaves=20
)


def test_members_are_sorted_by_utf_16() -> None:
    """Section 3.2.3 of the RFC: a name beyond the basic plane comes before one at its end."""
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    expected = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert list(json.loads(canonical_json(dict.fromkeys(names, 0)))) == expected


def test_strings_are_escaped_where_they_must_be() -> None:
    """Section 3.2.2.2 of the RFC."""
    assert canonical_json('€$\x0f\nA\'B"\\\\"/\x7f') == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/\x7f"'.encode()


def test_the_form_of_the_rest() -> None:
    value = {"b": [1, -2, True, False, None, []], "a": {"y": "", "x": {}}}
    assert canonical_json(value) == b'{"a":{"x":{},"y":""},"b":[1,-2,true,false,null,[]]}'
    assert canonical_json([2**53 - 1, -(2**53) + 1]) == b"[9007199254740991,-9007199254740991]"


@given(_VALUES)
def test_it_says_the_same_and_has_one_form(value: Any) -> None:
    text = canonical_json(value)
    assert json.loads(text) == value
    assert canonical_json(json.loads(text)) == text


@pytest.mark.parametrize(
    ("told", "values"),
    [
        ("^not exact in every language$", [2**53, -(2**53)]),
        ("^has no canonical form$", [0.5, 1e3, float("nan"), b"bytes", [object()]]),
        ("surrogates not allowed$", ["\ud800", {"\ud800": 1}]),
    ],
)
def test_what_has_no_exact_form_is_refused(told: str, values: Sequence[Any]) -> None:
    for value in values:
        with pytest.raises(ValueError, match=told):
            canonical_json(value)
