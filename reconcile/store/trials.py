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


async def hide_ties(conn: Connection) -> None:
    """From here to the end of the transaction, nobody belongs to a household."""
    await conn.execute(SQL["hide_ties"])


async def hide_placements(conn: Connection) -> None:
    """From here to the end of the transaction, there are no placements; this login may not see them."""
    await conn.execute(SQL["hide_placements"])


async def copy_standing_lines(conn: Connection) -> None:
    """Put beside the staged lines what the organisation said before about the same."""
    await conn.execute(SQL["copy_standing_lines"])


async def moment_of_arrival(conn: Connection) -> datetime:
    """Return the instant that a delivery would be received at now, by the clock that stamps deliveries."""
    return await conn.fetchval(SQL["moment_of_arrival"])
