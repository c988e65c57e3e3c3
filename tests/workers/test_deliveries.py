"""The delivery drain: a fault of ours postpones one delivery, and each organisation's deliveries go in order."""

import asyncio

import asyncpg

from reconcile.keyring import Keyring, new_keyring
from reconcile.store.audit import broken_links
from reconcile.store.database import Database
from tests import world
from workers.deliveries import DeliveryDrain
from workers.kinds import Work


async def test_a_fault_of_ours_keeps_the_delivery_for_later(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.landed(db, keyring, world.delivery_body([world.line()], reference="r1"))
    other_keys = Keyring(new_keyring())
    await DeliveryDrain(db, other_keys, world.nobody, clock=lambda: world.NOW)()
    row = await admin.fetchrow("SELECT state, last_error, lease_until, due_at > now() AS is_later FROM delivery")
    assert tuple(row or ()) == ("reading", "Unsealable", None, True)
    await admin.execute("UPDATE delivery SET due_at = now()")
    await DeliveryDrain(db, keyring, world.nobody, clock=lambda: world.NOW)()
    assert await admin.fetchval("SELECT state FROM delivery") == "applied"


async def test_the_deliveries_of_an_organisation_go_in_the_order_of_arrival(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    await world.with_register(admin)
    for number in range(4):
        body = world.delivery_body([world.line(hours=f"{90 + number}.00")], reference=f"r{number}")
        await world.landed(db, keyring, body, reference=f"r{number}")
    await asyncio.gather(*(DeliveryDrain(db, keyring, world.nobody, clock=lambda: world.NOW)() for _ in range(3)))
    order = await admin.fetchval("SELECT array_agg(reference ORDER BY finished_at) FROM delivery")
    assert order == ["r0", "r1", "r2", "r3"]


async def test_each_batch_wakes_the_comparison(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    woken: list[str] = []

    async def wake(kind: str) -> None:
        woken.append(kind)

    await world.with_register(admin)
    await world.landed(db, keyring, world.delivery_body([world.line()], reference="r1"))
    await DeliveryDrain(db, keyring, wake, clock=lambda: world.NOW)()
    assert set(woken) == {Work.COMPARISON}


async def test_a_delivery_that_fails_does_not_hold_up_the_next(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.landed(db, keyring, world.delivery_body([world.line()], reference="r1"), reference="r1")
    await world.landed(db, Keyring(new_keyring()), world.delivery_body([world.line(hours="7.00")], reference="r2"), reference="r2")
    await world.landed(db, keyring, world.delivery_body([world.line(month="2026-02")], reference="r3"), reference="r3")
    await DeliveryDrain(db, keyring, world.nobody, clock=lambda: world.NOW)()
    states = await admin.fetch("SELECT reference, state FROM delivery ORDER BY received_at")
    assert [tuple(row) for row in states] == [("r1", "applied"), ("r2", "reading"), ("r3", "applied")]


async def test_deliveries_land_while_others_end_and_the_chain_stays_whole(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    await world.with_register(admin)
    drain = DeliveryDrain(db, keyring, world.nobody, clock=lambda: world.NOW)
    bodies = [world.delivery_body([world.line()], reference=f"r{number}") for number in range(40)]

    async def land() -> None:
        for number, body in enumerate(bodies):
            await world.landed(db, keyring, body, reference=f"r{number}")

    async def work() -> None:
        while await admin.fetchval("SELECT count(*) FROM delivery WHERE state = 'applied'") < len(bodies):
            await drain()

    await asyncio.gather(land(), work())
    assert await admin.fetchval("SELECT count(*) FROM delivery WHERE last_error IS NOT NULL") == 0
    assert await admin.fetchval("SELECT count(*) FROM organisation_audit") == 2 * len(bodies)
    assert await broken_links(admin, 10) == []
