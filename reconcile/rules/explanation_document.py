"""The published form of an explanation. Quantities are text with two decimals."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from reconcile.rules.documents import HoursText, MoneyText, SegmentDocument, segment_document
from reconcile.rules.explanation import Circumstance, ComparedMonth, Explanation, MovedFrom
from reconcile.rules.facts import AcceptedBefore, ReportedMonth, Segment
from reconcile.rules.months import Month
from reconcile.rules.quantities import hundredths_text


class ReportedMonthDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """What the organisation reported for a month, and in which line of which delivery."""

    hours: HoursText
    hourly_rate: MoneyText
    organisation_name: str
    delivery_id: UUID
    line_number: int
    received_at: datetime


class DeclaredMonthDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """What the parent declared for a month."""

    hours: HoursText
    hourly_rate: MoneyText


class ComparedMonthDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """Both sides of one month; a side that is null was not declared or not received."""

    month: Month
    declared: DeclaredMonthDocument | None
    reported: ReportedMonthDocument | None
    hours_deviate: bool
    rate_deviates: bool


class MovedFromDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """The old place of a move, with its months and the first month without care there."""

    placement_id: UUID
    location_name: str
    lrk_number: str
    care_type: str
    months: tuple[ComparedMonthDocument, ...]
    ended_from: Month
    end_on: date | None


class SeenMonthDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """What was reported for a month when it was taken over."""

    month: Month
    hours: HoursText
    hourly_rate: MoneyText


class AcceptedBeforeDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """What was taken over before on a placement, and from which reported months."""

    placement_id: UUID
    accepted_at: datetime
    segments: tuple[SegmentDocument, ...]
    seen: tuple[SeenMonthDocument, ...]


class CircumstanceDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """Something to know beside the numbers, with the facts that it needs; `kinds.md` has the codes."""

    code: str
    months: tuple[Month, ...]
    hours: Annotated[str | None, Meta(description="Hours in one month over all locations of the child, two decimals")]
    limit: HoursText | None
    day: date | None


class ExplanationDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where each number comes from, and by which rule and tolerance it was judged.

    Of a move, location and months are those of the new place. `beginsIn` and `reportBy` are of care that nothing is declared for.
    """

    rules_version: str
    hours_tolerance: HoursText
    rate_tolerance: MoneyText
    step: str
    location_name: str
    lrk_number: str
    care_type: str
    declared_at: datetime | None
    months: tuple[ComparedMonthDocument, ...]
    end_on: date | None
    moved_from: MovedFromDocument | None
    begins_in: Month | None
    report_by: date | None
    accepted_before: tuple[AcceptedBeforeDocument, ...]
    circumstances: tuple[CircumstanceDocument, ...]


def explanation_document(explanation: Explanation) -> ExplanationDocument:
    """Publish an explanation."""
    return ExplanationDocument(
        rules_version=explanation.rules_version,
        hours_tolerance=hundredths_text(explanation.hours_tolerance_hundredths),
        rate_tolerance=hundredths_text(explanation.rate_tolerance_cents),
        step=explanation.step,
        location_name=explanation.location_name,
        lrk_number=explanation.lrk_number,
        care_type=explanation.care_type,
        declared_at=explanation.declared_at,
        months=tuple(_month(one) for one in explanation.months),
        end_on=explanation.end_on,
        moved_from=_moved_from(explanation.moved_from),
        begins_in=explanation.begins_in,
        report_by=explanation.report_by,
        accepted_before=tuple(_accepted(one) for one in explanation.accepted_before),
        circumstances=tuple(_circumstance(one) for one in explanation.circumstances),
    )


def _moved_from(old: MovedFrom | None) -> MovedFromDocument | None:
    if old is None:
        return None
    return MovedFromDocument(
        placement_id=old.placement_id,
        location_name=old.location_name,
        lrk_number=old.lrk_number,
        care_type=old.care_type,
        months=tuple(_month(one) for one in old.months),
        ended_from=old.ended_from,
        end_on=old.end_on,
    )


def _accepted(before: AcceptedBefore) -> AcceptedBeforeDocument:
    return AcceptedBeforeDocument(
        placement_id=before.placement_id,
        accepted_at=before.accepted_at,
        segments=tuple(segment_document(segment) for segment in before.segments),
        seen=tuple(
            SeenMonthDocument(
                month=one.month, hours=hundredths_text(one.hours_hundredths), hourly_rate=hundredths_text(one.hourly_rate_cents)
            )
            for one in before.seen
        ),
    )


def _circumstance(one: Circumstance) -> CircumstanceDocument:
    return CircumstanceDocument(
        code=one.code,
        months=one.months,
        hours=None if one.hours_hundredths is None else hundredths_text(one.hours_hundredths),
        limit=None if one.limit_hundredths is None else hundredths_text(one.limit_hundredths),
        day=one.day,
    )


def _month(one: ComparedMonth) -> ComparedMonthDocument:
    return ComparedMonthDocument(
        month=one.month,
        declared=_declared(one.declared),
        reported=_reported(one.reported),
        hours_deviate=one.hours_deviate,
        rate_deviates=one.rate_deviates,
    )


def _declared(segment: Segment | None) -> DeclaredMonthDocument | None:
    if segment is None:
        return None
    return DeclaredMonthDocument(hours=hundredths_text(segment.hours_hundredths), hourly_rate=hundredths_text(segment.hourly_rate_cents))


def _reported(month: ReportedMonth | None) -> ReportedMonthDocument | None:
    if month is None:
        return None
    return ReportedMonthDocument(
        hours=hundredths_text(month.hours_hundredths),
        hourly_rate=hundredths_text(month.hourly_rate_cents),
        organisation_name=month.organisation_name,
        delivery_id=month.delivery_id,
        line_number=month.line_number,
        received_at=month.received_at,
    )
