"""The published form of proposals and effects: what is kept with a difference and sent to the app.

Quantities are text with two decimals. Explanations are in `explanation_document.py`.
"""

from collections.abc import Sequence
from datetime import date
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from reconcile.rules.effect import Amounts, Effect, MonthAmounts
from reconcile.rules.facts import MonthSpan, Segment
from reconcile.rules.months import Month
from reconcile.rules.proposal import Proposal, ProposedPlacement
from reconcile.rules.quantities import hundredths_text, parse_hundredths

HoursText = Annotated[str, Meta(pattern=r"^[0-9]{1,3}\.[0-9]{2}$", description="Hours a month, two decimals")]
MoneyText = Annotated[str, Meta(pattern=r"^[0-9]{1,6}\.[0-9]{2}$", description="Euros, two decimals")]


class SegmentDocument(
    Struct, frozen=True, kw_only=True, rename={"from_month": "from", "until_month": "until", "hourly_rate": "hourlyRate"}
):
    """Hours a month at a rate from a month until and including a month; `until` null runs on."""

    from_month: Month
    until_month: Month | None
    hours: HoursText
    hourly_rate: MoneyText


class ProposedPlacementDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """One placement of a proposal: the months that one tap would change, and from which month on hours and rate stand, if they do."""

    placement_id: UUID
    child_id: UUID
    lrk_number: str
    end_on: date | None
    hours_standing_from: Month | None
    rate_standing_from: Month | None
    segments: tuple[SegmentDocument, ...]


class MonthsDocument(Struct, frozen=True, kw_only=True, rename={"from_month": "from", "until_month": "until"}):
    """Months from a month until and including a month; `until` null runs on."""

    from_month: Month
    until_month: Month | None


class ChangedPlacementDocument(ProposedPlacementDocument, frozen=True, kw_only=True, rename="camel"):
    """One placement of a change: what was accepted or, when the change undoes another one, what is declared again in its place."""

    undeclared: Annotated[
        tuple[MonthsDocument, ...], Meta(description="Of a reversal: months in which nothing is to be declared, as nothing was before")
    ] = ()
    end_undone: Annotated[
        bool, Meta(description="Of a reversal: the last day of care is again what `endOn` says, none when that is null")
    ] = False


class ChangedPlacements(Struct, frozen=True, kw_only=True):
    """A proposal as the change that takes it over says it."""

    placements: tuple[ChangedPlacementDocument, ...]


class ProposalDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """What one tap would declare."""

    placements: tuple[ProposedPlacementDocument, ...]


class AmountsDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """About so many whole euros."""

    before_euro: int
    after_euro: int
    change_euro: int


class MonthAmountsDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """About so many whole euros in one month."""

    month: Month
    before_euro: int
    after_euro: int
    change_euro: int


class EffectDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """What the proposal means for the household's allowance, in whole euros, about; null with a reason when it cannot be said.

    "If you do nothing" and "if you accept" stand side by side in it, as rules/effect.py says. An indication: Toeslagen decides.
    """

    reason: str | None
    year: int | None
    month: Annotated[Month | None, Meta(description="The month of `inMonth`: the coming one; December when the year ends before")]
    in_month: Annotated[
        AmountsDocument | None, Meta(description="A coming month: `beforeEuro` when nothing is done, `afterEuro` when it is accepted")
    ]
    in_year: Annotated[
        AmountsDocument | None,
        Meta(
            description="When nothing is done, the final calculation after the year settles `changeEuro`, if the reported hours are right. "
            "Rounded once: the rounded months need not add up to it"
        ),
    ]
    until_now: Annotated[
        AmountsDocument | None,
        Meta(
            description="When it is accepted, `changeEuro` is paid, or asked back if negative, for the past: the months of the year until "
            "and including the one in which it was judged"
        ),
    ] = None
    months: Annotated[tuple[MonthAmountsDocument, ...] | None, Meta(description="Each month of the year")] = None
    first_child_before: Annotated[
        UUID | None, Meta(description="The child with the lower share in the months that change, as it stands")
    ] = None
    first_child_after: Annotated[UUID | None, Meta(description="The same if accepted; another child's amount changes too")] = None


def segment_document(segment: Segment) -> SegmentDocument:
    """Publish a segment."""
    return SegmentDocument(
        from_month=segment.from_month,
        until_month=segment.until_month,
        hours=hundredths_text(segment.hours_hundredths),
        hourly_rate=hundredths_text(segment.hourly_rate_cents),
    )


def months_document(months: MonthSpan) -> MonthsDocument:
    """Publish months in a row."""
    return MonthsDocument(from_month=months.from_month, until_month=months.until_month)


def proposal_document(proposal: Proposal) -> ProposalDocument:
    """Publish a proposal."""
    return ProposalDocument(
        placements=tuple(
            ProposedPlacementDocument(
                placement_id=one.placement_id,
                child_id=one.child_id,
                lrk_number=one.lrk_number,
                end_on=one.end_on,
                hours_standing_from=one.hours_standing_from,
                rate_standing_from=one.rate_standing_from,
                segments=tuple(segment_document(segment) for segment in one.segments),
            )
            for one in proposal.placements
        )
    )


def proposed(document: ProposalDocument) -> Proposal:
    """Read a published proposal back."""
    return Proposal(
        placements=tuple(
            ProposedPlacement(
                placement_id=one.placement_id,
                child_id=one.child_id,
                lrk_number=one.lrk_number,
                end_on=one.end_on,
                hours_standing_from=one.hours_standing_from,
                rate_standing_from=one.rate_standing_from,
                segments=tuple(proposed_segments(one)),
            )
            for one in document.placements
        )
    )


def proposed_segments(placement: ProposedPlacementDocument) -> Sequence[Segment]:
    """Read the segments of a published proposal back; it was published by this module, so its quantities can be read."""
    return tuple(
        Segment(
            from_month=one.from_month,
            until_month=one.until_month,
            hours_hundredths=_hundredths(one.hours),
            hourly_rate_cents=_hundredths(one.hourly_rate),
        )
        for one in placement.segments
    )


def undeclared_months(placement: ProposedPlacementDocument) -> Sequence[MonthSpan]:
    """Read back in which months a change lets nothing be declared."""
    if not isinstance(placement, ChangedPlacementDocument):
        return ()
    return tuple(MonthSpan(from_month=one.from_month, until_month=one.until_month) for one in placement.undeclared)


def effect_document(effect: Effect) -> EffectDocument:
    """Publish an effect."""
    return EffectDocument(
        reason=effect.reason,
        year=effect.year,
        month=effect.month,
        in_month=_amounts(effect.in_month),
        in_year=_amounts(effect.in_year),
        until_now=_amounts(effect.until_now),
        months=None if effect.months is None else tuple(_month_amounts(one) for one in effect.months),
        first_child_before=effect.first_child_before,
        first_child_after=effect.first_child_after,
    )


def _amounts(amounts: Amounts | None) -> AmountsDocument | None:
    if amounts is None:
        return None
    return AmountsDocument(before_euro=amounts.before_euro, after_euro=amounts.after_euro, change_euro=amounts.change_euro)


def _month_amounts(one: MonthAmounts) -> MonthAmountsDocument:
    return MonthAmountsDocument(month=one.month, before_euro=one.before_euro, after_euro=one.after_euro, change_euro=one.change_euro)


def _hundredths(text: str) -> int:
    value = parse_hundredths(text)
    if value is None:
        raise ValueError("a published quantity has two decimals")
    return value
