"""A BSN becomes a person once, whoever names it first."""

import asyncio

import asyncpg

from reconcile.callers import Intake
from reconcile.keyring import Keyring
from reconcile.people import people_of, remember_people
from reconcile.rules.bsn import marked_bsn
from reconcile.store.database import Database


async def test_many_at_once_agree_on_one_person_each(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    bsns = [marked_bsn(number) for number in range(40)]

    async def remember(order: list[str]) -> dict[str, object]:
        async with db.transaction(Intake()) as conn:
            return dict(await people_of(conn, await remember_people(conn, keyring, order)))

    first, *others = await asyncio.gather(*(remember(bsns[start:] + bsns[:start]) for start in (0, 10, 20, 30)))
    assert all(other == first for other in others)
    assert await admin.fetchval("SELECT count(*) FROM person") == 40
