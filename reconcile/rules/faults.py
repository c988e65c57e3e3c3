"""The register of faults: every coded reason why a line, a delivery or a declaration is not taken as it is.

A fault names the field and the shape of the value, never the value: it could be a BSN. Published as openapi/faults.json.
"""

from typing import Literal

from msgspec import Struct

Permanence = Literal["permanent", "waiting", "transient"]
Scope = Literal["line", "delivery", "declaration"]


class FaultKind(Struct, frozen=True, kw_only=True, rename="camel"):
    """One code of the register: title and remedy in both languages, and what helps.

    `permanent`: the same line is never taken, so it must be corrected. `waiting`: the sender can fill the gap later, and the line is
    parked until then. `transient`: the line is right and only its time has not come, so the same line is taken later, in a new delivery.
    `record_state` is the state of a record that the code stands for (Q01 to Q09).
    """

    code: str
    scope: Scope
    permanence: Permanence = "permanent"
    record_state: str | None = None
    title_nl: str
    title_en: str
    remedy_nl: str
    remedy_en: str


class Fault(Struct, frozen=True, kw_only=True, rename="camel"):
    """One fault of one line or declaration: code, field as it is called in JSON, and the shape of the value ("99-99")."""

    code: str
    field: str | None
    shape: str | None = None


class UnreadableDelivery(Exception):
    """The content of a delivery cannot be read at all; `code` is in the register, `line` is where it stopped."""

    def __init__(self, code: str, detail: str, line: int | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.line = line


def shape_of(value: object) -> str | None:
    """Return the shape of a value: digits become 9, letters a, the rest stays; cut at 40 characters. "12,5O" → "99,9a"."""
    if value is None:
        return None
    text = type(value).__name__ if isinstance(value, dict | list) else str(value)
    return "".join("9" if char.isdigit() else "a" if char.isalpha() else char if char.isprintable() else "?" for char in text[:40])


def fault(code: str, field: str | None, value: object = None) -> Fault:
    """Make a fault of a registered code. Raises KeyError for a code that the register does not have."""
    return Fault(code=FAULTS[code].code, field=field, shape=shape_of(value))


_KINDS = (
    FaultKind(
        code="bsn-invalid",
        scope="line",
        record_state="Q01",
        title_nl="Dit is geen BSN",
        title_en="This is not a BSN",
        remedy_nl="Een BSN heeft negen cijfers en voldoet aan de elfproef. Viel een nul vooraan weg in een spreadsheet? Zet die terug.",
        remedy_en="A BSN has nine digits and passes the eleven test. Did a spreadsheet drop a leading zero? Put it back.",
    ),
    FaultKind(
        code="bsn-missing",
        scope="line",
        permanence="waiting",
        record_state="Q03",
        title_nl="Het BSN ontbreekt",
        title_en="The BSN is missing",
        remedy_nl=(
            "Lever een regel met het BSN zodra u het hebt. Heeft die hetzelfde regelkenmerk, dezelfde locatie en hetzelfde andere BSN, dan "
            "tellen eerdere maanden die wachten vanzelf mee. Lever die anders ook opnieuw."
        ),
        remedy_en=(
            "Deliver a line with the BSN as soon as you have it. With the same lineRef, location and other BSN, earlier months that wait "
            "come alive by themselves. Otherwise deliver those again too."
        ),
    ),
    FaultKind(
        code="bsn-same-twice",
        scope="line",
        record_state="Q01",
        title_nl="Ouder en kind hebben hetzelfde BSN",
        title_en="Parent and child have the same BSN",
        remedy_nl="Zet het BSN van de ouder en dat van het kind ieder in hun eigen veld.",
        remedy_en="Put the parent's BSN and the child's each in its own field.",
    ),
    FaultKind(
        code="lrk-number-invalid",
        scope="line",
        record_state="Q01",
        title_nl="Dit is geen LRK-nummer",
        title_en="This is not an LRK number",
        remedy_nl="Een LRK-nummer heeft negen cijfers. U vindt het in het Landelijk Register Kinderopvang.",
        remedy_en="An LRK number has nine digits. You find it in the national childcare register.",
    ),
    FaultKind(
        code="lrk-number-unknown",
        scope="line",
        record_state="Q02",
        title_nl="Dit LRK-nummer staat niet in het register",
        title_en="The register does not have this LRK number",
        remedy_nl="Controleer het nummer. Is het een gastouderbureau? Gebruik dan het nummer van de gastouder.",
        remedy_en="Check the number. Is it an agency? Use the number of the childminder.",
    ),
    FaultKind(
        code="lrk-number-not-registered",
        scope="line",
        record_state="Q02",
        title_nl="De locatie was in deze maand niet geregistreerd",
        title_en="The location was not registered in this month",
        remedy_nl="Controleer de maand en het LRK-nummer.",
        remedy_en="Check the month and the LRK number.",
    ),
    FaultKind(
        code="lrk-number-not-yours",
        scope="line",
        record_state="Q02",
        title_nl="Deze locatie was in deze maand niet van u",
        title_en="You did not hold this location in this month",
        remedy_nl="Lever alleen regels voor locaties waarvan u houder of gastouderbureau bent.",
        remedy_en="Deliver lines only for locations that you hold, or whose agency you are.",
    ),
    FaultKind(
        code="care-type-mismatch",
        scope="line",
        record_state="Q09",
        title_nl="De opvangsoort past niet bij het LRK-nummer",
        title_en="The care type does not fit the LRK number",
        remedy_nl="Laat de opvangsoort weg of gebruik die uit het register. Dagopvang en BSO hebben elk een eigen nummer.",
        remedy_en="Leave the care type out or use that of the register. Day care and after-school care each have a number of their own.",
    ),
    FaultKind(
        code="care-type-invalid",
        scope="line",
        record_state="Q01",
        title_nl="Deze opvangsoort bestaat niet",
        title_en="There is no such care type",
        remedy_nl="Gebruik KDV, BSO of VGO, of laat het veld weg.",
        remedy_en="Use KDV, BSO or VGO, or leave the field out.",
    ),
    FaultKind(
        code="month-invalid",
        scope="line",
        record_state="Q01",
        title_nl="Dit is geen maand",
        title_en="This is not a month",
        remedy_nl="Schrijf de maand als JJJJ-MM, bijvoorbeeld 2026-03.",
        remedy_en="Write the month as YYYY-MM, for example 2026-03.",
    ),
    FaultKind(
        code="month-in-future",
        scope="line",
        permanence="transient",
        record_state="Q06",
        title_nl="Deze maand moet nog komen",
        title_en="This month is still to come",
        remedy_nl="Lever een maand pas als die is begonnen. Is de maand goed? Lever dezelfde regel dan opnieuw.",
        remedy_en="Deliver a month once it has begun. Is the month right? Then deliver the same line again.",
    ),
    FaultKind(
        code="hours-invalid",
        scope="line",
        record_state="Q06",
        title_nl="Dit is geen aantal uren",
        title_en="This is not a number of hours",
        remedy_nl="Schrijf uren met hoogstens twee decimalen, bijvoorbeeld 90,5. Geen min, geen duizendtalpunt.",
        remedy_en="Write hours with at most two decimals, for example 90.5. No minus, no thousands separator.",
    ),
    FaultKind(
        code="hours-out-of-range",
        scope="line",
        record_state="Q06",
        title_nl="Zoveel uren heeft een maand niet",
        title_en="No month has so many hours",
        remedy_nl="Een maand heeft hoogstens 744 uur. Controleer of de kolommen goed staan.",
        remedy_en="A month has at most 744 hours. Check that the columns are in place.",
    ),
    FaultKind(
        code="hourly-rate-invalid",
        scope="line",
        record_state="Q06",
        title_nl="Dit is geen uurtarief",
        title_en="This is not an hourly rate",
        remedy_nl="Schrijf het uurtarief in euro's met hoogstens twee decimalen, van 0 tot en met 100.",
        remedy_en="Write the hourly rate in euros with at most two decimals, from 0 to 100.",
    ),
    FaultKind(
        code="amount-invalid",
        scope="line",
        record_state="Q06",
        title_nl="Dit is geen bedrag",
        title_en="This is not an amount",
        remedy_nl="Schrijf het bedrag in euro's met hoogstens twee decimalen, of laat het weg.",
        remedy_en="Write the amount in euros with at most two decimals, or leave it out.",
    ),
    FaultKind(
        code="amount-mismatch",
        scope="line",
        record_state="Q06",
        title_nl="Uren maal tarief is niet het bedrag",
        title_en="Hours times rate is not the amount",
        remedy_nl="Controleer uren, uurtarief en bedrag. Het tarief is het gemiddelde van de maand.",
        remedy_en="Check hours, hourly rate and amount. The rate is the average of the month.",
    ),
    FaultKind(
        code="end-date-invalid",
        scope="line",
        record_state="Q01",
        title_nl="Dit is geen datum",
        title_en="This is not a date",
        remedy_nl="Schrijf de einddatum als JJJJ-MM-DD of dd-mm-jjjj, of laat die weg.",
        remedy_en="Write the end date as YYYY-MM-DD or dd-mm-yyyy, or leave it out.",
    ),
    FaultKind(
        code="line-ref-invalid",
        scope="line",
        record_state="Q01",
        title_nl="Dit regelkenmerk kan niet",
        title_en="This line reference cannot be used",
        remedy_nl="Een regelkenmerk heeft 1 tot en met 64 tekens. Het mag het BSN van de ouder of het kind niet bevatten.",
        remedy_en="A line reference has 1 to 64 characters. It may not contain the BSN of the parent or the child.",
    ),
    FaultKind(
        code="field-unknown",
        scope="line",
        record_state="Q01",
        title_nl="Dit veld is niet bekend",
        title_en="This field is not known",
        remedy_nl="Laat het veld weg, of gebruik de naam uit de beschrijving.",
        remedy_en="Leave the field out, or use its name in the description.",
    ),
    FaultKind(
        code="line-unreadable",
        scope="line",
        record_state="Q01",
        title_nl="Deze regel heeft niet de goede vorm",
        title_en="This line does not have the right form",
        remedy_nl="Een regel is een object met ieder veld één keer, of een rij met evenveel kolommen als de kop.",
        remedy_en="A line is an object with each field once, or a row with as many columns as the heading.",
    ),
    FaultKind(
        code="line-json-broken",
        scope="line",
        record_state="Q01",
        title_nl="Deze regel is geen geldige JSON",
        title_en="This line is not valid JSON",
        remedy_nl="Zet ieder object heel op een eigen regel, in UTF-8. De andere regels zijn wel gelezen.",
        remedy_en="Put each object whole on a line of its own, in UTF-8. The other lines were read.",
    ),
    FaultKind(
        code="line-oversized",
        scope="line",
        record_state="Q01",
        title_nl="Deze regel is langer dan 64 kB",
        title_en="This line is longer than 64 kB",
        remedy_nl="Zet ieder object op een eigen regel. De andere regels zijn wel gelezen.",
        remedy_en="Put each object on a line of its own. The other lines were read.",
    ),
    FaultKind(
        code="duplicate-line",
        scope="line",
        record_state="Q08",
        title_nl="Deze regel staat twee keer in de levering",
        title_en="This line stands in the delivery twice",
        remedy_nl="Lever voor ieder kind, iedere ouder, locatie en maand één regel. Geen van beide is overgenomen.",
        remedy_en="Deliver one line for each child, parent, location and month. Neither was taken.",
    ),
    FaultKind(
        code="replaces-itself",
        scope="line",
        record_state="Q01",
        title_nl="Deze regel vervangt zichzelf",
        title_en="This line replaces itself",
        remedy_nl=(
            "Zet in de velden die met vervangen beginnen wat eerst fout was. Veranderen alleen uren of tarief? Laat die velden dan leeg."
        ),
        remedy_en=(
            "Put what was wrong before in the fields that begin with replaced. Do only hours or rate change? Then leave those fields out."
        ),
    ),
    FaultKind(
        code="replaced-line-unknown",
        scope="line",
        permanence="waiting",
        record_state="Q01",
        title_nl="De regel die wordt vervangen, kennen wij niet",
        title_en="The line that is replaced is not known",
        remedy_nl=(
            "Controleer de velden die met vervangen beginnen. Komt de oude regel nog, met een eerdere createdAt, dan telt deze vanzelf "
            "mee. Was er geen oude regel? Laat die velden dan leeg."
        ),
        remedy_en=(
            "Check the fields that begin with replaced. When the old line comes, with an earlier createdAt, this one comes alive by "
            "itself. Was there no old line? Then leave those fields out."
        ),
    ),
    FaultKind(
        code="all-or-nothing",
        scope="line",
        permanence="transient",
        title_nl="Een andere regel van deze levering heeft een fout, en u vroeg alles of niets",
        title_en="Another line of this delivery has a fault, and you asked for all or nothing",
        remedy_nl="Verbeter de andere regels en lever alles opnieuw. Of lever zonder allOrNothing: dan tellen de goede regels mee.",
        remedy_en="Correct the other lines and deliver everything again. Or deliver without allOrNothing: then the sound lines are taken.",
    ),
    FaultKind(
        code="encoding-unknown",
        scope="delivery",
        title_nl="De tekens kunnen niet worden gelezen",
        title_en="The characters cannot be read",
        remedy_nl="Lever UTF-8, of noem windows-1252 in het Content-Type.",
        remedy_en="Deliver UTF-8, or name windows-1252 in the Content-Type.",
    ),
    FaultKind(
        code="characters-forbidden",
        scope="delivery",
        title_nl="Het bestand bevat besturingstekens",
        title_en="The file holds control characters",
        remedy_nl="Lever een tekstbestand, geen werkmap of archief.",
        remedy_en="Deliver a text file, not a workbook or an archive.",
    ),
    FaultKind(
        code="line-too-long",
        scope="delivery",
        title_nl="Een regel is te lang",
        title_en="A line is too long",
        remedy_nl="Een regel heeft hoogstens 64 kB.",
        remedy_en="A line has at most 64 kB.",
    ),
    FaultKind(
        code="quote-open",
        scope="delivery",
        title_nl="Een aanhalingsteken wordt niet gesloten",
        title_en="A quote is never closed",
        remedy_nl="Sluit ieder aanhalingsteken. Een aanhalingsteken in een waarde schrijft u dubbel.",
        remedy_en="Close every quote. Write a quote inside a value twice.",
    ),
    FaultKind(
        code="heading-missing",
        scope="delivery",
        title_nl="De kop ontbreekt of mist kolommen",
        title_en="The heading is missing or lacks columns",
        remedy_nl="Begin met een kop met bsn_ouder, bsn_kind, lrk_nummer, maand, uren en uurtarief.",
        remedy_en="Begin with a heading with parentBsn, childBsn, lrkNumber, month, hours and hourlyRate.",
    ),
    FaultKind(
        code="heading-unknown-column",
        scope="delivery",
        title_nl="De kop bevat een onbekende of dubbele kolom",
        title_en="The heading has an unknown or repeated column",
        remedy_nl="Gebruik alleen de namen uit de beschrijving, elk één keer.",
        remedy_en="Use only the names of the description, each once.",
    ),
    FaultKind(
        code="json-broken",
        scope="delivery",
        title_nl="De JSON is niet geldig",
        title_en="The JSON is not valid",
        remedy_nl="Lever één JSON-object met createdAt en lines.",
        remedy_en="Deliver one JSON object with createdAt and lines.",
    ),
    FaultKind(
        code="first-line-unreadable",
        scope="delivery",
        title_nl="De eerste regel kan niet worden gelezen",
        title_en="The first line cannot be read",
        remedy_nl="Begin met een regel met createdAt, en lever daarna één JSON-object per regel, in UTF-8.",
        remedy_en="Begin with a line with createdAt, and then deliver one JSON object a line, in UTF-8.",
    ),
    FaultKind(
        code="envelope-invalid",
        scope="delivery",
        title_nl="De gegevens om de regels heen kloppen niet",
        title_en="The data around the lines are not right",
        remedy_nl="Controleer createdAt, reference, organisationOin en complete.",
        remedy_en="Check createdAt, reference, organisationOin and complete.",
    ),
    FaultKind(
        code="created-in-future",
        scope="delivery",
        title_nl="De levering is volgens createdAt pas later gemaakt",
        title_en="By its createdAt the delivery is still to be made",
        remedy_nl="Zet de klok van uw systeem goed en lever opnieuw, met een nieuw kenmerk.",
        remedy_en="Set the clock of your system right and deliver again, under a new reference.",
    ),
    FaultKind(
        code="reference-mismatch",
        scope="delivery",
        title_nl="Het kenmerk in het bestand is een ander dan in het verzoek",
        title_en="The reference in the file is not that of the request",
        remedy_nl="Gebruik één kenmerk: in de Idempotency-Key en in het bestand.",
        remedy_en="Use one reference: in the Idempotency-Key and in the file.",
    ),
    FaultKind(
        code="organisation-mismatch",
        scope="delivery",
        title_nl="Het bestand is van een andere organisatie",
        title_en="The file is another organisation's",
        remedy_nl=(
            "Lever met een toegangstoken van de organisatie die in het bestand staat, of noem haar in organisationOin als zij u machtigde."
        ),
        remedy_en=(
            "Deliver with an access token of the organisation that the file names, or name it in organisationOin when it mandated you."
        ),
    ),
    FaultKind(
        code="declaration-unreadable",
        scope="declaration",
        title_nl="Dit is geen opgave",
        title_en="This is not a declaration",
        remedy_nl="Lever één JSON-object per regel, met de velden uit de beschrijving.",
        remedy_en="Send one JSON object a line, with the fields of the description.",
    ),
    FaultKind(
        code="declaration-bsn-invalid",
        scope="declaration",
        title_nl="Dit is geen BSN",
        title_en="This is not a BSN",
        remedy_nl="Een BSN heeft negen cijfers en voldoet aan de elfproef.",
        remedy_en="A BSN has nine digits and passes the eleven test.",
    ),
    FaultKind(
        code="declaration-value-invalid",
        scope="declaration",
        title_nl="Deze waarde kan niet",
        title_en="This value is not possible",
        remedy_nl="Controleer de waarde bij de beschrijving van het veld.",
        remedy_en="Check the value against the description of the field.",
    ),
    FaultKind(
        code="declaration-members-contradict",
        scope="declaration",
        title_nl="De leden van het huishouden spreken elkaar tegen",
        title_en="The members of the household contradict each other",
        remedy_nl="Iedere maand heeft één aanvrager en hoogstens één partner; niemand is in één maand twee keer lid.",
        remedy_en="Each month has one applicant and at most one partner; nobody is a member twice in one month.",
    ),
    FaultKind(
        code="declaration-child-unknown",
        scope="declaration",
        title_nl="De opvang is van een kind dat niet in het huishouden staat",
        title_en="The care is of a child that is not in the household",
        remedy_nl="Laat childRef wijzen naar een lid met de rol child.",
        remedy_en="Let childRef name a member with the role child.",
    ),
    FaultKind(
        code="declaration-placement-twice",
        scope="declaration",
        title_nl="Deze opvang staat er twee keer",
        title_en="This care stands there twice",
        remedy_nl="Zet alle tijdvakken van een kind op een locatie bij elkaar.",
        remedy_en="Put all segments of a child at a location together.",
    ),
    FaultKind(
        code="declaration-segments-overlap",
        scope="declaration",
        title_nl="Twee tijdvakken overlappen",
        title_en="Two segments overlap",
        remedy_nl="Laat een tijdvak eindigen in de maand voordat het volgende begint.",
        remedy_en="Let a segment end in the month before the next begins.",
    ),
    FaultKind(
        code="declaration-location-unknown",
        scope="declaration",
        title_nl="Deze locatie staat niet in het register",
        title_en="The register does not have this location",
        remedy_nl="Controleer het LRK-nummer.",
        remedy_en="Check the LRK number.",
    ),
)

FAULTS = {kind.code: kind for kind in _KINDS}
