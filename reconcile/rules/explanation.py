"""Where each number of a difference comes from: the object from which everything shown can be derived."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

from reconcile.rules.evidence import HoursStep, Weighed
from reconcile.rules.facts import AcceptedBefore, CareType, ReportedMonth, Segment
from reconcile.rules.kinds import CircumstanceCode
from reconcile.rules.months import Month
from reconcile.rules.rule_book import RuleBook
from reconcile.rules.segments import at_month


class ComparedMonth(Struct, frozen=True, kw_only=True):
    """One month: what was declared (None: nothing), what was reported (None: not received), and what deviates by the tolerance or more."""

    month: Month
    declared: Segment | None
    reported: ReportedMonth | None
    hours_deviate: bool
    rate_deviates: bool


class Circumstance(Struct, frozen=True, kw_only=True):
    """Something to say beside the numbers, with the facts that it needs (rules/kinds.py says which)."""

    code: CircumstanceCode
    months: tuple[Month, ...] = ()
    hours_hundredths: int | None = None
    limit_hundredths: int | None = None
    day: date | None = None


class MovedFrom(Struct, frozen=True, kw_only=True):
    """The old place of a move: its location, its months, the first month without care and, when the organisation gave one, its last day."""

    placement_id: UUID
    location_name: str
    lrk_number: str
    care_type: CareType
    months: tuple[ComparedMonth, ...]
    ended_from: Month
    end_on: date | None


class Explanation(Struct, frozen=True, kw_only=True):
    """The months compared, the rule and tolerance that judged them, and the ages of both sides.

    Location and months are those of the placement that the difference spans; of a move they are the new place's, and `moved_from` is
    the old one. Of new care `begins_in` is the first month of the year with hours, and `report_by` the last day on which it can be
    reported for all of it. `accepted_before` is what was taken over before on these placements.
    """

    rules_version: str
    hours_tolerance_hundredths: int
    rate_tolerance_cents: int
    step: HoursStep
    location_name: str
    lrk_number: str
    care_type: CareType
    declared_at: datetime | None
    months: tuple[ComparedMonth, ...]
    end_on: date | None
    moved_from: MovedFrom | None = None
    begins_in: Month | None = None
    report_by: date | None = None
    accepted_before: tuple[AcceptedBefore, ...] = ()
    circumstances: tuple[Circumstance, ...] = ()


def compared_months(weighed: Weighed, rules: RuleBook, missing: Sequence[Month] = ()) -> tuple[ComparedMonth, ...]:
    """Put the reported months of the year beside what counts as declared, and `missing` ones: complete without a line for this care."""
    compared = [_compared(one, at_month(weighed.effective, one.month), rules) for one in weighed.evidence.reported]
    absent = [_absent(month, at_month(weighed.effective, month)) for month in missing]
    return tuple(sorted((*compared, *absent), key=lambda one: one.month))


def _compared(reported: ReportedMonth, declared: Segment | None, rules: RuleBook) -> ComparedMonth:
    hours = declared.hours_hundredths if declared else 0
    return ComparedMonth(
        month=reported.month,
        declared=declared,
        reported=reported,
        hours_deviate=abs(reported.hours_hundredths - hours) >= rules.hours_tolerance_hundredths,
        rate_deviates=reported.hours_hundredths > 0
        and (declared is None or abs(reported.hourly_rate_cents - declared.hourly_rate_cents) >= rules.rate_tolerance_cents),
    )


def _absent(month: Month, declared: Segment | None) -> ComparedMonth:
    is_declared = declared is not None and declared.hours_hundredths > 0
    return ComparedMonth(month=month, declared=declared, reported=None, hours_deviate=is_declared, rate_deviates=False)
