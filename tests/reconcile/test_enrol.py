"""Stages are exact, nested, drawn by a hash alone, and can be drawn again from what is published."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import asyncpg
import msgspec
import pytest

from reconcile.callers import Manager
from reconcile.enrol import (
    PilotWithStages,
    all_pilots,
    create_pilot,
    draw_stage,
    pause_stage,
    pilot_with_stages,
    release_stage,
)
from reconcile.keyring import Keyring
from reconcile.problems import NotFound, PilotExists, StageNotLarger, StageOutOfOrder, TooFewHouseholds
from reconcile.store.audit import broken_links
from reconcile.store.database import Connection, Database
from reconcile.store.pilots import Pilot, Stage
from tests import world

MANAGER = Manager(subject="m-1")
Step = Callable[[Connection, Manager, UUID, int], Awaitable[Stage]]


async def with_households(admin: asyncpg.Connection, count: int, *, named: str = "H") -> None:
    await admin.execute("INSERT INTO household (household_ref) SELECT $1 || n FROM generate_series(1, $2::integer) AS n", named, count)


async def with_pilot(db: Database, *, name: str = "Proef") -> Pilot:
    async with db.transaction(MANAGER) as conn:
        return (await create_pilot(conn, MANAGER, name=name)).pilot


async def draw(db: Database, pilot: Pilot, size: int) -> Stage:
    async with db.transaction(MANAGER) as conn:
        return await draw_stage(conn, MANAGER, pilot.pilot_id, size=size, mode="immediate")


async def step(db: Database, verb: Step, pilot: Pilot, stage_number: int) -> Stage:
    async with db.transaction(MANAGER) as conn:
        return await verb(conn, MANAGER, pilot.pilot_id, stage_number)


async def enrolled(admin: asyncpg.Connection, pilot: Pilot, until_stage: int = 1_000) -> set[UUID]:
    """The households of a stage: those that it or an earlier one drew."""
    rows = await admin.fetch("SELECT household_id FROM enrolment WHERE pilot_id = $1 AND stage_number <= $2", pilot.pilot_id, until_stage)
    return {row["household_id"] for row in rows}


async def candidates(admin: asyncpg.Connection) -> list[UUID]:
    """Who can be drawn at this moment, in the order of their numbers."""
    rows = await admin.fetch("SELECT household_id FROM household WHERE NOT deleted EXCEPT SELECT household_id FROM enrolment")
    return sorted((UUID(str(row["household_id"])) for row in rows), key=str)


def drawn_again(seed: str, from_: Sequence[UUID], count: int) -> set[UUID]:
    """Draw as anybody can who has the seed and the list."""
    return set(sorted(from_, key=lambda one: hashlib.sha256(f"{seed}/{one}".encode()).digest())[:count])


def digest(of: Sequence[UUID]) -> bytes:
    return hashlib.sha256("\n".join(str(one) for one in of).encode()).digest()


async def test_stages_are_exact_and_nested(db: Database, admin: asyncpg.Connection) -> None:
    await with_households(admin, 500)
    pilot = await with_pilot(db)
    before: set[UUID] = set()
    for number, size in enumerate((7, 100, 333), start=1):
        stage = await draw(db, pilot, size)
        households = await enrolled(admin, pilot, number)
        assert len(households) == stage.size == size
        assert before < households
        assert (stage.stage_number, stage.state, stage.added) == (number, "drawn", size - len(before))
        before = households


async def test_everybody_can_be_drawn(db: Database, admin: asyncpg.Connection) -> None:
    await with_households(admin, 20)
    pilot = await with_pilot(db)
    await draw(db, pilot, 20)
    assert len(await enrolled(admin, pilot)) == 20
    assert await candidates(admin) == []


async def test_a_draw_can_be_repeated_from_the_seed_and_the_list(db: Database, admin: asyncpg.Connection) -> None:
    await with_households(admin, 300)
    pilot = await with_pilot(db)
    before = 0
    for number, size in enumerate((40, 90, 91), start=1):
        listed = await candidates(admin)
        already = await enrolled(admin, pilot)
        stage = await draw(db, pilot, size)
        assert (stage.candidate_count, stage.candidates_sha256) == (len(listed), digest(listed))
        assert await enrolled(admin, pilot, number) - already == drawn_again(pilot.seed, listed, size - before)
        before = size


async def test_the_list_can_be_rebuilt_after_households_came_and_went(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """As docs/adr/0015 says: from when households were recorded, enrolled and declared to be deleted."""

    async def declare(version: int, *, deleted: bool = False) -> None:
        members = [] if deleted else [world.member(world.APPLICANT, "applicant")]
        await world.declared(
            db, keyring, world.declaration(householdRef="D", version=version, deleted=deleted, members=members, placements=[])
        )

    await with_households(admin, 20)
    pilot = await with_pilot(db)
    await declare(1)
    await declare(2, deleted=True)
    await draw(db, pilot, 5)
    await declare(3)
    await draw(db, pilot, 9)
    await declare(4, deleted=True)
    await with_households(admin, 7, named="late-")
    await draw(db, pilot, 15)
    stages = (await read(db, pilot)).stages
    # The one that was declared again could be drawn by the second stage alone.
    assert [stage.candidate_count for stage in stages[:2]] == [20, 16]
    for stage in stages:
        rows = await admin.fetch(
            "SELECT household_id FROM household WHERE recorded_at <= $1"
            " AND NOT EXISTS (SELECT FROM enrolment WHERE enrolment.household_id = household.household_id AND enrolment.recorded_at < $1)"
            " AND NOT coalesce((SELECT (event ->> 'deleted')::boolean FROM household_audit AS audit"
            " WHERE audit.household_id = household.household_id AND audit.recorded_at < $1 AND event ->> 'action' = 'declared'"
            " ORDER BY number DESC LIMIT 1), false) ORDER BY household_id",
            stage.drawn_at,
        )
        assert digest([row["household_id"] for row in rows]) == stage.candidates_sha256
        assert len(rows) == stage.candidate_count


async def test_who_came_later_can_be_drawn_and_nobody_leaves(db: Database, admin: asyncpg.Connection) -> None:
    await with_households(admin, 50)
    pilot = await with_pilot(db)
    await draw(db, pilot, 25)
    first = await enrolled(admin, pilot)
    await with_households(admin, 950, named="late-")
    await draw(db, pilot, 525)
    late = {row["household_id"] for row in await admin.fetch("SELECT household_id FROM household WHERE household_ref LIKE 'late-%'")}
    both = await enrolled(admin, pilot)
    assert first < both
    # 975 could be drawn, 25 of them early ones: at most so many of the 500 were not late.
    assert len(both & late) >= 475


async def test_who_is_deleted_is_not_drawn_and_who_was_drawn_stays(db: Database, admin: asyncpg.Connection) -> None:
    await with_households(admin, 30)
    await admin.execute("UPDATE household SET deleted = true WHERE household_ref IN ('H1', 'H2', 'H3')")
    pilot = await with_pilot(db)
    with pytest.raises(TooFewHouseholds) as refused:
        await draw(db, pilot, 28)
    assert refused.value.size_max == 27
    assert (await draw(db, pilot, 20)).candidate_count == 27
    await admin.execute("UPDATE household SET deleted = true")
    assert len(await enrolled(admin, pilot)) == 20


async def test_too_few_households_and_stages_that_add_nobody_draw_nobody(db: Database, admin: asyncpg.Connection) -> None:
    await with_households(admin, 10)
    pilot = await with_pilot(db)
    with pytest.raises(TooFewHouseholds):
        await draw(db, pilot, 11)
    await draw(db, pilot, 4)
    for size, refusal in ((4, StageNotLarger), (1, StageNotLarger), (11, TooFewHouseholds)):
        with pytest.raises(refusal):
            await draw(db, pilot, size)
    assert len(await enrolled(admin, pilot)) == 4
    assert await admin.fetchval("SELECT count(*) FROM stage") == 1
    assert await admin.fetchval("SELECT count(*) FROM pilot_audit") == 2
    assert list(await broken_links(admin, 10)) == []


async def test_a_household_is_in_one_pilot_at_most(db: Database, admin: asyncpg.Connection) -> None:
    await with_households(admin, 100)
    one, other = await with_pilot(db, name="one"), await with_pilot(db, name="other")
    await draw(db, one, 60)
    with pytest.raises(TooFewHouseholds) as refused:
        await draw(db, other, 41)
    assert refused.value.size_max == 40
    await draw(db, other, 40)
    assert not await enrolled(admin, one) & await enrolled(admin, other)


async def test_pilots_that_draw_at_once_are_exact_and_share_nobody(db: Database, admin: asyncpg.Connection) -> None:
    await with_households(admin, 400)
    pilots = [await with_pilot(db, name=f"Proef {number}") for number in range(4)]
    await asyncio.gather(*(draw(db, pilot, 100) for pilot in pilots))
    drawn = [await enrolled(admin, pilot) for pilot in pilots]
    assert [len(one) for one in drawn] == [100] * 4
    assert len(set.union(*drawn)) == 400


async def test_one_pilot_that_is_drawn_twice_at_once_has_one_stage_of_a_size(db: Database, admin: asyncpg.Connection) -> None:
    await with_households(admin, 100)
    pilot = await with_pilot(db)
    answers = await asyncio.gather(draw(db, pilot, 30), draw(db, pilot, 30), return_exceptions=True)
    assert sorted(type(one).__name__ for one in answers) == ["Stage", "StageNotLarger"]
    assert len(await enrolled(admin, pilot)) == 30


async def test_who_is_drawn_depends_on_the_random_number_alone(db: Database, admin: asyncpg.Connection) -> None:
    """The same numbers with all else shuffled, and inserted the other way round, give the same draw."""
    await with_households(admin, 200)
    numbers = await candidates(admin)
    pilot = await with_pilot(db)
    await draw(db, pilot, 50)
    first = await enrolled(admin, pilot)
    await admin.execute("DELETE FROM enrolment; DELETE FROM stage; DELETE FROM household")
    await admin.execute(
        "INSERT INTO household (household_id, household_ref, version, declaration_version, declared_at, recorded_at)"
        " SELECT household_id, 'other-' || place, place, 200 - place, now() - place * interval '1 day', now() - place * interval '1 hour'"
        " FROM unnest($1::uuid[]) WITH ORDINALITY AS listed (household_id, place)",
        numbers[::-1],
    )
    await admin.execute("INSERT INTO income (household_id, year, amount_euro) SELECT household_id, 2026, version * 1000 FROM household")
    await draw(db, pilot, 50)
    assert await enrolled(admin, pilot) == first


async def test_a_draw_favours_no_income(db: Database, admin: asyncpg.Connection) -> None:
    """Of 1,000 poor and 1,000 rich, 1,000 drawn: about half of each. Numbers and seed are fixed, so the outcome is as well."""
    await admin.execute(
        "INSERT INTO household (household_id, household_ref) SELECT md5('h' || n)::uuid, n::text FROM generate_series(1, 2000) AS n"
    )
    await admin.execute(
        "INSERT INTO income (household_id, year, amount_euro)"
        " SELECT household_id, 2026, CASE WHEN household_ref::integer <= 1000 THEN 20000 ELSE 120000 END FROM household"
    )
    pilot = await with_pilot(db)
    await admin.execute("UPDATE pilot SET seed = repeat('0', 32)")
    await draw(db, pilot, 1_000)
    poor = await admin.fetchval("SELECT count(*) FROM enrolment JOIN income USING (household_id) WHERE amount_euro = 20000")
    # Hypergeometric: mean 500, standard deviation 11.2; three of them.
    assert 466 <= poor <= 534


async def test_other_seeds_draw_others(db: Database, admin: asyncpg.Connection) -> None:
    await with_households(admin, 200)
    listed = await candidates(admin)
    one, other = await with_pilot(db, name="one"), await with_pilot(db, name="other")
    assert len(bytes.fromhex(one.seed)) == len(bytes.fromhex(other.seed)) == 16
    assert drawn_again(one.seed, listed, 50) != drawn_again(other.seed, listed, 50)


async def test_a_draw_waits_for_no_household_and_holds_none(db: Database, admin: asyncpg.Connection) -> None:
    """A tap holds the lock of its household: drawing goes on, and while a draw is not committed a tap does."""
    await with_households(admin, 10)
    pilot = await with_pilot(db)
    async with admin.transaction():
        await admin.execute("SELECT household_id FROM household FOR UPDATE")
        await asyncio.wait_for(draw(db, pilot, 5), 1)
    async with db.transaction(MANAGER) as conn:
        await draw_stage(conn, MANAGER, pilot.pilot_id, size=10, mode="immediate")
        async with admin.transaction():
            assert len(await admin.fetch("SELECT household_id FROM household FOR UPDATE NOWAIT")) == 10
    assert len(await enrolled(admin, pilot)) == 10


async def test_a_name_is_of_one_pilot(db: Database, admin: asyncpg.Connection) -> None:
    await with_pilot(db)
    with pytest.raises(PilotExists):
        await with_pilot(db)
    assert await admin.fetchval("SELECT count(*) FROM pilot") == 1


async def test_stages_are_released_in_their_order(db: Database, admin: asyncpg.Connection) -> None:
    await with_households(admin, 10)
    pilot = await with_pilot(db)
    for size in (2, 4, 6):
        await draw(db, pilot, size)
    with pytest.raises(StageOutOfOrder):
        await step(db, release_stage, pilot, 2)
    assert (await step(db, release_stage, pilot, 1)).state == "released"
    with pytest.raises(StageOutOfOrder):
        await step(db, release_stage, pilot, 3)
    # Paused is not "never released": the next one may go on.
    await step(db, pause_stage, pilot, 1)
    assert (await step(db, release_stage, pilot, 2)).state == "released"
    assert [one.state for one in (await read(db, pilot)).stages] == ["paused", "released", "drawn"]


async def test_a_stage_that_was_never_released_cannot_be_paused(db: Database, admin: asyncpg.Connection) -> None:
    await with_households(admin, 10)
    pilot = await with_pilot(db)
    await draw(db, pilot, 2)
    with pytest.raises(StageOutOfOrder):
        await step(db, pause_stage, pilot, 1)
    assert (await read(db, pilot)).stages[0].state == "drawn"


async def test_a_step_that_was_taken_is_not_taken_again(db: Database, admin: asyncpg.Connection) -> None:
    await with_households(admin, 10)
    pilot = await with_pilot(db)
    await draw(db, pilot, 2)
    released = await step(db, release_stage, pilot, 1)
    assert released.released_at is not None
    assert await step(db, release_stage, pilot, 1) == released
    paused = await step(db, pause_stage, pilot, 1)
    assert paused.paused_at is not None
    assert await step(db, pause_stage, pilot, 1) == paused
    again = await step(db, release_stage, pilot, 1)
    assert (again.state, again.paused_at) == ("released", None)
    assert await events(admin, pilot) == ["created", "drawn", "released", "paused", "released"]


async def test_a_release_has_every_household_looked_at_again(db: Database, admin: asyncpg.Connection) -> None:
    await with_households(admin, 10)
    pilot = await with_pilot(db)
    await draw(db, pilot, 2)
    await step(db, release_stage, pilot, 1)
    await admin.execute("UPDATE stage SET announced_until = gen_random_uuid(), announced_at = now()")
    await step(db, pause_stage, pilot, 1)
    await step(db, release_stage, pilot, 1)
    assert tuple(await admin.fetchrow("SELECT announced_until, announced_at FROM stage")) == (None, None)


async def test_steps_at_once_follow_each_other(db: Database, admin: asyncpg.Connection) -> None:
    await with_households(admin, 10)
    pilot = await with_pilot(db)
    await draw(db, pilot, 2)
    await asyncio.gather(*(step(db, release_stage, pilot, 1) for _ in range(5)))
    assert await events(admin, pilot) == ["created", "drawn", "released"]
    assert list(await broken_links(admin, 10)) == []


async def test_what_is_not_there_is_not_found(db: Database, admin: asyncpg.Connection) -> None:
    await with_households(admin, 10)
    nowhere = msgspec.structs.replace(await with_pilot(db), pilot_id=UUID(int=1))
    pilot = await with_pilot(db, name="with one stage")
    await draw(db, pilot, 2)
    for attempt in (
        draw(db, nowhere, 3),
        step(db, release_stage, nowhere, 1),
        step(db, pause_stage, nowhere, 1),
        read(db, nowhere),
        step(db, release_stage, pilot, 2),
        step(db, pause_stage, pilot, 0),
        step(db, release_stage, pilot, 10**30),
    ):
        with pytest.raises(NotFound):
            await attempt


async def test_every_step_names_who_took_it(db: Database, admin: asyncpg.Connection) -> None:
    await with_households(admin, 10)
    pilot = await with_pilot(db)
    stage = await draw(db, pilot, 2)
    rows = await admin.fetch("SELECT event FROM pilot_audit WHERE pilot_id = $1 ORDER BY number", pilot.pilot_id)
    created, drawn = (msgspec.json.decode(row["event"]) for row in rows)
    assert created == {"action": "created", "actor": "manager m-1", "seed": pilot.seed}
    assert drawn == {
        "action": "drawn",
        "actor": "manager m-1",
        "stageNumber": 1,
        "size": 2,
        "candidatesSha256": stage.candidates_sha256.hex(),
    }


async def test_pilots_are_told_oldest_first_each_with_its_stages(db: Database, admin: asyncpg.Connection) -> None:
    await with_households(admin, 10)
    pilots = [await with_pilot(db, name=name) for name in ("b", "a", "c")]
    await draw(db, pilots[1], 2)
    await draw(db, pilots[1], 3)
    async with db.snapshot(MANAGER) as conn:
        told = await all_pilots(conn)
    assert [one.pilot.name for one in told] == ["b", "a", "c"]
    assert [[stage.size for stage in one.stages] for one in told] == [[], [2, 3], []]
    assert await read(db, pilots[1]) == told[1]


async def read(db: Database, pilot: Pilot) -> PilotWithStages:
    async with db.snapshot(MANAGER) as conn:
        return await pilot_with_stages(conn, pilot.pilot_id)


async def events(admin: asyncpg.Connection, pilot: Pilot) -> list[str]:
    rows = await admin.fetch("SELECT event ->> 'action' AS action FROM pilot_audit WHERE pilot_id = $1 ORDER BY number", pilot.pilot_id)
    return [str(row["action"]) for row in rows]
