"""Drain: forward accepted changes to TVS. Claim by lease, send outside any transaction, settle with a fence."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from logbook.log import NO_LOG, ProcessingLog
from reconcile import forward
from reconcile.callers import Forward
from reconcile.store.database import Database
from reconcile.store.outbox import ClaimedMessage
from workers.deliveries import Clock, utc_now
from workers.senders import SendLater, SendRefused, Sent

logger = logging.getLogger(__name__)

# Three times what one send may take at most (senders/tvs.py).
LEASE = timedelta(seconds=30)
# Claimed and sent at a time: none waits for another while its lease runs. A household's changes go one after the other.
AT_ONCE = 16


class ChangeSender(Protocol):
    """Hands one change to TVS."""

    async def __call__(self, message: ClaimedMessage) -> Sent | SendLater | SendRefused:
        """Hand it over; every outcome is an answer."""
        ...


class ChangeDrain:
    """Works off changes to forward."""

    def __init__(self, db: Database, send: ChangeSender, clock: Clock = utc_now, *, log: ProcessingLog = NO_LOG) -> None:
        self._db = db
        self._log = log
        self._send = send
        self._clock = clock

    async def __call__(self) -> None:
        """Forward until nothing is due; what a receiver puts off is due later."""
        while True:
            async with self._db.transaction(Forward()) as conn:
                claimed = await forward.claim_changes(conn, lease=LEASE, changes_max=AT_ONCE)
            async with asyncio.TaskGroup() as group:
                for message in claimed:
                    group.create_task(self._forward(message))
            # A full round may hide more; so may one that freed the next change of a household.
            if not claimed:
                return

    async def _forward(self, message: ClaimedMessage) -> None:
        with self._log.processing("forwardChange", message.household_id, traceparent=message.trace_parent or ""):
            await self._send_and_settle(message)

    async def _send_and_settle(self, message: ClaimedMessage) -> None:
        outcome = await self._send(message)
        async with self._db.transaction(Forward()) as conn:
            if isinstance(outcome, Sent):
                await forward.settle_sent(conn, message)
            elif isinstance(outcome, SendRefused) or self._clock() - message.recorded_at > forward.CHANGE_AGE_MAX:
                await forward.settle_dead(conn, message, error=outcome.error)
                logger.error("change is dead", extra={"change_id": str(message.subject_id), "error": outcome.error})
            else:
                await forward.postpone_change(conn, message, error=outcome.error, at_least=outcome.at_least)
        _log(message, outcome)


def _log(message: ClaimedMessage, outcome: Sent | SendLater | SendRefused) -> None:
    extra: Mapping[str, str | int] = {
        "change_id": str(message.subject_id),
        "attempt": message.attempts,
        "outcome": type(outcome).__name__,
    }
    logger.info("change forwarded", extra=extra)
