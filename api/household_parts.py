"""The parts of an export as a parent reads them: their titles and columns in Dutch."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from api.household_words import (
    ACTIONS,
    ANSWERS,
    CARE_TYPES,
    LOCALES,
    MESSAGES,
    PLATFORMS,
    REASONS,
    RETIRED,
    ROLES,
    SENTENCES,
    STATES,
    WHO,
    Column,
    Names,
    Say,
    paragraphs,
    plain,
    segments,
    sent_answer,
    sentences,
    word,
    yes,
)


class Part(Struct, frozen=True, kw_only=True):
    """A table of the page: what it is called, what it says, and its columns."""

    title: str
    about: str
    columns: Sequence[Column]


def _c(heading: str, member: str, say: Say = plain) -> Column:
    return Column(heading, member, say)


_SINCE = _c("Bij ons bekend sinds", "recordedAt", Names.instant)
_KNOWN = (_SINCE, _c("Vervangen op", "supersededAt", Names.instant))
_CARE = _c("Opvang", "placementId", Names.placement)
_FROM, _UNTIL = _c("Vanaf", "from", Names.month), _c("Tot en met", "until", Names.month)
_HOURS, _RATE = _c("Uren per maand", "hours", Names.hours), _c("Uurtarief", "hourlyRate", Names.rate)
_DIFFERENCE = _c("Verschil", "differenceId", Names.difference)

PARTS: Mapping[str, Part] = {
    "household": Part(
        title="Uw huishouden",
        about="Zo kennen wij uw kinderopvangtoeslag.",
        columns=(
            _c("Nummer bij Dienst Toeslagen", "householdRef"),
            _c("Versie van uw gegevens", "declarationVersion"),
            _c("Ontvangen op", "declaredAt", Names.instant),
            _c("Gestopt", "deleted", yes),
            _SINCE,
        ),
    ),
    "members": Part(
        title="Wie bij uw huishouden horen",
        about="Dit hebben wij van Dienst Toeslagen gekregen.",
        columns=(
            _c("Naam", "givenName"),
            _c("Rol", "role", word(ROLES)),
            _c("Geboortedatum", "birthDate", Names.day),
            *(_FROM, _UNTIL, _c("Nummer bij Dienst Toeslagen", "personRef"), *_KNOWN),
        ),
    ),
    "incomes": Part(
        title="Uw inkomen",
        about="Het inkomen van u en uw partner samen, zoals Dienst Toeslagen het ons gaf. Wij rekenen daarmee.",
        columns=(_c("Jaar", "year"), _c("Inkomen", "amountEuro", Names.euros), *_KNOWN),
    ),
    "awardedYears": Part(
        title="Jaren die klaar zijn",
        about="Over deze jaren heeft Dienst Toeslagen al een laatste besluit genomen.",
        columns=(_c("Jaar", "year"), *_KNOWN),
    ),
    "declarations": Part(
        title="Wat Dienst Toeslagen ons doorgaf",
        about="Elke keer dat wij uw gegevens kregen.",
        columns=(_c("Versie", "declarationVersion"), _c("Ontvangen op", "recordedAt", Names.instant)),
    ),
    "placements": Part(
        title="De opvang van uw kinderen",
        about="Een kind op een locatie.",
        columns=(
            _c("Kind", "childId", Names.person),
            _c("Locatie", "locationName"),
            _c("Soort", "careType", word(CARE_TYPES)),
            _c("LRK-nummer", "lrkNumber"),
            _c("Niet meer in gebruik", "deleted", yes),
            _SINCE,
        ),
    ),
    "declaredPlacements": Part(
        title="Begin en einde van de opvang",
        about="Zoals u het aan Dienst Toeslagen hebt doorgegeven.",
        columns=(_CARE, _c("Eerste dag", "startOn", Names.day), _c("Laatste dag", "endOn", Names.day), *_KNOWN),
    ),
    "declaredSegments": Part(
        title="De uren die u hebt opgegeven",
        about="Zoals u het aan Dienst Toeslagen hebt doorgegeven.",
        columns=(_CARE, _FROM, _UNTIL, _HOURS, _RATE, *_KNOWN),
    ),
    "acceptedSegments": Part(
        title="De uren die u hebt overgenomen",
        about="Deze uren gelden hier tot Dienst Toeslagen ze heeft verwerkt.",
        columns=(_CARE, _FROM, _UNTIL, _HOURS, _RATE, *_KNOWN),
    ),
    "reportedHours": Part(
        title="De uren van de kinderopvang",
        about="Dit heeft de kinderopvang ons gegeven. Klopt het niet? Vraag de kinderopvang om het te verbeteren.",
        columns=(
            *(_CARE, _c("Maand", "month", Names.month), _c("Organisatie", "organisationName"), _c("Uren", "hours", Names.hours), _RATE),
            *(_c("Laatste dag", "endOn", Names.day), _c("Ontvangen op", "receivedAt", Names.instant), *_KNOWN),
        ),
    ),
    "differences": Part(
        title="Verschillen",
        about="Hier waren de uren van de kinderopvang anders dan de uren die u hebt opgegeven.",
        columns=(
            *(_DIFFERENCE, _c("Kind", "childId", Names.person), _c("Jaar", "year"), _c("Stand", "state", word(STATES))),
            *(_c("Gevonden op", "openedAt", Names.instant), _c("Gesloten op", "closedAt", Names.instant)),
        ),
    ),
    "differencePlacements": Part(
        title="Bij welke opvang een verschil hoort",
        about="Bij een verhuizing hoort een verschil bij twee locaties.",
        columns=(_DIFFERENCE, _CARE, _c("Jaar", "year"), _c("Open", "isOpen", yes)),
    ),
    "differenceVersions": Part(
        title="Wat u over een verschil kon lezen",
        about="Elke versie die wij u lieten zien. Hoe elk bedrag is uitgerekend, staat in het bestand voor computers.",
        columns=(
            *(_DIFFERENCE, _c("Stand", "state", word(STATES)), _c("Tekst", "texts", paragraphs)),
            *(_c("Vergeleken op", "judgedAt", Names.instant), _c("Regels", "rulesVersion")),
        ),
    ),
    "comparisonsDue": Part(
        title="Wat wij nog gaan vergelijken",
        about="Meestal is dit leeg: vergelijken duurt niet lang.",
        columns=(_c("Kind", "childId", Names.person), _c("Jaar", "year"), _c("Wacht sinds", "markedAt", Names.instant)),
    ),
    "answers": Part(
        title="Uw antwoorden",
        about="Wie er antwoord gaf op een verschil, en wanneer.",
        columns=(
            *(_c("Antwoord", "kind", word(ANSWERS)), _DIFFERENCE, _c("Door", "personId", Names.person)),
            *(
                _c("Op", "answeredAt", Names.instant),
                _c("Tot", "untilOn", Names.day),
                _c("Reden", "reason", word(REASONS)),
                _c("Uitleg van u", "note"),
            ),
            *(_c("Verteld aan de kinderopvang", "isPassedOn", yes), _c("Voorbij sinds", "endedAt", Names.instant)),
        ),
    ),
    "passedOnLines": Part(
        title="Wat wij aan de kinderopvang vertelden",
        about="U vroeg ons dit door te geven. De kinderopvang ziet haar eigen regel, de reden en uw uitleg.",
        columns=(
            *(_c("Organisatie", "organisationName"), _CARE, _c("Maand", "month", Names.month), _c("Reden", "reason", word(REASONS))),
            *(_c("Uitleg van u", "note"), _c("Verteld op", "disputedAt", Names.instant), _c("Veranderd op", "changedAt", Names.instant)),
            _c("Ingetrokken op", "takenBackAt", Names.instant),
        ),
    ),
    "refusedAnswers": Part(
        title="Antwoorden die niet konden",
        about="Een toestel stuurde ze, maar ze pasten niet meer bij wat er toen stond. Er is niets mee gedaan.",
        columns=(
            *(_c("Antwoord", "sent", sent_answer), _c("Door", "personId", Names.person), _c("Op", "refusedAt", Names.instant)),
            *(_c("Waarom niet", "detail"), _c("Verwijderd", "deleted", yes)),
        ),
    ),
    "changes": Part(
        title="Wijzigingen voor Dienst Toeslagen",
        about="Wat wij na uw antwoord doorgeven, en wat Dienst Toeslagen ermee deed.",
        columns=(
            *(_c("Wijziging", "placements", segments), _c("Stand", "state", word(STATES)), _c("Reden", "reason")),
            *(_c("Gemaakt op", "recordedAt", Names.instant), _c("Verstuurd op", "sentAt", Names.instant)),
            _c("Klaar op", "settledAt", Names.instant),
        ),
    ),
    "enrolments": Part(
        title="Of u berichten krijgt",
        about="Niet iedereen krijgt al berichten. Wie meedoet, bepaalt het lot.",
        columns=(
            *(_c("Proef", "pilot"), _c("Stap", "stageNumber"), _c("Stand", "stageState", word(STATES))),
            _c("U doet mee sinds", "recordedAt", Names.instant),
        ),
    ),
    "notices": Part(
        title="Berichten aan u",
        about="Een bericht noemt geen naam en geen bedrag.",
        columns=(
            *(_DIFFERENCE, _c("Bericht", "sentence", word(SENTENCES)), _c("Ingetrokken", "deleted", yes)),
            _c("Gemaakt op", "recordedAt", Names.instant),
        ),
    ),
    "devices": Part(
        title="Uw toestellen",
        about="De toestellen waarop u berichten krijgt. De toestellen van een andere ouder ziet u hier niet.",
        columns=(
            *(_c("Soort", "platform", word(PLATFORMS)), _c("Taal", "locale", word(LOCALES))),
            _c("Welke berichten", "wantedNotices", sentences),
            *(_c("Stil vanaf", "quietFrom"), _c("Stil tot", "quietUntil"), _c("Aangemeld op", "registeredAt", Names.instant)),
            *(_c("Gestopt op", "retiredAt", Names.instant), _c("Waarom", "retiredFor", word(RETIRED))),
        ),
    ),
    "pushes": Part(
        title="Berichten naar uw toestellen",
        about="Elk bericht dat voor een toestel van u is klaargezet.",
        columns=(_c("Toestel", "deviceId"), _c("Klaargezet op", "recordedAt", Names.instant)),
    ),
    "outbox": Part(
        title="Wat wij versturen",
        about="Wat er van een wijziging of bericht is verstuurd.",
        columns=(
            *(_c("Soort", "kind", word(MESSAGES)), _c("Stand", "state", word(STATES)), _c("Pogingen", "attempts")),
            *(_c("Sinds", "recordedAt", Names.instant), _c("Klaar op", "doneAt", Names.instant)),
        ),
    ),
    "audit": Part(
        title="Wie uw gegevens heeft bekeken of veranderd",
        about="Dat u zelf kijkt, houden wij niet bij. Wel dat iemand anders kijkt, ook namens u, en dat een ouder dit overzicht opvraagt.",
        columns=(
            *(_c("Nummer", "number"), _c("Wanneer", "recordedAt", Names.instant), _c("Wie", "who", word(WHO))),
            *(_c("Ouder", "personId", Names.person), _c("Organisatie", "organisationName"), _c("Wat", "action", word(ACTIONS))),
            _c("Alleen bekeken", "isReading", yes),
        ),
    ),
}
