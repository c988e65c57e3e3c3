"""Why a parent may dispute a difference, and which lines of organisations the dispute is about.

A dispute changes no hours and no money by itself. The reasons are published as openapi/dispute-reasons.json.
"""

from collections.abc import Mapping, Sequence
from typing import Literal
from uuid import UUID

from msgspec import Struct

from reconcile.rules.explanation_document import ExplanationDocument

DisputeReason = Literal["hours-wrong", "rate-wrong", "care-not-taken", "care-ended", "unknown-organisation", "other"]


class DisputeReasonText(Struct, frozen=True, kw_only=True, rename="camel"):
    """One reason, as a parent chooses it and an organisation reads it, in both languages."""

    code: DisputeReason
    title_nl: str
    title_en: str


class LineSource(Struct, frozen=True, kw_only=True, order=True):
    """The line of a delivery that a value came from."""

    delivery_id: UUID
    line_number: int


_REASONS = (
    DisputeReasonText(code="hours-wrong", title_nl="De uren kloppen niet", title_en="The hours are wrong"),
    DisputeReasonText(code="rate-wrong", title_nl="Het uurtarief klopt niet", title_en="The hourly rate is wrong"),
    DisputeReasonText(
        code="care-not-taken",
        title_nl="Mijn kind ging in deze maanden niet naar deze opvang",
        title_en="My child was not in this care in these months",
    ),
    DisputeReasonText(code="care-ended", title_nl="De opvang was al gestopt", title_en="The care had already ended"),
    DisputeReasonText(
        code="unknown-organisation", title_nl="Ik ken deze opvangorganisatie niet", title_en="I do not know this childcare organisation"
    ),
    DisputeReasonText(code="other", title_nl="Er klopt iets anders niet", title_en="Something else is wrong"),
)

DISPUTE_REASONS: Mapping[DisputeReason, DisputeReasonText] = {one.code: one for one in _REASONS}


def disputed_sources(explanation: ExplanationDocument) -> Sequence[LineSource]:
    """Return the lines that a dispute of this explanation is about: of the months that deviate, of both places of a move.

    Judged by averages no month stands alone, so that every reported month counts; so it is where no single month deviates.
    """
    months = [*explanation.months, *(explanation.moved_from.months if explanation.moved_from else ())]
    reported = [one for one in months if one.reported is not None]
    deviating = [one for one in reported if one.hours_deviate or one.rate_deviates or explanation.step == "average"]
    return sorted(
        {
            LineSource(delivery_id=one.reported.delivery_id, line_number=one.reported.line_number)
            for one in deviating or reported
            if one.reported is not None
        }
    )
