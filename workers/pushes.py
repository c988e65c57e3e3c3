"""Drain: push notices to devices. Claim by lease with the check of this moment, send at once, settle with a fence.

What is claimed is sent without waiting behind anything else, so that no push starts long after its check: a difference that closes,
or a stage that is paused, is silent as soon as the sends under way have ended.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from logbook.log import NO_LOG, ProcessingLog
from reconcile import announce
from reconcile.announce import PUSH_ATTEMPTS_MAX
from reconcile.callers import Notify
from reconcile.store.database import Database
from reconcile.store.notices import ClaimedPush, DeadAddress
from reconcile.store.outbox import Postponed, Settled
from workers.deliveries import Clock, utc_now
from workers.senders import AddressGone, SendLater, SendRefused, Sent
from workers.senders.fcm import SEND_TIMEOUT_S, PushMessage

LEASE = timedelta(seconds=3 * SEND_TIMEOUT_S)
# On one connection to the push service.
AT_ONCE = 64
# While some are under way, look for more that is due after so long.
LOOK_S = 1.0
# The phone is told while it matters: a push that it could not be given for so long is dropped by the push service.
GOOD_FOR = timedelta(hours=72)

Outcome = Sent | SendLater | SendRefused | AddressGone
Flight = tuple[ClaimedPush, Outcome]


class PushSender(Protocol):
    """Hands one notice to a push service."""

    async def __call__(self, message: PushMessage, *, now: datetime) -> Outcome:
        """Hand it over; every outcome is an answer."""
        ...


class _Flights:
    """Pushes under way, and those that ended and are not settled yet."""

    def __init__(self) -> None:
        self.flying = 0
        self._landed: list[Flight] = []
        self._few_enough = asyncio.Event()
        self._few = 0

    def land(self, push: ClaimedPush, outcome: Outcome) -> None:
        """A push has ended."""
        self.flying -= 1
        self._landed.append((push, outcome))
        if self.flying <= self._few:
            self._few_enough.set()

    @property
    def are_over(self) -> bool:
        """Whether none is under way and none waits to be settled."""
        return self.flying == 0 and not self._landed

    def take_landed(self) -> Sequence[Flight]:
        """Return what ended since the last time."""
        landed, self._landed = self._landed, []
        return landed

    async def until_flying(self, few: int) -> None:
        """Wait until so few are under way; not long, because one that hangs must not hold up what falls due meanwhile."""
        self._few = few
        self._few_enough.clear()
        if self.flying > few:
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._few_enough.wait()
            except TimeoutError:
                pass


class PushDrain:
    """Works off pushes: as many at once as one connection carries, settled and refilled in one transaction."""

    def __init__(self, db: Database, send: PushSender, clock: Clock = utc_now, *, log: ProcessingLog = NO_LOG) -> None:
        self._db = db
        self._log = log
        self._send = send
        self._clock = clock
        self._silent_until: datetime | None = None

    async def __call__(self) -> None:
        """Push until nothing is due, or the service asks everybody to wait."""
        flights = _Flights()
        async with asyncio.TaskGroup() as group:
            while True:
                claimed = await self._settle_and_claim(flights.take_landed(), AT_ONCE - flights.flying)
                for push in claimed:
                    if push.verdict == "send":
                        flights.flying += 1
                        group.create_task(self._fly(push, flights))
                if not claimed and flights.are_over:
                    return
                # Refilled when half has landed: a transaction for every push would cost more than the pushes.
                await flights.until_flying(AT_ONCE // 2 if claimed else 0)

    async def _fly(self, push: ClaimedPush, flights: "_Flights") -> None:
        now = self._clock()
        message = PushMessage(
            token=push.token or "",
            platform=push.platform,
            notice_id=push.notice_id,
            sentence=f"{push.sentence}.{push.locale}",
            expires_at=now + GOOD_FOR,
        )
        with self._log.processing("pushNotice", push.household_id):
            outcome = await self._send(message, now=now)
        if isinstance(outcome, SendLater) and outcome.is_service_wide:
            self._silent_until = self._clock() + outcome.at_least
        flights.land(push, outcome)

    async def _settle_and_claim(self, landed: Sequence[Flight], pushes_max: int) -> Sequence[ClaimedPush]:
        is_silent = self._silent_until is not None and self._clock() < self._silent_until
        async with self._db.transaction(Notify()) as conn:
            if landed:
                await announce.settle_pushes(conn, _ended(landed), _later(landed), _gone(landed))
            return [] if is_silent or pushes_max == 0 else await announce.claim_pushes(conn, lease=LEASE, pushes_max=pushes_max)


def _ended(landed: Sequence[Flight]) -> Sequence[Settled]:
    return [
        Settled(household_id=push.household_id, subject_id=push.subject_id, attempts=push.attempts, state=state, error=error)
        for push, outcome in landed
        for state, error in _end(push, outcome)
    ]


def _end(push: ClaimedPush, outcome: Outcome) -> Sequence[tuple[str, str | None]]:
    """Return state and error of a push that has ended; nothing for one that goes on."""
    if isinstance(outcome, Sent):
        return [("done", None)]
    if isinstance(outcome, AddressGone):
        return [("refused", outcome.error)]
    if isinstance(outcome, SendRefused) or push.attempts >= PUSH_ATTEMPTS_MAX:
        return [("dead", outcome.error)]
    return []


def _later(landed: Sequence[Flight]) -> Sequence[Postponed]:
    return [
        Postponed(
            household_id=push.household_id,
            subject_id=push.subject_id,
            attempts=push.attempts,
            error=outcome.error,
            at_least=outcome.at_least,
        )
        for push, outcome in landed
        if isinstance(outcome, SendLater) and not _end(push, outcome)
    ]


def _gone(landed: Sequence[Flight]) -> Sequence[DeadAddress]:
    return [
        DeadAddress(household_id=push.household_id, device_id=push.device_id, token=push.token or "")
        for push, outcome in landed
        if isinstance(outcome, AddressGone)
    ]
