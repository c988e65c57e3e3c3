"""Queries of `trials.sql`."""

from datetime import datetime

from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("trials")


async def make_own_stage(conn: Connection) -> None:
    """From here to the end of the transaction, the stage is one that nobody else sees."""
    await conn.execute(SQL["make_own_stage"])


async def make_own_lines(conn: Connection) -> None:
    """From here to the end of the transaction, lines are kept where nobody else sees them."""
    await conn.execute(SQL["make_own_lines"])


async def moment_of_arrival(conn: Connection) -> datetime:
    """Return the instant that a delivery would be received at now, by the clock that stamps deliveries."""
    return await conn.fetchval(SQL["moment_of_arrival"])
