"""Drain: after a release, stage notices about what is already open, some households at a time."""

from reconcile.announce import announce_stage
from reconcile.callers import Intake
from reconcile.store.database import Database
from workers.kinds import Wake, Work

# Written under the locks of these households: so many that a tap waits some tens of milliseconds at most.
HOUSEHOLDS_MAX = 25


class StageDrain:
    """Works off released stages. Wakes the pushes as soon as there are any."""

    def __init__(self, db: Database, wake: Wake) -> None:
        self._db = db
        self._wake = wake

    async def __call__(self) -> None:
        """Go on until every household of every released stage was looked at."""
        while True:
            async with self._db.transaction(Intake()) as conn:
                announced = await announce_stage(conn, households_max=HOUSEHOLDS_MAX)
            if announced is None:
                return
            if announced.notices:
                await self._wake(Work.PUSH)
