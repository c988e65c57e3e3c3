"""The sweeper looks without being told, and one failed look does not end the looking."""

import asyncio

import asyncpg

from reconcile.keyring import Keyring
from reconcile.receive import DeliveryHeader, begin_delivery
from reconcile.store.database import Database
from tests import world
from workers.housekeeping import HousekeepingDrain
from workers.kinds import Work
from workers.sweep import Sweeper


async def run_for(sweeper: Sweeper, seconds: float) -> None:
    task = asyncio.create_task(sweeper.run())
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_it_looks_again_and_again() -> None:
    looks = 0

    async def drain() -> None:
        nonlocal looks
        looks += 1

    await run_for(Sweeper({Work.DELIVERY: drain}, interval_s=0.02), 0.5)
    assert looks >= 5


async def test_a_failed_look_is_followed_by_another() -> None:
    looks = 0

    async def drain() -> None:
        nonlocal looks
        looks += 1
        raise RuntimeError

    await run_for(Sweeper({Work.DELIVERY: drain}, interval_s=0.02), 0.3)
    assert looks >= 3


async def test_a_hint_that_comes_during_a_look_is_not_lost() -> None:
    began, looks = asyncio.Event(), 0
    sweeper: Sweeper

    async def drain() -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            sweeper.look("change")
            began.set()

    sweeper = Sweeper({Work.CHANGE: drain}, interval_s=60)
    await run_for(sweeper, 0.2)
    assert looks == 2


async def test_an_unknown_kind_is_nothing_to_do() -> None:
    Sweeper({}, interval_s=60).look("from-a-newer-release")


async def test_housekeeping_forgets_what_never_landed_and_what_is_thirty_days_old(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    await world.with_register(admin)
    await world.landed(db, keyring, world.delivery_body([world.line()]))
    sender = await world.organisation(db)
    for reference in ("old", "new"):
        async with db.transaction(sender) as conn:
            await begin_delivery(conn, sender, DeliveryHeader(reference=reference, format="json"))
    await admin.execute("UPDATE delivery SET received_at = now() - interval '25 hours' WHERE reference IN ('old', 'r1')")
    keys = "INSERT INTO idempotency_key (actor, key, fingerprint, recorded_at) VALUES"
    person = "gen_random_uuid()::text, '0123456789abcdef', ''"
    await admin.execute(f"{keys} ({person}, now() - interval '31 days'), ({person}, now() - interval '29 days')")
    await HousekeepingDrain(db)()
    assert await admin.fetchval("SELECT array_agg(reference ORDER BY reference) FROM delivery") == ["new", "r1"]
    assert await admin.fetchval("SELECT count(*) FROM idempotency_key") == 1


async def test_housekeeping_forgets_the_content_of_a_delivery_thirty_days_after_its_end_and_keeps_its_receipt(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    await world.with_register(admin)
    for reference in ("old", "new"):
        await world.landed(db, keyring, world.delivery_body([world.line()], reference=reference), reference=reference)
    await world.worked(db, keyring)
    await admin.execute("UPDATE delivery SET finished_at = now() - interval '31 days' WHERE reference = 'old'")
    await HousekeepingDrain(db)()
    kept = await admin.fetch("SELECT reference FROM delivery WHERE delivery_id IN (SELECT delivery_id FROM delivery_chunk)")
    assert [row["reference"] for row in kept] == ["new"]
    assert await admin.fetchval("SELECT count(*) FROM line") == 2
