"""Queries of `trials.sql`."""

from datetime import datetime
from uuid import UUID

from reconcile.store.database import Connection
from reconcile.store.deliveries import ClaimedDelivery
from reconcile.store.queries import load

SQL = load("trials")


async def make_own_stage(conn: Connection) -> None:
    """From here to the end of the transaction, the stage is one that nobody else sees."""
    await conn.execute(SQL["make_own_stage"])


async def make_own_lines(conn: Connection) -> None:
    """From here to the end of the transaction, lines are kept where nobody else sees them."""
    await conn.execute(SQL["make_own_lines"])


async def make_own_deliveries(conn: Connection) -> None:
    """From here to the end of the transaction, deliveries are counted where nobody else sees it."""
    await conn.execute(SQL["make_own_deliveries"])


async def hide_ties(conn: Connection) -> None:
    """From here to the end of the transaction, nobody belongs to a household."""
    await conn.execute(SQL["hide_ties"])


async def hide_placements(conn: Connection) -> None:
    """From here to the end of the transaction, there are no placements; this login may not see them."""
    await conn.execute(SQL["hide_placements"])


async def copy_waiting_lines(conn: Connection, organisation_id: UUID) -> None:
    """Put beside the staged lines what the organisation has parked and may come alive."""
    await conn.execute(SQL["copy_waiting_lines"], organisation_id)


async def copy_completing_lines(conn: Connection) -> None:
    """Put beside them the lines that have a BSN which one of them lacks."""
    await conn.execute(SQL["copy_completing_lines"])


async def copy_lines_by_key(conn: Connection) -> None:
    """Put beside them what the organisation said before about the same."""
    await conn.execute(SQL["copy_lines_by_key"])


async def copy_deliveries(conn: Connection, delivery: ClaimedDelivery, sent_at: datetime) -> None:
    """Put beside the lines when their deliveries were sent, that of the trial too."""
    await conn.execute(SQL["copy_deliveries"], delivery.organisation_id, delivery.delivery_id, sent_at, delivery.received_at)


async def moment_of_arrival(conn: Connection) -> datetime:
    """Return the instant that a delivery would be received at now, by the clock that stamps deliveries."""
    return await conn.fetchval(SQL["moment_of_arrival"])
