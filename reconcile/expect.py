"""Verb: hold what was delivered of a month against what was expected, for an organisation, for a vendor, and for a pilot manager.

One rule for all three; what each counts is what row-level security shows: a vendor sees what came through itself, and is expected to
bring what came through it the month before.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct, structs

from reconcile.callers import Organisation
from reconcile.rules.expected import OrganisationMonth, deadline_of, organisation_month
from reconcile.rules.ladder import Excuse, Ladder, ladder_of
from reconcile.rules.months import Month
from reconcile.store import expected as store
from reconcile.store.database import Connection
from reconcile.store.excuses import current_excuses
from reconcile.store.expected import Deliverer, VendorOutcome


class AskedMonth(Struct, frozen=True, kw_only=True):
    """A month, the instant until which it may be delivered, and the instant at which is asked."""

    month: Month
    deadline: datetime
    now: datetime

    @property
    def is_past(self) -> bool:
        """Whether the deadline is over."""
        return self.now >= self.deadline


class Expectation(Struct, frozen=True, kw_only=True):
    """What was expected of an organisation in a month and what became of it; who delivers for it, as far as the asker may know.

    `ladder` is what follows when something is missing; None when nothing is.
    """

    deliverer: Deliverer
    month: OrganisationMonth
    excuses: tuple[Excuse, ...]
    ladder: Ladder | None
    vendor_oins: tuple[str, ...] = ()


def asked_month(month: Month, *, deadline_day: int, now: datetime) -> AskedMonth:
    """Say how a month stands against its deadline at an instant; `deadline_day` is a day of the next month."""
    return AskedMonth(month=month, deadline=deadline_of(month, deadline_day), now=now)


async def expected_of(conn: Connection, organisation: Organisation, asked: AskedMonth) -> Expectation:
    """Return what was expected of one organisation."""
    (found,) = await _judged(conn, [organisation.organisation_id], asked)
    return found


async def expected_across(conn: Connection, asked: AskedMonth) -> Sequence[Expectation]:
    """Return what was expected of each organisation that mandated the vendor who asks, by name; `conn` belongs to a Sender."""
    return await _judged(conn, [organisation_id for organisation_id, _ in await store.current_mandates(conn)], asked)


async def expected_of_all(conn: Connection, asked: AskedMonth) -> Sequence[Expectation]:
    """Return every organisation that holds a location in the month, by name, with the vendors that it mandated; for a pilot manager."""
    vendors: dict[UUID, list[str]] = {}
    for organisation_id, vendor_oin in await store.current_mandates(conn):
        vendors.setdefault(organisation_id, []).append(vendor_oin)
    found = await _judged(conn, None, asked)
    return [structs.replace(one, vendor_oins=tuple(vendors.get(one.deliverer.organisation_id, ()))) for one in found if one.month.held]


async def vendor_outcomes(conn: Connection, vendor_oins: Sequence[str]) -> Mapping[str, VendorOutcome]:
    """Return when each of these vendors last succeeded and failed, across all organisations; for a pilot manager."""
    return {one.vendor_oin: one for one in await store.vendor_outcomes(conn, vendor_oins)}


async def _judged(conn: Connection, organisation_ids: Sequence[UUID] | None, asked: AskedMonth) -> Sequence[Expectation]:
    held = await store.location_months(conn, organisation_ids, asked.month)
    excused = await current_excuses(conn, organisation_ids, asked.month)
    judged = []
    for one in await store.senders(conn, organisation_ids):
        locations, excuses = held.get(one.organisation_id, ()), excused.get(one.organisation_id, ())
        month = organisation_month(locations, is_past=asked.is_past, has_delivered=one.last_month is not None)
        ladder = ladder_of(month, excuses, deadline=asked.deadline, now=asked.now)
        judged.append(Expectation(deliverer=one, month=month, excuses=tuple(excuses), ladder=ladder))
    return judged
