"""Queries of `devices.sql`."""

from collections.abc import Sequence
from datetime import datetime, time
from typing import Literal
from uuid import UUID

from msgspec import Struct

from reconcile.callers import Parent
from reconcile.rules.notice import Sentence
from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("devices")

Platform = Literal["android", "ios"]
Locale = Literal["nl", "en"]


class Device(Struct, frozen=True, kw_only=True):
    """A registered device; its quiet hours are times of day in the Netherlands, both or none. `wanted_notices` is null for all of them."""

    device_id: UUID
    platform: Platform
    locale: Locale
    quiet_from: time | None
    quiet_until: time | None
    wanted_notices: Sequence[Sentence] | None
    registered_at: datetime


async def register_device(
    conn: Connection,
    parent: Parent,
    device_id: UUID,
    *,
    platform: str,
    token: str,
    locale: str,
    quiet: tuple[time, time] | None,
    wanted_notices: Sequence[Sentence] | None,
) -> Device:
    """Register a device of this parent, or renew it; the household is locked."""
    quiet_from, quiet_until = quiet or (None, None)
    arguments = (parent.household_id, device_id, parent.person_id, platform, token, locale, quiet_from, quiet_until, wanted_notices)
    (row,) = await conn.fetch(SQL["register_device"], *arguments)
    return Device(**row)


async def move_waiting_pushes(conn: Connection, household_id: UUID, device_id: UUID) -> None:
    """Let what waits for the end of a device's quiet hours wait for the end of those that it has now; the household is locked."""
    await conn.execute(SQL["move_waiting_pushes"], household_id, device_id)


async def devices_of_parent(conn: Connection, parent: Parent) -> Sequence[Device]:
    """Return the devices that this parent registered last and did not remove, newest first."""
    return [Device(**row) for row in await conn.fetch(SQL["devices_of_parent"], parent.household_id, parent.person_id)]


async def remove_device(conn: Connection, parent: Parent, device_id: UUID) -> bool:
    """Forget a device of this parent; False when there is none."""
    return await conn.fetchval(SQL["remove_device"], parent.household_id, device_id, parent.person_id) is not None


async def retire_surplus_devices(conn: Connection, parent: Parent, devices_max: int) -> None:
    """Forget all but so many of this parent's devices, the newest stay."""
    await conn.execute(SQL["retire_surplus_devices"], parent.household_id, parent.person_id, devices_max)
