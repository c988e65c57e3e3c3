"""How `kot explain` prints a difference, for people: both sides, the rule, the tap, the euros, what was read, what came of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from reconcile.explain import ExplainedDifference, Said
from reconcile.rules.documents import ProposalDocument
from reconcile.rules.effect_steps import EffectSteps
from reconcile.rules.kinds import KINDS
from reconcile.rules.text import PlainTexts

_STEPS: Mapping[str, str] = {
    "equal": "the hours do not differ by the tolerance or more",
    "run": "two or more months in a row at one level: that level stands from its first month",
    "average": "three or more varying months: their average over the quarters that are over stands",
    "single-months": "each month that differs changes alone",
    "newest-month": "care that takes the place of other care: its newest month stands",
    "waiting-for-quarter": "varying months wait until the quarter is over",
}
_KINDS: Mapping[str, str] = {str(code): kind.dutch for code, kind in KINDS.items()}


def print_explanation(console: Console, found: ExplainedDifference) -> None:
    """Print an explained difference."""
    explanation = msgspec.json.decode(found.said.explanation)
    console.print(_head(found))
    console.print(_declared(found))
    console.print(_months(explanation, "Month by month"))
    if explanation["movedFrom"] is not None:
        console.print(_months(explanation["movedFrom"], f"At the old place, {explanation['movedFrom']['lrkNumber']}"))
    tolerance = f"below {explanation['hoursTolerance']} hours and {explanation['rateTolerance']} euro an hour is no difference"
    step = _STEPS.get(explanation["step"], explanation["step"])
    console.print(f"Rules {explanation['rulesVersion']}: {tolerance}; {step}.", soft_wrap=True)
    for one in explanation["circumstances"]:
        facts = [*one["months"], *(str(one[name]) for name in ("hours", "limit", "day") if one[name] is not None)]
        console.print(f"Circumstance: {one['code']}{': ' if facts else ''}{', '.join(facts)}.", soft_wrap=True)
    for one in explanation["acceptedBefore"]:
        at = _utc(datetime.fromisoformat(one["acceptedAt"]))
        taken = ", ".join(f"from {each['from']} {each['hours']} × {each['hourlyRate']}" for each in one["segments"])
        console.print(f"Taken over before, {at}: {taken}.", soft_wrap=True)
    _print_said(console, found.said)
    _print_effect(console, found)
    _print_texts(console, found)
    console.print(_life(found))
    if found.as_of is not None:
        same = "the same" if found.as_of.is_equal else "something else"
        console.print(f"Judged as of {_utc(found.as_of.instant)}, from what was known then: {same}.")
        for one in () if found.as_of.is_equal else found.as_of.judged:
            _print_said(console, one)
        if not found.as_of.judged:
            console.print("Nothing is different as of then.")
    _print_verdict(console, found)


def _print_verdict(console: Console, found: ExplainedDifference) -> None:
    verdict = found.recomputation
    if verdict.is_equal:
        console.print(f"Judged again from what was known at {_utc(found.facts_at)}: the same.", style="green", soft_wrap=True)
    elif verdict.problem is not None:
        missing = f"It cannot be judged again: this release does not have the rules {found.rules_version}."
        console.print(missing, style="red", soft_wrap=True)
    else:
        otherwise = f"Judged again from what was known at {_utc(found.facts_at)}: other {', '.join(verdict.differs)}."
        console.print(otherwise, style="red", soft_wrap=True)
        if verdict.again is not None:
            _print_said(console, verdict.again)


def _head(found: ExplainedDifference) -> Table:
    table = Table(title=f"Difference {found.difference_id}", show_header=False, title_justify="left")
    table.add_column()
    table.add_column(overflow="fold")
    table.add_row("kind", f"{found.said.kind} {_KINDS.get(found.said.kind, '')}")
    table.add_row("household", f"{found.household_ref} ({found.household_id})")
    table.add_row("child, year", f"{found.child_id}, {found.year}{', final award' if found.is_closed_year else ''}")
    table.add_row("version", f"{found.version}, {found.state}, since {_utc(found.recorded_at)}")
    table.add_row("judged for", _utc(found.judged_at))
    table.add_row("facts as of", _utc(found.facts_at))
    return table


def _declared(found: ExplainedDifference) -> Table:
    table = Table("location", "from", "until", "hours", "rate", "by", title="Declared then", title_justify="left")
    for care in found.declared:
        name = f"{care.location_name} ({care.care_type} {care.lrk_number})"
        declared = f"declared, {_utc(care.declared_at)}" if care.declared_at else "declared"
        for source, segments in ((declared, care.declared), ("accepted, not yet processed", care.accepted)):
            for segment in segments:
                table.add_row(name, segment.from_month, segment.until_month or "…", segment.hours, segment.hourly_rate, source)
        for months in care.undeclared:
            table.add_row(name, months.from_month, months.until_month or "…", "", "", "undone, not yet processed: nothing counts")
        if not (care.declared or care.accepted or care.undeclared):
            table.add_row(name, "", "", "", "", "nothing declared")
    return table


def _months(place: Mapping[str, Any], title: str) -> Table:
    table = Table("month", "declared", "reported", "differs", title=f"{title}: hours at an hourly rate", title_justify="left")
    for heading in ("reported by", "delivery, line", "received"):
        table.add_column(heading, overflow="fold")
    for one in place["months"]:
        reported = one["reported"]
        differs = " and ".join(name for name, does in (("hours", one["hoursDeviate"]), ("rate", one["rateDeviates"])) if does)
        source = ("", "", "")
        if reported is not None:
            received = _utc(datetime.fromisoformat(reported["receivedAt"]))
            source = (reported["organisationName"], f"{reported['deliveryId']}, {reported['lineNumber']}", received)
        table.add_row(one["month"], _figures(one["declared"], "nothing"), _figures(reported, "not received"), differs, *source)
    return table


def _figures(side: Mapping[str, Any] | None, without: str) -> str:
    return without if side is None else f"{side['hours']} × {side['hourlyRate']}"


def _print_said(console: Console, said: Said) -> None:
    kind = f"{said.kind} {_KINDS.get(said.kind, '')}"
    if said.proposal is None:
        console.print(f"{kind}. No tap: {said.route}.")
        return
    console.print(f"{kind}. One tap would declare:")
    for placement in msgspec.json.decode(said.proposal, type=ProposalDocument).placements:
        for segment in placement.segments:
            until = f"until {segment.until_month}" if segment.until_month else "on"
            console.print(f"  LRK {placement.lrk_number}, from {segment.from_month} {until}: {segment.hours} × {segment.hourly_rate}")


def _print_effect(console: Console, found: ExplainedDifference) -> None:
    effect = msgspec.json.decode(found.said.effect)
    if effect["reason"] is not None:
        console.print(f"Effect in euros: none shown ({effect['reason']}).")
        return
    income = "unknown" if found.income_euro is None else f"{found.income_euro} euro"
    console.print(f"Effect for the household, about, in whole euros, at a joint income of {income}:", soft_wrap=True)
    table = Table("", "before", "after", "change")
    for name, amounts in ((effect["month"], effect["inMonth"]), (str(effect["year"]), effect["inYear"])):
        table.add_row(name, *(str(amounts[part]) for part in ("beforeEuro", "afterEuro", "changeEuro")))
    console.print(table)
    if found.effect_steps is not None:
        console.print(_steps(found.effect_steps))
        for name, is_granted in (("as it stands", found.effect_steps.is_granted_before), ("accepted", found.effect_steps.is_granted_after)):
            if not is_granted:
                console.print(f"Below {found.effect_steps.least_granted_euro} euro in the year nothing is granted: {name}.", soft_wrap=True)


def _steps(steps: EffectSteps) -> Table:
    title = (
        f"How it comes about: at most {steps.counted_hours_most} hours a child and month, at the maximum rate at most; euros of one month"
    )
    table = Table("months", "", "child", "hours at a rate", "that count", "share", "euros", title=title, title_justify="left")
    for one in steps.months:
        months = one.from_month if one.from_month == one.until_month else f"{one.from_month} – {one.until_month}"
        for name, children, amount in (("as it stands", one.before, one.amount_before), ("accepted", one.after, one.amount_after)):
            for child in children:
                share = f"{child.share} %, {'first' if child.is_first_child else 'next'} child"
                for place, care in enumerate(child.care):
                    figures = f"{care.care_type} {care.lrk_number}: {care.hours} × {care.hourly_rate}"
                    counted = f"{care.counted_hours} × {care.counted_rate}"
                    once = ("", "", "") if place else (str(child.child_id), share, child.amount)
                    table.add_row(months, name, once[0], figures, counted, once[1], once[2])
            table.add_row(months, name, "together", "", "", "", amount, end_section=name == "accepted")
    return table


def _print_texts(console: Console, found: ExplainedDifference) -> None:
    if found.texts is None:
        console.print("What the parent read was not kept: it was judged before texts were.")
        return
    text = msgspec.json.decode(found.texts, type=PlainTexts).nl
    console.print(f"What the parent read, in the sentences {found.text_version}:")
    for line in (text.title, *text.seen, *text.tap, *text.instead, *text.effect, *text.notes, *text.age):
        console.print(f"  {line}", soft_wrap=True)


def _life(found: ExplainedDifference) -> Table:
    table = Table("at", "what", "version", "", title="What came of it", title_justify="left")
    for one in found.life:
        table.add_row(_utc(one.at), one.what, str(one.difference_version), one.note)
    return table


def _utc(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
