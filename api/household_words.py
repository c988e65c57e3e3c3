"""How the values of an export are said to a parent, in Dutch: names, codes, months, hours and money; as HTML, everything escaped."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from html import escape
from typing import Any

from msgspec import Struct

from reconcile.rules.dispute import DISPUTE_REASONS
from reconcile.rules.kinds import KINDS
from reconcile.rules.months import CALENDAR_ZONE
from reconcile.rules.spelling import Spelling
from reconcile.textbook import texts_in_force

Row = Mapping[str, Any]
Say = Callable[["Names", Any], str]

CARE_TYPES = {"KDV": "dagopvang", "BSO": "buitenschoolse opvang", "VGO": "gastouder"}
ROLES = {"applicant": "aanvrager", "partner": "partner", "child": "kind"}
STATES = {
    "open": "open",
    "accepted": "overgenomen",
    "disputed": "u bent het er niet mee eens",
    "postponed": "later bekijken",
    "closed": "gesloten",
    "staged": "nog niet verstuurd",
    "sent": "verstuurd naar Dienst Toeslagen",
    "processed": "verwerkt door Dienst Toeslagen",
    "refused": "niet overgenomen door Dienst Toeslagen",
    "dead": "versturen is niet gelukt",
    "reversed": "ongedaan gemaakt",
    "done": "verstuurd",
    "cancelled": "niet meer nodig",
    "drawn": "nog niet begonnen",
    "released": "berichten staan aan",
    "paused": "berichten staan stil",
}
ANSWERS = {
    "acceptance": "uren overgenomen",
    "dispute": "niet mee eens",
    "postponement": "later bekijken",
    "reversal": "antwoord ingetrokken",
}
REASONS: Mapping[str, str] = {code: reason.title_nl for code, reason in DISPUTE_REASONS.items()}
PLATFORMS = {"android": "Android", "ios": "iPhone of iPad"}
LOCALES = {"nl": "Nederlands", "en": "Engels"}
RETIRED = {"removed": "door u verwijderd", "unregistered": "app verwijderd", "surplus": "u had nieuwere toestellen"}
SENTENCES = {
    "difference-new": "er is een verschil",
    "difference-changed": "een verschil is veranderd",
    "difference-again": "u wilde later weer kijken",
}
MESSAGES = {"change": "wijziging naar Dienst Toeslagen", "push": "bericht naar uw toestel"}
WHO = {
    "parent": "een ouder",
    "proxy": "iemand die een ouder vertegenwoordigt",
    "tvs": "Dienst Toeslagen (systeem voor toeslagen)",
    "operator": "een medewerker van deze dienst",
    "organisation": "kinderopvangorganisatie",
    "stage": "deze dienst (berichten)",
    "rules": "deze dienst (vergelijken)",
    "forward": "deze dienst (versturen)",
}
ACTIONS = {
    "read": "bekeek gegevens van u",
    "explained": "bekeek hoe een verschil is ontstaan",
    "sampled": "bekeek wat nieuwe regels voor u zouden betekenen",
    "exported": "vroeg dit overzicht op",
    "declared": "gaf uw gegevens door",
    "rematched": "uren van de kinderopvang zijn opnieuw bij uw huishouden gezocht",
    "reported": "gaf uren door",
    "withdrawn": "trok uren in",
    "judged": "vergeleek de uren",
    "announced": "zette een bericht klaar",
    "accepted": "nam de uren over",
    "disputed": "was het niet met een verschil eens",
    "postponed": "wil een verschil later bekijken",
    "reversed": "trok een antwoord in",
    "answer-refused": "gaf een antwoord dat niet kon",
    "answer-forgotten": "verwijderde een antwoord dat niet kon",
    "processed": "verwerkte een wijziging",
    "refused": "nam een wijziging niet over",
    "sent": "stuurde een wijziging",
    "dead": "kon een wijziging niet versturen",
    "revived": "stuurt een wijziging opnieuw",
    "device-registered": "meldde een toestel aan",
    "device-removed": "verwijderde een toestel",
}


class Column(Struct, frozen=True):
    """A column: its heading, the member of a row that it shows, and how that is said. Empty members stay empty."""

    heading: str
    member: str
    say: Say


class Names:
    """How people, placements and differences of the household are called; learned from the rows that come first."""

    def __init__(self) -> None:
        self._people: dict[str, str] = {}
        self._placements: dict[str, str] = {}
        self._differences: dict[str, str] = {}
        self._spelling = Spelling(texts_in_force().languages["nl"])

    def learn(self, section: str, row: Row) -> None:
        """Take the names out of a row."""
        if section == "members":
            self._people[row["personId"]] = row["givenName"]
        elif section == "placements":
            self._placements[row["placementId"]] = f"{self._people.get(row['childId'], 'onbekend')} bij {row['locationName']}"
        elif section == "differences":
            self._differences[row["differenceId"]] = self.title(row)

    def person(self, number: str) -> str:
        """Say who it is by given name."""
        return escape(self._people.get(number, "onbekend"))

    def placement(self, number: str) -> str:
        """Say which child at which location."""
        return escape(self._placements.get(number, number))

    def difference(self, number: str) -> str:
        """Say a difference by its title."""
        return escape(self._differences.get(number, number))

    @staticmethod
    def title(row: Row) -> str:
        """Return the title of a difference; of one that was judged before texts were kept, the name of its kind."""
        kind: Any = row["kind"]
        return str(row["texts"]["nl"]["title"]) if row["texts"] else KINDS[kind].dutch

    def month(self, month: str) -> str:
        """Say a month."""
        return self._spelling.months(month, month)

    def day(self, day: str) -> str:
        """Say a day."""
        return self._spelling.day(date.fromisoformat(day))

    def instant(self, instant: str | datetime) -> str:
        """Say an instant by the clock of the Netherlands."""
        at = instant if isinstance(instant, datetime) else datetime.fromisoformat(instant)
        local = at.astimezone(CALENDAR_ZONE)
        return f"{self._spelling.day(local.date())}, {local:%H:%M} uur"

    def hours(self, hours: str) -> str:
        """Say hours."""
        return self._spelling.hours(hours)

    def rate(self, rate: str) -> str:
        """Say an hourly rate."""
        return escape(self._spelling.rate(rate))

    def euros(self, euros: int) -> str:
        """Say whole euros."""
        return escape(self._spelling.euros(euros))


def plain(_: Names, value: object) -> str:
    """Say a value as it is."""
    return escape(str(value))


def yes(_: Names, value: object) -> str:
    """Say yes or no."""
    return "ja" if value else "nee"


def word(words: Mapping[str, str]) -> Say:
    """Make the sayer of a code, by the word for it; a code without one is said as it is."""
    return lambda _, value: escape(words.get(value, str(value)))


def paragraphs(_: Names, texts: Mapping[str, Any]) -> str:
    """Say what was told of a difference."""
    dutch = texts["nl"]
    lines = [dutch["title"], *(line for part, said in dutch.items() if part != "title" for line in said)]
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def sentences(_: Names, wanted: Sequence[str]) -> str:
    """Say which notices are wanted."""
    return escape(", ".join(SENTENCES.get(one, one) for one in wanted)) or "geen"


def sent_answer(_: Names, sent: Row) -> str:
    """Say which answer a phone sent."""
    return escape(ANSWERS.get(str(sent.get("kind")), "antwoord"))


def segments(names: Names, placements: Sequence[Row]) -> str:
    """Say what is to be declared, a line for each segment."""
    said = []
    for one in placements:
        for segment in one["segments"]:
            until = f" tot en met {names.month(segment['until'])}" if segment["until"] else ""
            hours, rate = names.hours(segment["hours"]), names.rate(segment["hourlyRate"])
            said.append(f"<p>Vanaf {names.month(segment['from'])}{until}: {hours} per maand voor {rate} per uur</p>")
    return "".join(said)
