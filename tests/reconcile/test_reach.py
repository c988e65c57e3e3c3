"""A phone is registered, renewed, taken over and forgotten, each time as a change of its household."""

import asyncio
import hashlib
from datetime import time
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from reconcile.callers import Parent
from reconcile.keyring import Keyring
from reconcile.problems import NotFound
from reconcile.reach import Address, register_device, remove_device
from reconcile.store.audit import broken_links
from reconcile.store.database import Database
from reconcile.store.devices import Device
from tests import world

PHONE = UUID(int=7)


def address(**change: Any) -> Address:
    return Address(**{"platform": "android", "token": "token-1", "locale": "nl", "quiet": None, **change})


async def register(db: Database, parent: Parent, device_id: UUID = PHONE, **change: Any) -> Device:
    async with db.transaction(parent) as conn:
        return await register_device(conn, parent, device_id, address(**change))


async def remove(db: Database, parent: Parent, device_id: UUID = PHONE) -> None:
    async with db.transaction(parent) as conn:
        await remove_device(conn, parent, device_id)


async def stored(admin: asyncpg.Connection) -> list[dict[str, Any]]:
    return [dict(row) for row in await admin.fetch("SELECT * FROM device ORDER BY device_id")]


async def version(admin: asyncpg.Connection, parent: Parent) -> int:
    return int(await admin.fetchval("SELECT version FROM household WHERE household_id = $1", parent.household_id))


async def last_event(admin: asyncpg.Connection, parent: Parent) -> Any:
    return msgspec.json.decode(
        await admin.fetchval("SELECT event FROM household_audit WHERE household_id = $1 ORDER BY number DESC LIMIT 1", parent.household_id)
    )


@pytest.fixture
async def parent(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> Parent:
    await world.with_register(admin)
    await world.declared(db, keyring)
    return await world.parent(db, keyring)


async def test_a_phone_is_registered(db: Database, admin: asyncpg.Connection, parent: Parent) -> None:
    before = await version(admin, parent)
    device = await register(db, parent, quiet=(time(21), time(7, 30)))
    assert (device.device_id, device.platform, device.locale) == (PHONE, "android", "nl")
    assert (device.quiet_from, device.quiet_until) == (time(21), time(7, 30))
    (row,) = await stored(admin)
    assert (row["household_id"], row["person_id"], row["token"]) == (parent.household_id, parent.person_id, "token-1")
    assert row["token_sha256"] == hashlib.sha256(b"token-1").digest()
    assert (row["retired_at"], row["retired_for"]) == (None, None)
    assert await version(admin, parent) == before + 1
    assert await last_event(admin, parent) == {
        "action": "device-registered",
        "actor": str(parent.person_id),
        "deviceId": str(PHONE),
    }


async def test_a_phone_is_renewed(db: Database, admin: asyncpg.Connection, parent: Parent) -> None:
    first = await register(db, parent, quiet=(time(21), time(7)))
    second = await register(db, parent, platform="ios", token="token-2", locale="en")
    assert (second.platform, second.locale, second.quiet_from, second.quiet_until) == ("ios", "en", None, None)
    assert second.registered_at > first.registered_at
    (row,) = await stored(admin)
    assert (row["token"], row["token_sha256"]) == ("token-2", hashlib.sha256(b"token-2").digest())


async def test_a_removed_phone_is_forgotten(db: Database, admin: asyncpg.Connection, parent: Parent) -> None:
    await register(db, parent)
    before = await version(admin, parent)
    await remove(db, parent)
    (row,) = await stored(admin)
    assert (row["token"], row["retired_for"]) == (None, "removed")
    assert row["retired_at"] is not None
    assert await version(admin, parent) == before + 1
    assert (await last_event(admin, parent))["action"] == "device-removed"


async def test_removing_what_is_not_there_changes_nothing(db: Database, admin: asyncpg.Connection, parent: Parent) -> None:
    await register(db, parent)
    await remove(db, parent)
    before = await version(admin, parent)
    await remove(db, parent)
    await remove(db, parent, uuid4())
    assert await version(admin, parent) == before


async def test_a_removed_phone_can_come_back(db: Database, admin: asyncpg.Connection, parent: Parent) -> None:
    await register(db, parent)
    await remove(db, parent)
    await register(db, parent, token="token-3")
    (row,) = await stored(admin)
    assert (row["token"], row["retired_at"], row["retired_for"]) == ("token-3", None, None)


async def test_a_partner_takes_over_a_shared_phone(db: Database, admin: asyncpg.Connection, keyring: Keyring, parent: Parent) -> None:
    partner = await world.parent(db, keyring, world.PARTNER)
    assert partner.household_id == parent.household_id
    await register(db, parent)
    await register(db, partner)
    (row,) = await stored(admin)
    assert row["person_id"] == partner.person_id
    # It is no longer the applicant's to remove.
    await remove(db, parent)
    assert (await stored(admin))[0]["token"] == "token-1"
    await remove(db, partner)
    assert (await stored(admin))[0]["token"] is None


async def test_two_households_may_use_one_phone_and_neither_touches_the_other_s(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, parent: Parent
) -> None:
    await world.declared(
        db, keyring, world.declaration(householdRef="H2", members=[world.member(world.STRANGER, "applicant")], placements=[])
    )
    stranger = await world.parent(db, keyring, world.STRANGER)
    await register(db, parent)
    await register(db, stranger)
    assert [row["token"] for row in await stored(admin)] == ["token-1", "token-1"]
    await remove(db, stranger)
    left = await admin.fetch("SELECT household_id FROM device WHERE token IS NOT NULL")
    assert [row["household_id"] for row in left] == [parent.household_id]


async def test_a_household_that_is_gone_is_not_found(db: Database, admin: asyncpg.Connection, parent: Parent) -> None:
    ghost = Parent(person_id=parent.person_id, household_id=uuid4())
    with pytest.raises(NotFound):
        await register(db, ghost)
    with pytest.raises(NotFound):
        await remove(db, ghost)
    assert await stored(admin) == []


async def test_registrations_at_once_leave_one_device_and_a_whole_chain(db: Database, admin: asyncpg.Connection, parent: Parent) -> None:
    before = await version(admin, parent)
    await asyncio.gather(*(register(db, parent, token=f"token-{number}") for number in range(5)))
    assert len(await stored(admin)) == 1
    assert await version(admin, parent) == before + 5
    assert list(await broken_links(admin, 10)) == []


async def test_a_parent_keeps_the_newest_ten_phones(db: Database, admin: asyncpg.Connection, keyring: Keyring, parent: Parent) -> None:
    partner = await world.parent(db, keyring, world.PARTNER)
    await register(db, partner, UUID(int=100), token="of-the-partner")
    for number in range(12):
        await register(db, parent, UUID(int=number), token=f"token-{number}")
    await register(db, parent, UUID(int=2), token="token-2")
    await register(db, parent, UUID(int=12), token="token-12")
    active = [row["device_id"].int for row in await stored(admin) if row["token"]]
    assert active == [2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 100]
    assert {row["retired_for"] for row in await stored(admin) if not row["token"]} == {"surplus"}
