"""The judgement: every kind as a story, its boundaries, its hash, and what accepting a proposal leaves."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from reconcile.rules.effect import Amounts, no_effect
from reconcile.rules.explanation import Circumstance, ComparedMonth
from reconcile.rules.facts import ChildYearFacts, PlacementFacts, ReportedMonth, Segment
from reconcile.rules.judgement import JudgedDifference, content_of, judge
from reconcile.rules.proposal import Proposal
from reconcile.rules.segments import lay_over
from tests.make import (
    DECEMBER,
    child_care,
    child_year,
    placement,
    reported,
    reported_run,
    rule_book,
    segment,
    undeclared,
)
from tests.reconcile.rules import random_care

_RULES = rule_book()
_MORE = reported_run("2026-02", ["120.00", "120.00"])
_ZERO = reported_run("2026-02", ["100.00", "0", "0"])


def _judge(*placements: PlacementFacts, as_of: datetime = DECEMBER, **change: Any) -> tuple[JudgedDifference, ...]:
    return judge(child_year(*placements, **change), as_of, _RULES)


def _one(*months: ReportedMonth, as_of: datetime = DECEMBER, **change: Any) -> JudgedDifference:
    found = _judge(placement(**{"reported": months, **change}), placement(9), as_of=as_of)
    assert len(found) == 1
    return found[0]


def _story(judged: JudgedDifference) -> tuple[str, str | None, Sequence[Segment] | None]:
    return judged.kind, judged.route, judged.proposal and judged.proposal.placements[0].segments


def _codes(judged: JudgedDifference) -> list[str]:
    return [one.code for one in judged.explanation.circumstances]


def _run(start: str, *hours: str, rate: str = "10.00", end_on: date | None = None) -> tuple[ReportedMonth, ...]:
    """Make reported months in a row; the last has the end date."""
    months = reported_run(start, hours, rate=rate)
    return (*months[:-1], structs.replace(months[-1], end_on=end_on))


@pytest.mark.parametrize(
    ("months", "kind", "segments"),
    [
        pytest.param(_MORE, "D01", [segment("2026-02", hours="120")], id="D01 more hours"),
        pytest.param(_run("2026-02", "100", "80", "80"), "D02", [segment("2026-03", hours="80")], id="D02 fewer hours"),
        pytest.param(_run("2026-02", "120"), "D03", [segment("2026-02", "2026-02", hours="120")], id="D03 one month"),
        pytest.param(
            _run("2026-02", "120", "80"),
            "D03",
            [segment("2026-02", "2026-02", hours="120"), segment("2026-03", "2026-03", hours="80")],
            id="D03 two single months",
        ),
        pytest.param(
            _run("2026-02", "130", "100", "100"),
            "D03",
            [segment("2026-02", "2026-02", hours="130")],
            id="D03 before a run",
        ),
        pytest.param(
            _run("2026-01", "90", "130", "110"),
            "D05",
            [segment("2026-01", hours="110")],
            id="D05 another average",
        ),
        pytest.param(_run("2026-02", "100", rate="10.50"), "D06", [segment("2026-02", rate="10.50")], id="D06 rate"),
        pytest.param(
            _run("2026-02", "120", "120", rate="10.50"),
            "D09",
            [segment("2026-02", hours="120", rate="10.50")],
            id="D09",
        ),
        pytest.param(_ZERO, "D14", [segment("2026-03", hours="0")], id="D14 no hours for two months"),
        pytest.param(
            _run("2026-03", "100", end_on=date(2026, 3, 15)),
            "D14",
            [segment("2026-04", hours="0")],
            id="D14 end date",
        ),
        pytest.param(
            _run("2026-03", "60", end_on=date(2026, 3, 15)),
            "D14",
            [segment("2026-03", "2026-03", hours="60"), segment("2026-04", hours="0")],
            id="D14 with a last month of fewer hours",
        ),
    ],
)
def test_a_difference_has_its_kind_and_what_one_tap_changes(months: tuple[ReportedMonth, ...], kind: str, segments: list[Segment]) -> None:
    assert _story(_one(*months)) == (kind, None, tuple(segments))


@pytest.mark.parametrize(
    ("declared", "rate", "kind"),
    [
        ("11.00", "11.50", "D07"),
        ("11.50", "11.00", "D07"),
        ("10.99", "11.50", "D06"),
        ("11.50", "10.99", "D06"),
    ],
)
def test_a_rate_at_or_above_the_maximum_on_both_sides_is_d07(declared: str, rate: str, kind: str) -> None:
    judged = _one(reported("2026-02", rate=rate), declared=(segment(rate=declared),))
    assert _story(judged) == (kind, None, (segment("2026-02", rate=rate),))
    assert judged.effect.in_month is not None
    assert (judged.effect.in_month.change_euro == 0) or kind == "D06"


def test_a_rate_in_a_year_without_a_maximum_is_d06() -> None:
    judged = _judge(
        placement(reported=(reported("2025-02", rate="99"),), declared=(segment("2025-01", rate="98"),)),
        year=2025,
    )
    assert [(one.kind, one.effect) for one in judged] == [("D06", no_effect("table-incomplete"))]


def test_care_of_a_child_without_declared_care_is_d13_and_has_no_tap() -> None:
    assert [_story(one) for one in _judge(undeclared(reported=_MORE))] == [("D13", "add-child", None)]


def test_undeclared_care_without_hours_is_no_difference() -> None:
    assert _judge(undeclared(reported=_run("2026-02", "0", "0"))) == ()


def test_the_end_of_the_last_care_of_a_household_has_no_tap() -> None:
    assert [_story(one) for one in _judge(placement(reported=_ZERO))] == [("D14", "last-care-ended", None)]


@pytest.mark.parametrize(
    ("other", "route"),
    [
        (segment(), None),
        (segment("2025-01", "2026-03"), None),
        (segment("2025-01", "2026-02"), "last-care-ended"),
        (segment(hours="0.01"), None),
        (segment(hours="0"), "last-care-ended"),
    ],
)
def test_other_care_of_the_household_makes_an_end_not_the_last(other: Segment, route: str | None) -> None:
    sibling = child_care(placement(2, declared=(other,)), number=2)
    own, beside = placement(reported=_ZERO), placement(2, declared=(other,))
    assert [one.route for one in _judge(own, siblings=(sibling,))] == [route]
    assert [one.route for one in _judge(own, beside)] == [route]


def test_a_child_that_is_not_in_a_complete_delivery_is_a_question() -> None:
    judged = _judge(placement(complete_months=("2026-02", "2026-03"), reported=(reported("2026-02"),)))
    assert [_story(one) for one in judged] == [("D15", "ask-organisation", None)]
    months = (ComparedMonth(month="2026-03", declared=segment(), reported=None, hours_deviate=True, rate_deviates=False),)
    assert judged[0].explanation.months == months


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"complete_months": ("2027-01",)},
        {"complete_months": ("2026-02",), "reported": (reported("2026-02"),)},
        {"complete_months": ("2026-02",), "reported": (reported("2026-03"),)},
        {"complete_months": ("2026-02",), "declared": (segment(hours="0"),)},
        {"complete_months": ("2026-02",), "declared": (segment("2026-03"),)},
        {
            "complete_months": ("2026-03",),
            "reported": (reported("2026-02", end_on=date(2026, 2, 28)),),
            "declared": (),
        },
    ],
)
def test_a_month_that_was_not_received_says_nothing_by_itself(change: dict[str, Any]) -> None:
    assert [one.kind for one in _judge(placement(**change), placement(9)) if one.kind == "D15"] == []


@pytest.mark.parametrize(
    "months",
    [
        pytest.param((), id="nothing received"),
        pytest.param(_run("2026-01", "100", "100"), id="D00 equal"),
        pytest.param(_run("2026-01", "100.99", "100.99", rate="10.04"), id="D00 just within the tolerance above"),
        pytest.param(_run("2026-01", "99.01", "99.01", rate="9.96"), id="D00 just within the tolerance below"),
        pytest.param(_run("2026-01", "90", "110", "100"), id="D04 varying with the same average"),
        pytest.param(_run("2026-01", "90", "110", "102.97"), id="D04 an average within the tolerance"),
        pytest.param(_run("2026-10", "120", "80", "130"), id="a quarter that is not over"),
        pytest.param(_run("2027-01", "120", "120"), id="months still to come"),
    ],
)
def test_no_difference_is_silent(months: tuple[ReportedMonth, ...]) -> None:
    assert _judge(placement(reported=months)) == ()


@pytest.mark.parametrize(
    ("hours", "rate", "kinds"),
    [
        ("100.99", "10.04", []),
        ("101.00", "10.04", ["D03"]),
        ("99.00", "10.04", ["D03"]),
        ("100.99", "10.05", ["D06"]),
        ("99.01", "9.95", ["D06"]),
        ("101.00", "10.05", ["D09"]),
        ("99.00", "9.95", ["D09"]),
    ],
)
def test_a_deviation_of_the_tolerance_is_a_difference_and_less_is_not(hours: str, rate: str, kinds: list[str]) -> None:
    assert [one.kind for one in _judge(placement(reported=(reported(hours=hours, rate=rate),)))] == kinds


@pytest.mark.parametrize(
    "own",
    [
        placement(reported=_MORE),
        placement(reported=_ZERO),
        placement(complete_months=("2026-02",)),
        undeclared(1, reported=_MORE),
        undeclared(2, reported=_MORE),
    ],
)
def test_a_closed_year_keeps_its_kind_and_takes_no_tap(own: PlacementFacts) -> None:
    for beside in ((), (placement(9),)):
        open_, closed = (_judge(own, *beside, is_closed_year=is_closed) for is_closed in (False, True))
        assert [(one.kind, one.route, one.proposal) for one in closed] == [(one.kind, "year-closed", None) for one in open_]
        assert len(closed) == 1


def test_a_month_of_the_netherlands_decides_what_is_still_to_come() -> None:
    facts = child_year(placement(reported=(reported("2026-04", hours="120"),)))
    before, after = datetime(2026, 3, 31, 21, 59, tzinfo=UTC), datetime(2026, 3, 31, 22, tzinfo=UTC)
    assert [len(judge(facts, instant, _RULES)) for instant in (before, after)] == [0, 1]


def test_what_was_accepted_before_counts_as_declared() -> None:
    assert _judge(placement(reported=_MORE, overlay=(segment("2026-02", hours="120"),))) == ()


def test_an_explanation_says_by_which_rules_and_from_which_ages() -> None:
    judged = _one(*_run("2026-02", "240"))
    found = judged.explanation
    assert (found.rules_version, found.hours_tolerance_hundredths, found.rate_tolerance_cents) == (
        "test",
        100,
        5,
    )
    assert (found.step, found.location_name, found.lrk_number) == ("single-months", "Locatie 1", "900000001")
    assert (found.care_type, found.declared_at) == ("KDV", datetime(2025, 12, 1, tzinfo=UTC))
    assert found.circumstances[0] == Circumstance(
        code="hours-above-cap", months=("2026-02",), hours_hundredths=34_000, limit_hundredths=23_000
    )
    assert _codes(judged) == ["hours-above-cap", "older-than-three-months", "only-paid-hours-when-open", "other-changes-not-counted"]
    assert judged.effect.in_month == Amounts(before_euro=1_000, after_euro=1_000, change_euro=0)
    assert judged.effect.in_year == Amounts(before_euro=12_000, after_euro=12_150, change_euro=150)
    assert _codes(_one(*_MORE)) == ["older-than-three-months", "only-paid-hours-when-open", "other-changes-not-counted"]


def test_an_end_date_goes_into_the_proposal_and_the_explanation() -> None:
    judged = _one(reported("2026-03", end_on=date(2026, 3, 15)))
    assert judged.proposal is not None
    assert judged.proposal.placements[0].end_on == judged.explanation.end_on == date(2026, 3, 15)


_DICE = st.randoms(use_true_random=False)


@given(_DICE)
@settings(max_examples=2_000, deadline=None)
def test_accepting_a_proposal_leaves_no_difference(dice: random.Random) -> None:
    """Nothing but what was behind it: the organisation delivered everything and this child was not in it, or, now that this place is
    declared, it shows that care moved on from there to another new place."""
    facts, as_of = random_care.facts(dice), random_care.instant(dice)
    for one in judge(facts, as_of, _RULES):
        assert (one.proposal is None) != (one.route is None)
        if one.proposal:
            left = [
                each for each in judge(_accepted(facts, one.proposal), as_of, _RULES) if set(each.placement_ids) & set(one.placement_ids)
            ]
            assert all(each.kind == "D15" or _moves_on(each, one) for each in left), (one.kind, left)


def _moves_on(left: JudgedDifference, accepted: JudgedDifference) -> bool:
    return (
        left.kind in ("D10", "D11")
        and left.placement_ids[0] in accepted.placement_ids
        and left.placement_ids[1] not in accepted.placement_ids
    )


def _accepted(facts: ChildYearFacts, proposal: Proposal) -> ChildYearFacts:
    over = {one.placement_id: one.segments for one in proposal.placements}
    placements = tuple(
        structs.replace(one, overlay=lay_over(one.overlay, over.get(one.placement_id, ()))) for one in facts.child.placements
    )
    return structs.replace(facts, child=structs.replace(facts.child, placements=placements))


@given(_DICE)
@settings(max_examples=300, deadline=None)
def test_judging_is_idempotent_and_does_not_depend_on_order(dice: random.Random) -> None:
    facts, as_of = random_care.facts(dice), random_care.instant(dice)
    judged = judge(facts, as_of, _RULES)
    shuffled = list(facts.child.placements)
    dice.shuffle(shuffled)
    again = structs.replace(facts, child=structs.replace(facts.child, placements=tuple(shuffled)))
    assert judge(facts, as_of, _RULES) == judged == judge(again, as_of, _RULES)


@given(_DICE)
@settings(max_examples=300, deadline=None)
def test_each_placement_is_in_one_difference_at_most(dice: random.Random) -> None:
    facts = random_care.facts(dice)
    spanned = [one for judged in judge(facts, random_care.instant(dice), _RULES) for one in judged.placement_ids]
    assert len(set(spanned)) == len(spanned)


@given(_DICE)
@settings(max_examples=100, deadline=None)
def test_the_hash_is_over_values_and_not_over_deliveries(dice: random.Random) -> None:
    own = random_care.place(dice)
    other = {"delivery_id": UUID(int=77), "line_number": 5, "organisation_name": "X", "received_at": DECEMBER}
    again = structs.replace(own, reported=tuple(structs.replace(one, **other) for one in own.reported))
    hashes = [[(one.facts_hash, content_of(one)) for one in _judge(facts, placement(9))] for facts in (own, again)]
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize(
    "change",
    [
        {"reported": _run("2026-02", "120", "121")},
        {"reported": _run("2026-02", "120", "120", rate="10.01")},
        {"reported": (*_MORE[:1], structs.replace(_MORE[1], end_on=date(2027, 6, 1)))},
        {"reported": _run("2026-02", "120", "120", "120")},
        {"declared": (segment(hours="90"),)},
        {"overlay": (segment("2026-12", hours="90"),)},
        {"placement_id": UUID(int=77)},
    ],
)
def test_another_value_gives_another_hash(change: dict[str, Any]) -> None:
    assert _one(*_MORE).facts_hash != _one(**{"reported": _MORE, **change}).facts_hash


def test_another_income_changes_what_is_told_and_not_what_was_answered() -> None:
    """The euros are part of what a parent says yes to; and what was answered does not open again because of them."""
    facts: ChildYearFacts = child_year(placement(reported=_MORE))
    one, other = (judge(structs.replace(facts, income_euro=euro), DECEMBER, _RULES)[0] for euro in (10_000, 90_000))
    assert one.facts_hash == other.facts_hash
    assert (one.effect == other.effect, content_of(one) == content_of(other)) == (False, False)


def _told_apart(one: JudgedDifference, other: JudgedDifference) -> bool:
    """Of the same proposal, route, effect and circumstances: whether what is told is another all the same."""
    same = [(each.kind, each.proposal, each.route, each.effect, each.explanation.circumstances) for each in (one, other)]
    assert same[0] == same[1]
    return content_of(one) != content_of(other)


def test_what_was_compared_is_part_of_what_is_told_even_where_the_tap_stays_the_same() -> None:
    assert not _told_apart(_one(*_MORE), _one(*_MORE))
    assert _told_apart(_one(*_MORE), _one(*_run("2026-02", "120.50", "120.00")))
    declared = [(segment("2026-01", "2026-01"), segment("2026-02", hours=hours)) for hours in ("100", "90")]
    (one,), (other,) = (
        judge(child_year(placement(declared=each, reported=_MORE), income_euro=None), DECEMBER, _RULES) for each in declared
    )
    assert _told_apart(one, other)


def test_what_was_compared_at_the_old_place_of_a_move_is_part_of_what_is_told() -> None:
    olds = [placement(reported=_run("2026-01", hours, "100", "0", "0")) for hours in ("100", "100.50")]
    new = undeclared(reported=_run("2026-03", "110", "110"))
    (one,), (other,) = (_judge(old, new) for old in olds)
    assert one.kind == "D10"
    assert _told_apart(one, other)


def test_a_question_about_another_month_is_another_question() -> None:
    """What was answered about March does not silence April."""
    march, april = (_judge(placement(complete_months=months)) for months in (("2026-03",), ("2026-03", "2026-04")))
    assert [one.kind for one in (*march, *april)] == ["D15", "D15"]
    assert march[0].facts_hash != april[0].facts_hash


def test_a_month_that_is_complete_makes_no_other_difference_of_hours() -> None:
    assert _one(*_MORE).facts_hash == _one(*_MORE, complete_months=("2026-02", "2026-03")).facts_hash


def test_what_becomes_known_of_other_care_makes_another_difference_of_new_care() -> None:
    """It was told without a tap, and has one now: an answer from before does not stand in its way."""
    new = undeclared(reported=_run("2026-03", "50", "50"))
    found = [
        _judge(placement(reported=months), new, as_of=datetime(2026, 5, 20, tzinfo=UTC)) for months in ((), _run("2026-03", "100", "100"))
    ]
    assert [(one.kind, one.route) for (one,) in found] == [("D12", "add-care"), ("D12", None)]
    assert found[0][0].facts_hash != found[1][0].facts_hash
