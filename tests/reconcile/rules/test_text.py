"""What a parent reads, as stories: each kind of sentence, how numbers and months are written, and what is left out."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, get_args
from uuid import UUID

import pytest
from msgspec import structs

from reconcile.rules.documents import AmountsDocument, ProposalDocument, effect_document, segment_document
from reconcile.rules.effect import NoEffectReason, no_effect
from reconcile.rules.explanation_document import AcceptedBeforeDocument, CircumstanceDocument, SeenMonthDocument
from reconcile.rules.judgement import judge
from reconcile.rules.kinds import CIRCUMSTANCES, KINDS, ROUTES
from reconcile.rules.text import PlainText, plain_text, plain_texts
from reconcile.rules.text_book import Language
from reconcile.rules.told import Told, told_of
from reconcile.textbook import texts_in_force
from tests.make import DECEMBER, child_year, placement, reported, reported_run, rule_book, segment, undeclared

_BOOK = texts_in_force()
_APRIL = datetime(2026, 4, 15, tzinfo=UTC)
_MORE = reported_run("2026-02", ["120.50", "120.50"])


def told(*placements: Any, as_of: datetime = DECEMBER, **change: Any) -> Told:
    (found,) = judge(child_year(*placements, **change), as_of, rule_book())
    return told_of(found)


def dutch(one: Told) -> PlainText:
    return plain_text(one, _BOOK.languages["nl"])


def english(one: Told) -> PlainText:
    return plain_text(one, _BOOK.languages["en"])


def with_segments(one: Told, *segments: Any) -> Told:
    """The same with other segments proposed."""
    assert one.proposal is not None
    own = structs.replace(one.proposal.placements[0], segments=tuple(segment_document(segment) for segment in segments))
    return structs.replace(one, proposal=ProposalDocument(placements=(own,)))


def test_more_hours_from_a_month_on() -> None:
    text = plain_texts(told(placement(reported=_MORE), placement(9), as_of=_APRIL), _BOOK)
    assert text.nl == PlainText(
        title="Meer uren opvang dan u had opgegeven",
        seen=(
            "Locatie 1 rekende meer uren dan u had opgegeven.",
            "Van februari tot en met maart 2026 had u 100 uur per maand opgegeven. Kinderopvang Het Voorbeeld rekende 120,5 uur per maand.",
        ),
        tap=(
            "Neemt u dit over? Dan geeft u dit door aan Dienst Toeslagen.",
            "Vanaf februari 2026: 120,5 uur per maand voor € 10,00 per uur.",
            "Dat blijft zo tot u iets anders doorgeeft.",
            "De andere maanden veranderen niet.",
            "Dienst Toeslagen beslist over uw toeslag. U krijgt daarover bericht.",
        ),
        instead=(),
        effect=(
            "Als u niets doet: ongeveer € 1.000 toeslag in mei 2026.",
            "Als u dit overneemt: ongeveer € 1.103 toeslag in mei 2026.",
            "In die maand is dat ongeveer € 103 meer.",
            "Neemt u dit over? Dan kreeg u tot nu toe ongeveer € 308 te weinig. Dat krijgt u er dan bij.",
            "Als u niets doet: ongeveer € 12.000 toeslag over heel 2026.",
            "Als u dit overneemt: ongeveer € 13.128 toeslag over heel 2026.",
            "Over het jaar is dat ongeveer € 1.128 meer.",
            "Dit is een schatting voor uw hele gezin. Dienst Toeslagen beslist.",
            "Na het jaar kijkt Dienst Toeslagen naar de echte uren. Dan krijgt u er soms geld bij. Soms betaalt u geld terug.",
        ),
        notes=(
            "Alleen uren die u betaalt tellen mee. De opvang moet dan ook open zijn.",
            "Verandert er nog meer, zoals uw werk of uw partner? Dat telt hier niet mee.",
            "Klopt er iets niet? Vraag het dan aan Locatie 1.",
        ),
        age=("Uw eigen gegevens zijn van 1 december 2025.", "De gegevens van de opvang zijn van 1 december 2026."),
    )
    assert text.en.tap[1:4] == (
        "From February 2026 on: 120.5 hours a month at €10.00 an hour.",
        "That stays the same until you report something else.",
        "The other months do not change.",
    )
    assert text.en.effect[6] == "Over the year that is about €1,128 more."


def test_one_month_alone() -> None:
    text = dutch(told(placement(reported=(reported("2026-03", hours="60"),)), placement(9)))
    assert text.seen[1:] == ("In maart 2026 had u 100 uur opgegeven. Kinderopvang Het Voorbeeld rekende 60 uur.",)
    assert text.tap[1:-1] == ("Alleen maart 2026: 60 uur voor € 10,00 per uur.", "De andere maanden veranderen niet.")
    assert [text.effect[place] for place in (2, 3, 6)] == [
        "In die maand is dat ongeveer evenveel.",
        "Neemt u dit over? Dan kreeg u tot nu toe ongeveer € 200 te veel. Dat betaalt u dan terug.",
        "Over het jaar is dat ongeveer € 200 minder.",
    ]


@pytest.mark.parametrize(
    ("segments", "said"),
    [
        ([segment("2026-03", "2026-03", hours="0")], ["Alleen maart 2026: geen uren."]),
        ([segment("2026-03", "2026-05")], ["Van maart tot en met mei 2026: 100 uur per maand voor € 10,00 per uur."]),
        ([segment("2026-11", "2027-02", hours="0")], ["Van november 2026 tot en met februari 2027: geen uren."]),
        ([segment("2026-03", hours="0")], ["Vanaf maart 2026: geen uren.", "Dat blijft zo tot u iets anders doorgeeft."]),
        (
            [segment("2026-01", "2026-01", hours="1", rate="0.05"), segment("2026-02", hours="0.25", rate="100")],
            [
                "Alleen januari 2026: 1 uur voor € 0,05 per uur.",
                "Vanaf februari 2026: 0,25 uur per maand voor € 100,00 per uur.",
                "Dat blijft zo tot u iets anders doorgeeft.",
            ],
        ),
    ],
)
def test_one_month_and_from_a_month_on_are_always_told_apart(segments: Sequence[Any], said: list[str]) -> None:
    one = with_segments(told(placement(reported=_MORE), placement(9)), *segments)
    assert list(dutch(one).tap[1:-2]) == said


def test_a_move_shows_both_places_and_changes_both() -> None:
    old = placement(1, reported=(reported("2026-01"),), complete_months=("2026-02", "2026-03"), care_type="KDV")
    new = undeclared(2, reported=_MORE, care_type="BSO")
    text = dutch(told(old, new, as_of=_APRIL))
    assert text.title == "Uw kind heeft een andere soort opvang"
    assert text.seen == (
        "Uw kind kreeg buitenschoolse opvang bij Locatie 2. U had een andere soort opvang opgegeven.",
        "Van februari tot en met maart 2026 had u niets opgegeven."
        " Kinderopvang Het Voorbeeld rekende 120,5 uur per maand voor € 10,00 per uur.",
        "Eerst ging uw kind naar Locatie 1.",
        "Vanaf februari 2026 lijkt de opvang bij Locatie 1 gestopt.",
        "Van februari tot en met maart 2026 had u 100 uur per maand opgegeven.",
    )
    assert text.tap[1:-1] == (
        "Voor dagopvang bij Locatie 1:",
        "Vanaf februari 2026: geen uren.",
        "Voor buitenschoolse opvang bij Locatie 2:",
        "Vanaf februari 2026: 120,5 uur per maand voor € 10,00 per uur.",
        "Dat blijft zo tot u iets anders doorgeeft.",
        "De andere maanden veranderen niet.",
    )


def test_a_move_names_the_last_day_of_the_old_place() -> None:
    old = placement(1, reported=(reported("2026-01", end_on=date(2026, 1, 20)),))
    text = dutch(told(old, undeclared(2, reported=_MORE), as_of=_APRIL))
    assert text.seen[2:] == (
        "Eerst ging uw kind naar Locatie 1.",
        "De laatste dag is 20 januari 2026, volgens Locatie 1.",
        "Vanaf februari 2026 lijkt de opvang bij Locatie 1 gestopt.",
    )
    assert "De laatste dag is 20 januari 2026." in text.tap
    assert "De opvang stopte midden in een maand, op 20 januari 2026. De uren van die maand tellen mee." in text.notes


def test_an_end_date_is_named_with_who_said_so() -> None:
    text = dutch(told(placement(reported=(reported("2026-03", end_on=date(2026, 3, 15)),)), placement(9)))
    assert text.seen == ("De opvang bij Locatie 1 lijkt gestopt.", "De laatste dag is 15 maart 2026, volgens Locatie 1.")
    assert text.tap[1:3] == ("Vanaf april 2026: geen uren.", "De laatste dag is 15 maart 2026.")


def test_only_what_differs_is_shown() -> None:
    months = (reported("2026-02", rate="10.50"), reported("2026-03", rate="10.50", hours="120"), reported("2026-04", rate="10.50"))
    text = dutch(told(placement(reported=months), placement(9)))
    assert text.seen[1:] == (
        "In februari 2026 had u € 10,00 per uur opgegeven. Kinderopvang Het Voorbeeld rekende € 10,50 per uur.",
        "In maart 2026 had u 100 uur opgegeven voor € 10,00 per uur. Kinderopvang Het Voorbeeld rekende 120 uur voor € 10,50 per uur.",
        "In april 2026 had u € 10,00 per uur opgegeven. Kinderopvang Het Voorbeeld rekende € 10,50 per uur.",
    )


def test_of_an_average_every_month_is_shown() -> None:
    text = dutch(told(placement(reported=reported_run("2026-01", ["100", "130", "130.5", "90"])), placement(9)))
    assert [line[:20] for line in text.seen[1:]] == [
        "In januari 2026 had ",
        "In februari 2026 had",
        "In maart 2026 had u ",
        "In april 2026 had u ",
    ]


@pytest.mark.parametrize(
    "second",
    [
        reported("2026-03", hours="120.50", organisation_name="Een ander"),
        reported("2026-04", hours="120.50"),
        reported("2026-03", hours="120"),
        reported("2026-03", hours="120.50", rate="10.50"),
    ],
)
def test_months_are_gathered_only_when_the_same_is_said_of_them(second: Any) -> None:
    assert len(dutch(told(placement(reported=(_MORE[0], second)), placement(9))).seen) == 3


def test_care_that_was_not_declared_has_what_was_billed_alone() -> None:
    text = dutch(told(undeclared(reported=_MORE), as_of=_APRIL))
    assert text.seen[1] == (
        "Van februari tot en met maart 2026 had u niets opgegeven."
        " Kinderopvang Het Voorbeeld rekende 120,5 uur per maand voor € 10,00 per uur."
    )
    assert text.tap == ()
    assert text.instead == (
        "Klopt het dat dit kind opvang krijgt? Geef dit kind dan door in Mijn toeslagen.",
        "Doet u dat uiterlijk op 31 mei 2026? Dan telt februari 2026 nog mee.",
    )
    assert text.effect == ("U kunt dit niet met een tik overnemen. Daarom staat hier geen bedrag.",)
    assert text.age == ("De gegevens van de opvang zijn van 1 december 2026.",)


@pytest.mark.parametrize(
    ("route", "code", "said"),
    [
        ("add-child", None, "Doet u dat uiterlijk op 31 mei 2026? Dan telt februari 2026 nog mee."),
        ("add-child", "no-effect", "Doet u dat uiterlijk op 31 mei 2026? Dan telt februari 2026 nog mee."),
        ("add-child", "older-than-three-months", "Voor februari 2026 kon dat tot en met 31 mei 2026."),
        ("too-old-for-new-care", None, "Voor februari 2026 kon dat tot en met 31 mei 2026."),
    ],
)
def test_the_last_day_to_report_new_care_is_named(route: Any, code: Any, said: str) -> None:
    one = told(undeclared(reported=_MORE))
    circumstances = (circumstance(code),) if code else ()
    assert dutch(structs.replace(one, route=route, explanation=structs.replace(one.explanation, circumstances=circumstances))).instead[
        1:
    ] == (said,)


def circumstance(code: Any) -> CircumstanceDocument:
    """Make a circumstance with every fact that one may need."""
    return CircumstanceDocument(code=code, months=("2026-02",), hours="240.50", limit="230.00", day=date(2026, 2, 16))


def test_circumstances_are_told_with_their_facts() -> None:
    one = told(placement(reported=_MORE), placement(9))
    codes = ("hours-above-cap", "starts-in-month", "stops-in-month", "older-than-three-months")
    notes = dutch(structs.replace(one, explanation=structs.replace(one.explanation, circumstances=tuple(map(circumstance, codes))))).notes
    assert notes[:-1] == (
        "Uw kind komt op 240,5 uur in een maand. Per kind tellen niet meer dan 230 uur mee.",
        "De opvang begon midden in een maand, op 16 februari 2026. De uren van die maand tellen mee.",
        "De opvang stopte midden in een maand, op 16 februari 2026. De uren van die maand tellen mee.",
        "Dit gaat terug tot februari 2026. Dat is meer dan drie maanden geleden. Dienst Toeslagen beslist of die maanden meetellen.",
    )


def test_a_correction_after_an_acceptance_shows_what_was_taken_over() -> None:
    one = told(placement(reported=_MORE), placement(9))
    assert one.proposal is not None

    def accepted(day: int, placement_id: UUID, *hours: tuple[str, str]) -> AcceptedBeforeDocument:
        seen = tuple(SeenMonthDocument(month=month, hours=text, hourly_rate="10.00") for month, text in hours)
        return AcceptedBeforeDocument(placement_id=placement_id, accepted_at=datetime(2026, 5, day, tzinfo=UTC), segments=(), seen=seen)

    own = one.proposal.placements[0].placement_id
    before = (accepted(1, own, ("2026-01", "70.00"), ("2026-02", "80.00")), accepted(2, own, ("2026-02", "90.50")))
    corrected = structs.replace(circumstance("corrected-after-acceptance"), months=("2026-02", "2026-03"))
    explanation = structs.replace(one.explanation, circumstances=(corrected,), accepted_before=before)
    assert dutch(structs.replace(one, explanation=explanation)).notes[1:-1] == (
        "Toen u het overnam, rekende de opvang over februari 2026 nog 90,5 uur voor € 10,00 per uur.",
    )


def test_of_a_year_that_toeslagen_closed_the_decision_is_named() -> None:
    text = dutch(told(placement(reported=_MORE), is_closed_year=True))
    assert text.tap == ()
    assert text.instead == (
        "Dienst Toeslagen heeft uw toeslag over 2026 al berekend. U kunt dit daarom niet meer overnemen."
        " In de brief met de berekening staat wat u kunt doen.",
    )


def test_a_correction_of_a_move_shows_what_was_taken_over_of_the_new_place() -> None:
    old = placement(1, reported=(reported("2026-01"),), complete_months=("2026-02", "2026-03"))
    one = told(old, undeclared(2, reported=_MORE), as_of=_APRIL)
    assert one.proposal is not None
    before = tuple(
        AcceptedBeforeDocument(
            placement_id=own.placement_id,
            accepted_at=datetime(2026, 4, day, tzinfo=UTC),
            segments=(),
            seen=(SeenMonthDocument(month="2026-02", hours=hours, hourly_rate="10.00"),),
        )
        for day, own, hours in zip((2, 1), one.proposal.placements, ("70.00", "90.50"), strict=True)
    )
    corrected = structs.replace(circumstance("corrected-after-acceptance"), months=("2026-02",))
    explanation = structs.replace(one.explanation, circumstances=(corrected,), accepted_before=before[::-1])
    assert dutch(structs.replace(one, explanation=explanation)).notes[1:-1] == (
        "Toen u het overnam, rekende de opvang over februari 2026 nog 90,5 uur voor € 10,00 per uur.",
    )


def test_a_child_that_is_not_in_a_delivery_is_a_question() -> None:
    text = dutch(told(placement(complete_months=("2026-03",))))
    assert text.title == "Gaat uw kind nog naar Locatie 1?"
    assert text.seen[1:] == ("In maart 2026 had u 100 uur opgegeven.",)
    assert text.instead == (
        "Gaat uw kind hier nog heen? Vraag dan aan Locatie 1 waarom de uren er niet zijn."
        " Gaat uw kind hier niet meer heen? Geef dat dan zelf door.",
    )
    assert text.age == ("Uw eigen gegevens zijn van 1 december 2025.",)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("no-proposal", "U kunt dit niet met een tik overnemen. Daarom staat hier geen bedrag."),
        ("table-incomplete", "Wij hebben niet alle cijfers over 2026. Daarom staat hier geen bedrag."),
        ("income-unknown", "Wij weten uw inkomen over 2026 niet. Daarom staat hier geen bedrag."),
    ],
)
def test_without_an_effect_the_reason_is_told(reason: Any, said: str) -> None:
    (found,) = judge(child_year(placement(reported=_MORE)), DECEMBER, rule_book())
    assert dutch(told_of(structs.replace(found, effect=no_effect(reason)))).effect == (said,)


def test_an_amount_that_stays_the_same_is_said_to() -> None:
    one = told(placement(reported=_MORE), placement(9))
    same = AmountsDocument(before_euro=1_234_567, after_euro=1_234_567, change_euro=0)
    text = dutch(structs.replace(one, effect=structs.replace(one.effect, in_month=same, until_now=same, in_year=same)))
    assert text.effect[0] == "Als u niets doet: ongeveer € 1.234.567 toeslag in december 2026."
    assert [text.effect[place] for place in (2, 3, 6)] == [
        "In die maand is dat ongeveer evenveel.",
        "Neemt u dit over? Dan kreeg u tot nu toe ongeveer het goede bedrag.",
        "Over het jaar is dat ongeveer evenveel.",
    ]


def test_one_euro_is_a_change() -> None:
    one = told(placement(reported=_MORE), placement(9))
    up = AmountsDocument(before_euro=1_000, after_euro=1_001, change_euro=1)
    down = AmountsDocument(before_euro=1_001, after_euro=1_000, change_euro=-1)
    text = dutch(structs.replace(one, effect=structs.replace(one.effect, in_month=up, until_now=down, in_year=up)))
    assert [text.effect[place] for place in (2, 3, 6)] == [
        "In die maand is dat ongeveer € 1 meer.",
        "Neemt u dit over? Dan kreeg u tot nu toe ongeveer € 1 te veel. Dat betaalt u dan terug.",
        "Over het jaar is dat ongeveer € 1 meer.",
    ]


def test_a_day_is_the_day_in_the_netherlands() -> None:
    late = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)
    months = tuple(structs.replace(one, received_at=late) for one in _MORE)
    text = dutch(told(placement(reported=months, declared_at=late), placement(9)))
    assert text.age == ("Uw eigen gegevens zijn van 1 april 2026.", "De gegevens van de opvang zijn van 1 april 2026.")


def test_the_newest_data_of_what_is_shown_are_named() -> None:
    old, new, unseen = (datetime(2026, month, 5, tzinfo=UTC) for month in (4, 5, 6))
    months = (
        structs.replace(_MORE[0], received_at=new),
        structs.replace(_MORE[1], received_at=old),
    )
    equal = reported("2026-01", received_at=unseen)
    assert dutch(told(placement(reported=(equal, *months)), placement(9))).age[1] == "De gegevens van de opvang zijn van 5 mei 2026."


def test_the_newest_data_of_both_places_of_a_move_are_named() -> None:
    old, new = datetime(2026, 4, 5, tzinfo=UTC), datetime(2026, 5, 5, tzinfo=UTC)
    gone = tuple(reported(month, hours="0", received_at=new) for month in ("2026-02", "2026-03"))
    there = undeclared(2, reported=tuple(structs.replace(one, received_at=old) for one in _MORE))
    text = dutch(told(placement(1, reported=(reported("2026-01"), *gone)), there))
    assert text.age == ("De gegevens van de opvang zijn van 5 mei 2026.",)


def test_a_name_with_braces_stays_as_it_is() -> None:
    text = dutch(told(placement(reported=_MORE, location_name="De {location} {0} %s"), placement(9)))
    assert text.seen[0] == "De {location} {0} %s rekende meer uren dan u had opgegeven."


def every_told() -> list[Told]:
    """Every kind with a tap up and down and with every route, every circumstance, and an effect or each reason for none."""
    up, without = told(placement(reported=_MORE), placement(9)), told(undeclared(reported=_MORE))
    down = told(placement(reported=reported_run("2026-02", ["80.25", "80.25"], rate="9.50")), placement(9))
    stopped = told(placement(reported=(reported("2026-03", hours="60", end_on=date(2026, 3, 15)),)), placement(9))
    silent = told(placement(complete_months=("2026-03",)))
    varying = told(placement(reported=reported_run("2026-01", ["100", "130", "130", "90"])), placement(9))
    all_circumstances = structs.replace(up.explanation, circumstances=tuple(map(circumstance, CIRCUMSTANCES)))
    nothing = [structs.replace(up, effect=effect_document(no_effect(reason))) for reason in get_args(NoEffectReason)]
    ways = [structs.replace(up, explanation=all_circumstances), down, stopped, silent, varying, *nothing]
    ways += [structs.replace(without, route=route) for route in ROUTES]
    return [structs.replace(one, kind=kind) for kind in KINDS for one in ways]


def every(language: Language) -> list[PlainText]:
    return [plain_text(one, _BOOK.languages[language]) for one in every_told()]


@pytest.mark.parametrize("language", ["nl", "en"])
def test_every_kind_route_and_circumstance_has_its_own_words(language: Language) -> None:
    texts = every(language)
    assert len({text.title.replace("Locatie 2", "Locatie 1") for text in texts}) == len(KINDS)
    assert len({text.instead[0].replace("Locatie 2", "Locatie 1") for text in texts if text.instead}) == len(ROUTES)
    assert len(set(texts[0].notes)) == len(CIRCUMSTANCES) + 1
    assert all(bool(text.tap) != bool(text.instead) for text in texts)


@pytest.mark.parametrize(("language", "decides"), [("nl", "Dienst Toeslagen beslist"), ("en", "Dienst Toeslagen decides")])
def test_a_tap_says_who_decides(language: Language, decides: str) -> None:
    for text in every(language):
        if text.tap:
            assert decides in text.tap[-1]
            assert "€" not in "".join(text.effect) or any(decides in line for line in text.effect)
