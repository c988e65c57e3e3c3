"""What is said beside the numbers, as stories: caps, days inside a month, old months, corrections, and what has no effect."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from msgspec import structs

from reconcile.rules.circumstances import Found, circumstances_of
from reconcile.rules.effect import no_effect
from reconcile.rules.evidence import weighed
from reconcile.rules.explanation import Circumstance
from reconcile.rules.facts import AcceptedBefore, PlacementFacts, SeenMonth, Segment
from reconcile.rules.judgement import JudgedDifference, content_of, judge
from reconcile.rules.notice import is_worth_telling
from reconcile.rules.proposal import Proposal, proposed_placement
from tests.make import DECEMBER, child_care, child_year, placement, reported, reported_run, rule_book, segment, undeclared

_RULES = rule_book()
MAY = datetime(2026, 5, 20, 12, tzinfo=UTC)
BESIDE = placement(9, declared=(segment(hours="10"),))


def one(*placements: PlacementFacts, as_of: datetime = MAY, **change: Any) -> JudgedDifference:
    found = judge(child_year(*placements, **change), as_of, _RULES)
    assert len(found) == 1, [each.kind for each in found]
    return found[0]


def said(judged: JudgedDifference, code: str) -> Circumstance | None:
    return next((each for each in judged.explanation.circumstances if each.code == code), None)


def test_d18_two_places_together_above_the_cap_may_be_taken_over_and_the_cap_is_named() -> None:
    own = placement(declared=(segment(hours="150"),), reported=reported_run("2026-01", ["150"] * 4))
    judged = one(own, undeclared(reported=reported_run("2026-03", ["90", "90"])))
    assert (judged.kind, judged.route) == ("D12", None)
    assert said(judged, "hours-above-cap") == Circumstance(
        code="hours-above-cap",
        months=tuple(f"2026-{month:02d}" for month in range(3, 13)),
        hours_hundredths=24_000,
        limit_hundredths=23_000,
    )


def test_two_places_together_at_the_cap_are_not_above_it() -> None:
    own = placement(declared=(segment(hours="150"),), reported=reported_run("2026-01", ["150"] * 4))
    added = undeclared(reported=reported_run("2026-03", ["80", "80"]))
    assert said(one(own, added), "hours-above-cap") is None
    ended = placement(8, declared=(segment("2026-01", "2026-01"),))
    assert said(one(own, added, ended), "hours-above-cap") is None


def test_the_cap_is_named_without_a_tap_too() -> None:
    """Care that is told and not proposed is counted as it was reported, beside what is declared."""
    own = placement(declared=(segment(hours="150"),))
    judged = one(own, undeclared(reported=reported_run("2026-03", ["90", "70"])))
    assert judged.route == "add-care"
    found = said(judged, "hours-above-cap")
    assert found is not None
    assert (found.months, found.hours_hundredths) == (("2026-03",), 24_000)


def test_a_move_that_takes_no_tap_counts_each_place_as_it_was_reported() -> None:
    """150 hours were declared at the old place and none are there any more: 150 at the new one are not above the cap."""
    ended = placement(declared=(segment("2025-01", hours="150"),), reported=reported_run("2025-12", ["150", "0", "0"]))
    moved = one(ended, undeclared(reported=reported_run("2026-01", ["150", "150"])), is_closed_year=True)
    assert (moved.kind, said(moved, "hours-above-cap")) == ("D10", None)
    at_the_cap = placement(reported=(reported("2026-01", end_on=date(2026, 1, 31)),))
    moved = one(at_the_cap, undeclared(reported=reported_run("2026-02", ["230", "230"])), is_closed_year=True)
    assert (moved.kind, said(moved, "hours-above-cap")) == ("D10", None)


def test_an_end_on_the_last_day_of_the_year_has_its_effect_in_the_next_one() -> None:
    """No euro of this year changes, and the parent is told all the same: without a tap the hours run on."""
    judged = one(placement(reported=(reported("2026-12", end_on=date(2026, 12, 31)),)), BESIDE, as_of=datetime(2026, 12, 31, tzinfo=UTC))
    assert judged.kind == "D14"
    assert judged.effect.in_year is not None
    assert (judged.effect.in_year.change_euro, said(judged, "no-effect")) == (0, None)
    assert is_worth_telling(judged.explanation.circumstances)


def test_d19_hours_above_the_cap_are_taken_over_as_they_are() -> None:
    own = placement(reported=reported_run("2026-02", ["240", "240"]))
    judged = one(own)
    assert judged.kind == "D01"
    assert judged.proposal is not None
    assert judged.proposal.placements[0].segments == (segment("2026-02", hours="240"),)
    assert said(judged, "hours-above-cap") is not None
    assert said(judged, "no-effect") is None


@pytest.mark.parametrize("year", [2026, 2025])
def test_d19_above_the_cap_on_both_sides_has_no_effect_and_is_not_pushed(year: int) -> None:
    """Also in a year without a table: what counts stays the same."""
    rules = structs.replace(_RULES, maximum_rate_cents={2025: _RULES.maximum_rate_cents[2026], 2026: _RULES.maximum_rate_cents[2026]})
    own = placement(declared=(segment("2025-01", hours="235"),), reported=reported_run(f"{year}-02", ["240", "240"]))
    judged = judge(child_year(own, year=year), DECEMBER, rules)[0]
    assert said(judged, "no-effect") is not None
    assert not is_worth_telling(judged.explanation.circumstances)


@pytest.mark.parametrize(("hours", "rate"), [("229", "10.00"), ("240", "9.00")])
def test_without_a_table_hours_or_rates_that_count_have_an_effect(hours: str, rate: str) -> None:
    rules = structs.replace(_RULES, maximum_rate_cents={2025: _RULES.maximum_rate_cents[2026]})
    own = placement(declared=(segment("2025-01", hours="235"),), reported=reported_run("2025-02", [hours, hours], rate=rate))
    judged = judge(child_year(own, year=2025), DECEMBER, rules)[0]
    assert (said(judged, "no-effect"), is_worth_telling(judged.explanation.circumstances)) == (None, True)


def test_without_a_table_and_without_a_maximum_nothing_is_said_of_the_effect() -> None:
    own = placement(declared=(segment("2025-01", hours="235"),), reported=reported_run("2025-02", ["240", "240"]))
    judged = judge(child_year(own, year=2025), DECEMBER, _RULES)[0]
    assert [said(judged, code) for code in ("no-effect", "other-changes-not-counted")] == [None, None]


def test_a_segment_of_no_hours_has_no_effect_whatever_its_rate() -> None:
    """The end of care that was declared as zero hours from June on: from May on there is none, and none was paid since."""
    rules = structs.replace(_RULES, tables={})
    months = (*reported_run("2026-02", ["100"] * 3), reported("2026-05", hours="0.50", end_on=date(2026, 5, 31)))
    own = placement(declared=(segment("2026-01", "2026-04"), segment("2026-05", hours="0.50")), reported=months)
    judged = judge(child_year(own, BESIDE), datetime(2026, 6, 20, tzinfo=UTC), rules)[0]
    assert (judged.kind, said(judged, "no-effect")) == ("D14", None)


def test_d20_care_that_began_inside_a_month_counts_its_hours_of_that_month() -> None:
    """It began on 16 March with 50 hours; the full months are as declared."""
    own = placement(
        start_on=date(2026, 3, 16), declared=(segment("2026-03"),), reported=reported_run("2026-03", ["50", "100", "110", "90", "100"])
    )
    judged = one(own, as_of=datetime(2026, 8, 1, tzinfo=UTC))
    assert judged.kind == "D03"
    assert judged.proposal is not None
    assert judged.proposal.placements[0].segments == (segment("2026-03", "2026-03", hours="50"),)
    assert said(judged, "starts-in-month") == Circumstance(code="starts-in-month", months=("2026-03",), day=date(2026, 3, 16))
    second = one(structs.replace(own, start_on=date(2026, 3, 2)), as_of=datetime(2026, 8, 1, tzinfo=UTC))
    assert (second.kind, second.proposal) == ("D03", judged.proposal)
    assert (judged.explanation.step, second.explanation.step) == ("single-months", "single-months")
    assert said(second, "starts-in-month") == Circumstance(code="starts-in-month", months=("2026-03",), day=date(2026, 3, 2))


@pytest.mark.parametrize(("start_on", "hours"), [(date(2026, 3, 1), "50"), (date(2026, 3, 16), "100"), (None, "50")])
def test_a_whole_first_month_or_one_as_declared_is_nothing_to_say(start_on: date | None, hours: str) -> None:
    own = placement(start_on=start_on, declared=(segment("2026-03"),), reported=reported_run("2026-03", [hours, "120", "120"]))
    assert said(one(own), "starts-in-month") is None


def test_d20_care_that_stopped_inside_a_month_counts_its_hours_of_that_month() -> None:
    """120 hours a month until 20 April, and 70 in April: 120 from January, 70 in April alone, 0 from May."""
    months = (*reported_run("2026-01", ["120", "120", "120"]), reported("2026-04", hours="70", end_on=date(2026, 4, 20)))
    judged = one(placement(reported=months), BESIDE)
    assert judged.kind == "D14"
    assert judged.proposal is not None
    assert judged.proposal.placements[0].segments == (
        segment("2026-01", "2026-03", hours="120"),
        segment("2026-04", "2026-04", hours="70"),
        segment("2026-05", hours="0"),
    )
    assert judged.proposal.placements[0].end_on == date(2026, 4, 20)
    assert said(judged, "stops-in-month") == Circumstance(code="stops-in-month", months=("2026-04",), day=date(2026, 4, 20))
    assert said(judged, "direct-payment-may-stop") is not None


def test_an_end_on_the_last_day_of_a_month_is_no_end_inside_it() -> None:
    judged = one(placement(reported=(reported("2026-04", end_on=date(2026, 4, 30)),)), BESIDE)
    assert (judged.kind, said(judged, "stops-in-month")) == ("D14", None)


@pytest.mark.parametrize(("start", "months"), [("2026-01", ("2026-01",)), ("2026-02", None), ("2026-03", None)])
def test_d26_within_declared_care_the_tap_stays_however_old_and_it_is_said(start: str, months: tuple[str, ...] | None) -> None:
    judged = one(placement(reported=reported_run(start, ["120", "120"])))
    assert judged.proposal is not None
    found = said(judged, "older-than-three-months")
    assert (found and found.months) == months


def test_d26_holds_for_fewer_hours_as_for_more() -> None:
    assert said(one(placement(reported=reported_run("2026-01", ["80", "80"]))), "older-than-three-months") is not None


def test_time_alone_can_add_a_circumstance_and_the_parent_is_told_so() -> None:
    own = placement(reported=reported_run("2026-02", ["120", "120"]))
    before, after = one(own), one(own, as_of=datetime(2026, 6, 2, tzinfo=UTC))
    assert before.facts_hash == after.facts_hash
    assert content_of(before) != content_of(after)


def accepted(*seen: tuple[str, int, int], segments: tuple[Segment, ...] = (segment("2026-02", hours="120"),)) -> AcceptedBefore:
    return AcceptedBefore(
        placement_id=placement().placement_id,
        year=2026,
        accepted_at=datetime(2026, 4, 2, tzinfo=UTC),
        segments=segments,
        seen=tuple(SeenMonth(month=month, hours_hundredths=hours, hourly_rate_cents=rate) for month, hours, rate in seen),
    )


SEEN = (("2026-02", 12_000, 1_000), ("2026-03", 12_000, 1_000))


def test_d22_the_organisation_corrects_what_was_taken_over_and_both_values_are_shown() -> None:
    """120 hours were accepted; by now it says 110 in March, and April is 110 as well."""
    own = placement(overlay=(segment("2026-02", hours="120"),), reported=reported_run("2026-02", ["120", "110", "110"]))
    judged = one(own, accepted=(accepted(*SEEN),))
    assert said(judged, "corrected-after-acceptance") == Circumstance(code="corrected-after-acceptance", months=("2026-03",))
    assert judged.explanation.accepted_before == (accepted(*SEEN),)
    assert [each.reported and each.reported.hours_hundredths for each in judged.explanation.months] == [12_000, 11_000, 11_000]
    assert judged.explanation.months[1].declared == segment("2026-02", hours="120")


def test_d22_a_month_that_was_taken_back_is_a_correction_too() -> None:
    own = placement(overlay=(segment("2026-02", hours="120"),), reported=reported_run("2026-03", ["110", "110"]))
    found = said(one(own, accepted=(accepted(*SEEN),)), "corrected-after-acceptance")
    assert found is not None
    assert found.months == ("2026-02", "2026-03")


def test_new_months_after_an_acceptance_are_no_correction() -> None:
    own = placement(overlay=(segment("2026-02", hours="120"),), reported=reported_run("2026-02", ["120", "120", "130", "130"]))
    judged = one(own, accepted=(accepted(*SEEN),))
    assert said(judged, "corrected-after-acceptance") is None
    assert len(judged.explanation.accepted_before) == 1


def test_what_was_taken_over_on_both_places_of_a_move_is_told_in_the_order_of_time() -> None:
    own = placement(reported=(reported("2026-02", end_on=date(2026, 2, 28)),)), undeclared(reported=reported_run("2026-03", ["90", "90"]))
    both = [
        structs.replace(accepted(), placement_id=each.placement_id, accepted_at=datetime(2026, month, 1, tzinfo=UTC))
        for month, each in zip((5, 4), own, strict=True)
    ]
    for order in (both, both[::-1]):
        judged = one(*own, accepted=tuple(order))
        assert (judged.kind, judged.explanation.accepted_before) == ("D10", (both[1], both[0]))


def test_what_was_taken_over_on_another_placement_is_not_shown() -> None:
    own = placement(3, reported=reported_run("2026-02", ["120", "120"]))
    judged = one(own, accepted=(accepted(("2026-02", 99, 99)),))
    assert (judged.explanation.accepted_before, said(judged, "corrected-after-acceptance")) == ((), None)


@pytest.mark.parametrize(
    ("own", "is_said"),
    [
        (placement(reported=reported_run("2026-02", ["120", "120"])), True),
        (placement(reported=reported_run("2026-02", ["80", "80"])), True),
        (placement(reported=reported_run("2026-02", ["0.01", "0.01"])), True),
        (placement(reported=reported_run("2026-02", ["100", "100"], rate="10.50")), False),
        (placement(reported=(reported("2026-02"), reported("2026-03", hours="0"))), False),
        (placement(complete_months=("2026-04",)), False),
    ],
)
def test_d29_hours_that_are_taken_over_must_be_paid_and_open(own: PlacementFacts, is_said: bool) -> None:
    assert (said(one(own, BESIDE), "only-paid-hours-when-open") is not None) == is_said


def test_d30_no_effect_is_said_and_never_pushed() -> None:
    own = placement(declared=(segment(rate="12.00"),), reported=reported_run("2026-02", ["100", "100"], rate="12.50"))
    judged = one(own)
    assert (judged.kind, said(judged, "no-effect") is not None) == ("D07", True)
    assert not is_worth_telling(judged.explanation.circumstances)


def test_d30_what_begins_in_december_can_be_without_effect_too() -> None:
    own = placement(declared=(segment(rate="12.00"),), reported=(reported("2026-12", rate="12.50"),))
    judged = one(own, as_of=datetime(2026, 12, 20, tzinfo=UTC))
    assert (judged.kind, said(judged, "no-effect") is not None) == ("D07", True)


def test_d31_an_effect_is_of_this_change_alone() -> None:
    own = placement(reported=reported_run("2026-02", ["120", "120"]))
    assert said(one(own), "other-changes-not-counted") is not None
    assert said(one(own, income_euro=None), "other-changes-not-counted") is None


def test_d32_another_child_becomes_the_first_and_one_effect_is_of_the_household() -> None:
    """The sibling has 110 hours; from 100 to 120 this child becomes the first, and the sibling's share rises."""
    sibling = child_care(placement(5, declared=(segment(hours="110"),)), number=2)
    own = placement(reported=reported_run("2026-02", ["120", "120"]))
    judged = one(own, siblings=(sibling,))
    assert said(judged, "first-child-changes") == Circumstance(code="first-child-changes")
    assert judged.effect.first_child_before == sibling.child_id
    assert judged.effect.first_child_after == child_care().child_id
    small = child_care(placement(5, declared=(segment(hours="90"),)), number=2)
    assert said(one(own, siblings=(small,)), "first-child-changes") is None


def test_the_first_care_or_the_last_is_no_change_of_the_first_child() -> None:
    begun = placement(declared=(segment(hours="0"),), reported=reported_run("2026-02", ["120", "120"]))
    assert one(begun).effect.first_child_before is None
    assert said(one(begun), "first-child-changes") is None
    ended = placement(declared=(segment("2026-01", "2026-06"),), reported=(reported("2026-04", end_on=date(2026, 4, 30)),))
    judged = one(ended, placement(9, declared=(segment("2026-01", "2026-05", hours="10"),)))
    assert (judged.kind, said(judged, "first-child-changes")) == ("D14", None)


@pytest.mark.parametrize(
    ("own", "is_said"),
    [
        (placement(reported=reported_run("2026-02", ["120", "120"])), False),
        (placement(reported=(reported("2026-04", end_on=date(2026, 4, 30)),)), True),
    ],
)
def test_direct_payment_may_stop_where_care_stops(own: PlacementFacts, is_said: bool) -> None:
    assert (said(one(own, BESIDE), "direct-payment-may-stop") is not None) == is_said
    assert said(one(own, BESIDE, is_closed_year=True), "direct-payment-may-stop") is None


@pytest.mark.parametrize(("hours", "is_said"), [("0", True), ("0.01", False)])
def test_d30_without_a_table_another_rate_of_no_hours_changes_nothing(hours: str, is_said: bool) -> None:
    own = placement(declared=(segment(hours=hours, rate="9.00"),), reported=(reported("2026-02", hours=hours, rate="9.50"),))
    side = weighed(own, 2026, "2026-05", _RULES)
    proposed = proposed_placement(child_care().child_id, side, (segment("2026-02", hours=hours, rate="9.50"),))
    found = Found(
        facts=child_year(own),
        this_month="2026-05",
        sides=(side,),
        kind="D06",
        months=(),
        begins_in=None,
        proposal=Proposal(placements=(proposed,)),
        effect=no_effect("table-incomplete"),
    )
    assert ("no-effect" in [each.code for each in circumstances_of(found, _RULES)]) == is_said
