"""Where each number of a difference comes from: the object from which everything shown can be derived."""

from collections.abc import Sequence
from datetime import date, datetime

from msgspec import Struct

from reconcile.rules.evidence import Evidence, HoursStep
from reconcile.rules.facts import CareType, ReportedMonth, Segment
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


class Explanation(Struct, frozen=True, kw_only=True):
    """The months compared, the rule and tolerance that judged them, and the ages of both sides."""

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
    remarks: tuple[str, ...]


def compared_months(evidence: Evidence, effective: Sequence[Segment], rules: RuleBook) -> tuple[ComparedMonth, ...]:
    """Put the reported months of the year beside what is declared."""
    return tuple(_compared(one, at_month(effective, one.month), rules) for one in evidence.reported)


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
