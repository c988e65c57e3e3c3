"""Drain: judge the child-years that are due, some households at a time; open what was postponed until today, and mark what another
rule book or another month touches.
"""

import logging

from reconcile.adopt import ActiveBookAway
from reconcile.callers import Intake
from reconcile.compare import compare_due
from reconcile.remind import reopen_postponed
from reconcile.renew import mark_next_households
from reconcile.rulebook import Books
from reconcile.rules.months import month_at
from reconcile.store.comparisons import lock_due_households, postpone_comparisons
from reconcile.store.database import Database
from workers.deliveries import Clock, utc_now
from workers.kinds import Wake, Work

logger = logging.getLogger(__name__)

# Judged under the locks of these households: so many that a tap waits about 20 ms.
HOUSEHOLDS_MAX = 50
# Marked at once for another book or month; they are held by key alone, for some milliseconds.
MARKED_MAX = 200


class ComparisonDrain:
    """Works off comparisons. A household whose facts cannot be judged is set aside, so that it does not hold up the others."""

    def __init__(self, db: Database, books: Books, wake: Wake, clock: Clock = utc_now) -> None:
        self._db = db
        self._books = books
        self._wake = wake
        self._clock = clock

    async def __call__(self) -> None:
        """Judge until nothing is due. Without the active rule book all stays due, for a worker that has it."""
        households_max = HOUSEHOLDS_MAX
        while True:
            try:
                async with self._db.transaction(Intake()) as conn:
                    compared = await compare_due(conn, self._books, as_of=self._clock(), households_max=households_max)
            except ActiveBookAway as error:
                logger.error("nothing is judged: %s", error)
                return
            # Whatever a rule stumbles over, the other households must be judged.
            except Exception as error:  # noqa: BLE001
                # One by one shows which household it is.
                if households_max == 1:
                    await self._set_aside(error)
                households_max = 1
                continue
            if compared.notices:
                await self._wake(Work.PUSH)
            # Marked only when nothing else is due, so that what a delivery touches never waits behind the whole country.
            if compared.households == 0 and not await self._reopen() and not await self._mark():
                return

    async def _reopen(self) -> bool:
        try:
            async with self._db.transaction(Intake()) as conn:
                reopened = await reopen_postponed(conn, as_of=self._clock(), households_max=HOUSEHOLDS_MAX)
        # What was postponed for another day can wait for the next look.
        except Exception:
            logger.exception("opening what was postponed failed")
            return False
        if reopened.notices:
            await self._wake(Work.PUSH)
        return reopened.households > 0

    async def _mark(self) -> bool:
        try:
            async with self._db.transaction(Intake()) as conn:
                return await mark_next_households(conn, month_at(self._clock()), households_max=MARKED_MAX)
        # A household that somebody holds for too long stops the marking until the next look, and nothing else.
        except Exception:
            logger.exception("marking what is judged anew failed")
            return False

    async def _set_aside(self, error: Exception) -> None:
        async with self._db.transaction(Intake()) as conn:
            for household_id in await lock_due_households(conn, 1):
                logger.error("comparison postponed", exc_info=error, extra={"household_id": str(household_id)})
                await postpone_comparisons(conn, household_id, type(error).__name__)
