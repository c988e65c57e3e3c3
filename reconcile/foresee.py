"""Verb: what a change of rule books would do, over all that is known now; kept as a report that can be approved."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
from msgspec import Struct

from reconcile.adopt import record_step
from reconcile.compare import unanswered
from reconcile.rules.canonical import canonical_json
from reconcile.rules.facts import ChildYearFacts, child_year
from reconcile.rules.foresight import Foresight, ForesightReport, JudgedTwice
from reconcile.rules.judgement import judge
from reconcile.rules.months import day_at
from reconcile.rules.rule_book import PublishedBook
from reconcile.store import comparisons, differences, households, rule_books
from reconcile.store.comparisons import ChildYear
from reconcile.store.database import Connection
from reconcile.store.differences import KnownDifference
from reconcile.store.rule_books import RuleReport


class KeptReport(Struct, frozen=True, kw_only=True, rename="camel"):
    """A report as it was kept: its number, and the hash of its canonical form."""

    report_id: UUID
    sha256: str
    report: ForesightReport


class Change(Struct, frozen=True, kw_only=True):
    """The two books, and the instant for which both judge: each by what is known of its tables then."""

    old: PublishedBook
    new: PublishedBook
    as_of: datetime


async def foresee_page(conn: Connection, change: Change, foresight: Foresight, after: UUID | None, *, households_max: int) -> UUID | None:
    """Judge the households after `after` by both books and count them; return the last of them, None when there are no more.

    Each page is read at a moment of its own: over a whole country facts move meanwhile, and no snapshot is held for so long.
    """
    page = await households.household_page(conn, after, households_max)
    if not page:
        return None
    due = {*await comparisons.reported_child_years(conn, page), *await rule_books.missing_child_years(conn, page)}
    by_household: Mapping[UUID, list[ChildYear]] = defaultdict(list)
    for one in sorted(due, key=lambda one: (one.child_id, one.year)):
        by_household[one.household_id].append(one)
    known: Mapping[ChildYear, list[KnownDifference]] = defaultdict(list)
    for difference in await differences.differences_of_children(conn, list(due)) if due else ():
        known[ChildYear(household_id=difference.household_id, child_id=difference.child_id, year=difference.year)].append(difference)
    first_year = min((one.year for one in due), default=change.as_of.year)
    facts = {
        one.facts.household_id: one.facts for one in await comparisons.household_facts(conn, list(by_household), f"{first_year - 1:04d}-01")
    }
    for household_id in page:
        judged = [
            _judged_twice(child_year(facts[household_id], one.child_id, one.year), change, known[one]) for one in by_household[household_id]
        ]
        foresight.add_household([one for one in judged if one is not None], not_judged=judged.count(None))
    return page[-1]


async def keep_report(conn: Connection, change: Change, foresight: Foresight) -> KeptReport:
    """Keep what was counted, so that it can be approved. Whose judgement is shown as a sample has that in its audit."""
    report = foresight.report(change.old, change.new, change.as_of.astimezone(UTC))
    content = canonical_json(msgspec.to_builtins(report))
    kept = RuleReport(
        report_id=uuid4(),
        old_version=change.old.version,
        old_sha256=change.old.sha256,
        new_version=change.new.version,
        new_sha256=change.new.sha256,
        as_of=change.as_of,
        content=content.decode(),
        content_sha256=hashlib.sha256(content).digest(),
    )
    sampled = sorted({one.household_id for one in report.samples})
    await households.lock_households(conn, sampled)
    event = {"action": "sampled", "actor": "operator", "reportId": str(kept.report_id)}
    for household_id in sampled:
        await households.record_read(conn, household_id, msgspec.json.encode(event).decode())
    await rule_books.insert_rule_report(conn, kept)
    await record_step(conn, "compared", "operator", kept.report_id)
    return KeptReport(report_id=kept.report_id, sha256=kept.content_sha256.hex(), report=report)


def _judged_twice(facts: ChildYearFacts, change: Change, known: Sequence[KnownDifference]) -> JudgedTwice | None:
    day = day_at(change.as_of)
    try:
        old, new = (unanswered(judge(facts, change.as_of, book.known_at(day)), known) for book in (change.old, change.new))
    # Whatever a book stumbles over is counted, and the others are judged: that is what the report is for.
    except Exception:  # noqa: BLE001
        return None
    return JudgedTwice(facts=facts, old=old, new=new)
