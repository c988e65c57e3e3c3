"""The explanation checker: each number and month of a Dutch text is read back from it and held against the published difference.

The reader below knows how Dutch people write hours, money, months and days, and nothing of the templates. What it cannot place is
wrong: a number too many fails as a number that is not right does. Texts are of random histories, through the judgement.
"""

import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct, structs

from reconcile.rules.facts import PlacementFacts
from reconcile.rules.judgement import judge
from reconcile.rules.kinds import KINDS
from reconcile.rules.months import CALENDAR_ZONE, Month, months_between
from reconcile.rules.segments import at_month
from reconcile.rules.text import PlainText, plain_text
from reconcile.rules.told import Told, told_of
from reconcile.textbook import texts_in_force
from tests.make import child_year, placement, reported, rule_book
from tests.reconcile.rules import random_care
from tests.reconcile.rules.test_text import every_told

_DUTCH = texts_in_force().languages["nl"]
_NAMES = ["januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november", "december"]
_MONTH = rf"(?:{'|'.join(_NAMES)})"
_SPAN = rf"(?P<span>{_MONTH}(?: [0-9]{{4}})?(?: tot en met {_MONTH} [0-9]{{4}})?)"
_DAY = rf"([0-9]{{1,2}}) ({_MONTH}) ([0-9]{{4}})"
_HOURS = r"[0-9]+(?:,[0-9]{1,2})? uur"
_RATE = r"€ [0-9.]+,[0-9]{2} per uur"
_EURO = r"€ ([0-9.]+)(?![0-9,])"
_ANYTHING = re.compile(rf"[0-9€]|\b{_MONTH}\b")


class Side(Struct, frozen=True):
    """What a text says of one side of a month: hours and rate as published, None where it says nothing."""

    hours: str | None
    rate: str | None


class Underivable(AssertionError):
    """Something in a text that does not follow from the published difference."""


def must(holds: object, line: str) -> None:
    if not holds:
        raise Underivable(line)


def month(name: str, year: str) -> Month:
    return f"{year}-{_NAMES.index(name) + 1:02d}"


def day(text: str) -> date | None:
    found = re.search(_DAY, text)
    return None if found is None else date(int(found[3]), _NAMES.index(found[2]) + 1, int(found[1]))


def months(span: str) -> Sequence[Month]:
    """Read "maart 2026" and "maart tot en met mei 2026"."""
    begin, _, end = span.partition(" tot en met ")
    until = month(*(end or begin).split())
    name, _, year = begin.partition(" ")
    return list(months_between(month(name, year or until[:4]), until))


def number(text: str) -> str:
    """Read "120,5 uur" as "120.50" and "€ 1.012,30" as "1012.30"."""
    whole, _, decimals = re.sub(r"[^0-9,]", "", text).partition(",")
    return f"{whole}.{decimals.ljust(2, '0')}"


def side(text: str) -> Side:
    hours, rate = re.findall(_HOURS, re.sub(_RATE, "", text)), re.findall(_RATE, text)
    must(len(hours) <= 1 and len(rate) <= 1, text)
    return Side(number(hours[0]) if hours else None, number(rate[0]) if rate else None)


def fits(said: Side, published: Any) -> bool:
    return published is not None and all(
        one is None or one == other for one, other in ((said.hours, published.hours), (said.rate, published.hourly_rate))
    )


def check(text: PlainText, told: Told) -> None:
    """Read a text back. Raises Underivable with the line that does not follow from what is published."""
    found, moved = told.explanation, told.explanation.moved_from
    at = next((place for place, line in enumerate(text.seen) if line.startswith("Eerst ging uw kind naar")), len(text.seen))
    must((moved is not None) == (at < len(text.seen)), "where the child went first")
    check_seen(text.seen[:at], found.months, found.step, found.end_on)
    if moved is not None:
        ended = text.seen[at + 1 + (moved.end_on is not None)]
        named = re.search(rf"Vanaf {_SPAN} lijkt", ended)
        must(named is not None and months(named["span"]) == [moved.ended_from], ended)
        check_seen([line for line in text.seen[at:] if line != ended], moved.months, "", moved.end_on)
    check_tap(text.tap, told)
    for line in text.effect:
        check_effect(line, told)
    must((told.effect.reason is None) == any("€" in line for line in text.effect), "an amount, or why there is none")
    for line in text.instead:
        check_instead(line, told)
    check_notes(text.notes, told)
    check_age(text.age, told)
    must(not _ANYTHING.search(text.title), text.title)


def differing(all_months: Sequence[Any], step: str) -> Sequence[Any]:
    """The months that a parent must see."""
    return [one for one in all_months if one.hours_deviate or one.rate_deviates or (step == "average" and one.reported)]


def check_seen(lines: Sequence[str], all_months: Sequence[Any], step: str, end_on: date | None) -> None:
    said: list[Month] = []
    for line in lines:
        found = re.match(rf"(?:In|Van) {_SPAN}", line)
        if found is None:
            must(("laatste dag" not in line and day(line) is None) or day(line) == end_on, line)
            must(not _ANYTHING.search(re.sub(_DAY, "", line)), line)
            continue
        rest = line[found.end() :]
        must(not _ANYTHING.search(re.sub(rf"{_RATE}|{_HOURS}", "", rest)), line)
        # What was declared comes first, up to a full stop; what was billed after it.
        own, _, billed = rest.partition(". ")
        for which in months(found["span"]):
            one = next((each for each in all_months if each.month == which), None)
            check_month(line, None if "niets" in own else side(own), side(billed) if billed else None, one)
            said.append(which)
    must(said == [one.month for one in differing(all_months, step)], f"{said}")
    must((end_on is not None) == any("laatste dag" in line for line in lines), "the last day")


def check_month(line: str, own: Side | None, billed: Side | None, one: Any) -> None:
    must(one is not None, line)
    must(one.declared is None if "had u niets" in line else own is not None and fits(own, one.declared), line)
    must(one.reported is None if billed is None else fits(billed, one.reported), line)
    if own is not None and billed is not None:  # both values of what differs, and never one of them alone
        must((own.hours is None, own.rate is None) == (billed.hours is None, billed.rate is None), line)
        must(not one.hours_deviate or own.hours is not None, line)
        must(not one.rate_deviates or own.rate is not None, line)


def check_tap(lines: Sequence[str], told: Told) -> None:
    said: list[tuple[Month, Month | None, str, str | None]] = []
    placements = told.proposal.placements if told.proposal else ()
    days = [one.end_on for one in placements if one.end_on]
    must([day(line) for line in lines if "laatste dag" in line] == days, f"{days}")
    for line in lines:
        found = re.match(rf"(Alleen|Vanaf|Van) {_SPAN}: ", line)
        if found is None:
            must(not _ANYTHING.search(re.sub(_DAY, "", line) if "laatste dag" in line else line), line)
            continue
        which, what = months(found["span"]), line[found.end() :]
        must((len(which) > 1) == (found[1] == "Van"), line)
        values = Side("0.00", None) if what == "geen uren." else side(what)
        must(not _ANYTHING.search(re.sub(rf"{_RATE}|{_HOURS}", "", what)), line)
        said.append((which[0], None if found[1] == "Vanaf" else which[-1], values.hours or "", values.rate))
    segments = [one for each in placements for one in each.segments]
    proposed = [(one.from_month, one.until_month, one.hours, one.hourly_rate if one.hours != "0.00" else None) for one in segments]
    must(said == proposed, f"{said}")
    must(any("blijft zo" in line for line in lines) == any(one.until_month is None for one in segments), "what stays")


def check_effect(line: str, told: Told) -> None:
    effect = told.effect
    euros = [int(one.replace(".", "")) for one in re.findall(_EURO, line)]
    span = re.search(_SPAN, line)
    must(span is None or months(span["span"]) == [effect.month], line)
    must(all(int(year) == told.year for year in re.findall(r"over (?:heel )?([0-9]{4})", line)), line)
    must(not _ANYTHING.search(re.sub(rf"{_EURO}|{_SPAN}|over (?:heel )?[0-9]{{4}}", "", line)), line)
    amounts = effect.in_month if span or "In die maand" in line else effect.until_now if "tot nu toe" in line else effect.in_year
    if euros:
        must(amounts is not None and euros == [euro_of(line, amounts)], line)


def euro_of(line: str, amounts: Any) -> int:
    if "niets doet" in line:
        return int(amounts.before_euro)
    if "overneemt" in line:
        return int(amounts.after_euro)
    must(("meer" in line or "te weinig" in line) == (amounts.change_euro > 0), line)
    must(("minder" in line or "te veel" in line) == (amounts.change_euro < 0), line)
    return abs(amounts.change_euro)


def check_instead(line: str, told: Told) -> None:
    found = told.explanation
    named = re.search(
        rf"uiterlijk op {_DAY}\? Dan telt {_SPAN} nog mee|Voor {_SPAN.replace('span', 'past')} kon dat tot en met {_DAY}", line
    )
    if named is not None:
        must(months(named["span"] or named["past"]) == [found.begins_in], line)
        must(day(line.replace(named["past"] or "", "")) == found.report_by, line)
    left = re.sub(_SPAN, "", re.sub(_DAY, "", line)) if named else line
    must(not _ANYTHING.search(left.replace(f"over {told.year}", "")), line)


def check_notes(lines: Sequence[str], told: Told) -> None:
    # Both sides of a move may have a circumstance of one code.
    by_code = defaultdict(list)
    for one in told.explanation.circumstances:
        by_code[one.code].append(one)
    seen = [one for each in told.explanation.accepted_before for one in each.seen]
    for line in lines:
        hours = [number(one) for one in re.findall(_HOURS, re.sub(_RATE, "", line))]
        if "komt op" in line:
            must(hours in [[one.hours, one.limit] for one in by_code["hours-above-cap"]], line)
        elif "midden in een maand" in line:
            days = [one.day for one in by_code["starts-in-month" if "begon" in line else "stops-in-month"]]
            must(day(line) in days and not hours, line)
        elif found := re.search(rf"terug tot {_SPAN}\.", line):
            must(months(found["span"]) in [list(one.months) for one in by_code["older-than-three-months"]], line)
        elif found := re.search(rf"Toen u het overnam, .* over {_SPAN} nog", line):
            said = side(line)
            must(any(months(found["span"])[0] in one.months for one in by_code["corrected-after-acceptance"]), line)
            must(any(one.month in months(found["span"]) and (one.hours, one.hourly_rate) == (said.hours, said.rate) for one in seen), line)
        else:
            must(not _ANYTHING.search(line), line)
        must(not _ANYTHING.search(re.sub(rf"{_DAY}|{_SPAN}|{_RATE}|{_HOURS}", "", line)), line)


def check_age(lines: Sequence[str], told: Told) -> None:
    found = told.explanation
    shown = [*differing(found.months, found.step), *(differing(found.moved_from.months, "") if found.moved_from else ())]
    dates = [found.declared_at, max((one.reported.received_at for one in shown if one.reported), default=None)]
    must([day(line) for line in lines] == [one.astimezone(CALENDAR_ZONE).date() for one in dates if one], f"{lines}")
    must(not _ANYTHING.search(re.sub(_DAY, "", " ".join(lines))), f"{lines}")


def without_names(told: Told) -> Told:
    """Put plain words where names stand: a name may hold any number, and is no number of the text."""
    found, old = told.explanation, told.explanation.moved_from
    old = old and structs.replace(old, location_name="De Oude", months=tuple(map(nameless, old.months)))
    explanation = structs.replace(found, location_name="De Opvang", months=tuple(map(nameless, found.months)), moved_from=old)
    return structs.replace(told, explanation=explanation)


def nameless(one: Any) -> Any:
    """The same month with a name that has no number and still tells organisations apart."""
    if one.reported is None:
        return one
    letter = "B" if "4" in one.reported.organisation_name else "A"
    return structs.replace(one, reported=structs.replace(one.reported, organisation_name=f"Opvang {letter}"))


def random_told(seed: int) -> Iterator[Told]:
    """What is told of a random child: other incomes, tables, ages and organisations than those of the plain random care."""
    dice = random.Random(seed)
    facts = random_care.facts(dice)
    places = tuple(varied(place, dice) for place in facts.child.placements)
    facts = structs.replace(
        facts, income_euro=dice.choice((None, 40_000, 40_000, 90_000)), child=structs.replace(facts.child, placements=places)
    )
    rules = rule_book() if dice.random() < 0.8 else rule_book(tables={})
    for found in judge(facts, random_care.instant(dice), rules):
        yield without_names(told_of(found))


def varied(place: PlacementFacts, dice: random.Random) -> PlacementFacts:
    """The same place with random ages and organisations, and at times with the declared hours and lower rates alone."""
    names, is_rate_only = ["Kinderopvang Het Voorbeeld"] * 5 + ["BSO 4Kids"], dice.random() < 0.15
    months = []
    for one in place.reported:
        declared = at_month(place.declared, one.month)
        hours = declared.hours_hundredths if declared and is_rate_only else one.hours_hundredths
        rate = one.hourly_rate_cents - 200 if is_rate_only else one.hourly_rate_cents
        of = {"received_at": hour(dice), "organisation_name": dice.choice(names)}
        months.append(structs.replace(one, hours_hundredths=hours, hourly_rate_cents=rate, **of))
    return structs.replace(place, reported=tuple(months), declared_at=hour(dice) if place.is_declared else None)


def hour(dice: random.Random) -> datetime:
    return datetime(2025, 12, 1, tzinfo=UTC) + timedelta(hours=dice.randrange(455 * 24))


_SEEDS = st.integers(0, 2**32)


def test_every_kind_route_and_circumstance_follows_from_the_published_difference() -> None:
    for told in map(without_names, every_told()):
        check(plain_text(told, _DUTCH), told)


@given(_SEEDS)
@settings(max_examples=3_000, deadline=None)
def test_every_number_and_month_follows_from_the_published_difference(seed: int) -> None:
    for told in random_told(seed):
        check(plain_text(told, _DUTCH), told)


def test_random_histories_tell_of_every_kind() -> None:
    kinds = {told.kind for seed in range(3_000) for told in random_told(seed)}
    assert kinds == set(KINDS)


@given(_SEEDS, st.randoms(use_true_random=False))
@settings(max_examples=500, deadline=None)
def test_a_digit_that_is_changed_is_found(seed: int, dice: random.Random) -> None:
    for told in random_told(seed):
        text = plain_text(told, _DUTCH)
        parts = PlainText.__struct_fields__[1:]
        lines = [(part, place) for part in parts for place, one in enumerate(getattr(text, part)) if re.search("[0-9]", one)]
        part, place = dice.choice(lines)
        line = getattr(text, part)[place]
        where = dice.choice([one.start() for one in re.finditer("[0-9]", line)])
        wrong = line[:where] + dice.choice("0123456789".replace(line[where], "")) + line[where + 1 :]
        changed = tuple(wrong if at == place else one for at, one in enumerate(getattr(text, part)))
        with pytest.raises((Underivable, ValueError)):
            check(structs.replace(text, **{part: changed}), told)


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ("seen", "In mei 2026 had u 100 uur opgegeven. De opvang rekende 120 uur."),
        ("tap", "Alleen mei 2026: geen uren."),
        ("tap", "Dat blijft zo tot u iets anders doorgeeft. Dat is 3 keer waar."),
        ("effect", "In die maand is dat ongeveer € 7 meer."),
        ("notes", "Dit geldt sinds maart."),
        ("instead", "Bel voor 1 mei 2026."),
        ("age", "De gegevens van de opvang zijn van 2 mei 2025."),
    ],
)
def test_a_line_too_many_is_found(part: str, line: str) -> None:
    (found,) = judge(child_year(placement(reported=(reported("2026-02", hours="120"),))), datetime(2026, 12, 1, tzinfo=UTC), rule_book())
    told = without_names(told_of(found))
    text = plain_text(told, _DUTCH)
    check(text, told)
    with pytest.raises(Underivable):
        check(structs.replace(text, **{part: (*getattr(text, part), line)}), told)
