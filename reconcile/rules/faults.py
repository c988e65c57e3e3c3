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
    permanence: Permanence
    record_state: str | None
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
    text = value if isinstance(value, str) else type(value).__name__ if isinstance(value, dict | list) else str(value)
    return "".join("9" if char.isdigit() else "a" if char.isalpha() else char if char.isprintable() else "?" for char in text[:40])


def fault(code: str, field: str | None, value: object = None) -> Fault:
    """Make a fault of a registered code. Raises KeyError for a code that the register does not have."""
    return Fault(code=FAULTS[code].code, field=field, shape=shape_of(value))


def _line(
    code: str, state: str | None, nl: str, en: str, remedy_nl: str, remedy_en: str, *, permanence: Permanence = "permanent"
) -> FaultKind:
    return FaultKind(
        code=code,
        scope="line",
        permanence=permanence,
        record_state=state,
        title_nl=nl,
        title_en=en,
        remedy_nl=remedy_nl,
        remedy_en=remedy_en,
    )


def _delivery(code: str, nl: str, en: str, remedy_nl: str, remedy_en: str) -> FaultKind:
    return FaultKind(
        code=code,
        scope="delivery",
        permanence="permanent",
        record_state=None,
        title_nl=nl,
        title_en=en,
        remedy_nl=remedy_nl,
        remedy_en=remedy_en,
    )


def _declaration(code: str, nl: str, en: str, remedy_nl: str, remedy_en: str) -> FaultKind:
    return FaultKind(
        code=code,
        scope="declaration",
        permanence="permanent",
        record_state=None,
        title_nl=nl,
        title_en=en,
        remedy_nl=remedy_nl,
        remedy_en=remedy_en,
    )


_KINDS = (
    _line(
        "bsn-invalid",
        "Q01",
        "Dit is geen BSN",
        "This is not a BSN",
        "Een BSN heeft negen cijfers en voldoet aan de elfproef. Viel een nul vooraan weg in een spreadsheet? Zet die terug.",
        "A BSN has nine digits and passes the eleven test. Did a spreadsheet drop a leading zero? Put it back.",
    ),
    _line(
        "bsn-missing",
        "Q03",
        "Het BSN ontbreekt",
        "The BSN is missing",
        "Lever een regel met het BSN zodra u het hebt. Heeft die hetzelfde regelkenmerk, dezelfde locatie en hetzelfde andere BSN, dan "
        "tellen eerdere maanden die wachten vanzelf mee. Lever die anders ook opnieuw.",
        "Deliver a line with the BSN as soon as you have it. With the same lineRef, location and other BSN, earlier months that wait come "
        "alive by themselves. Otherwise deliver those again too.",
        permanence="waiting",
    ),
    _line(
        "bsn-same-twice",
        "Q01",
        "Ouder en kind hebben hetzelfde BSN",
        "Parent and child have the same BSN",
        "Zet het BSN van de ouder en dat van het kind ieder in hun eigen veld.",
        "Put the parent's BSN and the child's each in its own field.",
    ),
    _line(
        "lrk-number-invalid",
        "Q01",
        "Dit is geen LRK-nummer",
        "This is not an LRK number",
        "Een LRK-nummer heeft negen cijfers. U vindt het in het Landelijk Register Kinderopvang.",
        "An LRK number has nine digits. You find it in the national childcare register.",
    ),
    _line(
        "lrk-number-unknown",
        "Q02",
        "Dit LRK-nummer staat niet in het register",
        "The register does not have this LRK number",
        "Controleer het nummer. Is het een gastouderbureau? Gebruik dan het nummer van de gastouder.",
        "Check the number. Is it an agency? Use the number of the childminder.",
    ),
    _line(
        "lrk-number-not-registered",
        "Q02",
        "De locatie was in deze maand niet geregistreerd",
        "The location was not registered in this month",
        "Controleer de maand en het LRK-nummer.",
        "Check the month and the LRK number.",
    ),
    _line(
        "lrk-number-not-yours",
        "Q02",
        "Deze locatie was in deze maand niet van u",
        "You did not hold this location in this month",
        "Lever alleen regels voor locaties waarvan u houder of gastouderbureau bent.",
        "Deliver lines only for locations that you hold, or whose agency you are.",
    ),
    _line(
        "care-type-mismatch",
        "Q09",
        "De opvangsoort past niet bij het LRK-nummer",
        "The care type does not fit the LRK number",
        "Laat de opvangsoort weg of gebruik die uit het register. Dagopvang en BSO hebben elk een eigen nummer.",
        "Leave the care type out or use that of the register. Day care and after-school care each have a number of their own.",
    ),
    _line(
        "care-type-invalid",
        "Q01",
        "Deze opvangsoort bestaat niet",
        "There is no such care type",
        "Gebruik KDV, BSO of VGO, of laat het veld weg.",
        "Use KDV, BSO or VGO, or leave the field out.",
    ),
    _line(
        "month-invalid",
        "Q01",
        "Dit is geen maand",
        "This is not a month",
        "Schrijf de maand als JJJJ-MM, bijvoorbeeld 2026-03.",
        "Write the month as YYYY-MM, for example 2026-03.",
    ),
    _line(
        "month-in-future",
        "Q06",
        "Deze maand moet nog komen",
        "This month is still to come",
        "Lever een maand pas als die is begonnen. Is de maand goed? Lever dezelfde regel dan opnieuw.",
        "Deliver a month once it has begun. Is the month right? Then deliver the same line again.",
        permanence="transient",
    ),
    _line(
        "hours-invalid",
        "Q06",
        "Dit is geen aantal uren",
        "This is not a number of hours",
        "Schrijf uren met hoogstens twee decimalen, bijvoorbeeld 90,5. Geen min, geen duizendtalpunt.",
        "Write hours with at most two decimals, for example 90.5. No minus, no thousands separator.",
    ),
    _line(
        "hours-out-of-range",
        "Q06",
        "Zoveel uren heeft een maand niet",
        "No month has so many hours",
        "Een maand heeft hoogstens 744 uur. Controleer of de kolommen goed staan.",
        "A month has at most 744 hours. Check that the columns are in place.",
    ),
    _line(
        "hourly-rate-invalid",
        "Q06",
        "Dit is geen uurtarief",
        "This is not an hourly rate",
        "Schrijf het uurtarief in euro's met hoogstens twee decimalen, van 0 tot en met 100.",
        "Write the hourly rate in euros with at most two decimals, from 0 to 100.",
    ),
    _line(
        "amount-invalid",
        "Q06",
        "Dit is geen bedrag",
        "This is not an amount",
        "Schrijf het bedrag in euro's met hoogstens twee decimalen, of laat het weg.",
        "Write the amount in euros with at most two decimals, or leave it out.",
    ),
    _line(
        "amount-mismatch",
        "Q06",
        "Uren maal tarief is niet het bedrag",
        "Hours times rate is not the amount",
        "Controleer uren, uurtarief en bedrag. Het tarief is het gemiddelde van de maand.",
        "Check hours, hourly rate and amount. The rate is the average of the month.",
    ),
    _line(
        "end-date-invalid",
        "Q01",
        "Dit is geen datum",
        "This is not a date",
        "Schrijf de einddatum als JJJJ-MM-DD of dd-mm-jjjj, of laat die weg.",
        "Write the end date as YYYY-MM-DD or dd-mm-yyyy, or leave it out.",
    ),
    _line(
        "line-ref-invalid",
        "Q01",
        "Dit regelkenmerk kan niet",
        "This line reference cannot be used",
        "Een regelkenmerk heeft 1 tot en met 64 tekens. Het mag het BSN van de ouder of het kind niet bevatten.",
        "A line reference has 1 to 64 characters. It may not contain the BSN of the parent or the child.",
    ),
    _line(
        "field-unknown",
        "Q01",
        "Dit veld is niet bekend",
        "This field is not known",
        "Laat het veld weg, of gebruik de naam uit de beschrijving.",
        "Leave the field out, or use its name in the description.",
    ),
    _line(
        "line-unreadable",
        "Q01",
        "Deze regel heeft niet de goede vorm",
        "This line does not have the right form",
        "Een regel is een object met ieder veld één keer, of een rij met evenveel kolommen als de kop.",
        "A line is an object with each field once, or a row with as many columns as the heading.",
    ),
    _line(
        "line-json-broken",
        "Q01",
        "Deze regel is geen geldige JSON",
        "This line is not valid JSON",
        "Zet ieder object heel op een eigen regel, in UTF-8. De andere regels zijn wel gelezen.",
        "Put each object whole on a line of its own, in UTF-8. The other lines were read.",
    ),
    _line(
        "line-oversized",
        "Q01",
        "Deze regel is langer dan 64 kB",
        "This line is longer than 64 kB",
        "Zet ieder object op een eigen regel. De andere regels zijn wel gelezen.",
        "Put each object on a line of its own. The other lines were read.",
    ),
    _line(
        "duplicate-line",
        "Q08",
        "Deze regel staat twee keer in de levering",
        "This line stands in the delivery twice",
        "Lever voor ieder kind, iedere ouder, locatie en maand één regel. Geen van beide is overgenomen.",
        "Deliver one line for each child, parent, location and month. Neither was taken.",
    ),
    _line(
        "replaces-itself",
        "Q01",
        "Deze regel vervangt zichzelf",
        "This line replaces itself",
        "Zet in de velden die met vervangen beginnen wat eerst fout was. Veranderen alleen uren of tarief? Laat die velden dan leeg.",
        "Put what was wrong before in the fields that begin with replaced. Do only hours or rate change? Then leave those fields out.",
    ),
    _line(
        "replaced-line-unknown",
        "Q01",
        "De regel die wordt vervangen, kennen wij niet",
        "The line that is replaced is not known",
        "Controleer de velden die met vervangen beginnen. Komt de oude regel nog, met een eerdere createdAt, dan telt deze vanzelf mee. "
        "Was er geen oude regel? Laat die velden dan leeg.",
        "Check the fields that begin with replaced. When the old line comes, with an earlier createdAt, this one comes alive by itself. "
        "Was there no old line? Then leave those fields out.",
        permanence="waiting",
    ),
    _line(
        "all-or-nothing",
        None,
        "Een andere regel van deze levering heeft een fout, en u vroeg alles of niets",
        "Another line of this delivery has a fault, and you asked for all or nothing",
        "Verbeter de andere regels en lever alles opnieuw. Of lever zonder allOrNothing: dan tellen de goede regels mee.",
        "Correct the other lines and deliver everything again. Or deliver without allOrNothing: then the sound lines are taken.",
        permanence="transient",
    ),
    _delivery(
        "encoding-unknown",
        "De tekens kunnen niet worden gelezen",
        "The characters cannot be read",
        "Lever UTF-8, of noem windows-1252 in het Content-Type.",
        "Deliver UTF-8, or name windows-1252 in the Content-Type.",
    ),
    _delivery(
        "characters-forbidden",
        "Het bestand bevat besturingstekens",
        "The file holds control characters",
        "Lever een tekstbestand, geen werkmap of archief.",
        "Deliver a text file, not a workbook or an archive.",
    ),
    _delivery(
        "line-too-long",
        "Een regel is te lang",
        "A line is too long",
        "Een regel heeft hoogstens 64 kB.",
        "A line has at most 64 kB.",
    ),
    _delivery(
        "quote-open",
        "Een aanhalingsteken wordt niet gesloten",
        "A quote is never closed",
        "Sluit ieder aanhalingsteken. Een aanhalingsteken in een waarde schrijft u dubbel.",
        "Close every quote. Write a quote inside a value twice.",
    ),
    _delivery(
        "heading-missing",
        "De kop ontbreekt of mist kolommen",
        "The heading is missing or lacks columns",
        "Begin met een kop met bsn_ouder, bsn_kind, lrk_nummer, maand, uren en uurtarief.",
        "Begin with a heading with parentBsn, childBsn, lrkNumber, month, hours and hourlyRate.",
    ),
    _delivery(
        "heading-unknown-column",
        "De kop bevat een onbekende of dubbele kolom",
        "The heading has an unknown or repeated column",
        "Gebruik alleen de namen uit de beschrijving, elk één keer.",
        "Use only the names of the description, each once.",
    ),
    _delivery(
        "json-broken",
        "De JSON is niet geldig",
        "The JSON is not valid",
        "Lever één JSON-object met createdAt en lines.",
        "Deliver one JSON object with createdAt and lines.",
    ),
    _delivery(
        "first-line-unreadable",
        "De eerste regel kan niet worden gelezen",
        "The first line cannot be read",
        "Begin met een regel met createdAt, en lever daarna één JSON-object per regel, in UTF-8.",
        "Begin with a line with createdAt, and then deliver one JSON object a line, in UTF-8.",
    ),
    _delivery(
        "envelope-invalid",
        "De gegevens om de regels heen kloppen niet",
        "The data around the lines are not right",
        "Controleer createdAt, reference, organisationOin en complete.",
        "Check createdAt, reference, organisationOin and complete.",
    ),
    _delivery(
        "created-in-future",
        "De levering is volgens createdAt pas later gemaakt",
        "By its createdAt the delivery is still to be made",
        "Zet de klok van uw systeem goed en lever opnieuw, met een nieuw kenmerk.",
        "Set the clock of your system right and deliver again, under a new reference.",
    ),
    _delivery(
        "reference-mismatch",
        "Het kenmerk in het bestand is een ander dan in het verzoek",
        "The reference in the file is not that of the request",
        "Gebruik één kenmerk: in de Idempotency-Key en in het bestand.",
        "Use one reference: in the Idempotency-Key and in the file.",
    ),
    _delivery(
        "organisation-mismatch",
        "Het bestand is van een andere organisatie",
        "The file is another organisation's",
        "Lever met een toegangstoken van de organisatie die in het bestand staat, of noem haar in organisationOin als zij u machtigde.",
        "Deliver with an access token of the organisation that the file names, or name it in organisationOin when it mandated you.",
    ),
    _declaration(
        "declaration-unreadable",
        "Dit is geen opgave",
        "This is not a declaration",
        "Lever één JSON-object per regel, met de velden uit de beschrijving.",
        "Send one JSON object a line, with the fields of the description.",
    ),
    _declaration(
        "declaration-bsn-invalid",
        "Dit is geen BSN",
        "This is not a BSN",
        "Een BSN heeft negen cijfers en voldoet aan de elfproef.",
        "A BSN has nine digits and passes the eleven test.",
    ),
    _declaration(
        "declaration-value-invalid",
        "Deze waarde kan niet",
        "This value is not possible",
        "Controleer de waarde bij de beschrijving van het veld.",
        "Check the value against the description of the field.",
    ),
    _declaration(
        "declaration-members-contradict",
        "De leden van het huishouden spreken elkaar tegen",
        "The members of the household contradict each other",
        "Iedere maand heeft één aanvrager en hoogstens één partner; niemand is in één maand twee keer lid.",
        "Each month has one applicant and at most one partner; nobody is a member twice in one month.",
    ),
    _declaration(
        "declaration-child-unknown",
        "De opvang is van een kind dat niet in het huishouden staat",
        "The care is of a child that is not in the household",
        "Laat childRef wijzen naar een lid met de rol child.",
        "Let childRef name a member with the role child.",
    ),
    _declaration(
        "declaration-placement-twice",
        "Deze opvang staat er twee keer",
        "This care stands there twice",
        "Zet alle tijdvakken van een kind op een locatie bij elkaar.",
        "Put all segments of a child at a location together.",
    ),
    _declaration(
        "declaration-segments-overlap",
        "Twee tijdvakken overlappen",
        "Two segments overlap",
        "Laat een tijdvak eindigen in de maand voordat het volgende begint.",
        "Let a segment end in the month before the next begins.",
    ),
    _declaration(
        "declaration-location-unknown",
        "Deze locatie staat niet in het register",
        "The register does not have this location",
        "Controleer het LRK-nummer.",
        "Check the LRK number.",
    ),
)

FAULTS = {kind.code: kind for kind in _KINDS}
