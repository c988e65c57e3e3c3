"""Verbs that let parked lines come alive: corrections, and lines whose missing BSN another line has.

A correction is parked until all lines of its delivery have their outcome, and then wakes as every other parked line does, or goes on
waiting. So there is one way to apply it, whenever what it replaces arrives.
"""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

import msgspec

from reconcile.apply import hold, report_anew
from reconcile.store import deliveries, households, parked, standing
from reconcile.store.database import Connection
from reconcile.store.deliveries import ClaimedDelivery
from reconcile.store.parked import ParkedPlace, WakingLine

_FIRST_PLACE: ParkedPlace = (UUID(int=0), 0)


class Finder(Protocol):
    """Finds the next parked lines that wait for nothing any more: one of the queries of `store/parked.py`."""

    async def __call__(self, conn: Connection, organisation_id: UUID, *, after: ParkedPlace, limit: int) -> Sequence[WakingLine]:
        """Return lines after a place, in order."""
        ...


class WakeStep(Protocol):
    """Wakes the lines that a finder finds next, in a transaction or a trial."""

    async def __call__(self, find: Finder, after: ParkedPlace) -> Sequence[WakingLine]:
        """Return what woke."""
        ...


async def wake_parked(step: WakeStep) -> None:
    """Wake what can come alive, step by step, until nothing can.

    What a line waits for may have been parked itself. Corrections go first, so that all who may be meant by a mark are known before a BSN
    is taken from one of them, and what comes of it does not depend on the order in which lines are looked at.
    """
    while True:
        while await _pass(step, parked.corrections_to_wake):
            pass
        if not await _pass(step, parked.gaps_to_wake):
            return


async def _pass(step: WakeStep, find: Finder) -> bool:
    after = _FIRST_PLACE
    while woken := await step(find, after):
        after = woken[-1].place
    return after != _FIRST_PLACE


async def wake_batch(
    conn: Connection, claimed: ClaimedDelivery, find: Finder, *, after: ParkedPlace, lines_max: int
) -> Sequence[WakingLine]:
    """Wake the next lines that a finder finds among all parked ones of the organisation, and return them. Raises LeaseLost.

    What they say begins and what they replace ends in this one transaction, for the households too.
    """
    await hold(conn, claimed)
    waking = await find(conn, claimed.organisation_id, after=after, limit=lines_max)
    if not waking:
        return waking
    await households.lock_matching_shared(conn)
    touched = await standing.households_of_keys(conn, [key for one in waking for key in one.keys])
    await households.lock_households(conn, touched)
    await come_alive(conn, claimed, waking)
    if touched:
        await report_anew(conn, claimed, touched, action="reported")
    await _record(conn, claimed, waking)
    return waking


async def come_alive(conn: Connection, claimed: ClaimedDelivery, waking: Sequence[WakingLine]) -> None:
    """Give these lines their outcome, and let stand what must stand now. Households do not follow yet."""
    await parked.wake_lines(conn, claimed, waking)
    await standing.settle_keys(conn, claimed.organisation_id, [key for one in waking for key in one.keys])


async def _record(conn: Connection, claimed: ClaimedDelivery, waking: Sequence[WakingLine]) -> None:
    """Chain which lines came alive, by which delivery."""
    await deliveries.lock_deliveries_of_organisation(conn, claimed.organisation_id)
    lines = [{"deliveryId": str(one.delivery_id), "lineNumber": one.line_number} for one in waking]
    event = {"action": "woken", "deliveryId": str(claimed.delivery_id), "lines": lines}
    await deliveries.record_organisation_event(conn, claimed.organisation_id, msgspec.json.encode(event).decode())
