"""Verb: tell households of a released stage what was found; decide for each push, at the moment of sending, whether it still holds."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from msgspec import Struct

from reconcile.store import households, notices, outbox
from reconcile.store.database import Connection
from reconcile.store.notices import ClaimedPush, DeadAddress, DifferenceKey
from reconcile.store.outbox import Postponed, Settled

KIND = "push"
# At most a quarter of an hour apart: about three days of trying.
PUSH_ATTEMPTS_MAX = 300


class Announced(Struct, frozen=True, kw_only=True):
    """How many households of a released stage were looked at, and how many notices that made."""

    households: int
    notices: int


async def tell(
    conn: Connection, found: Sequence[DifferenceKey], moot: Sequence[DifferenceKey] = (), *, again_from: datetime | None = None
) -> Mapping[UUID, Sequence[UUID]]:
    """Withdraw what nobody was told yet about `moot` differences, then stage notices for `found` ones.

    With `again_from` a parent asked to be told of them again: whatever was told before, pushed from that instant on. Returns the new
    notices by household. The households are locked, and the caller ends its write with their next version.
    """
    if moot:
        await notices.withdraw_notices(conn, moot)
    staged: dict[UUID, list[UUID]] = defaultdict(list)
    if found:
        for one in await notices.stage_notices(conn, found, again_from):
            staged[one.household_id].append(one.notice_id)
    return staged


async def announce_stage(conn: Connection, *, households_max: int) -> Announced | None:
    """Stage what is already open for the next households of a released stage; None when every household was looked at.

    Safe to repeat and to cut off: the stage remembers how far it came, and a version is told once.
    """
    stage = await notices.lock_stage_to_announce(conn)
    if stage is None:
        return None
    enrolled = await notices.next_enrolled(conn, stage, households_max)
    await notices.record_announced(conn, stage, enrolled[-1] if enrolled else None)
    if not enrolled:
        return Announced(households=0, notices=0)
    await households.lock_households(conn, enrolled)
    told = await tell(conn, await notices.open_differences(conn, enrolled))
    await notices.hurry_pushes(conn, enrolled)
    events = [
        msgspec.json.encode({"action": "announced", "actor": f"stage {stage.pilot_id}/{stage.stage_number}", "noticeIds": ids}).decode()
        for ids in told.values()
    ]
    await households.record_changes(conn, list(told), events)
    return Announced(households=len(enrolled), notices=sum(len(ids) for ids in told.values()))


async def claim_pushes(conn: Connection, *, lease: timedelta, pushes_max: int) -> Sequence[ClaimedPush]:
    """Take pushes that are due, by lease; only those with the verdict `send` may be sent, and only now."""
    return await notices.claim_pushes(conn, lease, pushes_max)


async def settle_pushes(conn: Connection, ended: Sequence[Settled], later: Sequence[Postponed], gone: Sequence[DeadAddress]) -> None:
    """Record what became of pushes, and forget addresses that the push service does not know.

    A push whose lease another worker has by now is left to that worker.
    """
    if ended:
        await outbox.settle_outbox(conn, KIND, ended)
    if later:
        await outbox.postpone_outbox(conn, KIND, later)
    if gone:
        await notices.retire_devices(conn, gone)
