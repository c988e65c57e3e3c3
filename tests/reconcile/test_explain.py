"""Why a household was told what it was told: every version, judged again from what was known then, says the same."""

import asyncio
import contextlib
import os
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from reconcile.callers import Explainer, Parent
from reconcile.compare import compare_due
from reconcile.explain import ExplainedDifference, explain_difference
from reconcile.forward import Processed
from reconcile.keyring import Keyring
from reconcile.problems import DeliveryNotDone, DifferenceClosed, NotFound, StaleDifference
from reconcile.rulebook import shipped_books
from reconcile.rules.recomputation import PARTS
from reconcile.store import comparisons
from reconcile.store.audit import broken_links
from reconcile.store.database import Database
from tests import world
from tests.reconcile.past import played
from tests.reconcile.test_answer import accept, shown, with_difference
from tests.reconcile.test_compare import begun, more_hours
from tests.reconcile.test_dispute import disputed, taken_back
from tests.reconcile.test_forward import receipt
from tests.reconcile.test_postpone import NEXT_WEEK, postponed
from tests.reconcile.test_withdraw import ask
from workers.comparisons import ComparisonDrain
from workers.deliveries import DeliveryDrain

EXPLAINER = Explainer(login="clerk-1")


async def explain(db: Database, difference_id: UUID, *, version: int | None = None, instant: datetime | None = None) -> ExplainedDifference:
    async with db.transaction(EXPLAINER) as conn:
        return await explain_difference(conn, EXPLAINER, difference_id, books=shipped_books(), version=version, instant=instant)


async def every_version(db: Database, admin: asyncpg.Connection) -> list[ExplainedDifference]:
    kept = await admin.fetch("SELECT difference_id, version FROM difference_version ORDER BY recorded_at, difference_id")
    return [await explain(db, row["difference_id"], version=row["version"]) for row in kept]


@pytest.mark.parametrize("seed", range(int(os.environ.get("HISTORIES", "12"))))
async def test_every_version_of_a_random_history_is_judged_the_same_again(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, seed: int
) -> None:
    await played(db, admin, keyring, seed)
    found = await every_version(db, admin)
    assert len(found) > 3
    assert [(one.said.kind, one.recomputation) for one in found if not one.recomputation.is_equal] == []
    for one in found:
        assert (one.effect_steps is not None) == (msgspec.json.decode(one.said.effect)["reason"] is None)
    assert list(await broken_links(admin, 10)) == []


async def test_an_income_that_comes_later_does_not_reach_back(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    _, difference = await with_difference(db, admin, keyring)
    before = await explain(db, difference.difference_id)
    await world.declared(db, keyring, world.declaration(version=2, incomes=[{"year": 2026, "amount": 30_000}]))
    after = await explain(db, difference.difference_id)
    assert (before.income_euro, after.income_euro) == (80_000, 80_000)
    assert after.recomputation.is_equal
    assert after.declared == before.declared


async def test_the_life_of_a_difference_is_told_in_order(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await begun(db, admin, keyring)
    await world.released(db, await world.piloted(db))
    await more_hours(db, keyring)
    (difference,) = await shown(db, parent)
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    await receipt(db, change_id, Processed(declaration_version=2))
    found = await explain(db, difference.difference_id)
    assert [(one.what, one.note) for one in found.life] == [
        ("version", "open, D01"),
        ("notice", "difference-new, withdrawn before anybody was told"),
        ("accepted", "by applicant"),
        ("version", "accepted, D01"),
        ("change", "processed, in declaration 2"),
    ]
    assert [one.difference_version for one in found.life if one.what in ("notice", "accepted", "change")] == [difference.version] * 3
    assert (found.state, found.household_ref) == ("accepted", "H1")


async def test_what_was_postponed_and_disputed_is_told_without_what_the_parent_wrote(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent = await begun(db, admin, keyring)
    await more_hours(db, keyring)
    (difference,) = await shown(db, parent)
    await postponed(db, parent, difference)
    (waiting,) = await shown(db, parent)
    await taken_back(db, parent, await disputed(db, parent, waiting, note="een geheim"))
    found = await explain(db, difference.difference_id)
    assert [(one.what, one.note) for one in found.life] == [
        ("version", "open, D01"),
        ("postponed", f"by applicant, until {NEXT_WEEK}"),
        ("version", "postponed, D01"),
        ("ended", "postponement"),
        ("disputed", "by applicant, hours-wrong"),
        ("version", "disputed, D01"),
        ("ended", "dispute, taken back"),
        ("version", "closed, D01"),
    ]
    assert "geheim" not in str(found)


def decoded(document: msgspec.Raw | None) -> Any:
    return msgspec.json.decode(document or b"null")


async def test_an_instant_shows_what_stood_then_and_what_judging_then_says(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent = await begun(db, admin, keyring)
    await more_hours(db, keyring)
    (difference,) = await shown(db, parent)
    first = await admin.fetchval("SELECT clock_timestamp()")
    await more_hours(db, keyring, "125.00")
    then = await explain(db, difference.difference_id, instant=first)
    assert then.version == difference.version
    assert then.as_of is not None
    # The instant lies months after the one for which the worker judged here: what was reported is the same, and more of the year is past.
    (judged,) = then.as_of.judged
    assert (judged.kind, decoded(judged.proposal)) == (then.said.kind, decoded(then.said.proposal))
    now = await explain(db, difference.difference_id)
    assert (now.version > then.version, now.as_of) == (True, None)
    assert b"125.00" in bytes(now.said.explanation)
    assert b"125.00" not in bytes(then.said.explanation)
    with pytest.raises(NotFound, match="not there yet"):
        await explain(db, difference.difference_id, instant=first - timedelta(hours=1))
    with pytest.raises(NotFound, match="no such version"):
        await explain(db, difference.difference_id, version=10_000)
    with pytest.raises(NotFound, match="no such difference"):
        await explain(db, UUID(int=1))


async def test_facts_that_came_before_they_were_judged_are_seen_as_of_then(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    _, difference = await with_difference(db, admin, keyring)
    await world.declared(db, keyring, world.declaration(version=2, placements=[world.care(segments=[world.segment(hours="60.00")])]))
    instant = await admin.fetchval("SELECT clock_timestamp()")
    await world.worked(db, keyring)
    found = await explain(db, difference.difference_id, instant=instant)
    assert found.version == difference.version
    assert found.as_of is not None
    assert (found.as_of.is_equal, [one.kind for one in found.as_of.judged]) == (False, ["D01"])
    assert b'"60.00"' in bytes(found.as_of.judged[0].explanation)
    assert found.recomputation.is_equal


async def test_who_explains_stands_in_the_audit_and_changes_nothing(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    version = await admin.fetchval("SELECT version FROM household")
    await explain(db, difference.difference_id)
    row = await admin.fetchrow("SELECT event FROM household_audit ORDER BY number DESC LIMIT 1")
    assert msgspec.json.decode(row["event"]) == {
        "action": "explained",
        "actor": "operator clerk-1",
        "differenceId": str(difference.difference_id),
        "differenceVersion": difference.version,
    }
    assert await admin.fetchval("SELECT version FROM household") == version
    assert list(await broken_links(admin, 10)) == []


@pytest.mark.parametrize(
    ("spoil", "differs"),
    [
        ("kind = 'D02'", ("kind",)),
        ("effect = jsonb_set(effect, '{inYear,changeEuro}', '1')", ("effect",)),
        ("proposal = jsonb_set(proposal, '{placements,0,segments,0,hours}', '\"1.00\"')", ("proposal",)),
        ("explanation = jsonb_set(explanation, '{months,0,reported,hours}', '\"1.00\"')", ("values",)),
        ("explanation = jsonb_set(explanation, '{step}', '\"average\"')", ("explanation",)),
        ("explanation = jsonb_set(explanation, '{locationName}', '\"Another name\"')", ()),
    ],
)
async def test_what_was_tampered_with_is_judged_otherwise(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, spoil: str, differs: tuple[str, ...]
) -> None:
    _, difference = await with_difference(db, admin, keyring)
    await admin.execute(f"UPDATE difference_version SET {spoil}")
    found = await explain(db, difference.difference_id)
    assert (found.recomputation.differs, found.recomputation.again is not None) == (differs, bool(differs))


async def test_without_the_rules_of_then_nothing_is_claimed(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    _, difference = await with_difference(db, admin, keyring)
    await admin.execute("UPDATE difference_version SET rules_version = '1999.1'")
    found = await explain(db, difference.difference_id, instant=await admin.fetchval("SELECT clock_timestamp()"))
    assert (found.recomputation.problem, found.recomputation.differs) == ("rules-unknown", PARTS)


async def test_the_login_that_explains_reads_no_name_and_writes_nothing(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    _, difference = await with_difference(db, admin, keyring)
    for forbidden in (
        "SELECT given_name FROM membership",
        "SELECT person_ref FROM membership",
        "SELECT * FROM person",
        "SELECT token FROM device",
        "UPDATE difference SET kind = 'D02'",
        "UPDATE household SET deleted = true",
        "DELETE FROM household_audit",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with db.transaction(EXPLAINER) as conn:
                await conn.execute(forbidden)


async def declare_often(db: Database, keyring: Keyring) -> None:
    for version in range(2, 14):
        segments = [world.segment(hours=f"{90 + version * 3}.00")]
        placements = [world.care(segments=segments), world.care(world.SIBLING, world.BSO, [world.segment(hours="40.00")])]
        await world.declared(db, keyring, world.declaration(version=version, placements=placements))


async def deliver_often(db: Database, keyring: Keyring, place: str, child: str) -> None:
    """Deliver, with months that are called complete, and take each fourth delivery back."""
    for number in range(12):
        reference = f"{place}-{number}"
        lines = [world.line(childBsn=child, lrkNumber=place, month=f"2026-0{1 + number % 6}", hours=f"{100 + number}.00")]
        complete = [{"month": f"2026-0{1 + (number + 3) % 6}", "lrkNumbers": [world.KDV, world.BSO]}]
        body = world.delivery_body(lines, world.NOW + timedelta(minutes=number), reference=reference, complete=complete)
        landed = await world.landed(db, keyring, body, reference=reference)
        await DeliveryDrain(db, keyring, world.nobody, clock=lambda: world.NOW)()
        if number % 4 == 3:
            with contextlib.suppress(DeliveryNotDone):  # the other one works on it still
                await ask(db, landed.delivery.delivery_id)


async def tap_often(db: Database, parent: Parent) -> None:
    for _ in range(30):
        for one in await shown(db, parent):
            if one.state == "open" and one.proposal is not None:
                with contextlib.suppress(StaleDifference, DifferenceClosed):  # it moved meanwhile
                    await accept(db, parent, one.difference_id, one.version)
        await asyncio.sleep(0.03)


async def judge_always(db: Database, is_over: asyncio.Event) -> None:
    while not is_over.is_set():
        await ComparisonDrain(db, shipped_books(), world.nobody, clock=lambda: world.NOW)()
        await asyncio.sleep(0)


async def test_writers_at_once_leave_no_version_that_is_judged_otherwise(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """Declarations, deliveries with complete months, withdrawals and acceptances, with two judges that never stop."""
    parent = await begun(db, admin, keyring)
    await more_hours(db, keyring)
    is_over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(judge_always(db, is_over))
        async with asyncio.TaskGroup() as writers:
            writers.create_task(declare_often(db, keyring))
            writers.create_task(deliver_often(db, keyring, world.KDV, world.CHILD))
            writers.create_task(deliver_often(db, keyring, world.BSO, world.SIBLING))
            writers.create_task(tap_often(db, parent))
        is_over.set()
    await world.worked(db, keyring)
    found = await every_version(db, admin)
    assert len(found) > 10
    assert [(one.said.kind, one.recomputation) for one in found if not one.recomputation.is_equal] == []
    assert await admin.fetchval("SELECT count(*) FROM comparison_due") == 0


async def test_nobody_judges_while_what_is_called_complete_changes(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """What is recorded but not committed yet would be read as of then, and was not."""
    await begun(db, admin, keyring)
    await more_hours(db, keyring)
    await world.declared(db, keyring, world.declaration(version=2))
    async with db.transaction(world.INTAKE) as conn:
        await comparisons.lock_completeness(conn)
        async with db.transaction(world.INTAKE) as judging:
            compared = await compare_due(judging, shipped_books(), as_of=world.NOW, households_max=10)
        assert compared.households == 0
        assert await admin.fetchval("SELECT count(*) FROM comparison_due") > 0
    await world.worked(db, keyring)
    assert await admin.fetchval("SELECT count(*) FROM comparison_due") == 0


async def test_a_writer_that_began_before_the_judgement_and_waited_is_recorded_after_it(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent = await begun(db, admin, keyring)
    await world.landed(db, keyring, world.delivery_body([world.line(hours="140.00")]))
    await DeliveryDrain(db, keyring, world.nobody, clock=lambda: world.NOW)()
    async with db.transaction(world.INTAKE) as judging:
        await judging.execute("SELECT household_id FROM household FOR UPDATE")
        waiting = asyncio.create_task(world.declared(db, keyring, world.declaration(version=2, placements=[world.care()], incomes=[])))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        assert (await compare_due(judging, shipped_books(), as_of=world.NOW, households_max=10)).opened == 1
    await waiting
    (difference,) = await shown(db, parent)
    found = await explain(db, difference.difference_id)
    assert (found.recomputation.is_equal, found.income_euro) == (True, 80_000)
    assert await admin.fetchval("SELECT min(superseded_at) > $1 FROM income", found.facts_at)
