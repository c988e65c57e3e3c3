"""Selecting the facts of one child in one year out of those of a household."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
from msgspec import structs

from reconcile.rules.facts import AcceptedBefore, ChildCare, ChildYearFacts, HouseholdFacts, SeenMonth, child_year
from tests.make import HOUSEHOLD, child_care, placement, reported, segment

_LONG_AGO, _BEFORE, _OWN, _AFTER = (reported(month) for month in ("2024-12", "2025-01", "2026-12", "2027-01"))
_COMPLETE = ("2025-12", "2026-01", "2026-12", "2027-01")


def _household(*children: ChildCare) -> HouseholdFacts:
    return HouseholdFacts(
        household_id=HOUSEHOLD,
        incomes={2025: 70_000, 2026: 80_000},
        awarded_years=(2024, 2025),
        children=children,
    )


def test_a_child_has_its_reports_of_the_year_and_the_year_before() -> None:
    full = placement(reported=(_LONG_AGO, _BEFORE, _OWN, _AFTER), complete_months=_COMPLETE, overlay=(segment("2027-01"),))
    kept = placement(reported=(_BEFORE, _OWN), complete_months=("2026-01", "2026-12"), overlay=(segment("2027-01"),))
    sibling = child_care(placement(2, reported=(_LONG_AGO,)), number=2)
    assert child_year(_household(child_care(full), sibling), child_care().child_id, 2026) == ChildYearFacts(
        household_id=HOUSEHOLD,
        year=2026,
        income_euro=80_000,
        is_closed_year=False,
        child=child_care(kept),
        siblings=(child_care(placement(2), number=2),),
    )


def test_a_year_that_was_awarded_is_closed_and_has_its_own_income() -> None:
    facts = child_year(_household(child_care()), child_care().child_id, 2025)
    assert (facts.is_closed_year, facts.income_euro) == (True, 70_000)


def test_a_year_without_an_income_has_none() -> None:
    assert child_year(_household(child_care()), child_care().child_id, 2027).income_euro is None


def test_a_child_that_the_household_does_not_have_is_without_care() -> None:
    stranger = UUID(int=99)
    facts = child_year(_household(child_care()), stranger, 2026)
    assert facts.child == ChildCare(child_id=stranger, birth_date=None, placements=())
    assert facts.siblings == (child_care(),)


def test_facts_come_back_from_json_as_they_were() -> None:
    household = _household(child_care(placement(reported=(_OWN,), overlay=(segment("2026-03", "2026-04"),))))
    assert msgspec.json.decode(msgspec.json.encode(household), type=HouseholdFacts) == household


def test_what_was_taken_over_belongs_to_its_year() -> None:
    def taken(year: int) -> AcceptedBefore:
        return AcceptedBefore(
            placement_id=placement().placement_id,
            year=year,
            accepted_at=datetime(2026, 4, 2, tzinfo=UTC),
            segments=(segment(),),
            seen=(SeenMonth(month=f"{year}-02", hours_hundredths=12_000, hourly_rate_cents=1_000),),
        )

    household = structs.replace(_household(child_care(placement())), accepted=(taken(2025), taken(2026)))
    assert child_year(household, child_care().child_id, 2026).accepted == (taken(2026),)
    assert msgspec.json.decode(msgspec.json.encode(household), type=HouseholdFacts) == household
