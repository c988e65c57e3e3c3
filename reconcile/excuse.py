"""Verb: let an organisation say why a month comes late, and until when it will be delivered.

What that moves is a rule (rules/ladder.py).
"""

from datetime import date

import msgspec

from reconcile.callers import Organisation
from reconcile.problems import NotFound
from reconcile.rules.ladder import Excuse, ExcuseReason
from reconcile.rules.months import Month
from reconcile.store import excuses as store
from reconcile.store.database import Connection
from reconcile.store.deliveries import lock_deliveries_of_organisation, record_organisation_event


async def give_excuse(
    conn: Connection,
    organisation: Organisation,
    month: Month,
    lrk_number: str | None,
    *,
    reason: ExcuseReason,
    note: str | None,
    deliver_on: date,
) -> Excuse:
    """Excuse a month, of one location or of all; the same again changes nothing. `note` is a remark (rules/remarks.py).

    Raises NotFound for a location that the organisation does not hold in that month.
    """
    owner = organisation.organisation_id
    if lrk_number is not None and not await store.is_held(conn, owner, lrk_number, month):
        raise NotFound("You hold no location with this number in that month.")
    await lock_deliveries_of_organisation(conn, owner)
    known = await _current(conn, organisation, month, lrk_number)
    if known is not None and (known.reason, known.note, known.deliver_on) == (reason, note, deliver_on):
        return known
    await store.supersede_excuse(conn, owner, month, lrk_number)
    await store.insert_excuse(conn, owner, month, lrk_number, reason=reason, note=note, deliver_on=deliver_on)
    given = await _current(conn, organisation, month, lrk_number)
    assert given is not None  # noqa: S101  # inserted in this transaction, under the lock
    await _record(
        conn,
        organisation,
        {"action": "excused", "month": month, "lrkNumber": lrk_number, "reason": reason, "note": note, "deliverOn": deliver_on.isoformat()},
    )
    return given


async def end_excuse(conn: Connection, organisation: Organisation, month: Month, lrk_number: str | None) -> None:
    """Take an excuse back; without one nothing happens."""
    await lock_deliveries_of_organisation(conn, organisation.organisation_id)
    if await store.supersede_excuse(conn, organisation.organisation_id, month, lrk_number):
        await _record(conn, organisation, {"action": "excuse-ended", "month": month, "lrkNumber": lrk_number})


async def _current(conn: Connection, organisation: Organisation, month: Month, lrk_number: str | None) -> Excuse | None:
    found = await store.current_excuses(conn, [organisation.organisation_id], month)
    return next((one for one in found.get(organisation.organisation_id, ()) if one.lrk_number == lrk_number), None)


async def _record(conn: Connection, organisation: Organisation, event: dict[str, str | None]) -> None:
    text = msgspec.json.encode({**event, "actor": f"organisation {organisation.organisation_id}"}).decode()
    await record_organisation_event(conn, organisation.organisation_id, text)
