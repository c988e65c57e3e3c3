"""Verb: keep how a parent can be reached: the devices that notices are pushed to."""

from collections.abc import Sequence
from datetime import time
from uuid import UUID

import msgspec
from msgspec import Struct

from reconcile.callers import Parent
from reconcile.problems import NotFound
from reconcile.rules.notice import Sentence
from reconcile.store import devices, households
from reconcile.store.database import Connection
from reconcile.store.devices import Device, Locale, Platform

DEVICES_MAX = 10


class Address(Struct, frozen=True, kw_only=True):
    """Where and how a device is reached: its token at the push service, language, and times of day at which it stays quiet.

    `wanted_notices` are those that are pushed to it; null: all of them, also those to come.
    """

    platform: Platform
    token: str
    locale: Locale
    quiet: tuple[time, time] | None
    wanted_notices: Sequence[Sentence] | None = None


async def register_device(conn: Connection, parent: Parent, device_id: UUID, address: Address) -> Device:
    """Register a device, or renew it. Whoever registers a phone last owns it: notices of an earlier owner stay away from it.

    What waits for the end of its quiet hours waits for the end of the new ones. A parent keeps the newest DEVICES_MAX devices: a notice
    to each of endless ones would be a way to harm everybody else.

    Raises NotFound when the parent's household is gone.
    """
    await _lock(conn, parent)
    device = await devices.register_device(
        conn,
        parent,
        device_id,
        platform=address.platform,
        token=address.token,
        locale=address.locale,
        quiet=address.quiet,
        wanted_notices=address.wanted_notices,
    )
    await devices.move_waiting_pushes(conn, parent.household_id, device_id)
    await devices.retire_surplus_devices(conn, parent, DEVICES_MAX)
    await _record(conn, parent, device_id, "device-registered")
    return device


async def remove_device(conn: Connection, parent: Parent, device_id: UUID) -> None:
    """Push nothing more to a device of this parent, and forget its token. A device that is not there is no fault."""
    await _lock(conn, parent)
    if await devices.remove_device(conn, parent, device_id):
        await _record(conn, parent, device_id, "device-removed")


async def _lock(conn: Connection, parent: Parent) -> None:
    if await households.lock_household(conn, parent.household_id) is None:
        raise NotFound("There is no such household.")


async def _record(conn: Connection, parent: Parent, device_id: UUID, action: str) -> None:
    event = {"action": action, **parent.audited, "deviceId": str(device_id)}
    await households.record_changes(conn, [parent.household_id], [msgspec.json.encode(event).decode()])
