"""Verb: say what is wrong with a delivery by root cause, so that one wrong column is one finding and not a fault for each line."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from reconcile.callers import Organisation
from reconcile.receive import read_delivery
from reconcile.rules.faults import FAULTS
from reconcile.store.database import Connection
from reconcile.store.deliveries import Delivery
from reconcile.store.faults import Finding, fault_findings

WAITING_CODES = tuple(sorted(code for code, kind in FAULTS.items() if kind.permanence == "waiting"))


# Of lines that share their delivery with a fault, and have none themselves.
NO_FAULT_OF_ITS_OWN = FAULTS["all-or-nothing"].code


class Diagnosis(Struct, frozen=True, kw_only=True):
    """A delivery with its findings, the one with most lines first; each faulty line belongs to one finding."""

    delivery: Delivery
    findings: Sequence[Finding]


async def diagnose_delivery(conn: Connection, organisation: Organisation, delivery_id: UUID) -> Diagnosis:
    """Group the faults of a delivery; those of identical content stand with the first delivery of it. Raises NotFound."""
    delivery = await read_delivery(conn, organisation, delivery_id)
    first = delivery.duplicate_of or delivery.delivery_id
    return Diagnosis(delivery=delivery, findings=await findings_of(conn, organisation.organisation_id, first))


async def findings_of(conn: Connection, organisation_id: UUID, delivery_id: UUID) -> Sequence[Finding]:
    """Group the faults of the lines of a delivery, or of a trial."""
    return await fault_findings(conn, organisation_id, delivery_id, WAITING_CODES, last_code=NO_FAULT_OF_ITS_OWN)
