"""The register of faults: complete, in both languages, and silent about values."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.rules.bsn import marked_bsn
from reconcile.rules.faults import FAULTS, Fault, UnreadableDelivery, fault, shape_of

_ROOT = Path(__file__).parents[3]
_IN_PYTHON = re.compile(r"""(?:\bfault|\bUnreadableDelivery)\(\s*["']([^"']+)["']""")
_IN_CENTS = re.compile(r"""_cents\("\w+", "([^"]+)\"""")
_IN_SQL = re.compile(r"""(?:"code": "|THEN ')([a-z]+(?:-[a-z]+)+)["']""")


def _sources() -> str:
    files = [path for folder in ("reconcile", "api", "workers", "cli") for path in sorted((_ROOT / folder).rglob("*.py"))]
    return "\n".join(path.read_text() for path in files if path.name != "faults.py")


def _sql() -> str:
    return "".join((_ROOT / "reconcile/store" / f"{noun}.sql").read_text() for noun in ("lines", "register"))


def test_every_code_in_use_is_registered() -> None:
    in_python = {code for form in (_IN_PYTHON, _IN_CENTS) for code in form.findall(_sources())}
    in_sql = set(_IN_SQL.findall(_sql()))
    assert len(in_python) > 25
    assert in_sql >= {"duplicate-line", "lrk-number-not-yours"}
    assert in_python | in_sql <= set(FAULTS)


@pytest.mark.parametrize("code", sorted(FAULTS))
def test_every_registered_code_is_in_use(code: str) -> None:
    assert re.search(f"""["']{code}["']""", _sources() + _sql())


def test_every_code_stands_under_its_own_name() -> None:
    assert [kind.code for kind in FAULTS.values()] == list(FAULTS)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)+", code) for code in FAULTS)


@pytest.mark.parametrize("code", sorted(FAULTS))
def test_every_code_has_a_title_and_a_remedy_in_both_languages(code: str) -> None:
    kind = FAULTS[code]
    texts = (kind.title_nl, kind.title_en, kind.remedy_nl, kind.remedy_en)
    assert all(text.strip() == text and text for text in texts)
    assert len(set(texts)) == 4
    assert kind.remedy_nl.endswith(".")
    assert kind.remedy_en.endswith(".")


def test_only_a_missing_bsn_and_a_line_to_replace_can_come_later() -> None:
    assert [kind.code for kind in FAULTS.values() if kind.permanence == "waiting"] == ["bsn-missing", "replaced-line-unknown"]


def test_only_what_depends_on_the_day_or_on_other_lines_is_taken_later_as_it_is() -> None:
    assert [kind.code for kind in FAULTS.values() if kind.permanence == "transient"] == ["month-in-future", "all-or-nothing"]


def test_every_record_state_that_a_sender_may_know_has_its_code() -> None:
    """Q04 and Q05 would tell whether a person is known to us, and Q07 is about a line that is not there: none has a code."""
    states = {kind.record_state for kind in FAULTS.values() if kind.record_state}
    assert states == {"Q01", "Q02", "Q03", "Q06", "Q08", "Q09"}


def test_every_fault_of_a_line_itself_has_a_record_state_and_no_other() -> None:
    assert all((kind.record_state is not None) == (kind.scope == "line" and kind.code != "all-or-nothing") for kind in FAULTS.values())


def test_a_code_that_is_not_registered_cannot_be_used() -> None:
    with pytest.raises(KeyError):
        fault("no-such-code", "hours")


def test_a_fault_has_the_shape_of_the_value() -> None:
    assert fault("hours-invalid", "hours", "12,5O") == Fault(code="hours-invalid", field="hours", shape="99,9a")


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (None, None),
        ("", ""),
        ("2026-13", "9999-99"),
        ("Jansen, P.", "aaaaaa, a."),
        ("é٣²", "a99"),
        ("a\tb\x00", "a?a?"),
        (12.5, "99.9"),
        (-1, "-9"),
        (True, "aaaa"),
        ([marked_bsn(0)], "aaaa"),
        ({"bsn": marked_bsn(0)}, "aaaa"),
        ("x" * 41, "a" * 40),
    ],
)
def test_the_shape_of_a_value(value: object, shape: str | None) -> None:
    assert shape_of(value) == shape


@given(
    st.integers(0, 4_999_999).map(marked_bsn),
    st.text(max_size=20),
    st.text(max_size=20),
    st.sampled_from([str, int, lambda bsn: [bsn], lambda bsn: {bsn: bsn}]),
)
@settings(max_examples=100, deadline=None)
def test_a_shape_has_no_digit_of_a_bsn_but_nines(bsn: str, before: str, after: str, wrapped: type) -> None:
    for value in (f"{before}{bsn}{after}", wrapped(bsn)):
        shape = shape_of(value)
        assert shape is not None
        assert {char for char in shape if char.isdigit() or char.isalpha()} <= set("9a")
        assert len(shape) <= 40
        assert bsn not in shape


def test_an_unreadable_delivery_says_where_it_stopped() -> None:
    error = UnreadableDelivery("line-too-long", "Line 7 is longer than 64 kB.", 7)
    assert (error.code, error.detail, error.line, str(error)) == (
        "line-too-long",
        "Line 7 is longer than 64 kB.",
        7,
        "Line 7 is longer than 64 kB.",
    )
