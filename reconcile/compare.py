"""Verb: judge the child-years that are due, and bring the stored differences in step with what was found."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid4

import msgspec
from msgspec import Struct

from reconcile.adopt import active_rules
from reconcile.announce import tell
from reconcile.rulebook import Books
from reconcile.rules.facts import child_year
from reconcile.rules.judgement import JudgedDifference, content_of, judge
from reconcile.rules.notice import is_worth_telling
from reconcile.rules.rule_book import RuleBook
from reconcile.rules.text import plain_texts
from reconcile.rules.told import json_text, kept_of, told_of
from reconcile.store import comparisons, differences, households, postponements
from reconcile.store.comparisons import ChildYear, KnownFacts
from reconcile.store.database import Connection
from reconcile.store.differences import FoundDifference, KnownDifference, SpannedPlacement
from reconcile.store.notices import DifferenceKey
from reconcile.textbook import texts_in_force

Deed = Literal["opened", "renewed", "settled"]


class Compared(Struct, frozen=True, kw_only=True):
    """How many households were judged, and what that did to their differences."""

    households: int
    opened: int
    renewed: int
    settled: int
    notices: int


class Step(Struct, frozen=True, kw_only=True):
    """One difference to write: judged anew, or settled when `judged` is None."""

    household_id: UUID
    child_id: UUID
    year: int
    facts_at: datetime
    known: KnownDifference | None
    judged: JudgedDifference | None

    @property
    def deed(self) -> Deed:
        """What writing it does."""
        if self.judged is None:
            return "settled"
        return "opened" if self.known is None else "renewed"

    @property
    def ends_postponement(self) -> bool:
        """Whether what was postponed is open again, or gone."""
        if self.known is None or self.known.state != "postponed":
            return False
        return self.judged is None or self.judged.facts_hash != self.known.facts_hash


async def compare_due(conn: Connection, books: Books, *, as_of: datetime, households_max: int) -> Compared:
    """Judge what is due for at most so many households by the active rule book; none are left when `households` is 0.

    Households that another writer holds are left for the next call, and all of them while what is called complete changes. Safe to
    repeat: the same facts give the same differences, and what a parent answered never opens again from the same facts. Raises
    ActiveBookAway.
    """
    if not await comparisons.lock_completeness_shared(conn):
        return Compared(households=0, opened=0, renewed=0, settled=0, notices=0)
    versions = await comparisons.lock_due_households(conn, households_max)
    if not versions:
        return Compared(households=0, opened=0, renewed=0, settled=0, notices=0)
    due = await comparisons.take_due_comparisons(conn, list(versions))
    if not due:
        return Compared(households=len(versions), opened=0, renewed=0, settled=0, notices=0)
    # Only now that it is taken: what was due before a book was activated is judged by it, and what is marked after it is not taken yet.
    rules = await active_rules(conn, books, as_of)
    first_year = min(one.year for one in due)
    facts = {one.facts.household_id: one for one in await comparisons.household_facts(conn, list(versions), f"{first_year - 1:04d}-01")}
    known = await differences.differences_of_children(conn, due)
    steps = steps_of(due, facts, known, rules, as_of)
    notices = await _write(conn, steps, versions, rules, as_of) if steps else 0
    deeds = [step.deed for step in steps]
    return Compared(
        households=len(versions),
        opened=deeds.count("opened"),
        renewed=deeds.count("renewed"),
        settled=deeds.count("settled"),
        notices=notices,
    )


def steps_of(
    due: Sequence[ChildYear],
    facts: Mapping[UUID, KnownFacts],
    known: Sequence[KnownDifference],
    rules: RuleBook,
    as_of: datetime,
) -> Sequence[Step]:
    """Judge child-years from the facts of their households, and return what brings the stored differences in step; settled ones first."""
    by_child_year: Mapping[ChildYear, list[KnownDifference]] = defaultdict(list)
    for one in known:
        by_child_year[ChildYear(household_id=one.household_id, child_id=one.child_id, year=one.year)].append(one)
    return [step for child in due for step in _steps_of_child(child, facts[child.household_id], by_child_year[child], rules, as_of)]


def unanswered(judged: Sequence[JudgedDifference], known: Sequence[KnownDifference]) -> Sequence[JudgedDifference]:
    """Leave out what was answered before: the same facts never open again."""
    answered = {(placement_id, one.facts_hash) for one in known if not one.is_open for placement_id in one.placement_ids}
    return [one for one in judged if not any((placement_id, one.facts_hash) in answered for placement_id in one.placement_ids)]


def _steps_of_child(
    child: ChildYear, facts: KnownFacts, known: Sequence[KnownDifference], rules: RuleBook, as_of: datetime
) -> Sequence[Step]:
    still_open = {placement_id: one for one in known if one.is_open for placement_id in one.placement_ids}
    steps: list[Step] = []
    kept: set[UUID] = set()
    for found in unanswered(judge(child_year(facts.facts, child.child_id, child.year), as_of, rules), known):
        # Where a move falls apart, one part keeps its difference and the other opens one of its own.
        own = (still_open[one] for one in found.placement_ids if one in still_open)
        before = next((one for one in own if one.difference_id not in kept), None)
        if before is not None:
            kept.add(before.difference_id)
            # By another book the same content may have another effect, and shows other tolerances.
            if before.content_hash == content_of(found) and before.rules_version == rules.version:
                continue
        steps.append(_step(child, facts, before, found))
    settled = {one.difference_id: one for one in still_open.values() if one.difference_id not in kept}
    # Settled ones first: they free the placements that a new one may span.
    return [*(_step(child, facts, one, None) for one in settled.values()), *steps]


def _step(child: ChildYear, facts: KnownFacts, known: KnownDifference | None, judged: JudgedDifference | None) -> Step:
    return Step(
        household_id=child.household_id,
        child_id=child.child_id,
        year=child.year,
        facts_at=facts.facts_at,
        known=known,
        judged=judged,
    )


async def _write(conn: Connection, steps: Sequence[Step], versions: Mapping[UUID, int], rules: RuleBook, as_of: datetime) -> int:
    """Write what was judged and stage what is to be told; return how many notices that made."""
    for step in steps:
        if step.known is not None and step.judged is None:
            await differences.set_difference_state(
                conn, step.household_id, step.known.difference_id, "closed", versions[step.household_id] + 1
            )
            await differences.set_difference_placements_open(conn, step.household_id, step.known.difference_id, is_open=False)
    found = {step.known.difference_id if step.known else uuid4(): step for step in steps if step.judged is not None}
    rows = [_row(difference_id, step, versions, rules, as_of) for difference_id, step in found.items()]
    renewed = [row for row in rows if found[row.difference_id].known is not None]
    if renewed:
        await differences.renew_differences(conn, renewed)
        await differences.drop_difference_placements(conn, [row.household_id for row in renewed], [row.difference_id for row in renewed])
    await differences.insert_differences(conn, [row for row in rows if found[row.difference_id].known is None])
    await differences.insert_difference_placements(
        conn,
        [
            SpannedPlacement(household_id=row.household_id, difference_id=row.difference_id, placement_id=placement_id, year=row.year)
            for row in rows
            for placement_id in found[row.difference_id].judged.placement_ids  # type: ignore[union-attr]  # only judged ones are here
        ],
    )
    written = [*((step.household_id, step.known.difference_id) for step in steps if step.known and not step.judged)]
    written += [(row.household_id, row.difference_id) for row in rows]
    await differences.keep_difference_versions(conn, [one for one, _ in written], [one for _, one in written])
    keys = [DifferenceKey(household_id=step.household_id, difference_id=step.known.difference_id) for step in steps if step.known]
    ended = {step.known.difference_id for step in steps if step.known and step.ends_postponement}
    await postponements.end_postponements(conn, [one for one in keys if one.difference_id in ended])
    notices = await tell(
        conn,
        [DifferenceKey(household_id=row.household_id, difference_id=row.difference_id) for row in rows],
        moot=keys,
    )
    await _record(conn, steps, notices, rules)
    return sum(len(ids) for ids in notices.values())


async def _record(conn: Connection, steps: Sequence[Step], notices: Mapping[UUID, Sequence[UUID]], rules: RuleBook) -> None:
    deeds: Mapping[UUID, list[dict[str, str]]] = defaultdict(list)
    for step in steps:
        kind = step.judged.kind if step.judged else ""
        deeds[step.household_id].append({"deed": step.deed, "childId": str(step.child_id), "kind": kind})
    events = [
        msgspec.json.encode(
            {
                "action": "judged",
                "actor": "rules",
                "rulesVersion": rules.version,
                "differences": deeds[one],
                "noticeIds": notices.get(one, ()),
            }
        ).decode()
        for one in deeds
    ]
    await households.record_changes(conn, list(deeds), events)


def _row(difference_id: UUID, step: Step, versions: Mapping[UUID, int], rules: RuleBook, as_of: datetime) -> FoundDifference:
    judged = step.judged
    assert judged is not None  # noqa: S101  # the caller selects the judged steps
    told, book = told_of(judged), texts_in_force()
    kept = kept_of(told)
    return FoundDifference(
        household_id=step.household_id,
        difference_id=difference_id,
        version=versions[step.household_id] + 1,
        child_id=step.child_id,
        year=step.year,
        facts_hash=judged.facts_hash,
        content_hash=content_of(judged),
        kind=kept.kind,
        proposal=kept.proposal,
        route=kept.route,
        explanation=kept.explanation,
        effect=kept.effect,
        rules_version=rules.version,
        judged_at=as_of,
        facts_at=step.facts_at,
        weight_cents=judged.weight_cents,
        is_worth_telling=is_worth_telling(judged.explanation.circumstances),
        texts=json_text(plain_texts(told, book)),
        text_version=book.version,
    )
