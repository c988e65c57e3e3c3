"""Builders of facts for tests of the rules: everything by keyword, every default a plain, undisputed case."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from msgspec import structs

from reconcile.rules.bsn import marked_bsn
from reconcile.rules.facts import ChildCare, ChildYearFacts, PlacementFacts, ReportedMonth, Segment
from reconcile.rules.months import add_months
from reconcile.rules.quantities import parse_hundredths
from reconcile.rules.rule_book import AllowanceTable, Bracket, RuleBook

HOUSEHOLD = UUID(int=1)
DELIVERY = UUID(int=2)
# 15 December in the Netherlands: every month of 2026 has begun, three quarters are over.
DECEMBER = datetime(2026, 12, 15, 12, tzinfo=UTC)


def hundredths(text: str) -> int:
    """Read "120.00" as 12_000."""
    value = parse_hundredths(text)
    assert value is not None, text
    return value


def segment(start: str = "2026-01", until: str | None = None, *, hours: str = "100.00", rate: str = "10.00") -> Segment:
    """Make a segment; without an end it runs on."""
    return Segment(
        from_month=start,
        until_month=until,
        hours_hundredths=hundredths(hours),
        hourly_rate_cents=hundredths(rate),
    )


def reported(month: str = "2026-01", *, hours: str = "100.00", rate: str = "10.00", **change: Any) -> ReportedMonth:
    """Make a reported month."""
    one = ReportedMonth(
        month=month,
        hours_hundredths=hundredths(hours),
        hourly_rate_cents=hundredths(rate),
        end_on=None,
        organisation_name="Kinderopvang Het Voorbeeld",
        delivery_id=DELIVERY,
        line_number=1,
        received_at=datetime(2026, 12, 1, 8, tzinfo=UTC),
    )
    return structs.replace(one, **change)


def reported_run(start: str, hours: Sequence[str], *, rate: str = "10.00") -> tuple[ReportedMonth, ...]:
    """Make reported months in a row from `start`, one for each number of hours."""
    return tuple(reported(add_months(start, place), hours=one, rate=rate) for place, one in enumerate(hours))


def placement(number: int = 1, **change: Any) -> PlacementFacts:
    """Make a placement with 100 declared hours at 10.00 from January 2026 on, and no report."""
    one = PlacementFacts(
        placement_id=UUID(int=100 + number),
        lrk_number=f"9{number:08d}",
        care_type="KDV",
        location_name=f"Locatie {number}",
        is_declared=True,
        start_on=None,
        end_on=None,
        declared_at=datetime(2025, 12, 1, tzinfo=UTC),
        declared=(segment(),),
    )
    return structs.replace(one, **change)


def undeclared(number: int = 2, **change: Any) -> PlacementFacts:
    """Make a placement that only an organisation knows of."""
    return placement(number, **{"is_declared": False, "declared": (), "declared_at": None, **change})


def child_care(*placements: PlacementFacts, number: int = 1) -> ChildCare:
    """Make a child with these placements."""
    return ChildCare(child_id=UUID(int=10 + number), birth_date=date(2023, 5, 1), placements=placements)


def child_year(*placements: PlacementFacts, **change: Any) -> ChildYearFacts:
    """Make the facts of a child in 2026 with these placements."""
    facts = ChildYearFacts(
        household_id=HOUSEHOLD,
        year=2026,
        income_euro=80_000,
        is_closed_year=False,
        child=child_care(*placements),
    )
    return structs.replace(facts, **change)


def rule_book(**change: Any) -> RuleBook:
    """Make rules with the real tolerances, one short table for 2026 and round maximum rates."""
    rates = {"KDV": 1_100, "BSO": 1_000, "VGO": 900}
    brackets = (
        Bracket(from_euro=0, until_euro=50_000, first_child_tenths=900, next_child_tenths=950),
        Bracket(from_euro=50_001, until_euro=None, first_child_tenths=500, next_child_tenths=800),
    )
    rules = RuleBook(
        version="test",
        hours_tolerance_hundredths=100,
        rate_tolerance_cents=5,
        counted_hours_hundredths=23_000,
        least_granted_euro=24,
        maximum_rate_cents={2026: rates},
        tables={2026: AllowanceTable(year=2026, brackets=brackets, maximum_rate_cents=rates)},
    )
    return structs.replace(rules, **change)


def delivery_fields(**change: Any) -> dict[str, Any]:
    """Make the fields of one sound line of a delivery; a value of `...` leaves the field out."""
    fields = {
        "parentBsn": marked_bsn(0),
        "childBsn": marked_bsn(1),
        "lrkNumber": "900000001",
        "month": "2026-03",
        "hours": "120.50",
        "hourlyRate": "10.25",
    }
    return {name: value for name, value in {**fields, **change}.items() if value is not ...}


def declaration_fields(**change: Any) -> dict[str, Any]:
    """Make a sound declaration: an applicant, one child, one placement from January 2026 on."""
    fields: Mapping[str, Any] = {
        "householdRef": "household-1",
        "version": 1,
        "members": [member_fields(), member_fields(personRef="child", bsn=marked_bsn(1), role="child")],
        "incomes": [{"year": 2026, "amount": 80_000}],
        "awardedYears": [2024],
        "placements": [placement_fields()],
    }
    return {name: value for name, value in {**fields, **change}.items() if value is not ...}


def member_fields(**change: Any) -> dict[str, Any]:
    """Make a member of a declaration: the applicant, from January 2026 on."""
    fields = {"personRef": "parent", "bsn": marked_bsn(0), "role": "applicant", "from": "2026-01"}
    return {name: value for name, value in {**fields, **change}.items() if value is not ...}


def placement_fields(**change: Any) -> dict[str, Any]:
    """Make a declared placement of the child of `declaration_fields`."""
    fields = {"childRef": "child", "lrkNumber": "900000001", "segments": [segment_fields()]}
    return {name: value for name, value in {**fields, **change}.items() if value is not ...}


def segment_fields(**change: Any) -> dict[str, Any]:
    """Make a declared segment from January 2026 on."""
    fields = {"from": "2026-01", "hours": "100.00", "hourlyRate": "10.00"}
    return {name: value for name, value in {**fields, **change}.items() if value is not ...}
