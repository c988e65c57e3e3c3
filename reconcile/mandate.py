"""Verb: say who may send for an organisation, and find for whom a token acts.

An organisation gives and ends its mandates itself. A vendor with one acts for it: it delivers, and sees what it sent.
"""

from collections.abc import Sequence
from datetime import date

import msgspec
from msgspec import structs

from reconcile.callers import Organisation, Sender
from reconcile.problems import NotMandated, UnknownOrganisation
from reconcile.store import mandates as store
from reconcile.store.database import Connection
from reconcile.store.deliveries import lock_deliveries_of_organisation, record_organisation_event
from reconcile.store.mandates import Mandate
from reconcile.store.register import organisation_by_oin

_NOT_MANDATED = "You have no mandate of this organisation today. Ask it to give you one: PUT /v1/mandates with your OIN, by its own token."


async def acting_for(conn: Connection, sender: Sender, organisation_oin: str | None) -> Organisation:
    """Return the organisation that a token acts for: the one that the request names, else its own.

    Raises UnknownOrganisation, or NotMandated for another one, whether it exists or not.
    """
    named = organisation_oin or sender.oin
    organisation = await organisation_by_oin(conn, named)
    if named == sender.oin:
        if organisation is None:
            raise UnknownOrganisation(
                "The register has no organisation with the OIN of this token. A software vendor names the organisation that it acts for in "
                "organisationOin; otherwise check the token, or ask for your registration."
            )
        return organisation
    if organisation is None or not await store.is_mandated(conn, organisation.organisation_id):
        raise NotMandated(_NOT_MANDATED)
    return structs.replace(organisation, vendor_oin=sender.oin)


async def require_mandate(conn: Connection, organisation: Organisation) -> None:
    """Who acts for another must have its mandate at this moment. Raises NotMandated."""
    if organisation.vendor_oin is not None and not await store.is_mandated(conn, organisation.organisation_id):
        raise NotMandated(_NOT_MANDATED)


async def give_mandate(conn: Connection, organisation: Organisation, vendor_oin: str, *, from_on: date, until_on: date | None) -> Mandate:
    """Let a vendor deliver for this organisation, both days included; the same again changes nothing."""
    await lock_deliveries_of_organisation(conn, organisation.organisation_id)
    known = await store.current_mandate(conn, organisation.organisation_id, vendor_oin)
    if known is not None and (known.from_on, known.until_on) == (from_on, until_on):
        return known
    await store.supersede_mandate(conn, organisation.organisation_id, vendor_oin)
    given = await store.insert_mandate(conn, organisation.organisation_id, vendor_oin, from_on, until_on)
    days = {"from": from_on.isoformat(), "until": until_on.isoformat() if until_on else None}
    await _record(conn, organisation, action="mandated", vendorOin=vendor_oin, **days)
    return given


async def end_mandate(conn: Connection, organisation: Organisation, vendor_oin: str) -> None:
    """From this moment on the vendor delivers and reads nothing for this organisation; without a mandate nothing happens."""
    await lock_deliveries_of_organisation(conn, organisation.organisation_id)
    if await store.supersede_mandate(conn, organisation.organisation_id, vendor_oin):
        await _record(conn, organisation, action="mandate-ended", vendorOin=vendor_oin)


async def mandates_of(conn: Connection, organisation: Organisation) -> Sequence[Mandate]:
    """Return the mandates that an organisation gave and did not end, by vendor."""
    return await store.mandates_of_organisation(conn, organisation.organisation_id)


async def _record(conn: Connection, organisation: Organisation, **event: str | None) -> None:
    text = msgspec.json.encode({**event, "actor": f"organisation {organisation.organisation_id}"}).decode()
    await record_organisation_event(conn, organisation.organisation_id, text)
