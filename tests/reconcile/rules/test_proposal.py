"""A proposal says what one tap would declare, and nothing can change it afterwards."""

from datetime import date
from uuid import UUID

import msgspec
import pytest

from reconcile.rules.evidence import weigh, weighed
from reconcile.rules.facts import ReportedMonth, Segment
from reconcile.rules.proposal import Proposal, ProposedPlacement, proposed_placement, proposed_segments, together
from tests.make import placement, reported, reported_run, rule_book, segment

_STANDING = (segment(),)

_PLACEMENT = ProposedPlacement(
    placement_id=UUID(int=1),
    child_id=UUID(int=2),
    lrk_number="900000001",
    end_on=date(2026, 3, 31),
    hours_standing_from="2026-04",
    rate_standing_from=None,
    segments=(segment("2026-04", hours="0"),),
)


def test_a_proposal_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        _PLACEMENT.end_on = None  # type: ignore[misc]


def test_equal_proposals_are_one_value() -> None:
    again = msgspec.json.decode(msgspec.json.encode(Proposal(placements=(_PLACEMENT,))), type=Proposal)
    assert {again, Proposal(placements=(_PLACEMENT,))} == {Proposal(placements=(_PLACEMENT,))}


@pytest.mark.parametrize(
    ("months", "effective", "expected"),
    [
        ((), _STANDING, ()),
        (reported_run("2026-01", ["100.00"] * 2), _STANDING, ()),
        (reported_run("2026-02", ["120.00"]), _STANDING, (segment("2026-02", "2026-02", hours="120.00"),)),
        (
            reported_run("2026-02", ["120.00", "120.00"]),
            _STANDING,
            (segment("2026-02", hours="120.00"),),
        ),
        (
            reported_run("2026-02", ["120.00", "120.00"]),
            (segment("2026-01", "2026-05"), segment("2026-06", hours="60.00")),
            (segment("2026-02", "2026-05", hours="120.00"),),
        ),
        (
            reported_run("2026-02", ["120.00", "120.00"]),
            (segment("2026-01", "2026-03"), segment("2026-04", hours="60.00")),
            (segment("2026-02", "2026-03", hours="120.00"),),
        ),
        (
            reported_run("2026-02", ["120.00", "120.00"]),
            (segment("2026-06", hours="60.00"),),
            (segment("2026-02", "2026-05", hours="120.00"),),
        ),
        (
            (reported("2026-02", rate="11.00"),),
            _STANDING,
            (segment("2026-02", rate="11.00"),),
        ),
        (
            reported_run("2026-01", ["100.00", "0", "0"]),
            (segment("2026-01", "2026-06"), segment("2026-08")),
            (segment("2026-02", "2026-06", hours="0"),),
        ),
        (
            reported_run("2026-01", ["100.00", "0", "0"]),
            (segment("2026-01", "2026-01"), segment("2026-08")),
            (),
        ),
    ],
)
def test_one_tap_declares_what_changes_within_the_declared_segment(
    months: tuple[ReportedMonth, ...], effective: tuple[Segment, ...], expected: tuple[Segment, ...]
) -> None:
    assert proposed_segments(weigh(placement(reported=months), effective, 2026, "2026-12", rule_book()), effective) == expected


def test_taken_over_together_the_later_one_counts_where_two_say_something_of_a_month() -> None:
    def one(number: int, *segments: Segment) -> ProposedPlacement:
        return ProposedPlacement(
            placement_id=UUID(int=number), child_id=UUID(int=9), lrk_number="920000022", end_on=None, segments=tuple(segments)
        )

    earlier = Proposal(placements=(one(1, segment("2025-11", hours="110.00")), one(2, segment("2025-12", hours="50.00"))))
    later = Proposal(placements=(one(1, segment("2026-02", "2026-03", hours="120.00")),))
    assert together([earlier, later]).placements == (
        one(
            1,
            segment("2025-11", "2026-01", hours="110.00"),
            segment("2026-02", "2026-03", hours="120.00"),
            segment("2026-04", hours="110.00"),
        ),
        one(2, segment("2025-12", hours="50.00")),
    )


_UNTIL_MARCH = (segment("2026-01", "2026-03"),)


def test_after_the_declared_care_the_newest_rate_of_a_month_with_hours_is_proposed() -> None:
    """In the tolerance of the declared rate no rate stands; a month without hours, billed at nothing, has none to propose."""
    months = (
        reported("2026-03"),
        reported("2026-04", hours="0.01", rate="10.02"),
        *reported_run("2026-05", ["90.00", "60.00"]),
        reported("2026-07", hours="0", rate="0"),
    )
    evidence = weigh(placement(reported=months), _UNTIL_MARCH, 2026, "2026-12", rule_book())
    assert (evidence.step, dict(evidence.rate)) == ("average", {})
    rates = {one.from_month: one.hourly_rate_cents for one in proposed_segments(evidence, _UNTIL_MARCH)}
    assert rates == {"2026-03": 1_000, "2026-04": 1_002, "2026-05": 1_000}


def test_a_month_without_any_rate_is_not_proposed() -> None:
    """January was declared and had no hours, February was neither declared nor reported."""
    months = (reported("2026-01", hours="0"), reported("2026-03", hours="60.00", rate="10.02"))
    declared = (segment("2026-01", "2026-01"),)
    evidence = weigh(placement(reported=months), declared, 2026, "2026-12", rule_book())
    assert proposed_segments(evidence, declared) == (
        segment("2026-01", "2026-01", hours="0"),
        segment("2026-03", "2026-03", hours="60.00", rate="10.02"),
    )


@pytest.mark.parametrize(
    ("declared", "months", "hours_standing_from", "rate_standing_from"),
    [
        pytest.param(_STANDING, reported_run("2026-02", ["120", "120"]), "2026-02", None, id="the hours stand"),
        pytest.param(_STANDING, reported_run("2026-02", ["120", "100", "100"]), None, None, id="one month alone"),
        pytest.param(
            _STANDING, (reported("2026-02", rate="10.50"), reported("2026-03", rate="10.50")), None, "2026-02", id="the rate stands"
        ),
        pytest.param(
            _STANDING, (reported("2026-02", rate="10.50"), reported("2026-03")), None, None, id="the rate is back at the declared one"
        ),
        pytest.param(
            (segment("2026-01", "2026-03"), segment("2026-04", hours="120")),
            reported_run("2026-03", ["120", "120"]),
            "2026-03",
            None,
            id="the hours stand in one month, after which they are declared",
        ),
        pytest.param(
            (segment("2026-01", "2026-03"),),
            (reported("2026-02", hours="120"), reported("2026-03", end_on=date(2026, 3, 31))),
            None,
            None,
            id="care ends where nothing is declared any more",
        ),
    ],
)
def test_a_proposal_says_whose_it_is_and_from_when_its_figures_stand(
    declared: tuple[Segment, ...], months: tuple[ReportedMonth, ...], hours_standing_from: str | None, rate_standing_from: str | None
) -> None:
    one = weighed(placement(declared=declared, reported=months), 2026, "2026-12", rule_book())
    proposed = proposed_placement(UUID(int=7), one, proposed_segments(one.evidence, one.effective))
    assert (proposed.placement_id, proposed.child_id, proposed.lrk_number) == (
        placement().placement_id,
        UUID(int=7),
        placement().lrk_number,
    )
    assert (proposed.hours_standing_from, proposed.rate_standing_from) == (hours_standing_from, rate_standing_from)
