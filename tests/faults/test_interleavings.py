"""In whatever order an acceptance, a correction and a declaration meet on one difference, they end in a state that is allowed.

Each deed is a task with connections of its own on real PostgreSQL, and a scheduler steps them statement by statement (scheduler.py). Each
play has a household of its own, so that nothing needs to be emptied in between. What a play ends in must hold by itself, and must be what
the same transactions come to when they run one after the other, in some order: that is played for all orders of transactions. Orders of
statements are sampled, always the same; KOT_INTERLEAVINGS=all plays every order of statements in which two deeds can meet.
"""

import os
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from reconcile.keyring import Keyring
from reconcile.store.audit import broken_links
from reconcile.store.database import Database
from reconcile.verify import verify_households
from tests import world
from tests.faults.deeds import BOOKS, DEEDS, Play, Scene, Stage
from tests.faults.scheduler import Choose, EveryOrder, Hand, SomeOrder, StandingDatabase, played
from tests.reconcile.test_explain import EXPLAINER
from tests.reconcile.test_follow import Phone
from workers.comparisons import ComparisonDrain

ORDERS = os.environ.get("KOT_INTERLEAVINGS", "6")
IS_ALL = ORDERS == "all"
OF_THREE = 400 if IS_ALL else int(ORDERS)
PLAYS = (
    Play(deeds=("acceptance", "correction")),
    Play(deeds=("acceptance", "correction"), corrected="100.00"),
    Play(deeds=("acceptance", "declaration")),
    Play(deeds=("acceptance", "declaration"), declared="120.00"),
    Play(deeds=("correction", "declaration")),
    Play(deeds=("acceptance", "postponement")),
    Play(deeds=("acceptance", "pushing")),
    Play(deeds=("processed", "forwarding")),
    Play(deeds=("refused", "forwarding")),
    Play(deeds=("acceptance", "correction", "declaration")),
    Play(deeds=("acceptance", "correction", "postponement")),
    Play(deeds=("acceptance", "declaration", "postponement"), declared="120.00"),
    Play(deeds=("acceptance", "correction", "pushing")),
    Play(deeds=("processed", "correction", "declaration")),
    Play(deeds=("refused", "correction", "declaration")),
)
# Deeds that leave alone what somebody holds at this moment, to take it up with their next look.
PASSING_BY = {"pushing", "forwarding"}


def named(play: Play) -> str:
    return f"{' × '.join(play.deeds)}, {play.corrected}, {play.declared}"


@pytest.mark.timeout(14_400 if IS_ALL else 300)
@pytest.mark.parametrize("play", PLAYS, ids=named)
async def test_any_order_of_statements_ends_as_some_order_of_transactions_does(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, play: Play
) -> None:
    stage = Stage(db, admin, keyring)
    allowed, whole = [], EveryOrder()
    while not whole.is_over:
        allowed.append(await played_out(stage, play, whole, whole=True))
        whole.next()
    count = 0
    async for end in statement_by_statement(stage, play):
        assert end in allowed
        count += 1
    assert await broken_links(admin, 10) == []
    print(f"{named(play)}: {len(allowed)} orders of transactions, {count} of statements")  # noqa: T201


async def statement_by_statement(stage: Stage, play: Play) -> AsyncIterator[Any]:
    """Play orders of statements, all or some, and yield what each ends in."""
    if IS_ALL and len(play.deeds) == 2:
        every = EveryOrder()
        while not every.is_over:
            yield await played_out(stage, play, every)
            every.next()
        return
    for seed in range(OF_THREE):
        yield await played_out(stage, play, SomeOrder(seed))


async def played_out(stage: Stage, play: Play, choose: Choose, *, whole: bool = False) -> Any:
    """Play one order, let the workers finish, hold what came of it against what must hold, and return it."""
    scene, steps = await stage.scene(play), list[str]()
    hands = [Hand(name) for name in play.deeds]
    for hand in hands:
        hand.begin(DEEDS[hand.name](StandingDatabase(stage.db, hand), scene))
    try:
        await played(hands, choose, stage.admin, steps, whole=whole, after_end=scene.phone.pull)
        outcomes = {hand.name: hand.outcome for hand in hands}
        await stage.finished(scene)
        await ComparisonDrain(stage.db, BOOKS, world.nobody, clock=lambda: world.NOW)()
        end = await end_of(stage, scene, outcomes)
    except BaseException:
        print("\n".join(steps))  # noqa: T201  # shown when the test fails
        raise
    return {name: outcome for name, outcome in outcomes.items() if name not in PASSING_BY}, end


async def end_of(stage: Stage, scene: Scene, outcomes: Mapping[str, str]) -> Any:
    await check_answers(stage.admin, scene, outcomes)
    await check_feed(stage, scene)
    household_id = scene.parent.household_id
    async with stage.db.snapshot(EXPLAINER) as conn:
        before = UUID(int=household_id.int - 1)
        page = await verify_households(conn, BOOKS, as_of=world.NOW, after=before, households_max=1)
    assert (page.last, page.waiting, page.aged, list(page.findings)) == (household_id, 0, 0, [])
    return await summary(stage.admin, household_id)


async def check_answers(admin: asyncpg.Connection, scene: Scene, outcomes: Mapping[str, str]) -> None:
    """What was accepted is what was seen, once, with its change and the obligation to forward it; what was refused left nothing."""
    rows = await admin.fetch(
        "SELECT answer.difference_version, change.placements @> (kept.proposal -> 'placements'), outbox.subject_id IS NOT NULL"
        " FROM (SELECT * FROM answer WHERE kind = 'acceptance') AS answer FULL JOIN change USING (household_id, change_id)"
        " FULL JOIN (SELECT * FROM outbox WHERE kind = 'change') AS outbox"
        " ON outbox.household_id = change.household_id AND outbox.subject_id = change.change_id"
        " LEFT JOIN difference_version AS kept ON kept.household_id = answer.household_id"
        " AND kept.difference_id = answer.difference_id AND kept.version = answer.difference_version"
        " WHERE coalesce(answer.household_id, change.household_id, outbox.household_id) = $1",
        scene.parent.household_id,
    )
    is_accepted = scene.change_id is not None or outcomes.get("acceptance") == "accepted"
    assert [tuple(row) for row in rows] == [(scene.seen.version, True, True)] * is_accepted
    # What followed the version that was seen is its acceptance, and not another version that was not; a postponement of the household's
    # own may lie between, and shows the same.
    follows = (
        "SELECT kept.state FROM difference_version AS kept JOIN difference_version AS seen USING (household_id, difference_id)"
        " WHERE difference_id = $1 AND seen.version = $2 AND kept.version > $2 AND NOT (kept.state = 'postponed' AND kept.judged_at ="
        " seen.judged_at AND (kept.proposal, kept.effect, kept.texts) = (seen.proposal, seen.effect, seen.texts))"
        " ORDER BY kept.version LIMIT 1"
    )
    next_state = await admin.fetchval(follows, scene.seen.difference_id, scene.seen.version)
    assert (next_state == "accepted") == is_accepted
    links = "SELECT count(*) FROM household_audit WHERE household_id = $1 AND event ->> 'action' = 'accepted'"
    assert await admin.fetchval(links, scene.parent.household_id) == is_accepted
    if not is_accepted and "acceptance" in outcomes:
        version = await admin.fetchval("SELECT version FROM difference WHERE difference_id = $1", scene.seen.difference_id)
        assert version > scene.seen.version


async def check_feed(stage: Stage, scene: Scene) -> None:
    """The phone that pulled after every transaction saw each version of a document once, in order, and has what a new phone gets."""
    await scene.phone.pull()
    for name in scene.phone.held:
        versions = [(version, number) for collection, number, version in scene.phone.seen if collection == name]
        assert versions == sorted(set(versions)), name
    other = Phone(stage.db, scene.parent)
    await other.pull()
    assert scene.phone.held == other.held


async def summary(admin: asyncpg.Connection, household_id: UUID) -> Any:
    """What stands in the end, without the numbers and instants by which one household differs from another."""
    return [
        [tuple(row) for row in await admin.fetch(query, household_id)]
        for query in (
            "SELECT kind, state, year, jsonb_path_query_array(proposal, '$.placements[*].segments')::text FROM difference"
            " WHERE household_id = $1 ORDER BY opened_at, version",
            "SELECT from_month, until_month, hours_hundredths FROM overlay_segment"
            " WHERE household_id = $1 AND superseded_at IS NULL ORDER BY from_month",
            "SELECT from_month, until_month, hours_hundredths FROM declared_segment"
            " WHERE household_id = $1 AND superseded_at IS NULL ORDER BY from_month",
            "SELECT month, hours_hundredths FROM reported_hours WHERE household_id = $1 AND superseded_at IS NULL ORDER BY month",
            "SELECT state, declaration_version FROM change WHERE household_id = $1",
            "SELECT kind, state FROM outbox WHERE household_id = $1 AND kind = 'change'",
        )
    ]
