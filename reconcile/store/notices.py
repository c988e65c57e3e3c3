"""Queries of `notices.sql`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec import Struct

from reconcile.store.database import Connection
from reconcile.store.queries import columns, load

SQL = load("notices")

Verdict = Literal["send", "paused", "quiet", "moot", "device-retired", "device-of-another", "no-member", "unwanted"]


class DifferenceKey(Struct, frozen=True, kw_only=True):
    """A difference of a household."""

    household_id: UUID
    difference_id: UUID


class StagedNotice(Struct, frozen=True, kw_only=True):
    """A notice that was just written."""

    household_id: UUID
    notice_id: UUID


class ClaimedPush(Struct, frozen=True, kw_only=True):
    """One notice for one device, held by lease when the verdict is `send`; `attempts` is the fence. Any other verdict is settled."""

    household_id: UUID
    subject_id: UUID
    attempts: int
    verdict: Verdict
    notice_id: UUID
    sentence: str
    device_id: UUID
    platform: Literal["android", "ios"]
    token: str | None
    locale: Literal["nl", "en"]


class DeadAddress(Struct, frozen=True, kw_only=True):
    """A device whose address the push service does not know."""

    household_id: UUID
    device_id: UUID
    token: str


class StageToAnnounce(Struct, frozen=True, kw_only=True):
    """A released stage, held by this transaction, and the household that it was looked at up to."""

    pilot_id: UUID
    stage_number: int
    announced_until: UUID | None


async def stage_notices(conn: Connection, found: Sequence[DifferenceKey], again_from: datetime | None) -> Sequence[StagedNotice]:
    """Write a notice for each of these differences that is to be told, with its pushes; the households are locked.

    With an instant they are told again, whatever was told of them before, and pushed from then on.
    """
    return [StagedNotice(**row) for row in await conn.fetch(SQL["stage_notices"], *columns(DifferenceKey, found), again_from)]


async def withdraw_notices(conn: Connection, moot: Sequence[DifferenceKey]) -> None:
    """Take back what nobody was told yet about these differences; the households are locked."""
    await conn.execute(SQL["withdraw_notices"], *columns(DifferenceKey, moot))


async def claim_pushes(conn: Connection, lease: timedelta, pushes_max: int) -> Sequence[ClaimedPush]:
    """Take at most so many pushes that are due, each with the verdict of this moment; none come back when none are due."""
    return [ClaimedPush(**row) for row in await conn.fetch(SQL["claim_pushes"], lease, pushes_max)]


async def retire_devices(conn: Connection, gone: Sequence[DeadAddress]) -> None:
    """Push nothing to these addresses any more."""
    await conn.execute(SQL["retire_devices"], *columns(DeadAddress, gone))


async def lock_stage_to_announce(conn: Connection) -> StageToAnnounce | None:
    """Take the next released stage with households that were not looked at since; None when there is none that nobody holds."""
    row = await conn.fetchrow(SQL["lock_stage_to_announce"])
    return None if row is None else StageToAnnounce(**row)


async def next_enrolled(conn: Connection, stage: StageToAnnounce, households_max: int) -> Sequence[UUID]:
    """Return the next households of a stage, in order."""
    rows = await conn.fetch(SQL["next_enrolled"], stage.pilot_id, stage.stage_number, stage.announced_until, households_max)
    return [row["household_id"] for row in rows]


async def open_differences(conn: Connection, household_ids: Sequence[UUID]) -> Sequence[DifferenceKey]:
    """Return every open difference of these households."""
    return [DifferenceKey(**row) for row in await conn.fetch(SQL["open_differences"], household_ids)]


async def hurry_pushes(conn: Connection, household_ids: Sequence[UUID]) -> None:
    """Make what waits for these households due now."""
    await conn.execute(SQL["hurry_pushes"], household_ids)


async def record_announced(conn: Connection, stage: StageToAnnounce, until: UUID | None) -> None:
    """Note up to which household a stage was looked at; None says that it was the last one."""
    await conn.execute(SQL["record_announced"], stage.pilot_id, stage.stage_number, until)
