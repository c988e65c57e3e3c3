"""The register of what a standing look at an organisation's own lines can find odd: each may be right, and is worth a look.

It is about what the organisation reported and nothing else: never about what a parent declared, or whether a person is known. Nothing
follows from it. Published as openapi/quality.json.
"""

from collections.abc import Mapping

from msgspec import Struct

# More hours than this in one month, for one child at two locations together, is no month of care.
CHILD_HOURS_HUNDREDTHS_MAX = 23_000
# A rate that is this many times the one of the month before, or one so many-th of it.
RATE_FACTOR = 2


class QualityKind(Struct, frozen=True, kw_only=True, rename="camel"):
    """One code of the register: title and what to do, in both languages."""

    code: str
    title_nl: str
    title_en: str
    remedy_nl: str
    remedy_en: str


_KINDS = (
    QualityKind(
        code="hours-after-end-date",
        title_nl="Uren na de einddatum die u zelf noemde",
        title_en="Hours after the end date that you gave yourself",
        remedy_nl="Is de opvang gestopt? Trek de regel in. Loopt zij door? Lever de regel opnieuw met de nieuwe einddatum.",
        remedy_en="Has the care ended? Withdraw the line. Does it go on? Deliver the line again with the new end date.",
    ),
    QualityKind(
        code="child-at-two-locations",
        title_nl="Een kind op twee van uw locaties, samen meer dan 230 uur in deze maand",
        title_en="One child at two of your locations, above 230 hours together in this month",
        remedy_nl="Controleer of dezelfde uren niet op beide locaties staan.",
        remedy_en="Check that the same hours do not stand at both locations.",
    ),
    QualityKind(
        code="waiting-long",
        title_nl="Een regel wacht al langer dan een maand",
        title_en="A line has been waiting for more than a month",
        remedy_nl="Lever wat ontbreekt. In de levering staat waar de regel op wacht.",
        remedy_en="Deliver what is missing. The delivery says what the line waits for.",
    ),
    QualityKind(
        code="hourly-rate-jump",
        title_nl="Het uurtarief is meer dan verdubbeld of gehalveerd",
        title_en="The hourly rate more than doubled or halved",
        remedy_nl="Vergelijk het tarief met dat van de vorige maand. Staat er een bedrag per maand in plaats van per uur?",
        remedy_en="Compare the rate with the one of the month before. Is it an amount a month instead of an hour?",
    ),
    QualityKind(
        code="amounts-missing",
        title_nl="Een locatie zonder één bedrag in deze maand",
        title_en="A location without a single amount in this month",
        remedy_nl="Bedragen mogen ontbreken. Met bedragen kunnen wij nagaan of uren en tarief kloppen.",
        remedy_en="Amounts may be left out. With amounts it can be checked that hours and rate are right.",
    ),
)

QUALITY: Mapping[str, QualityKind] = {kind.code: kind for kind in _KINDS}
