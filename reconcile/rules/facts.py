"""What is known about one child in one household in one calculation year: the input of the judgement.

The store fills these from SQL as JSON in exactly this shape; the rules read nothing else.
"""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct, structs

from reconcile.rules.months import Month, year_of

CareType = Literal["KDV", "BSO", "VGO"]


class MonthSpan(Struct, frozen=True, kw_only=True):
    """Whole months in a row; `until_month` is included, None runs on."""

    from_month: Month
    until_month: Month | None


class Segment(MonthSpan, frozen=True, kw_only=True):
    """Hours a month at an hourly rate over whole months."""

    hours_hundredths: int
    hourly_rate_cents: int


class ReportedMonth(Struct, frozen=True, kw_only=True):
    """What the organisation billed for one child at one location in one month, and where that figure comes from."""

    month: Month
    hours_hundredths: int
    hourly_rate_cents: int
    end_on: date | None
    organisation_name: str
    delivery_id: UUID
    line_number: int
    received_at: datetime


class PlacementFacts(Struct, frozen=True, kw_only=True):
    """One child of one household at one location.

    `declared` are the current segments of TVS (may begin in earlier years), `overlay` the accepted ones that TVS has
    not processed yet, `undeclared` the months in which a reversal that TVS has not processed yet lets nothing count as declared; all
    ordered by month and free of overlap. `reported` holds the current reported months of the year and of the year before it
    (evidence), ordered by month. `complete_months` are the months of the year for which the organisation
    said that it delivered everything for this location. `is_declared` is False for care that only an organisation reported.
    """

    placement_id: UUID
    lrk_number: str
    care_type: CareType
    location_name: str
    is_declared: bool
    start_on: date | None
    end_on: date | None
    declared_at: datetime | None
    declared: tuple[Segment, ...] = ()
    overlay: tuple[Segment, ...] = ()
    undeclared: tuple[MonthSpan, ...] = ()
    reported: tuple[ReportedMonth, ...] = ()
    complete_months: tuple[Month, ...] = ()


class ChildCare(Struct, frozen=True, kw_only=True):
    """All placements of one child of one household."""

    child_id: UUID
    birth_date: date | None
    placements: tuple[PlacementFacts, ...]


class SeenMonth(Struct, frozen=True, kw_only=True):
    """What was reported for a month at the moment of an acceptance, as the parent saw it."""

    month: Month
    hours_hundredths: int
    hourly_rate_cents: int


class AcceptedBefore(Struct, frozen=True, kw_only=True):
    """The newest acceptance of one placement in the year that TVS did not refuse: what was taken over, and what it was taken from."""

    placement_id: UUID
    year: int
    accepted_at: datetime
    segments: tuple[Segment, ...]
    seen: tuple[SeenMonth, ...]


class ChildYearFacts(Struct, frozen=True, kw_only=True):
    """One child in one household for one calculation year, with the rest of the household for the euro effect.

    `income_euro` is the joint assessment income of the year in whole euros, None when TVS did not give one.
    `is_closed_year` is True when TVS has awarded the year: no tap is possible any more.
    `siblings` are the other children of the household with their placements in the same year. `accepted` is what was taken over of the
    year before, of any child of the household.
    """

    household_id: UUID
    year: int
    income_euro: int | None
    is_closed_year: bool
    child: ChildCare
    siblings: tuple[ChildCare, ...] = ()
    accepted: tuple[AcceptedBefore, ...] = ()


class HouseholdFacts(Struct, frozen=True, kw_only=True):
    """What is known about one household: incomes in whole euros by year, awarded years, its children's care, and what was taken over."""

    household_id: UUID
    incomes: dict[int, int]
    awarded_years: tuple[int, ...]
    children: tuple[ChildCare, ...]
    accepted: tuple[AcceptedBefore, ...] = ()


def child_year(household: HouseholdFacts, child_id: UUID, year: int) -> ChildYearFacts:
    """Select the facts by which one child in one year is judged; a child without placements has none."""
    children = [_in_year(child, year) for child in household.children]
    own = next((child for child in children if child.child_id == child_id), None)
    return ChildYearFacts(
        household_id=household.household_id,
        year=year,
        income_euro=household.incomes.get(year),
        is_closed_year=year in household.awarded_years,
        child=own or ChildCare(child_id=child_id, birth_date=None, placements=()),
        siblings=tuple(child for child in children if child.child_id != child_id),
        accepted=tuple(one for one in household.accepted if one.year == year),
    )


def _in_year(child: ChildCare, year: int) -> ChildCare:
    first, last = f"{year - 1:04d}-01", f"{year:04d}-12"
    return structs.replace(
        child,
        placements=tuple(
            structs.replace(
                placement,
                reported=tuple(month for month in placement.reported if first <= month.month <= last),
                complete_months=tuple(month for month in placement.complete_months if year_of(month) == year),
            )
            for placement in child.placements
        ),
    )
