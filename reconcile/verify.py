"""Verb: prove that what is stored follows from the facts, for some households or deliveries at a time.

Two proofs for each household. What is open, judged again from what was known when it was judged, says the same (as `kot explain` shows
for one). And judging every child-year anew from what is known now would change nothing: what was computed step by step, as facts came
in, is what computing it all at once gives.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from reconcile.adopt import active_rules
from reconcile.compare import steps_of
from reconcile.explain import recomputed
from reconcile.rulebook import Books
from reconcile.rules.facts import child_year
from reconcile.rules.rule_book import RuleBook
from reconcile.rules.told import KeptTold
from reconcile.store import comparisons, differences, marking, verification
from reconcile.store.comparisons import ChildYear
from reconcile.store.database import Connection
from reconcile.store.verification import HouseholdToVerify

# Why judging anew would write what is not there: by the deed that it would do.
_ANEW = {"opened": "difference-missing", "renewed": "difference-outdated", "settled": "difference-without-cause"}


class Finding(Struct, frozen=True, kw_only=True, rename="camel"):
    """Something that does not follow: the rule that is broken, whose it is, what it is about, and how it differs."""

    rule: str
    owner_id: UUID
    subject_id: UUID | None
    differs: tuple[str, ...] = ()


class VerifiedHouseholds(Struct, frozen=True, kw_only=True):
    """A page of households that was verified; `last` is None after the last one.

    `waiting` child-years are still to be judged, so that nothing can be said of them. `aged` ones would be judged otherwise by the date
    alone: nothing changed since they were judged, but a month or a quarter has passed.
    """

    last: UUID | None
    households: int
    differences: int
    waiting: int
    aged: int
    findings: Sequence[Finding]


class VerifiedDeliveries(Struct, frozen=True, kw_only=True):
    """A page of deliveries whose lines were counted; `last` is None after the last one."""

    last: tuple[UUID, UUID] | None
    deliveries: int
    findings: Sequence[Finding]


async def verify_households(
    conn: Connection, books: Books, *, as_of: datetime, after: UUID | None, households_max: int
) -> VerifiedHouseholds:
    """Verify the households that come after one, so many at most; the transaction is a snapshot, so that no writer disturbs.

    Raises ActiveBookAway.
    """
    page = await verification.households_after(conn, after, households_max)
    if not page:
        return VerifiedHouseholds(last=None, households=0, differences=0, waiting=0, aged=0, findings=())
    household_ids = [one.household_id for one in page]
    broken = [
        Finding(rule=one.rule, owner_id=one.household_id, subject_id=one.subject_id)
        for one in await verification.broken_rules_of_households(conn, household_ids)
    ]
    count, otherwise = await _as_of_then(conn, household_ids, books)
    aged, anew = await _anew(conn, page, await active_rules(conn, books, as_of), as_of)
    waiting = await verification.waiting_count_of_households(conn, household_ids)
    if anew and await marking.is_marking(conn):
        # Another book was activated or a month began, and not every household is marked: what is judged otherwise is still to come.
        waiting, anew = waiting + len(anew), ()
    return VerifiedHouseholds(
        last=household_ids[-1],
        households=len(page),
        differences=count,
        waiting=waiting,
        aged=aged,
        findings=[*broken, *otherwise, *anew],
    )


async def verify_deliveries(conn: Connection, *, after: tuple[UUID, UUID] | None, deliveries_max: int) -> VerifiedDeliveries:
    """Hold the counts of the deliveries that come after one against their lines: no line vanishes."""
    page = await verification.broken_deliveries(conn, after, deliveries_max)
    return VerifiedDeliveries(
        last=(page[-1].organisation_id, page[-1].delivery_id) if page else None,
        deliveries=len(page),
        findings=[
            Finding(rule="lines-do-not-add-up", owner_id=one.organisation_id, subject_id=one.delivery_id)
            for one in page
            if not one.is_whole
        ],
    )


async def _as_of_then(conn: Connection, household_ids: Sequence[UUID], books: Books) -> tuple[int, Sequence[Finding]]:
    """Judge what is open again, each from what was known when it was judged; return how many that were, and which say otherwise."""
    stored = await verification.open_differences_of_households(conn, household_ids)
    if not stored:
        return 0, ()
    asked = sorted({(one.household_id, one.facts_at) for one in stored})
    known = await comparisons.household_facts_as_of(
        conn, [one for one, _ in asked], [one for _, one in asked], f"{min(one.year for one in stored) - 1:04d}-01"
    )
    facts = {(one.facts.household_id, one.facts_at): one.facts for one in known}
    findings = []
    for one in stored:
        kept = KeptTold(kind=one.kind, proposal=one.proposal, route=one.route, explanation=one.explanation, effect=one.effect)
        then = child_year(facts[one.household_id, one.facts_at], one.child_id, one.year)
        again = recomputed(kept, then, one.judged_at, books.rules_then(one.rules_version, one.judged_at))
        if not again.is_equal:
            rule = again.problem or "difference-recomputed-otherwise"
            findings.append(Finding(rule=rule, owner_id=one.household_id, subject_id=one.difference_id, differs=again.differs))
    return len(stored), findings


async def _anew(conn: Connection, page: Sequence[HouseholdToVerify], rules: RuleBook, as_of: datetime) -> tuple[int, Sequence[Finding]]:
    """Judge every child-year from what is known now; return how many are judged otherwise by date alone, and what is not as it must be."""
    child_years = await verification.child_years_to_verify(conn, [one.household_id for one in page])
    if not child_years:
        return 0, ()
    household_ids = sorted({one.household_id for one in child_years})
    read = await comparisons.household_facts(conn, household_ids, f"{min(one.year for one in child_years) - 1:04d}-01")
    facts = {one.facts.household_id: one for one in read}
    known = await differences.differences_of_children(conn, child_years)
    changed = {one.household_id: one.changed_at for one in page}
    aged: set[ChildYear] = set()
    findings = []
    for step in steps_of(child_years, facts, known, rules, as_of):
        child = ChildYear(household_id=step.household_id, child_id=step.child_id, year=step.year)
        own = [one for one in known if (one.household_id, one.child_id, one.year) == (child.household_id, child.child_id, child.year)]
        # What is open says itself for which instant it was judged; where nothing is open, nothing can be older than the last change.
        then = max((one.judged_at for one in own if one.is_open), default=changed[step.household_id])
        if then is not None and not steps_of([child], facts, own, rules, min(then, as_of)):
            aged.add(child)
            continue
        findings.append(
            Finding(
                rule=_ANEW[step.deed],
                owner_id=step.household_id,
                subject_id=step.known.difference_id if step.known else step.child_id,
                differs=(step.judged.kind,) if step.judged else (),
            )
        )
    return len(aged), findings
