"""When two copies of an answer agree, and what an answer of each kind says."""

from datetime import date
from uuid import UUID

import pytest
from msgspec import structs

from reconcile.rules.replicated import AnswerKind, AnswerSaid, is_same, lacking

DIFFERENCE, CHANGE = UUID(int=1), UUID(int=2)
WHOLE: dict[AnswerKind, AnswerSaid] = {
    "acceptance": AnswerSaid(kind="acceptance", difference_id=DIFFERENCE, difference_version=5),
    "dispute": AnswerSaid(kind="dispute", difference_id=DIFFERENCE, difference_version=5, reason="other", note="Nee.", pass_on=True),
    "postponement": AnswerSaid(kind="postponement", difference_id=DIFFERENCE, difference_version=5, until=date(2026, 9, 1)),
    "reversal": AnswerSaid(kind="reversal", undone_change_id=CHANGE),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_answer_lacks_nothing_deleted_or_not(kind: AnswerKind) -> None:
    assert lacking(WHOLE[kind]) is None
    assert lacking(structs.replace(WHOLE[kind], is_deleted=True)) is None


@pytest.mark.parametrize(
    ("kind", "without"),
    [
        ("acceptance", "difference_id"),
        ("acceptance", "difference_version"),
        ("dispute", "reason"),
        ("postponement", "until"),
        ("reversal", "undone_change_id"),
    ],
)
def test_what_is_missing_is_named_as_the_app_knows_it(kind: AnswerKind, without: str) -> None:
    said = structs.replace(WHOLE[kind], **{without: None})
    first, *rest = without.split("_")
    name = first + "".join(word.capitalize() for word in rest)
    assert lacking(said) == f"An answer of the kind {kind} needs {name}."


@pytest.mark.parametrize(
    ("kind", "beyond", "names"),
    [
        ("acceptance", {"note": "Goed.", "pass_on": True}, "note, passOn"),
        ("dispute", {"until": date(2026, 9, 1)}, "until"),
        ("postponement", {"reason": "other"}, "reason"),
        ("reversal", {"until": date(2026, 9, 1)}, "until"),
    ],
)
def test_what_its_kind_does_not_have_is_named(kind: AnswerKind, beyond: dict[str, object], names: str) -> None:
    assert lacking(structs.replace(WHOLE[kind], **beyond)) == f"An answer of the kind {kind} has no {names}."


def test_a_reversal_may_name_what_was_accepted() -> None:
    named = structs.replace(WHOLE["reversal"], difference_id=DIFFERENCE, difference_version=5)
    assert lacking(named) is None
    assert is_same(named, WHOLE["reversal"])
    assert not is_same(named, structs.replace(named, undone_change_id=DIFFERENCE))
    assert not is_same(named, structs.replace(named, is_deleted=True))


def test_copies_agree_by_what_the_parent_said() -> None:
    dispute = WHOLE["dispute"]
    assert is_same(dispute, structs.replace(dispute))
    for change in ({"note": "Ja."}, {"reason": "hours-wrong"}, {"pass_on": False}, {"is_deleted": True}, {"difference_version": 6}):
        assert not is_same(dispute, structs.replace(dispute, **change))
    assert not is_same(WHOLE["reversal"], WHOLE["acceptance"])
