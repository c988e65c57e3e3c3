"""The delivery drain: a fault of ours postpones one delivery, and each organisation's deliveries go in order."""

import asyncio

import asyncpg

from reconcile.keyring import Keyring, new_keyring
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
