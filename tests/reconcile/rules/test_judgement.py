"""The judgement: every kind as a story, its boundaries, its hash, and what accepting a proposal leaves."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from reconcile.rules.effect import Amounts, no_effect
from reconcile.rules.explanation import ComparedMonth
from reconcile.rules.facts import ChildYearFacts, PlacementFacts, ReportedMonth, Segment
from reconcile.rules.judgement import JudgedDifference, content_of, judge
from reconcile.rules.months import add_months
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


def test_care_at_another_location_is_d12_and_has_no_tap() -> None:
    judged = _judge(placement(), undeclared(reported=_MORE))
    assert [_story(one) for one in judged] == [("D12", "add-care", None)]
    assert judged[0].effect == no_effect("no-proposal")


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
    assert found.remarks == ("hours-above-cap", "only-paid-hours-when-open")
    assert judged.effect.in_month == Amounts(before_euro=1_000, after_euro=1_000, change_euro=0)
    assert judged.effect.in_year == Amounts(before_euro=12_000, after_euro=12_150, change_euro=150)
    assert _one(*_MORE).explanation.remarks == ("only-paid-hours-when-open",)


def test_an_end_date_goes_into_the_proposal_and_the_explanation() -> None:
    judged = _one(reported("2026-03", end_on=date(2026, 3, 15)))
    assert judged.proposal is not None
    assert judged.proposal.placements[0].end_on == judged.explanation.end_on == date(2026, 3, 15)


_HOURS = st.sampled_from(["0", "60", "99.50", "100", "100.99", "101", "120", "120.50"])
_RATES = st.sampled_from(["10.00", "10.04", "10.05", "10.10", "11.00", "12.00"])


@st.composite
def _placements(draw: st.DrawFn, number: int = 1) -> PlacementFacts:
    month, declared = add_months("2025-10", draw(st.integers(0, 6))), []
    rates = draw(st.sampled_from([st.just("10.00"), st.sampled_from(["11.00", "12.00"]), _RATES]))
    levels = draw(st.sampled_from([st.sampled_from(["100", "120"]), _HOURS]))
    for _ in range(draw(st.integers(1, 3))):
        until = add_months(month, draw(st.integers(0, 8))) if draw(st.booleans()) else None
        declared.append(segment(month, until, hours=draw(levels), rate=draw(rates)))
        if until is None:
            break
        month = add_months(until, draw(st.integers(1, 2)))
    places = sorted(draw(st.sets(st.integers(-3, 13), max_size=9)))
    ends = st.sampled_from([None, None, None, date(2025, 11, 5), date(2026, 5, 31), date(2026, 12, 31), date(2027, 2, 1)])
    months = [reported(add_months("2026-01", place), hours=draw(levels), rate=draw(rates), end_on=draw(ends)) for place in places]
    return placement(number, declared=tuple(declared), reported=tuple(months))


_INSTANTS = st.integers(1, 12).map(lambda month: datetime(2026, month, 10, tzinfo=UTC))


@given(_placements(), _INSTANTS)
@settings(max_examples=300, deadline=None)
def test_accepting_a_proposal_leaves_no_difference(own: PlacementFacts, as_of: datetime) -> None:
    found = _judge(own, placement(9), as_of=as_of)
    assert [bool(one.proposal) != bool(one.route) for one in found] in ([], [True])
    for one in (one.proposal for one in found if one.proposal):
        accepted = structs.replace(own, overlay=lay_over(own.declared, one.placements[0].segments))
        assert _judge(accepted, placement(9), as_of=as_of) == ()


@given(st.permutations([1, 2, 3]), st.tuples(_placements(1), _placements(2), _placements(3)))
@settings(max_examples=100, deadline=None)
def test_the_order_of_the_placements_changes_nothing(order: list[int], own: tuple[PlacementFacts, ...]) -> None:
    assert _judge(*(own[number - 1] for number in order)) == _judge(*own)


@given(_placements())
@settings(max_examples=100, deadline=None)
def test_the_hash_is_over_values_and_not_over_deliveries(own: PlacementFacts) -> None:
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


def test_another_income_changes_the_euros_and_not_the_content() -> None:
    facts: ChildYearFacts = child_year(placement(reported=_MORE))
    one, other = (judge(structs.replace(facts, income_euro=euro), DECEMBER, _RULES)[0] for euro in (10_000, 90_000))
    assert (one.facts_hash, content_of(one)) == (other.facts_hash, content_of(other))
    assert one.effect != other.effect
