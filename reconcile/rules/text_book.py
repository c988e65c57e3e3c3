"""The sentences that a parent reads, as values with a version: templates of named places, without any logic in them.

A book is read strictly: a template that is missing, that nobody asks for, that lacks a place it must fill or has one that nobody
fills, is refused as a whole. Which template is taken is decided by `text.py`, from the data alone.
"""

import re
from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Any, Literal, get_args

from msgspec import Struct

from reconcile.rules.effect import NoEffectReason
from reconcile.rules.facts import CareType
from reconcile.rules.kinds import CIRCUMSTANCES, KINDS, ROUTES

Language = Literal["nl", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

_PLACE = re.compile(r"[a-z_]+", re.ASCII)
_BOTH_SIDES = {
    "hours": "months organisation declared_hours reported_hours",
    "rate": "months organisation declared_rate reported_rate",
    "both": "months organisation declared_hours declared_rate reported_hours reported_rate",
    "undeclared": "months organisation reported_hours reported_rate",
    "missing": "months declared_hours",
}
# Places that a template may fill and need not: what it says is right without.
_MAY: Mapping[str, str] = {
    **{f"kinds.{kind}.title": "location" for kind in KINDS},
    **{f"kinds.{kind}.seen": "care_type" for kind in KINDS},
    **{f"instead.{route}": "location year" for route in ROUTES},
    **{f"effect.reason.{reason}": "year" for reason in get_args(NoEffectReason)},
    "tap.placement": "care_type",
    "notes.doubt": "location",
}
# Every template there must be, with the places that it must fill.
_MUST: Mapping[str, str] = {
    "formats.decimal": "",
    "formats.thousands": "",
    "formats.euro": "number",
    "formats.one_hour": "number",
    "formats.hours": "number",
    "formats.month": "name year",
    "formats.range": "from until",
    "formats.day": "number name year",
    **{f"care.{care_type}": "" for care_type in get_args(CareType)},
    **{f"kinds.{kind}.title": "" for kind in KINDS},
    **{f"kinds.{kind}.seen": "location" for kind in KINDS},
    "seen.end_on": "end_on location",
    "seen.moved_from": "location",
    "seen.ended_from": "location months",
    **{f"seen.{span}.{side}": places for span in ("month", "range") for side, places in _BOTH_SIDES.items()},
    "tap.intro": "",
    "tap.placement": "location",
    "tap.end_on": "end_on",
    "tap.stays": "",
    "tap.others_stay": "",
    "tap.decides": "",
    **{f"tap.{span}.hours": "months hours rate" for span in ("month", "range", "standing")},
    **{f"tap.{span}.none": "months" for span in ("month", "range", "standing")},
    **{f"instead.{route}": "" for route in ROUTES},
    "instead.report_by": "report_by months",
    "instead.was_to_report_by": "report_by months",
    **{f"effect.{deed}_in_month": "amount months" for deed in ("nothing", "accept")},
    **{f"effect.{deed}_in_year": "amount year" for deed in ("nothing", "accept")},
    **{f"effect.{way}_{span}": "amount" for way in ("more", "less") for span in ("in_month", "in_year", "until_now")},
    **{f"effect.same_{span}": "" for span in ("in_month", "in_year", "until_now")},
    "effect.estimate": "",
    "effect.later": "",
    **{f"effect.reason.{reason}": "" for reason in get_args(NoEffectReason)},
    **{f"notes.{circumstance}": "" for circumstance in CIRCUMSTANCES},
    "notes.hours-above-cap": "hours limit",
    "notes.starts-in-month": "day",
    "notes.stops-in-month": "day",
    "notes.older-than-three-months": "months",
    "notes.reported_before": "months hours rate",
    "notes.doubt": "",
    "age.declared": "date",
    "age.reported": "date",
}


class BookRefused(ValueError):
    """A book of sentences that cannot be used, with everything that is wrong with it."""


class Templates(Struct, frozen=True, kw_only=True):
    """The sentences of one language: names of the twelve months, and templates by dotted key (`kinds.D01.title`)."""

    months: tuple[str, ...]
    sentences: Mapping[str, str]

    def say(self, key: str, **values: str) -> str:
        """Fill a template. A value is put in as it is: braces in a name stay braces."""
        return self.sentences[key].format_map(values)


class TextBook(Struct, frozen=True, kw_only=True):
    """The sentences in force, by language."""

    version: str
    languages: Mapping[Language, Templates]


def read_templates(table: Mapping[str, Any]) -> Templates:
    """Take the tables of one language, as a TOML file gives them. Raises BookRefused."""
    months = table.get("months")
    sentences = dict(_flat({name: value for name, value in table.items() if name != "months"}))
    faults = [*_faults_of_months(months), *_faults_of_keys(sentences), *(fault for one in sentences.items() for fault in _faults(*one))]
    if faults:
        raise BookRefused("; ".join(faults))
    return Templates(months=tuple(months or ()), sentences=sentences)


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _faults_of_months(months: object) -> Iterator[str]:
    if not (isinstance(months, list) and len(months) == 12 and all(isinstance(one, str) and one for one in months)):
        yield "months: twelve names"


def _faults_of_keys(sentences: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{key}: missing" for key in _MUST if key not in sentences)
    yield from (f"{key}: nobody asks for it" for key in sentences if key not in _MUST)


def _faults(key: str, sentence: object) -> Iterator[str]:
    if not isinstance(sentence, str) or not sentence.strip():
        yield f"{key}: a sentence"
        return
    try:
        parts = list(Formatter().parse(sentence))
    except ValueError:
        yield f"{key}: braces that do not match"
        return
    names = {name for _, name, _, _ in parts if name is not None}
    yield from (f"{key}: {{{name}}} is no plain name" for name in sorted(names) if not _PLACE.fullmatch(name))
    if any(form or conversion for _, _, form, conversion in parts):
        yield f"{key}: a place has a name and nothing else"
    must = set(_MUST.get(key, "").split())
    yield from (f"{key}: must fill {{{name}}}" for name in sorted(must - names))
    yield from (f"{key}: nobody fills {{{name}}}" for name in sorted(names - must - set(_MAY.get(key, "").split())))
