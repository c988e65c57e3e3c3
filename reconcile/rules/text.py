"""What a parent reads about a difference, in plain words: from the published difference alone, by the templates of a book.

Nothing is computed here that the published difference does not hold: tests derive each number and month of a text from it again.
Names of people are in no sentence; the app shows them beside it.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from msgspec import Struct

from reconcile.rules.documents import AmountsDocument, ProposedPlacementDocument, SegmentDocument
from reconcile.rules.explanation_document import (
    CircumstanceDocument,
    ComparedMonthDocument,
    ExplanationDocument,
    MovedFromDocument,
    SeenMonthDocument,
)
from reconcile.rules.months import CALENDAR_ZONE, Month, next_month
from reconcile.rules.spelling import Spelling
from reconcile.rules.text_book import Templates, TextBook
from reconcile.rules.told import Told

_NO_HOURS = "0.00"


class PlainText(Struct, frozen=True, kw_only=True):
    """A title, and paragraphs in the order in which they are read.

    `seen`: what differs. `tap`: what one tap changes, from when and for how long; empty without a tap. `instead`: what to do when
    there is no tap. `effect`: about how much, or why that cannot be said. `notes`: circumstances, and what to do when something is
    not right. `age`: how old the data are.
    """

    title: str
    seen: tuple[str, ...]
    tap: tuple[str, ...]
    instead: tuple[str, ...]
    effect: tuple[str, ...]
    notes: tuple[str, ...]
    age: tuple[str, ...]


class PlainTexts(Struct, frozen=True, kw_only=True):
    """The same text in Dutch, which comes first, and in English."""

    nl: PlainText
    en: PlainText


def plain_texts(told: Told, book: TextBook) -> PlainTexts:
    """Write about a difference in every language."""
    return PlainTexts(nl=plain_text(told, book.languages["nl"]), en=plain_text(told, book.languages["en"]))


def plain_text(told: Told, templates: Templates) -> PlainText:
    """Write about a difference in the language of these templates."""
    return _Writer(told, templates).text()


class _Writer:
    """The paragraphs of one difference in one language."""

    def __init__(self, told: Told, templates: Templates) -> None:
        self._told = told
        self._explanation = told.explanation
        self._say = templates.say
        self._spell = Spelling(templates)

    def text(self) -> PlainText:
        location = self._explanation.location_name
        return PlainText(
            title=self._say(f"kinds.{self._told.kind}.title", location=location),
            seen=tuple(self._seen()),
            tap=tuple(self._tap()),
            instead=tuple(self._instead()),
            effect=tuple(self._effect()),
            notes=tuple(self._notes()),
            age=tuple(self._age()),
        )

    def _seen(self) -> Iterator[str]:
        found = self._explanation
        care_type = self._say(f"care.{found.care_type}")
        yield self._say(f"kinds.{self._told.kind}.seen", location=found.location_name, care_type=care_type)
        if found.end_on is not None:
            yield self._say("seen.end_on", end_on=self._spell.day(found.end_on), location=found.location_name)
        yield from self._compared(_shown(found.months, found.step))
        if found.moved_from is not None:
            yield from self._moved_from(found.moved_from)

    def _moved_from(self, old: MovedFromDocument) -> Iterator[str]:
        yield self._say("seen.moved_from", location=old.location_name)
        if old.end_on is not None:
            yield self._say("seen.end_on", end_on=self._spell.day(old.end_on), location=old.location_name)
        yield self._say("seen.ended_from", location=old.location_name, months=self._spell.months(old.ended_from, old.ended_from))
        yield from self._compared(_shown(old.months))

    def _compared(self, months: Sequence[ComparedMonthDocument]) -> Iterator[str]:
        for alike in _runs(months):
            yield self._both_sides(alike[0], self._spell.months(alike[0].month, alike[-1].month), "range" if len(alike) > 1 else "month")

    def _both_sides(self, one: ComparedMonthDocument, months: str, span: str) -> str:
        values = {"months": months}
        if one.declared is not None:
            values |= {"declared_hours": self._spell.hours(one.declared.hours), "declared_rate": self._spell.rate(one.declared.hourly_rate)}
        if one.reported is not None:
            values |= {"reported_hours": self._spell.hours(one.reported.hours), "reported_rate": self._spell.rate(one.reported.hourly_rate)}
            values["organisation"] = one.reported.organisation_name
        return self._say(f"seen.{span}.{_side(one)}", **values)

    def _tap(self) -> Iterator[str]:
        if self._told.proposal is None:
            return
        placements = self._told.proposal.placements
        yield self._say("tap.intro")
        for placement in placements:
            if len(placements) > 1:
                place = self._place(placement)
                yield self._say("tap.placement", location=place.location_name, care_type=self._say(f"care.{place.care_type}"))
            yield from (self._changed(segment) for segment in placement.segments)
            if placement.end_on is not None:
                yield self._say("tap.end_on", end_on=self._spell.day(placement.end_on))
        if any(segment.until_month is None for placement in placements for segment in placement.segments):
            yield self._say("tap.stays")
        yield self._say("tap.others_stay")
        yield self._say("tap.decides")

    def _place(self, placement: ProposedPlacementDocument) -> ExplanationDocument | MovedFromDocument:
        old = self._explanation.moved_from
        return old if old is not None and old.placement_id == placement.placement_id else self._explanation

    def _changed(self, segment: SegmentDocument) -> str:
        span = "standing" if segment.until_month is None else "month" if segment.until_month == segment.from_month else "range"
        what = "none" if segment.hours == _NO_HOURS else "hours"
        months = self._spell.months(segment.from_month, segment.until_month or segment.from_month)
        return self._say(
            f"tap.{span}.{what}", months=months, hours=self._spell.hours(segment.hours), rate=self._spell.rate(segment.hourly_rate)
        )

    def _instead(self) -> Iterator[str]:
        route, found = self._told.route, self._explanation
        if route is None:
            return
        yield self._say(f"instead.{route}", location=found.location_name, year=str(self._told.year))
        if found.report_by is not None and found.begins_in is not None:
            is_past = route == "too-old-for-new-care" or any(one.code == "older-than-three-months" for one in found.circumstances)
            months = self._spell.months(found.begins_in, found.begins_in)
            yield self._say(
                f"instead.{'was_to_report_by' if is_past else 'report_by'}", report_by=self._spell.day(found.report_by), months=months
            )

    def _effect(self) -> Iterator[str]:
        effect = self._told.effect
        if effect.month is None or effect.in_month is None or effect.until_now is None or effect.in_year is None:
            yield self._say(f"effect.reason.{effect.reason}", year=str(self._told.year))
            return
        yield from self._beside("in_month", effect.in_month, months=self._spell.months(effect.month, effect.month))
        yield self._change("until_now", effect.until_now.change_euro)
        yield from self._beside("in_year", effect.in_year, year=str(effect.year))
        yield self._say("effect.estimate")
        yield self._say("effect.later")

    def _beside(self, span: str, amounts: AmountsDocument, **when: str) -> Iterator[str]:
        yield self._say(f"effect.nothing_{span}", amount=self._spell.euros(amounts.before_euro), **when)
        yield self._say(f"effect.accept_{span}", amount=self._spell.euros(amounts.after_euro), **when)
        yield self._change(span, amounts.change_euro)

    def _change(self, span: str, euros: int) -> str:
        way = "more" if euros > 0 else "less" if euros < 0 else "same"
        return self._say(f"effect.{way}_{span}", amount=self._spell.euros(abs(euros)))

    def _notes(self) -> Iterator[str]:
        for circumstance in self._explanation.circumstances:
            yield self._circumstance(circumstance)
            if circumstance.code == "corrected-after-acceptance":
                yield from (self._reported_before(one) for one in self._seen_before(circumstance.months))
        yield self._say("notes.doubt", location=self._explanation.location_name)

    def _circumstance(self, one: CircumstanceDocument) -> str:
        values = {"months": self._spell.months(one.months[0], one.months[0])} if len(one.months) == 1 else {}
        if one.hours is not None and one.limit is not None:
            values |= {"hours": self._spell.hours(one.hours), "limit": self._spell.hours(one.limit)}
        if one.day is not None:
            values["day"] = self._spell.day(one.day)
        return self._say(f"notes.{one.code}", **values)

    def _seen_before(self, months: Sequence[Month]) -> Sequence[SeenMonthDocument]:
        """Return what stood in these months of the placement when it was taken over last."""
        old = self._explanation.moved_from
        own = [one for one in self._explanation.accepted_before if old is None or one.placement_id != old.placement_id]
        last = {seen.month: seen for one in own for seen in one.seen}
        return [last[month] for month in months if month in last]

    def _reported_before(self, seen: SeenMonthDocument) -> str:
        months = self._spell.months(seen.month, seen.month)
        return self._say(
            "notes.reported_before", months=months, hours=self._spell.hours(seen.hours), rate=self._spell.rate(seen.hourly_rate)
        )

    def _age(self) -> Iterator[str]:
        found = self._explanation
        shown = [*_shown(found.months, found.step), *(_shown(found.moved_from.months) if found.moved_from else ())]
        received = [one.reported.received_at for one in shown if one.reported is not None]
        if found.declared_at is not None:
            yield self._say("age.declared", date=self._spell.day(found.declared_at.astimezone(CALENDAR_ZONE).date()))
        if received:
            yield self._say("age.reported", date=self._spell.day(max(received).astimezone(CALENDAR_ZONE).date()))


def _shown(months: Sequence[ComparedMonthDocument], step: str = "") -> Sequence[ComparedMonthDocument]:
    """Return the months that a parent must see: those that deviate, and all that were reported when it is their average that does."""
    return [one for one in months if one.hours_deviate or one.rate_deviates or (step == "average" and one.reported is not None)]


def _runs(months: Sequence[ComparedMonthDocument]) -> Sequence[Sequence[ComparedMonthDocument]]:
    """Gather months in a row of which the same is to be said."""
    runs: list[list[ComparedMonthDocument]] = [[one] for one in months[:1]]
    for before, one in pairwise(months):
        if next_month(before.month) == one.month and _content(before) == _content(one):
            runs[-1].append(one)
        else:
            runs.append([one])
    return runs


def _content(one: ComparedMonthDocument) -> tuple[object, ...]:
    reported = one.reported and (one.reported.hours, one.reported.hourly_rate, one.reported.organisation_name)
    return _side(one), one.declared, reported


def _side(one: ComparedMonthDocument) -> str:
    """Return which template says what both sides of a month are."""
    if one.reported is None:
        return "missing"
    if one.declared is None:
        return "undeclared"
    if one.rate_deviates:
        return "both" if one.hours_deviate else "rate"
    return "hours"
