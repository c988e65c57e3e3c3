"""Drain: forget what is past its time. Bounded by age, safe to repeat."""

from reconcile.callers import Intake
from reconcile.store.attempts import drop_old_attempts
from reconcile.store.database import Database
from reconcile.store.deliveries import drop_abandoned, drop_read_chunks
from reconcile.store.idempotency import drop_old_keys


class HousekeepingDrain:
    """Forgets deliveries that never landed; after thirty days the content of deliveries, refused attempts and idempotency keys."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def __call__(self) -> None:
        """Forget once."""
        async with self._db.transaction(Intake()) as conn:
            await drop_abandoned(conn)
            await drop_read_chunks(conn)
            await drop_old_attempts(conn)
            await drop_old_keys(conn)
