"""Drain: read the deliveries that landed and apply them, one at a time, in short transactions."""

import logging
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from reconcile import apply, wake, withdraw
from reconcile.apply import LeaseLost
from reconcile.callers import Intake
from reconcile.keyring import Keyring
from reconcile.rules.delivery_file import DeliveryReader
from reconcile.rules.delivery_line import DeliveryLine
from reconcile.rules.faults import UnreadableDelivery
from reconcile.rules.months import month_at
from reconcile.stage import Known
from reconcile.store.database import Database
from reconcile.store.deliveries import ClaimedDelivery
from reconcile.store.lines import Batch
from reconcile.store.parked import ParkedPlace, WakingLine
from reconcile.store.register import oin_of_organisation
from reconcile.wake import Finder
from workers.ahead import Ahead
from workers.kinds import Wake, Work

logger = logging.getLogger(__name__)

# A batch holds household locks for about 20 ms, so that a tap never waits long: some 60 microseconds for each household, and some 10
# for each line.
APPLY_LINES_MAX = 800
APPLY_PARENTS_MAX = 200
STAGE_LINES_MAX = 4_000
# Each may touch two households, and what is reported for them is derived anew.
WAKE_LINES_MAX = 100


class Clock(Protocol):
    """Tells the instant; only doors have one."""

    def __call__(self) -> datetime:
        """Return the instant, aware."""
        ...


def utc_now() -> datetime:
    """Return the instant, aware."""
    return datetime.now(UTC)


class DeliveryDrain:
    """Works off deliveries, and what is to be taken back of them. Wakes the comparison as soon as a batch may have found something."""

    def __init__(self, db: Database, keyring: Keyring, wake: Wake, clock: Clock = utc_now) -> None:
        self._db = db
        self._keyring = keyring
        self._wake = wake
        self._clock = clock

    async def __call__(self) -> None:
        """Apply deliveries until none is due."""
        while True:
            async with self._db.transaction(Intake()) as conn:
                await withdraw.begin_withdrawals(conn)
                claimed = await apply.claim_delivery(conn)
            if claimed is None:
                return
            await self._work(claimed)

    async def _work(self, claimed: ClaimedDelivery) -> None:
        try:
            if claimed.state in withdraw.WITHDRAWING:
                await self._withdraw(claimed)
            else:
                await self._read_and_apply(claimed)
        except LeaseLost:
            logger.warning("delivery taken over by another worker", extra={"delivery_id": str(claimed.delivery_id)})
        except Exception as error:
            # A fault of ours: the delivery stays an obligation and is taken up again later, by anyone.
            logger.exception("delivery postponed", extra={"delivery_id": str(claimed.delivery_id)})
            async with self._db.transaction(Intake()) as conn:
                await apply.postpone_delivery(conn, claimed, type(error).__name__)

    async def _withdraw(self, claimed: ClaimedDelivery) -> None:
        lines: int | None = None
        while lines != 0:
            async with self._db.transaction(Intake()) as conn:
                lines = await withdraw.withdraw_batch(conn, claimed, lines_max=APPLY_LINES_MAX)
            await self._wake(Work.COMPARISON)
        await self._wake_parked(claimed)
        async with self._db.transaction(Intake()) as conn:
            await withdraw.finish_withdrawal(conn, claimed)
        # What was called complete may be so no longer.
        await self._wake(Work.COMPARISON)

    async def _read_and_apply(self, claimed: ClaimedDelivery) -> None:
        async with self._db.transaction(Intake()) as conn:
            is_staged = await apply.is_staged(conn, claimed)
        sent_at = claimed.sent_at
        if not is_staged or sent_at is None:
            try:
                sent_at = await self._read(claimed)
            except UnreadableDelivery as reason:
                async with self._db.transaction(Intake()) as conn:
                    await apply.refuse_delivery(conn, claimed, reason)
                return
        await self._apply(claimed, sent_at)

    async def _read(self, claimed: ClaimedDelivery) -> datetime:
        """Stage every line; a delivery that another attempt had begun to apply keeps what it applied."""
        async with self._db.transaction(Intake()) as conn:
            await apply.begin_reading(conn, claimed)
            oin = await oin_of_organisation(conn, claimed.organisation_id)
        reader = apply.reader_for(claimed, this_month=month_at(self._clock()))
        known = Known()
        pending: list[DeliveryLine] = []
        count = chunk_number = 0
        async with Ahead(1) as staging:
            while (data := await self._chunk(claimed, chunk_number)) is not None:
                chunk_number += 1
                for line in reader.feed(data):
                    pending.append(line)
                    if len(pending) == STAGE_LINES_MAX:
                        count += len(pending)
                        await staging.start(self._stage(claimed, pending, known))
                        pending = []
            pending += reader.close()
            count += len(pending)
            await staging.start(self._stage(claimed, pending, known))
        return await self._finish_reading(claimed, reader, oin, count)

    async def _chunk(self, claimed: ClaimedDelivery, chunk_number: int) -> bytes | None:
        async with self._db.transaction(Intake()) as conn:
            return await apply.read_chunk(conn, self._keyring, claimed, chunk_number)

    async def _stage(self, claimed: ClaimedDelivery, pending: Sequence[DeliveryLine], known: Known) -> None:
        async with self._db.transaction(Intake()) as conn:
            await apply.stage(conn, self._keyring, claimed, pending, known=known)

    async def _finish_reading(self, claimed: ClaimedDelivery, reader: DeliveryReader, oin: str, count: int) -> datetime:
        async with self._db.transaction(Intake()) as conn:
            return await apply.finish_reading(conn, claimed, reader.envelope(), oin, count)

    async def _apply(self, claimed: ClaimedDelivery, sent_at: datetime) -> None:
        """While one batch is hung on its households, the next one is given its outcomes: the database has two hands."""
        async with self._db.transaction(Intake()) as conn:
            batches = await apply.batches(conn, claimed, sent_at, lines_max=APPLY_LINES_MAX, parents_max=APPLY_PARENTS_MAX)
        async with Ahead(2) as applying:
            for batch in batches:
                await applying.start(self._apply_batch(batch, applying.latest))
        await self._wake_parked(claimed)
        async with self._db.transaction(Intake()) as conn:
            await apply.finish_delivery(conn, claimed)
        # Only now is known what a complete month lacks.
        await self._wake(Work.COMPARISON)

    async def _apply_batch(self, batch: Batch, before: Awaitable[None] | None) -> None:
        async with self._db.transaction(Intake()) as conn:
            kept = await apply.keep_batch(conn, batch)
            if before is not None:
                await before
            await apply.report_batch(conn, kept)
        await self._wake(Work.COMPARISON)

    async def _wake_parked(self, claimed: ClaimedDelivery) -> None:
        async def step(find: Finder, after: ParkedPlace) -> Sequence[WakingLine]:
            async with self._db.transaction(Intake()) as conn:
                woken = await wake.wake_batch(conn, claimed, find, after=after, lines_max=WAKE_LINES_MAX)
            if woken:
                await self._wake(Work.COMPARISON)
            return woken

        await wake.wake_parked(step)
