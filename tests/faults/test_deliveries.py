"""Whatever the order, repetition, split and crash of a set of deliveries: it ends in the same state, and no line vanishes."""

import os
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from reconcile.callers import Caller
from reconcile.keyring import Keyring
from reconcile.rulebook import shipped_books
from reconcile.rules.bsn import marked_bsn
from reconcile.store.audit import broken_links
from reconcile.store.database import Connection, Database
from tests import world
from tests.reconcile.test_wake import unbalanced
from tests.tables import emptied
from workers import deliveries as drain
from workers.comparisons import ComparisonDrain
from workers.deliveries import DeliveryDrain

# 2,000 take half an hour (with --timeout=3600); the tests of every day take a sample, always the same.
SEEDS = range(int(os.environ.get("KOT_PERMUTATIONS", "20")))
PARTNERLESS, SECOND_CHILD = marked_bsn(11), marked_bsn(12)

Lines = Sequence[dict[str, Any]]


class Killed(BaseException):
    """The end of a process: nothing of ours may catch it."""


class DyingDatabase:
    """A database for a worker that is killed at its n-th transaction, before or after the commit."""

    def __init__(self, db: Database, transactions: int, *, after_commit: bool) -> None:
        self._db = db
        self._left = transactions
        self._after_commit = after_commit

    @asynccontextmanager
    async def transaction(self, caller: Caller) -> AsyncIterator[Connection]:
        self._left -= 1
        dies = self._left <= 0
        async with self._db.transaction(caller) as conn:
            yield conn
            if dies and not self._after_commit:
                raise Killed
        if dies:
            raise Killed


def line(month: str, hours: str, **change: Any) -> dict[str, Any]:
    return world.line(month=month, hours=hours, **change)


def own(month: str, hours: str, **change: Any) -> dict[str, Any]:
    return line(month, hours, parentBsn=PARTNERLESS, childBsn=SECOND_CHILD, **change)


def sibling(month: str, hours: str, **change: Any) -> dict[str, Any]:
    return line(month, hours, childBsn=world.SIBLING, **change)


# What is said anew, what is said again, an explicit zero, two lines for one key, faults, a stranger, care that nobody declared; lines of
# the wrong child and month with their corrections, two children that were swapped, a correction of nothing, gaps that are filled and one
# that is not, and a line that corrects one which must be completed first.
DELIVERIES: Sequence[tuple[int, Lines]] = (
    (
        1,
        [
            *(line("2026-01", "110.00"), line("2026-02", "110.00"), own("2026-01", "50.00"), line("2026-13", "1.00")),
            *(own("2026-04", "77.00"), own("2026-05", "77.00"), line("2026-06", "50.00"), sibling("2026-06", "70.00")),
            *(
                line("2026-05", "33.00", childBsn=None, lineRef="k1"),
                line("2026-06", "22.00", parentBsn=None, childBsn=SECOND_CHILD, lineRef="k2"),
            ),
        ],
    ),
    (
        2,
        [
            *(line("2026-02", "120.00"), line("2026-03", "120.00"), own("2026-01", "50.00"), own("2026-02", "60.00", lrkNumber=world.BSO)),
            *(line("2026-04", "77.00", replacedParentBsn=PARTNERLESS, replacedChildBsn=SECOND_CHILD),),
            *(line("2025-12", "44.00", lineRef="k1"), line("2025-11", "5.00", replacedMonth="2025-10")),
        ],
    ),
    (
        3,
        [
            *(line("2026-02", "0.00"), own("2026-02", "80.00"), own("2026-02", "81.00"), line("2026-04", "9.00", childBsn=None)),
            *(own("2025-12", "78.00", replacedMonth="2026-05"), own("2026-07", "22.00", replacedMonth="2026-06")),
            *(line("2026-06", "70.00", replacedChildBsn=world.SIBLING, lineRef="swap"),),
            *(sibling("2026-06", "50.00", replacedChildBsn=world.CHILD, lineRef="swap"),),
        ],
    ),
    (
        4,
        [
            *(line("2026-03", "120.00"), line("2026-03", "120.00", parentBsn=world.STRANGER)),
            *(own("2026-03", "70.00", lrkNumber=world.ELSEWHERE), own("2026-04", "12.00"), own("2025-11", "23.00", lineRef="k2")),
        ],
    ),
)


async def begun(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """Empty everything, and declare two households of which the deliveries speak."""
    await emptied(admin)
    await world.with_register(admin)
    alone = world.declaration(
        householdRef="H2",
        members=[world.member(PARTNERLESS, "applicant"), world.member(SECOND_CHILD, "child")],
        placements=[world.care(SECOND_CHILD)],
    )
    await world.declared(db, keyring, world.declaration(), alone)


def shuffled(chance: random.Random) -> Sequence[tuple[datetime, Lines]]:
    """Split, repeat and mix the deliveries; two lines for one key, and a swap, stay in one delivery, in any order."""
    sent: list[tuple[datetime, Lines]] = []
    for minute, lines in DELIVERIES:
        at = world.NOW + timedelta(minutes=minute)
        groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for one in lines:
            key = (one["parentBsn"], one["childBsn"], one["lrkNumber"], one["month"])
            groups.setdefault(("swap",) if one.get("lineRef") == "swap" else key, []).append(one)
        parts: list[list[dict[str, Any]]] = [[] for _ in range(chance.choice((1, 1, 2, 3)))]
        for group in chance.sample(list(groups.values()), len(groups)):
            chance.choice(parts).extend(chance.sample(group, len(group)))
        sent += [(at, part) for part in parts if part]
    sent += chance.sample(sent, chance.randrange(3))
    return chance.sample(sent, len(sent))


async def worked_dying(db: Database, admin: asyncpg.Connection, keyring: Keyring, chance: random.Random) -> None:
    """Work with a worker that is killed now and then, and sometimes the server with it, which empties the stage."""
    while await admin.fetchval("SELECT count(*) FROM delivery WHERE state NOT IN ('applied', 'unreadable')"):
        dying = DyingDatabase(db, chance.randrange(1, 20), after_commit=chance.random() < 0.5)
        try:
            await DeliveryDrain(dying, keyring, world.nobody, clock=lambda: world.NOW)()  # type: ignore[arg-type]  # a worker's view of it
        except Killed:
            if chance.random() < 0.3:
                await admin.execute("TRUNCATE line_stage")
        await admin.execute("UPDATE delivery SET lease_until = NULL, due_at = now() WHERE lease_until IS NOT NULL OR due_at > now()")
        assert await admin.fetchval("SELECT count(*) FROM delivery WHERE last_error IS NOT NULL") == 0
        if chance.random() < 0.5:
            await ComparisonDrain(db, shipped_books(), world.nobody, clock=lambda: world.NOW)()


async def state(admin: asyncpg.Connection) -> Sequence[Any]:
    """What stands: reports, the lines that stand, what is open; and that no chain is broken and no line is lost."""
    assert await broken_links(admin, 10) == []
    assert await admin.fetchval("SELECT count(*) FROM line_stage") == 0
    lost = (
        "SELECT count(*) FROM delivery WHERE duplicate_of IS NULL"
        " AND lines_read <> (SELECT count(*) FROM line WHERE line.delivery_id = delivery.delivery_id)"
    )
    assert await admin.fetchval(lost) == 0
    assert await unbalanced(admin) == []
    # What is reported for every household is what follows from the lines that stand, computed from nothing.
    derived = (
        "SELECT DISTINCT ON (household_id, child_id, lrk_number, month) household_id, child_id, lrk_number, month, hours_hundredths"
        " FROM household_reports(ARRAY(SELECT household_id FROM household))"
        " ORDER BY household_id, child_id, lrk_number, month, sent_at DESC, received_at DESC, delivery_id DESC, line_number DESC"
    )
    kept = (
        "SELECT household_id, child_id, lrk_number, month, hours_hundredths FROM reported_hours"
        " JOIN placement USING (household_id, placement_id) WHERE superseded_at IS NULL"
    )
    assert await admin.fetch(f"({derived}) EXCEPT ({kept}) UNION ALL (({kept}) EXCEPT ({derived}))") == []
    return [
        [tuple(row) for row in await admin.fetch(query)]
        for query in (
            "SELECT household_ref, lrk_number, month, hours_hundredths, hourly_rate_cents FROM reported_hours"
            " JOIN placement USING (household_id, placement_id) JOIN household USING (household_id)"
            " WHERE superseded_at IS NULL ORDER BY household_ref, lrk_number, month, hours_hundredths",
            "SELECT encode(child.bsn_index, 'hex'), encode(parent.bsn_index, 'hex'), lrk_number, month, hours_hundredths FROM line"
            " JOIN person AS child ON child.person_id = child_id JOIN person AS parent ON parent.person_id = parent_id"
            " WHERE superseded_at IS NULL AND outcome IN ('applied', 'unchanged') ORDER BY 1, 2, 3, 4",
            "SELECT household_ref, kind, year, jsonb_path_query_array(proposal, '$.placements[*].segments')::text FROM difference"
            " JOIN household USING (household_id)"
            " WHERE state = 'open' ORDER BY household_ref, kind, year",
            "SELECT waits_for, month, hours_hundredths FROM line WHERE outcome = 'parked' ORDER BY waits_for, month",
        )
    ]


async def test_any_order_repetition_split_and_crash_ends_in_the_same_state(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begun(db, admin, keyring)
    for number, (minute, lines) in enumerate(DELIVERIES):
        body = world.delivery_body(lines, world.NOW + timedelta(minutes=minute), reference=f"r{number}")
        await world.landed(db, keyring, body, reference=f"r{number}")
    await world.worked(db, keyring)
    expected = await state(admin)
    assert [len(rows) for rows in expected] == [14, 15, 5, 2]
    # So that a crash falls between two batches of one delivery, and between two pieces of its reading.
    monkeypatch.setattr(drain, "APPLY_LINES_MAX", 1)
    monkeypatch.setattr(drain, "STAGE_LINES_MAX", 2)
    monkeypatch.setattr(drain, "WAKE_LINES_MAX", 1)
    for seed in SEEDS:
        chance = random.Random(seed)
        await begun(db, admin, keyring)
        for number, (sent_at, lines) in enumerate(shuffled(chance)):
            await world.landed(db, keyring, world.delivery_body(lines, sent_at), reference=f"r{number}")
            if chance.random() < 0.5:
                await worked_dying(db, admin, keyring, chance)
        await worked_dying(db, admin, keyring, chance)
        await world.worked(db, keyring)
        assert await state(admin) == expected, f"seed {seed}"
