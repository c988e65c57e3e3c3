"""Verb: hold what was delivered of a month against what was expected, for an organisation, for a vendor, and for a pilot manager.

One rule for all three; what each counts is what row-level security shows: a vendor sees what came through itself, and is expected to
bring what came through it the month before.
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from reconcile.callers import Organisation
from reconcile.rules.expected import LocationMonth, OrganisationMonth, deadline_of, organisation_month
from reconcile.rules.months import Month
from reconcile.store import expected as store
from reconcile.store.database import Connection
from reconcile.store.expected import Deliverer


class AskedMonth(Struct, frozen=True, kw_only=True):
    """A month, the instant until which it may be delivered, and whether that is over."""

    month: Month
    deadline: datetime
    is_past: bool


class Expectation(Struct, frozen=True, kw_only=True):
    """What was expected of an organisation in a month and what became of it; who delivers for it, as far as the asker may know."""

    deliverer: Deliverer
    month: OrganisationMonth
    vendor_oins: tuple[str, ...] = ()


def asked_month(month: Month, *, deadline_day: int, now: datetime) -> AskedMonth:
    """Say how a month stands against its deadline at an instant; `deadline_day` is a day of the next month."""
    deadline = deadline_of(month, deadline_day)
    return AskedMonth(month=month, deadline=deadline, is_past=now >= deadline)


async def expected_of(conn: Connection, organisation: Organisation, asked: AskedMonth) -> Expectation:
    """Return what was expected of one organisation."""
    held = await store.location_months(conn, [organisation.organisation_id], asked.month)
    (deliverer,) = await store.senders(conn, [organisation.organisation_id])
    return Expectation(deliverer=deliverer, month=_judged(deliverer, held.get(deliverer.organisation_id, ()), asked))


async def expected_across(conn: Connection, asked: AskedMonth) -> Sequence[Expectation]:
    """Return what was expected of each organisation that mandated the vendor who asks, by name; `conn` belongs to a Sender."""
    organisation_ids = [organisation_id for organisation_id, _ in await store.current_mandates(conn)]
    held = await store.location_months(conn, organisation_ids, asked.month)
    return [
        Expectation(deliverer=one, month=_judged(one, held.get(one.organisation_id, ()), asked))
        for one in await store.senders(conn, organisation_ids)
    ]


async def expected_of_all(conn: Connection, asked: AskedMonth) -> Sequence[Expectation]:
    """Return every organisation of which something was expected, by name, with the vendors that it mandated; for a pilot manager."""
    held = await store.location_months(conn, None, asked.month)
    vendors: dict[object, list[str]] = {}
    for organisation_id, vendor_oin in await store.current_mandates(conn):
        vendors.setdefault(organisation_id, []).append(vendor_oin)
    return [
        Expectation(
            deliverer=one,
            month=_judged(one, held[one.organisation_id], asked),
            vendor_oins=tuple(vendors.get(one.organisation_id, ())),
        )
        for one in await store.senders(conn, None)
        if one.organisation_id in held
    ]


def _judged(deliverer: Deliverer, held: Sequence[LocationMonth], asked: AskedMonth) -> OrganisationMonth:
    return organisation_month(held, is_past=asked.is_past, has_delivered=deliverer.last_month is not None)
