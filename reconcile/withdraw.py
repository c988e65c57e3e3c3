"""Verbs around what an organisation takes back: asked at the door, carried out by the worker that holds the delivery.

A withdrawal removes nothing: lines stay with their outcome and the instant of the withdrawal, and what stood before stands again.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from reconcile.apply import hold, report_anew
from reconcile.callers import Organisation
from reconcile.problems import DeliveryNotDone, LinesUnknown, NothingToWithdraw
from reconcile.receive import read_delivery
from reconcile.store import comparisons, deliveries, households, standing
from reconcile.store import withdrawals as store
from reconcile.store.database import Connection
from reconcile.store.deliveries import ClaimedDelivery, Delivery

WITHDRAWING = frozenset({"withdrawing", "withdrawing-lines"})


async def ask_withdrawal(
    conn: Connection, organisation: Organisation, delivery_id: UUID, line_numbers: Sequence[int] | None, *, reason: str | None = None
) -> Delivery:
    """Ask that a delivery, or lines of it, are taken back, and return the delivery. One that is withdrawn already stays so.

    One that nobody began to read is cancelled as a whole; its lines have no numbers yet. `reason` is a remark (rules/remarks.py).
    Raises NotFound, DeliveryNotDone, NothingToWithdraw or LinesUnknown, and then nothing is taken back.
    """
    owner = organisation.organisation_id
    await deliveries.lock_deliveries_of_organisation(conn, owner)
    delivery = await read_delivery(conn, organisation, delivery_id)
    if delivery.duplicate_of is not None:
        raise NothingToWithdraw(f"This content was delivered before and changed nothing here. Withdraw delivery {delivery.duplicate_of}.")
    if delivery.state == "unreadable":
        raise NothingToWithdraw("This delivery could not be read, so nothing of it stands.")
    if delivery.state == "withdrawn":
        return delivery
    is_cancelled = delivery.state == "received" and line_numbers is None
    if not (is_cancelled or delivery.state == "applied") or await store.open_withdrawal(conn, owner, delivery_id):
        raise DeliveryNotDone("This delivery is being worked on. Ask again when its state is applied.")
    if line_numbers is not None:
        unknown = await store.unknown_line_numbers(conn, owner, delivery_id, line_numbers)
        if unknown:
            raise LinesUnknown(line_numbers=unknown)
    await store.insert_withdrawal(conn, owner, delivery_id, line_numbers, reason)
    event = {"action": "withdrawal-asked", "deliveryId": str(delivery_id), "lineNumbers": line_numbers, "reason": reason}
    await deliveries.record_organisation_event(conn, owner, msgspec.json.encode(event).decode())
    return await read_delivery(conn, organisation, delivery_id)


async def begin_withdrawals(conn: Connection) -> None:
    """Cancel what was asked back before it was read, and make the rest due, before the next delivery is claimed."""
    for organisation_id, delivery_id in await store.cancel_received(conn):
        await _record_withdrawn(conn, organisation_id, delivery_id)
    await store.begin_withdrawals(conn)


async def withdraw_batch(conn: Connection, claimed: ClaimedDelivery, *, lines_max: int) -> int:
    """Take the next lines back and let stand again what stood before; return how many, 0 at the end. Raises LeaseLost."""
    await hold(conn, claimed)
    line_numbers = await store.lines_to_withdraw(conn, claimed, lines_max)
    if not line_numbers:
        return 0
    await households.lock_matching_shared(conn)
    keys = await standing.keys_of_lines(conn, claimed, line_numbers)
    touched = await standing.households_of_keys(conn, keys)
    await households.lock_households(conn, touched)
    await store.withdraw_lines(conn, claimed, line_numbers)
    await standing.settle_keys(conn, claimed.organisation_id, keys)
    if touched:
        await report_anew(conn, claimed, touched, action="withdrawn")
    return len(line_numbers)


async def finish_withdrawal(conn: Connection, claimed: ClaimedDelivery) -> None:
    """Every line that was named is taken back. Raises LeaseLost."""
    await hold(conn, claimed)
    if claimed.state == "withdrawing":
        await households.lock_matching_shared(conn)
        await comparisons.lock_completeness(conn)
        # What was asked because of it is judged again without it.
        await comparisons.mark_missing_lines_of_delivery(conn, claimed.organisation_id, claimed.delivery_id)
        await store.withdraw_completeness(conn, claimed)
    await store.finish_withdrawal(conn, claimed)
    await _record_withdrawn(conn, claimed.organisation_id, claimed.delivery_id)


async def _record_withdrawn(conn: Connection, organisation_id: UUID, delivery_id: UUID) -> None:
    """Chain the end of a withdrawal, after whatever the organisation lands at this moment."""
    await deliveries.lock_deliveries_of_organisation(conn, organisation_id)
    event = {"action": "withdrawn", "deliveryId": str(delivery_id)}
    await deliveries.record_organisation_event(conn, organisation_id, msgspec.json.encode(event).decode())
