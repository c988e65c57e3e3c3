"""Verb: say why a household was told what it was told, by judging again from what was known then, by the rules of then.

Years later as well: facts are kept with the instants between which they were known, and a version of a difference with the instant at
which its facts were read (ADR 0028).
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from reconcile.adopt import book_at
from reconcile.callers import Explainer
from reconcile.problems import NotFound
from reconcile.rulebook import Books
from reconcile.rules.documents import MonthsDocument, SegmentDocument, months_document, segment_document
from reconcile.rules.effect_steps import EffectSteps, effect_steps
from reconcile.rules.facts import ChildYearFacts, PlacementFacts, child_year
from reconcile.rules.judgement import judge
from reconcile.rules.recomputation import PARTS, Part, differing_parts, nearest
from reconcile.rules.rule_book import RuleBook
from reconcile.rules.told import KeptTold, kept_of, told_of
from reconcile.store import comparisons, explained, households
from reconcile.store.database import Connection
from reconcile.store.explained import KeptVersion, LifeEvent, PlacedDifference


class Said(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a difference says, in the published form (rules/documents.py)."""

    kind: str
    proposal: Raw | None
    route: str | None
    explanation: Raw
    effect: Raw


class DeclaredCare(Struct, frozen=True, kw_only=True, rename="camel"):
    """What was declared for one placement at the instant, and what was accepted or undone over it and not yet processed by TVS."""

    placement_id: UUID
    lrk_number: str
    location_name: str
    care_type: str
    declared_at: datetime | None
    start_on: date | None
    end_on: date | None
    declared: tuple[SegmentDocument, ...]
    accepted: tuple[SegmentDocument, ...]
    undeclared: tuple[MonthsDocument, ...]


class Recomputation(Struct, frozen=True, kw_only=True, rename="camel"):
    """Whether judging again gives the same: `differs` names the parts that it says otherwise, and `again` what it says then.

    `problem` is why it could not be judged: the rules of then are not in this release.
    """

    is_equal: bool
    differs: tuple[Part, ...]
    again: Said | None
    problem: Literal["rules-unknown"] | None


class JudgedThen(Struct, frozen=True, kw_only=True, rename="camel"):
    """What judging the child-year at an instant says, from what was known at that instant; `is_equal`: that is the version explained."""

    instant: datetime
    is_equal: bool
    judged: tuple[Said, ...]


class ExplainedDifference(Struct, frozen=True, kw_only=True, rename="camel"):
    """One version of a difference with all that it follows from: facts, rules, and what came of it.

    `texts` is what the parent read (rules/text.py); None, and `text_version` too: judged before texts were kept. `effect_steps` is how
    the effect comes about; None where there is none, and where judging again does not give the same proposal and effect.
    """

    difference_id: UUID
    household_id: UUID
    household_ref: str
    child_id: UUID
    year: int
    version: int
    state: str
    recorded_at: datetime
    judged_at: datetime
    facts_at: datetime
    rules_version: str
    said: Said
    effect_steps: EffectSteps | None
    texts: Raw | None
    text_version: str | None
    income_euro: int | None
    is_closed_year: bool
    declared: tuple[DeclaredCare, ...]
    recomputation: Recomputation
    as_of: JudgedThen | None
    life: tuple[LifeEvent, ...]


async def explain_difference(
    conn: Connection,
    explainer: Explainer,
    difference_id: UUID,
    *,
    books: Books,
    version: int | None = None,
    instant: datetime | None = None,
) -> ExplainedDifference:
    """Explain a version of a difference: the one named, the one that stood at an instant, or the newest.

    With an instant, the child-year is judged as of it as well, by the book that was active then. That it was read stands in the
    household's audit. Raises NotFound, and ActiveBookAway when the book of the instant is not here.
    """
    placed = await explained.difference_anywhere(conn, difference_id)
    if placed is None:
        raise NotFound("There is no such difference.")
    await households.lock_household(conn, placed.household_id)
    kept = _version(await explained.kept_versions(conn, placed.household_id, difference_id), version, instant)
    facts = await _facts_as_of(conn, placed, kept.facts_at)
    spanned = await explained.spanned_placements(conn, placed.household_id, difference_id)
    as_of = None
    if instant is not None:
        as_of = _judged_then(kept, await _facts_as_of(conn, placed, instant), instant, await book_at(conn, instant, books))
    rules = books.rules_then(kept.rules_version, kept.judged_at)
    life = await explained.life_of_difference(conn, placed.household_id, difference_id)
    event: Mapping[str, object] = {
        "action": "explained",
        "actor": explainer.actor,
        "differenceId": str(difference_id),
        "differenceVersion": kept.version,
    }
    await households.record_read(conn, placed.household_id, msgspec.json.encode(event).decode())
    return ExplainedDifference(
        difference_id=difference_id,
        household_id=placed.household_id,
        household_ref=placed.household_ref,
        child_id=placed.child_id,
        year=placed.year,
        version=kept.version,
        state=kept.state,
        recorded_at=kept.recorded_at,
        judged_at=kept.judged_at,
        facts_at=kept.facts_at,
        rules_version=kept.rules_version,
        said=_said(_told(kept)),
        effect_steps=None if rules is None else steps_of(_told(kept), facts, kept.judged_at, rules),
        texts=None if kept.texts is None else Raw(kept.texts.encode()),
        text_version=kept.text_version,
        income_euro=facts.income_euro,
        is_closed_year=facts.is_closed_year,
        declared=tuple(_declared(one) for one in facts.child.placements if one.placement_id in spanned),
        recomputation=recomputed(_told(kept), facts, kept.judged_at, rules),
        as_of=as_of,
        life=tuple(life),
    )


def recomputed(kept: KeptTold, facts: ChildYearFacts, judged_at: datetime, rules: RuleBook | None) -> Recomputation:
    """Judge a child-year again and hold it against what was kept."""
    if rules is None:
        return Recomputation(is_equal=False, differs=PARTS, again=None, problem="rules-unknown")
    again, differs = nearest(kept, judge(facts, judged_at, rules))
    return Recomputation(is_equal=not differs, differs=differs, again=_said(again) if again is not None and differs else None, problem=None)


def steps_of(kept: KeptTold, facts: ChildYearFacts, judged_at: datetime, rules: RuleBook) -> EffectSteps | None:
    """Derive how the effect that was kept comes about, from the judged proposal that has it."""
    for one in judge(facts, judged_at, rules):
        if one.proposal is not None and not {"proposal", "effect"} & set(differing_parts(kept, kept_of(told_of(one)))):
            return effect_steps(facts, one.proposal, rules)
    return None


def _version(kept: Sequence[KeptVersion], version: int | None, instant: datetime | None) -> KeptVersion:
    found = [one for one in kept if (version is None or one.version == version) and (instant is None or one.recorded_at <= instant)]
    if not found:
        raise NotFound("There is no such version of this difference." if version else "This difference was not there yet at that instant.")
    return found[-1]


async def _facts_as_of(conn: Connection, placed: PlacedDifference, instant: datetime) -> ChildYearFacts:
    known = await comparisons.household_facts_as_of(conn, [placed.household_id], [instant], f"{placed.year - 1:04d}-01")
    return child_year(known[0].facts, placed.child_id, placed.year)


def _judged_then(kept: KeptVersion, facts: ChildYearFacts, instant: datetime, rules: RuleBook) -> JudgedThen:
    judged = judge(facts, instant, rules)
    _, differs = nearest(_told(kept), judged)
    return JudgedThen(instant=instant, is_equal=not differs, judged=tuple(_said(kept_of(told_of(one))) for one in judged))


def _told(kept: KeptVersion) -> KeptTold:
    return KeptTold(kind=kept.kind, proposal=kept.proposal, route=kept.route, explanation=kept.explanation, effect=kept.effect)


def _said(one: KeptTold) -> Said:
    return Said(
        kind=one.kind,
        proposal=None if one.proposal is None else Raw(one.proposal.encode()),
        route=one.route,
        explanation=Raw(one.explanation.encode()),
        effect=Raw(one.effect.encode()),
    )


def _declared(placement: PlacementFacts) -> DeclaredCare:
    return DeclaredCare(
        placement_id=placement.placement_id,
        lrk_number=placement.lrk_number,
        location_name=placement.location_name,
        care_type=placement.care_type,
        declared_at=placement.declared_at,
        start_on=placement.start_on,
        end_on=placement.end_on,
        declared=tuple(segment_document(one) for one in placement.declared),
        accepted=tuple(segment_document(one) for one in placement.overlay),
        undeclared=tuple(months_document(one) for one in placement.undeclared),
    )
