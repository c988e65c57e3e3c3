"""Queries of `refusals.sql`."""

from reconcile.store.database import Connection
from reconcile.store.deliveries import ClaimedDelivery
from reconcile.store.queries import load

SQL = load("refusals")


async def has_staged_faults(conn: Connection, claimed: ClaimedDelivery) -> bool:
    """Tell whether any line in the stage has a fault, or two of them are for one key."""
    return await conn.fetchval(SQL["has_staged_faults"], claimed.organisation_id, claimed.delivery_id)


async def refuse_staged(conn: Connection, claimed: ClaimedDelivery, faults: str) -> None:
    """Give these faults (JSON text) to every staged line that has none of its own, and let none wait for its gap."""
    await conn.execute(SQL["refuse_staged"], claimed.organisation_id, claimed.delivery_id, faults)
