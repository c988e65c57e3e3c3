"""The sample region: the same from the same seed, of marked numbers only, with exactly what it says it planted."""

from collections import Counter
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest

from local.region import HOUSEHOLDS, PLANT, Care, Region, billed, billed_months, sample_region
from reconcile.rulebook import rules_in_force
from reconcile.rules.bsn import is_test_bsn
from reconcile.rules.facts import ChildCare, ChildYearFacts, PlacementFacts, ReportedMonth, Segment
from reconcile.rules.judgement import judge

AS_OF = date(2026, 11, 24)
REGION = sample_region(1, AS_OF)


def test_the_same_seed_gives_the_same_region() -> None:
    assert sample_region(1, AS_OF) == REGION
    assert sample_region(2, AS_OF) != REGION


def test_it_has_the_size_and_the_plants_that_it_says() -> None:
    assert len(REGION.households) == HOUSEHOLDS
    planted = Counter(care.planted for one in REGION.households for care in one.cares)
    assert {kind: planted[kind] for kind in PLANT} == dict(PLANT)
    assert {care.planted for one in REGION.households for care in one.cares if not care.is_declared} == {None}
    assert REGION.planted() == {kind: count for kind, count in sorted(PLANT.items()) if kind != "D00"}


def test_every_number_is_marked() -> None:
    assert all(is_test_bsn(person.bsn) for one in REGION.households for person in one.people)
    assert all(is_test_bsn(location.lrk_number) for one in REGION.organisations for location in one.locations)
    assert all(one.kvk_number.startswith("0000") and one.oin.startswith("00000099") for one in REGION.organisations)


def test_nobody_is_counted_twice() -> None:
    applicants = [one.people[0].bsn for one in REGION.households]
    assert len(set(applicants)) == len(applicants)
    children = Counter(person.bsn for one in REGION.households for person in one.people if person.role == "child")
    assert Counter(children.values())[2] == HOUSEHOLDS // 50
    assert max(children.values()) == 2


@pytest.mark.parametrize(
    ("as_of", "months"),
    [
        (date(2026, 11, 24), ("2026-07", "2026-08", "2026-09", "2026-10")),
        (date(2026, 5, 1), ("2026-01", "2026-02", "2026-03", "2026-04")),
        (date(2026, 4, 30), ("2025-09", "2025-10", "2025-11", "2025-12")),
        (date(2027, 1, 1), ("2026-09", "2026-10", "2026-11", "2026-12")),
    ],
)
def test_the_billed_months_lie_in_one_year(as_of: date, months: tuple[str, ...]) -> None:
    assert billed_months(as_of) == months


def judged(region: Region, care: Care, as_of: datetime) -> str | None:
    other = next((one for one in region.households if care in one.cares), None)
    assert other is not None
    placements = [facts(region, one) for one in other.cares if one.child_bsn == care.child_bsn]
    siblings = [
        ChildCare(child_id=uuid4(), birth_date=None, placements=(facts(region, one),))
        for one in other.cares
        if one.child_bsn != care.child_bsn
    ]
    child = ChildCare(child_id=uuid4(), birth_date=None, placements=tuple(placements))
    year = ChildYearFacts(
        household_id=uuid4(), year=as_of.year, income_euro=None, is_closed_year=False, child=child, siblings=tuple(siblings)
    )
    own = next(one for one in placements if one.lrk_number == care.location.lrk_number).placement_id
    return next((one.kind for one in judge(year, as_of, rules_in_force()) if own in one.placement_ids), None)


def facts(region: Region, care: Care) -> PlacementFacts:
    stated = Segment(
        from_month=care.from_month, until_month=None, hours_hundredths=care.hours_hundredths, hourly_rate_cents=care.hourly_rate_cents
    )
    reports = [(month, bill) for month in region.months if (bill := billed(care, month, region.months))]
    return PlacementFacts(
        placement_id=uuid4(),
        lrk_number=care.location.lrk_number,
        care_type=care.location.care_type,
        location_name="x",
        is_declared=care.is_declared,
        start_on=None,
        end_on=None,
        declared_at=None,
        declared=(stated,) if care.is_declared else (),
        reported=tuple(
            ReportedMonth(
                month=month,
                hours_hundredths=hours,
                hourly_rate_cents=rate,
                end_on=end_on,
                organisation_name="x",
                delivery_id=UUID(int=1),
                line_number=1,
                received_at=datetime(2026, 11, 1, tzinfo=UTC),
            )
            for month, (hours, rate, end_on) in reports
        ),
    )


def test_what_is_planted_is_what_the_rules_find() -> None:
    as_of = datetime(2026, 11, 24, tzinfo=UTC)
    small = sample_region(3, AS_OF, households=300, organisations=12)
    for household in small.households:
        for care in household.cares:
            expected = None if care.planted == "D00" else care.planted
            if not care.is_declared:
                (expected,) = household.differs
            found = judged(small, care, as_of)
            # One more location is a difference at the new place: the declared one is as it was.
            assert found == (None if expected == "D12" and care.is_declared else expected)


@pytest.mark.parametrize(("as_of", "is_planted"), [(date(2027, 2, 1), True), (date(2027, 3, 1), False), (date(2026, 5, 31), True)])
def test_new_places_are_planted_while_a_tap_can_add_them(as_of: date, is_planted: bool) -> None:
    kinds = sample_region(1, as_of, households=200, organisations=12).planted()
    assert ("D10" in kinds, "D12" in kinds) == (is_planted, is_planted)
    assert "D01" in kinds
