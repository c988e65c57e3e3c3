"""Queries of `trials.sql`."""

from datetime import datetime

from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("trials")


async def make_own_tables(conn: Connection) -> None:
    """From here to the end of the transaction, lines are staged and kept where nobody else sees them, and there is no household."""
    await conn.execute(SQL["make_own_tables"])


async def copy_standing_lines(conn: Connection) -> None:
    """Put beside the staged lines what the organisation said before about the same."""
    await conn.execute(SQL["copy_standing_lines"])


async def moment_of_arrival(conn: Connection) -> datetime:
    """Return the instant that a delivery would be received at now, by the clock that stamps deliveries."""
    return await conn.fetchval(SQL["moment_of_arrival"])
