"""Stories of care that nothing is declared for: moves, more locations, another child, and what is never guessed."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from msgspec import structs

from reconcile.rules.facts import PlacementFacts, Segment
from reconcile.rules.judgement import JudgedDifference, judge
from reconcile.rules.new_care import is_too_old, report_by
from reconcile.rules.proposal import ProposedPlacement
from reconcile.rules.segments import lay_over
from tests.make import child_care, child_year, placement, reported, reported_run, rule_book, segment, undeclared

_RULES = rule_book()
MAY = datetime(2026, 5, 20, 12, tzinfo=UTC)


def found(*placements: PlacementFacts, as_of: datetime = MAY, **change: Any) -> tuple[JudgedDifference, ...]:
    return judge(child_year(*placements, **change), as_of, _RULES)


def told(*placements: PlacementFacts, **change: Any) -> list[tuple[str, str | None]]:
    return [(one.kind, one.route) for one in found(*placements, **change)]


def sides(judged: JudgedDifference) -> tuple[ProposedPlacement, ...]:
    assert judged.proposal is not None
    return judged.proposal.placements


def old(*hours: str, start: str = "2026-01", end_on: date | None = None, **change: Any) -> PlacementFacts:
    """The declared place, 100 hours at 10.00 since January, with these reports; the last of them names the end."""
    months = reported_run(start, hours)
    return placement(1, reported=(*months[:-1], *(structs.replace(one, end_on=end_on) for one in months[-1:])), **change)


def new(*hours: str, start: str = "2026-03", number: int = 2, rate: str = "10.00", **change: Any) -> PlacementFacts:
    return undeclared(number, reported=reported_run(start, hours, rate=rate), **change)


def accepted(judged: JudgedDifference, *placements: PlacementFacts) -> tuple[PlacementFacts, ...]:
    over = {one.placement_id: one.segments for one in sides(judged)}
    return tuple(structs.replace(one, overlay=lay_over(one.overlay, over.get(one.placement_id, ()))) for one in placements)


def test_d10_the_child_goes_to_another_location_and_both_sides_are_one_tap() -> None:
    """The old place ended on 28 February; the new one has billed 110 hours at 10.50 since March."""
    own = old("100", "100", end_on=date(2026, 2, 28)), new("110", "110", rate="10.50")
    judged = found(*own)
    assert [(one.kind, one.route, one.placement_ids) for one in judged] == [
        ("D10", None, (own[0].placement_id, own[1].placement_id)),
    ]
    ended, begun = sides(judged[0])
    assert (ended.child_id, begun.child_id) == (child_care().child_id, child_care().child_id)
    assert (ended.segments, ended.end_on) == ((segment("2026-03", hours="0"),), date(2026, 2, 28))
    assert (begun.segments, begun.end_on) == ((segment("2026-03", hours="110", rate="10.50"),), None)
    assert (ended.hours_standing_from, begun.hours_standing_from, begun.rate_standing_from) == ("2026-03", "2026-03", "2026-03")
    explanation = judged[0].explanation
    assert (explanation.location_name, explanation.lrk_number, explanation.care_type) == ("Locatie 2", "900000002", "KDV")
    assert [one.month for one in explanation.months] == ["2026-03", "2026-04"]
    assert (explanation.begins_in, explanation.report_by) == ("2026-03", date(2026, 6, 30))
    assert explanation.moved_from is not None
    assert (explanation.moved_from.location_name, explanation.moved_from.lrk_number) == ("Locatie 1", "900000001")
    assert (explanation.moved_from.ended_from, explanation.moved_from.end_on) == ("2026-03", date(2026, 2, 28))
    assert [one.month for one in explanation.moved_from.months] == ["2026-01", "2026-02"]
    assert "direct-payment-may-stop" in [one.code for one in explanation.circumstances]
    assert found(*accepted(judged[0], *own)) == ()


def test_d11_day_care_becomes_after_school_care() -> None:
    """The child turns four: the same address has another LRK number, type, hours and rate."""
    own = old("100", "100", end_on=date(2026, 2, 28)), new("40", "40", rate="9.00", care_type="BSO")
    judged = found(*own)
    assert [(one.kind, one.route) for one in judged] == [("D11", None)]
    assert judged[0].explanation.care_type == "BSO"
    assert judged[0].explanation.moved_from is not None
    assert judged[0].explanation.moved_from.care_type == "KDV"
    assert [one.segments for one in sides(judged[0])] == [(segment("2026-03", hours="0"),), (segment("2026-03", hours="40", rate="9.00"),)]
    assert found(*accepted(judged[0], *own)) == ()


def test_a_move_of_which_one_month_is_known_stands_from_that_month() -> None:
    """It takes the place of standing care: only March would leave the child without care in April."""
    judged = found(old("100", "100", "0"), new("80"))
    assert [one.kind for one in judged] == ["D10"]
    assert sides(judged[0])[1].segments == (segment("2026-03", hours="80"),)
    assert (sides(judged[0])[1].hours_standing_from, judged[0].explanation.step) == ("2026-03", "newest-month")


def test_a_move_with_months_of_two_levels_counts_each_and_the_newest_stands() -> None:
    own = old("100", "100", "0", "0"), new("80", "95")
    judged = found(*own)
    assert sides(judged[0])[1].segments == (segment("2026-03", "2026-03", hours="80"), segment("2026-04", hours="95"))
    assert sides(judged[0])[1].hours_standing_from == "2026-04"
    assert found(*accepted(judged[0], *own)) == ()


def test_a_move_to_varying_hours_stands_on_their_average() -> None:
    own = old("100", "0", "0", "0"), new("80", "95", "101", start="2026-02")
    judged = found(*own)
    assert sides(judged[0])[1].segments == (segment("2026-02", hours="92"),)
    assert found(*accepted(judged[0], *own)) == ()


def test_a_move_with_a_month_off_at_the_new_place_keeps_that_month() -> None:
    own = old("100", "100", "0", "0"), new("80", "0")
    judged = found(*own)
    ended, begun = sides(judged[0])
    assert ended.segments == (segment("2026-03", hours="0"),)
    assert begun.segments == (
        segment("2026-03", "2026-03", hours="80"),
        segment("2026-04", "2026-04", hours="0"),
        segment("2026-05", hours="80"),
    )
    assert begun.hours_standing_from == "2026-03"
    assert found(*accepted(judged[0], *own)) == ()


def test_a_move_inside_a_month_has_both_places_in_it() -> None:
    """Until 16 March at the old place, 52 hours; from then on at the new one, 48 hours: March is both, April is the new one."""
    own = old("100", "100", "52", end_on=date(2026, 3, 16)), new("48", "100")
    judged = found(*own)
    assert [one.kind for one in judged] == ["D10"]
    ended, begun = sides(judged[0])
    assert ended.segments == (segment("2026-03", "2026-03", hours="52"), segment("2026-04", hours="0"))
    assert (ended.hours_standing_from, ended.end_on) == ("2026-04", date(2026, 3, 16))
    assert begun.segments == (segment("2026-03", "2026-03", hours="48"), segment("2026-04"))
    stops = next(one for one in judged[0].explanation.circumstances if one.code == "stops-in-month")
    assert (stops.months, stops.day) == (("2026-03",), date(2026, 3, 16))
    assert found(*accepted(judged[0], *own)) == ()


def test_a_place_that_is_silent_in_complete_months_was_left() -> None:
    """Nothing of an end: the old organisation called March and April complete and this child is not in them."""
    own = old("100", "100", complete_months=("2026-03", "2026-04")), new("100", "100")
    judged = found(*own)
    assert [one.kind for one in judged] == ["D10"]
    moved_from = judged[0].explanation.moved_from
    assert moved_from is not None
    assert [(one.month, one.reported is None, one.hours_deviate) for one in moved_from.months] == [
        ("2026-01", False, False),
        ("2026-02", False, False),
        ("2026-03", True, True),
        ("2026-04", True, True),
    ]
    assert found(*accepted(judged[0], *own)) == ()


def test_a_declared_place_that_never_had_the_child_is_exchanged_for_the_one_that_has() -> None:
    """The wrong LRK number was declared."""
    own = placement(1, complete_months=("2026-03", "2026-04")), new("100", "100")
    judged = found(*own)
    assert [(one.kind, sides(one)[0].segments) for one in judged] == [("D10", (segment("2026-03", hours="0"),))]
    assert found(*accepted(judged[0], *own)) == ()


def test_what_deviated_at_the_old_place_before_the_move_is_in_the_same_tap() -> None:
    own = old("120", "120", end_on=date(2026, 2, 28)), new("100", "100")
    judged = found(*own)
    assert sides(judged[0])[0].segments == (segment("2026-01", "2026-02", hours="120"), segment("2026-03", hours="0"))
    assert found(*accepted(judged[0], *own)) == ()


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(old("100", "100"), id="its months did not come in yet"),
        pytest.param(old("100", "100", "100"), id="it had the first month too, and the second did not come in yet"),
        pytest.param(old("100", "100", complete_months=("2026-03",)), id="it was silent in one of two months"),
        pytest.param(placement(1), id="it does not deliver at all (D16)"),
    ],
)
def test_while_it_is_not_known_whether_the_old_place_goes_on_nothing_is_proposed(other: PlacementFacts) -> None:
    judged = found(other, new("100", "100"))
    assert [(one.kind, one.route, one.proposal) for one in judged if one.kind != "D15"] == [("D12", "add-care", None)]
    assert judged[-1].explanation.report_by == date(2026, 6, 30)


def test_two_old_places_that_ended_are_no_move() -> None:
    """Each shows by itself: which of the two the new place came for is not ours to say."""
    end = date(2026, 2, 28)
    other = placement(3, reported=(reported("2026-02", end_on=end),))
    assert told(old("100", "100", end_on=end), other, new("100", "100")) == [("D14", None), ("D12", None), ("D14", None)]


def test_two_new_places_are_no_move() -> None:
    assert told(old("100", "100", end_on=date(2026, 2, 28)), new("50", "50"), new("50", "50", number=3)) == [
        ("D14", "last-care-ended"),
        ("D12", None),
        ("D12", None),
    ]


def test_one_place_that_ended_beside_one_that_is_not_known_is_no_move() -> None:
    """The one that is not known may be the one that was left."""
    ended = old("100", "100", end_on=date(2026, 2, 28))
    assert told(ended, placement(3), new("100", "100")) == [("D14", None), ("D12", "add-care")]


def test_a_new_place_that_ended_again_is_no_move() -> None:
    short = undeclared(2, reported=(reported("2026-03", end_on=date(2026, 3, 31)),))
    judged = found(old("100", "100", end_on=date(2026, 2, 28)), short)
    assert [(one.kind, one.route) for one in judged] == [("D14", "last-care-ended"), ("D12", None)]
    assert sides(judged[1])[0].segments == (segment("2026-03", "2026-03"),)


def test_a_move_beside_a_place_that_goes_on_leaves_that_one_alone() -> None:
    beside = placement(3, declared=(segment(hours="30"),), reported=reported_run("2026-01", ["30"] * 4))
    judged = found(old("100", "100", end_on=date(2026, 2, 28)), beside, new("100", "100"))
    assert [(one.kind, len(one.placement_ids)) for one in judged] == [("D10", 2)]


def test_d12_care_at_one_more_location_is_added_with_one_tap() -> None:
    """Also D17: the declared place goes on as before."""
    own = old("100", "100", "100", "100"), new("40", "40", rate="9.50")
    judged = found(*own)
    assert [(one.kind, one.route) for one in judged] == [("D12", None)]
    assert [(one.placement_id, one.segments) for one in sides(judged[0])] == [
        (own[1].placement_id, (segment("2026-03", hours="40", rate="9.50"),))
    ]
    assert (sides(judged[0])[0].hours_standing_from, sides(judged[0])[0].rate_standing_from) == ("2026-03", "2026-03")
    assert "direct-payment-may-stop" in [one.code for one in judged[0].explanation.circumstances]
    assert found(*accepted(judged[0], *own)) == ()


def test_d12_one_month_at_one_more_location_is_that_month_alone() -> None:
    own = old("100", "100", "100", "100"), new("40", start="2026-04")
    judged = found(*own)
    assert sides(judged[0])[0].segments == (segment("2026-04", "2026-04", hours="40"),)
    assert (sides(judged[0])[0].hours_standing_from, sides(judged[0])[0].rate_standing_from) == (None, None)
    assert found(*accepted(judged[0], *own)) == ()


def test_d12_does_not_wait_for_its_quarter() -> None:
    """Three varying months at a place that nothing is declared for: their average, now, because the three months run."""
    own = old("100", "100", "100", "100", "100"), new("30", "50", "43", start="2026-03")
    judged = found(*own)
    assert sides(judged[0])[0].segments == (segment("2026-03", hours="41"),)
    assert found(*accepted(judged[0], *own)) == ()


def test_d12_a_steady_place_with_one_other_month_stands_on_its_level() -> None:
    """Nothing is declared there that could return after the other month."""
    own = old("100", "100", "100", "100", "100"), new("40", "40", "60", start="2026-03")
    judged = found(*own)
    assert sides(judged[0])[0].segments == (
        segment("2026-03", "2026-04", hours="40"),
        segment("2026-05", "2026-05", hours="60"),
        segment("2026-06", hours="40"),
    )
    assert sides(judged[0])[0].hours_standing_from == "2026-03"
    assert found(*accepted(judged[0], *own)) == ()


def test_months_before_the_new_care_began_are_no_part_of_it() -> None:
    own = old("100", "100", "100", "100"), new("0", "0.40", "0", "40", start="2026-01")
    judged = found(*own)
    assert (judged[0].kind, judged[0].explanation.begins_in) == ("D12", "2026-04")
    assert sides(judged[0])[0].segments == (segment("2026-04", "2026-04", hours="40"),)
    assert found(*accepted(judged[0], *own)) == ()


def test_new_care_below_the_tolerance_is_no_difference() -> None:
    assert told(old("100", "100"), new("0.99", "0.99")) == []
    assert told(new("0.99")) == []
    assert told(new("1.00")) == [("D13", "add-child")]
    assert told(old("100", "100"), new("1.20", "0.10", "1.15", start="2026-02")) == []


def test_the_parent_ended_the_old_place_and_did_not_add_the_new_one() -> None:
    """With nothing declared beside it, whether the allowance still runs is not known here; with care of a sibling it does."""
    ended = old("100", "100", declared=(segment("2026-01", "2026-02"),))
    assert told(ended, new("100", "100")) == [("D12", "add-care")]
    for declared, route in (((segment(),), None), ((segment(hours="0"),), "add-care"), ((segment("2026-01", "2026-03"),), "add-care")):
        sibling = child_care(placement(5, declared=declared), number=2)
        assert told(ended, new("100", "100"), siblings=(sibling,)) == [("D12", route)]


def test_a_place_with_declared_zero_hours_is_no_new_care() -> None:
    """The parent put it on hold; its hours come back within declared care."""
    held = placement(1, declared=(segment(hours="0"),), reported=reported_run("2026-03", ["100", "100"]))
    assert told(held, placement(9)) == [("D01", None)]


def test_a_place_that_ended_in_an_earlier_year_and_comes_back_is_new_care() -> None:
    back = placement(2, declared=(segment("2024-01", "2025-12"),), reported=reported_run("2026-03", ["40", "40"]))
    assert told(old("100", "100", "100", "100"), back) == [("D12", None)]
    assert told(back) == [("D12", "add-care")]
    assert told(structs.replace(back, reported=())) == []


def test_d13_a_child_that_is_not_declared_is_added_in_mijn_toeslagen_until_a_day() -> None:
    sibling = child_care(placement(5), number=2)
    judged = found(new("100", "100"), siblings=(sibling,))
    assert [(one.kind, one.route, one.proposal) for one in judged] == [("D13", "add-child", None)]
    assert (judged[0].explanation.begins_in, judged[0].explanation.report_by) == ("2026-03", date(2026, 6, 30))


def test_d13_of_long_ago_says_so() -> None:
    judged = found(new("100", "100", start="2026-01"), siblings=(child_care(placement(5), number=2),))
    assert (judged[0].route, judged[0].explanation.report_by) == ("add-child", date(2026, 4, 30))
    old_ones = [one.months for one in judged[0].explanation.circumstances if one.code == "older-than-three-months"]
    assert old_ones == [("2026-01",)]


@pytest.mark.parametrize(
    ("as_of", "is_late"),
    [(datetime(2026, 4, 30, 21, tzinfo=UTC), False), (datetime(2026, 4, 30, 23, tzinfo=UTC), True)],
)
def test_d27_new_care_is_too_old_from_the_first_day_of_the_fourth_month(as_of: datetime, is_late: bool) -> None:
    """Care since January can be reported until the end of 30 April in the Netherlands."""
    extra = told(old("100", "100", "100"), new("40", "40", "40", start="2026-01"), as_of=as_of)
    assert extra == [("D12", "too-old-for-new-care" if is_late else None)]
    moved = found(placement(1, reported=(reported("2026-01", hours="0"),)), new("100", start="2026-01"), as_of=as_of)
    assert [(one.kind, one.route, len(one.placement_ids)) for one in moved] == [("D10", "too-old-for-new-care" if is_late else None, 2)]
    assert moved[0].explanation.report_by == date(2026, 4, 30)
    assert moved[0].explanation.moved_from is not None


def test_d28_a_move_in_a_closed_year_is_told_and_takes_no_tap() -> None:
    judged = found(old("100", "100", end_on=date(2026, 2, 28)), new("100", "100"), is_closed_year=True)
    assert [(one.kind, one.route, one.proposal) for one in judged] == [("D10", "year-closed", None)]


def test_the_parts_of_a_move_do_not_depend_on_the_order_of_the_numbers() -> None:
    end = date(2026, 2, 28)
    one_way = found(old("100", "100", end_on=end), new("100", "100", number=2))
    ended = placement(7, reported=old("100", "100", end_on=end).reported)
    other_way = found(new("100", "100", number=2), ended)
    assert [(one.kind, one.explanation.lrk_number) for one in one_way] == [(one.kind, one.explanation.lrk_number) for one in other_way]


@pytest.mark.parametrize(
    ("begins", "day"), [("2026-01", date(2026, 4, 30)), ("2026-10", date(2027, 1, 31)), ("2025-11", date(2026, 2, 28))]
)
def test_the_last_day_to_report_lies_three_months_on(begins: str, day: date) -> None:
    assert report_by(begins) == day
    assert not is_too_old(begins, f"{day:%Y-%m}")


def test_later_declared_hours_at_the_old_place_stay() -> None:
    """The parent declared that the child comes back in September."""
    later: tuple[Segment, ...] = (segment("2026-01", "2026-08"), segment("2026-09", hours="50"))
    judged = found(old("100", "100", end_on=date(2026, 2, 28), declared=later), new("100", "100"))
    assert sides(judged[0])[0].segments == (segment("2026-03", "2026-08", hours="0"),)


@pytest.mark.parametrize(("hours", "route"), [("0.01", None), ("0", "add-care")])
def test_a_siblings_care_keeps_the_allowance_going_however_little_it_is(hours: str, route: str | None) -> None:
    sibling = child_care(placement(5, declared=(segment(hours=hours),)), number=2)
    gone_unknown = placement(1, declared=(segment("2026-01", "2026-02"),))
    assert told(gone_unknown, new("110", "110"), siblings=(sibling,)) == [("D12", route)]


def test_a_move_of_which_the_newest_month_has_the_least_hours_stands_on_those() -> None:
    (judged,) = found(old("100", "100", end_on=date(2026, 2, 28)), new("110", "0.01"))
    assert sides(judged)[1].segments == (segment("2026-03", "2026-03", hours="110"), segment("2026-04", hours="0.01"))


def test_the_least_of_hours_at_the_old_place_is_care_there() -> None:
    """In a month after the new care began: care beside other care. In its first month: both, and what became of the old is not known."""
    assert told(old("100", "100", "100", "0.01"), new("110", "110")) == [("D03", None), ("D12", None)]
    assert told(old("100", "100", "0.01"), new("110")) == [("D03", None), ("D12", None)]


def test_declared_care_of_the_least_of_hours_is_left_as_any_other() -> None:
    own = old("0.01", "0.01", end_on=date(2026, 2, 28), declared=(segment(hours="0.01"),))
    (judged,) = found(own, new("110", "110"))
    assert (judged.kind, sides(judged)[0].segments) == ("D10", (segment("2026-03", hours="0"),))


def test_care_that_is_declared_for_after_the_end_is_the_parents_word_and_no_old_place() -> None:
    """The old place ended in February, as declared; from April on the parent declared it again."""
    own = old("100", "100", end_on=date(2026, 2, 28), declared=(segment("2026-01", "2026-02"), segment("2026-04")))
    assert told(own, new("110", "110")) == [("D12", None)]


@pytest.mark.parametrize(("april", "ended_from"), [((), "2026-05"), ((segment("2026-04", "2026-04", hours="0.01"),), "2026-04")])
def test_a_silent_place_was_left_in_the_first_month_that_it_is_declared_for(april: tuple[Segment, ...], ended_from: str) -> None:
    declared = (segment("2026-01", "2026-03"), *april, segment("2026-05"))
    own = old("100", "100", "100", declared=declared, complete_months=("2026-04", "2026-05"))
    (judged,) = found(own, new("110", "110", start="2026-04"))
    assert judged.kind == "D10"
    assert judged.explanation.moved_from is not None
    assert judged.explanation.moved_from.ended_from == ended_from


def test_an_old_place_is_one_that_was_declared_after_the_first_month_of_the_new_care() -> None:
    """Declared until April, gone since March: a move; declared until March alone: the parent ended it, and a month of both is no move."""
    for until, kinds in (("2026-04", [("D10", None)]), ("2026-03", [("D14", "last-care-ended"), ("D12", "add-care")])):
        own = old("100", "100", end_on=date(2026, 2, 28), declared=(segment("2026-01", until),))
        assert told(own, new("110", "110", "110")) == kinds
