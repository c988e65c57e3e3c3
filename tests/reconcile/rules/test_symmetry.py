"""Too little is treated as too much: the same threshold, the same shape, the same weight, with every sign turned round."""

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from reconcile.rules.evidence import weighed
from reconcile.rules.explanation import compared_months
from reconcile.rules.facts import PlacementFacts, ReportedMonth, Segment
from reconcile.rules.judgement import JudgedDifference, judge
from reconcile.rules.months import add_months
from reconcile.rules.notice import is_worth_telling
from tests.make import child_year, placement, reported, reported_run, rule_book, segment
from tests.reconcile.rules.random_care import instant

# No maximum in reach, and all hours below the cap: where caps bind, more and less differ by law.
_RATES = {"KDV": 99_999, "BSO": 99_999, "VGO": 99_999}
_RULES = rule_book(maximum_rate_cents={2026: _RATES}, tables={2026: structs.replace(rule_book().tables[2026], maximum_rate_cents=_RATES)})
_TURNED = {"D01": "D02", "D02": "D01"}
_DECLARED = 11_000
_DECLARED_RATE = 1_000


def _judge(own: PlacementFacts, as_of: datetime) -> tuple[JudgedDifference, ...]:
    return judge(child_year(own, placement(9)), as_of, _RULES)


@given(st.integers(100, 20_000), st.integers(100, 20_000), st.integers(1, 12), st.integers(500, 1_500), st.integers(500, 1_500))
@settings(max_examples=500, deadline=None)
def test_swapping_declared_and_reported_flips_every_sign(one: int, other: int, months: int, rate: int, other_rate: int) -> None:
    """A level that was declared and another that was reported, and the other way round."""

    def judged(declared: int, declared_rate: int, billed: int, billed_rate: int) -> tuple[JudgedDifference, ...]:
        standing = structs.replace(segment(), hours_hundredths=declared, hourly_rate_cents=declared_rate)
        line = structs.replace(reported(), hours_hundredths=billed, hourly_rate_cents=billed_rate)
        reports = tuple(structs.replace(line, month=add_months("2026-01", number)) for number in range(months))
        return _judge(placement(declared=(standing,), reported=reports), datetime(2026, 12, 31, tzinfo=UTC))

    there, back = judged(one, rate, other, other_rate), judged(other, other_rate, one, rate)
    assert [each.kind for each in back] == [_TURNED.get(each.kind, each.kind) for each in there]
    for first, second in zip(there, back, strict=True):
        assert first.proposal is not None
        assert first.effect.in_year is not None
        assert second.effect.in_year is not None
        taken = first.proposal.placements[0].segments[-1]
        if (taken.hours_hundredths, taken.hourly_rate_cents) == (other, other_rate):
            # All that differed was taken over, so the two years are exchanged; a single month or what is within the tolerance is not.
            assert first.weight_cents == second.weight_cents
            assert first.effect.in_year.change_euro == -second.effect.in_year.change_euro


@given(st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_a_month_deviates_from_either_side(dice: random.Random) -> None:
    hours, rates = [dice.randint(1, 20_000) for _ in range(2)], [dice.randint(900, 1_100) for _ in range(2)]

    def flags(declared: int, billed: int) -> tuple[bool, bool]:
        standing = structs.replace(segment(), hours_hundredths=hours[declared], hourly_rate_cents=rates[declared])
        line = structs.replace(reported(), hours_hundredths=hours[billed], hourly_rate_cents=rates[billed])
        own = weighed(placement(declared=(standing,), reported=(line,)), 2026, "2026-12", _RULES)
        (month,) = compared_months(own, _RULES)
        return month.hours_deviate, month.rate_deviates

    assert flags(0, 1) == flags(1, 0)


def _varying(dice: random.Random) -> tuple[ReportedMonth, ...]:
    """Months whose hours and rates lie around what was declared, far from zero."""
    months = []
    for number in range(-2, dice.randint(1, 12)):
        if dice.random() < 0.9:
            hours = _DECLARED + dice.choice((0, 0, 99, 100, -99, -100, 1_000, -1_000, dice.randint(-8_000, 8_000)))
            rate = _DECLARED_RATE + dice.choice((0, 0, 0, 4, -4, 5, -5, 60))
            line = structs.replace(reported(), hours_hundredths=hours, hourly_rate_cents=rate)
            months.append(structs.replace(line, month=add_months("2026-01", number)))
    return tuple(months)


def _mirrored(months: tuple[ReportedMonth, ...]) -> tuple[ReportedMonth, ...]:
    return tuple(
        structs.replace(
            one, hours_hundredths=2 * _DECLARED - one.hours_hundredths, hourly_rate_cents=2 * _DECLARED_RATE - one.hourly_rate_cents
        )
        for one in months
    )


def _own(months: tuple[ReportedMonth, ...]) -> PlacementFacts:
    standing = structs.replace(segment("2025-01"), hours_hundredths=_DECLARED, hourly_rate_cents=_DECLARED_RATE)
    return placement(declared=(standing,), reported=months)


@given(st.randoms(use_true_random=False))
@settings(max_examples=1_000, deadline=None)
def test_months_mirrored_in_what_was_declared_are_told_as_the_mirror_image(dice: random.Random) -> None:
    """As far below as above: the same kind or its turned one, the same months, and each figure as far on the other side."""
    months, as_of = _varying(dice), instant(dice)
    there, back = _judge(_own(months), as_of), _judge(_own(_mirrored(months)), as_of)
    assert [each.kind for each in back] == [_TURNED.get(each.kind, each.kind) for each in there]
    for first, second in zip(there, back, strict=True):
        assert first.explanation.step == second.explanation.step
        assert first.proposal is not None
        assert second.proposal is not None
        pairs = zip(first.proposal.placements[0].segments, second.proposal.placements[0].segments, strict=True)
        assert all(_is_mirrored(one, other) for one, other in pairs)
        assert (first.proposal.placements[0].hours_standing_from, first.proposal.placements[0].rate_standing_from) == (
            second.proposal.placements[0].hours_standing_from,
            second.proposal.placements[0].rate_standing_from,
        )


def _is_mirrored(one: Segment, other: Segment) -> bool:
    """An average is rounded up by half a hundredth on both sides, which is the one hundredth that may be left."""
    return (
        (one.from_month, one.until_month) == (other.from_month, other.until_month)
        and abs(one.hours_hundredths + other.hours_hundredths - 2 * _DECLARED) <= 1
        and one.hourly_rate_cents + other.hourly_rate_cents == 2 * _DECLARED_RATE
    )


def test_the_share_told_too_little_is_the_share_told_too_much() -> None:
    """Over many deviations, drawn alike on both sides, as many are told one way as the other, to the last one."""
    told = {"more": 0, "fewer": 0}
    for hundredths in range(-1_500, 1_501):
        months = reported_run("2026-01", ["110.00", "110.00"])
        shifted = tuple(structs.replace(one, hours_hundredths=one.hours_hundredths + hundredths) for one in months)
        for one in _judge(_own(shifted), datetime(2026, 3, 10, tzinfo=UTC)):
            assert is_worth_telling(one.explanation.circumstances)
            told["more" if one.kind == "D01" else "fewer"] += 1
    assert told == {"more": 1_401, "fewer": 1_401}


@pytest.mark.parametrize("hours", ["101.00", "99.00", "100.99", "99.01"])
def test_the_threshold_is_the_same_up_and_down(hours: str) -> None:
    found = _judge(placement(reported=reported_run("2026-01", [hours, hours])), datetime(2026, 3, 10, tzinfo=UTC))
    assert len(found) == (1 if hours in ("101.00", "99.00") else 0)
