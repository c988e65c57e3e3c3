"""Queries of `withdrawals.sql`."""

from collections.abc import Sequence
from uuid import UUID

from reconcile.store.database import Connection
from reconcile.store.deliveries import ClaimedDelivery
from reconcile.store.queries import load

SQL = load("withdrawals")


async def insert_withdrawal(
    conn: Connection, organisation_id: UUID, delivery_id: UUID, line_numbers: Sequence[int] | None, reason: str | None
) -> None:
    """Ask that these lines of a delivery, or all of them, are taken back."""
    await conn.execute(SQL["insert_withdrawal"], organisation_id, delivery_id, line_numbers, reason)


async def open_withdrawal(conn: Connection, organisation_id: UUID, delivery_id: UUID) -> bool:
    """Tell whether something of a delivery is to be taken back already."""
    return await conn.fetchval(SQL["open_withdrawal"], organisation_id, delivery_id) is True


async def unknown_line_numbers(conn: Connection, organisation_id: UUID, delivery_id: UUID, line_numbers: Sequence[int]) -> Sequence[int]:
    """Return the first of these numbers that are no line of the delivery."""
    rows = await conn.fetch(SQL["unknown_line_numbers"], organisation_id, delivery_id, line_numbers)
    return [row["line_number"] for row in rows]


async def cancel_received(conn: Connection) -> Sequence[tuple[UUID, UUID]]:
    """Withdraw what was asked back before anybody began to read it; return the organisation and number of each such delivery."""
    return [(row["organisation_id"], row["delivery_id"]) for row in await conn.fetch(SQL["cancel_received"])]


async def begin_withdrawals(conn: Connection) -> None:
    """Turn what was asked into work on the deliveries."""
    await conn.execute(SQL["begin_withdrawals"])


async def lines_to_withdraw(conn: Connection, claimed: ClaimedDelivery, lines_max: int) -> Sequence[int]:
    """Return the numbers of the next lines to take back."""
    rows = await conn.fetch(SQL["lines_to_withdraw"], claimed.organisation_id, claimed.delivery_id, lines_max)
    return [row["line_number"] for row in rows]


async def withdraw_lines(conn: Connection, claimed: ClaimedDelivery, line_numbers: Sequence[int]) -> None:
    """Take these lines back: none of them stands any more."""
    await conn.execute(SQL["withdraw_lines"], claimed.organisation_id, claimed.delivery_id, line_numbers)


async def withdraw_completeness(conn: Connection, claimed: ClaimedDelivery) -> None:
    """Take back what the delivery called complete."""
    await conn.execute(SQL["withdraw_completeness"], claimed.organisation_id, claimed.delivery_id)


async def finish_withdrawal(conn: Connection, claimed: ClaimedDelivery) -> None:
    """Everything that was asked is taken back."""
    await conn.execute(SQL["finish_withdrawal"], claimed.organisation_id, claimed.delivery_id)
