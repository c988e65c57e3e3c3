"""Whether judging again says what was said, part by part."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from msgspec import structs

from reconcile.rules.judgement import JudgedDifference, judge
from reconcile.rules.recomputation import PARTS, differing_parts, nearest
from reconcile.rules.told import KeptTold, kept_of, told_of
from tests import make

AS_OF = datetime(2026, 7, 10, 9, tzinfo=UTC)


def judged() -> tuple[Any, ...]:
    two = (
        make.placement(1, reported=make.reported_run("2026-02", ["120", "120"])),
        make.undeclared(2, reported=make.reported_run("2026-02", ["30"])),
    )
    return judge(make.child_year(*two), AS_OF, make.rule_book())


def told(one: JudgedDifference) -> KeptTold:
    return kept_of(told_of(one))


def spoil(one: KeptTold, document: str, **change: Any) -> KeptTold:
    return structs.replace(one, **{document: msgspec.json.encode({**msgspec.json.decode(getattr(one, document)), **change}).decode()})


def test_what_is_kept_says_what_was_judged() -> None:
    assert [(one.kind, one.route) for one in judged()] == [("D01", None), ("D12", "too-old-for-new-care")]
    assert [(told(one).kind, told(one).route) for one in judged()] == [("D01", None), ("D12", "too-old-for-new-care")]


def test_the_same_is_the_same() -> None:
    for one in judged():
        assert differing_parts(told(one), told(one)) == ()


def test_each_part_is_held_against_the_kept_one() -> None:
    kept = told(judged()[0])
    months = msgspec.json.decode(kept.explanation)["months"]
    assert differing_parts(kept, structs.replace(kept, kind="D02")) == ("kind",)
    assert differing_parts(kept, structs.replace(kept, route="year-closed", proposal=None)) == ("proposal", "route")
    assert differing_parts(kept, spoil(kept, "proposal", placements=[])) == ("proposal",)
    assert differing_parts(kept, spoil(kept, "explanation", months=months[:1])) == ("values",)
    assert differing_parts(kept, spoil(kept, "explanation", months=[{**months[0], "hoursDeviate": False}, *months[1:]])) == ("values",)
    assert differing_parts(kept, spoil(kept, "explanation", rulesVersion="other")) == ("explanation",)
    assert differing_parts(kept, spoil(kept, "effect", year=2025)) == ("effect",)


def test_a_proposal_that_was_none_is_not_one() -> None:
    with_tap, without = (told(one) for one in judged())
    assert without.proposal is None
    assert "proposal" in differing_parts(without, structs.replace(without, proposal=with_tap.proposal))
    assert differing_parts(without, without) == ()


def test_names_of_then_and_of_now_are_the_same_thing() -> None:
    kept = told(judged()[0])
    months = msgspec.json.decode(kept.explanation)["months"]
    renamed = [{**one, "reported": {**one["reported"], "organisationName": "Anders"}} for one in months]
    assert differing_parts(kept, spoil(kept, "explanation", locationName="Anders", months=renamed)) == ()


def test_what_a_later_release_adds_to_a_document_is_not_held_against_the_older_one() -> None:
    kept = told(judged()[0])
    months = msgspec.json.decode(kept.explanation)["months"]
    added = [{**one, "reported": {**one["reported"], "added": 1}, "added": 1} for one in months]
    again = spoil(spoil(kept, "explanation", added=1, months=added), "effect", steps=[])
    assert differing_parts(kept, again) == ()
    assert differing_parts(again, kept) == ("values", "effect", "explanation")


@pytest.mark.parametrize("place", [0, 1])
def test_the_nearest_of_a_child_year_is_held_against(place: int) -> None:
    found = judged()
    kept = told(found[place])
    assert nearest(kept, found) == (kept, ())
    assert nearest(structs.replace(kept, kind="D99"), found) == (kept, ("kind",))


def test_without_any_everything_differs() -> None:
    assert nearest(told(judged()[0]), ()) == (None, PARTS)
