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


class Diagnosis(Struct, frozen=True, kw_only=True):
    """A delivery with its findings, the one with most lines first; each faulty line belongs to one finding."""

    delivery: Delivery
    findings: Sequence[Finding]


async def diagnose_delivery(conn: Connection, organisation: Organisation, delivery_id: UUID) -> Diagnosis:
    """Group the faults of a delivery; those of identical content stand with the first delivery of it. Raises NotFound."""
    delivery = await read_delivery(conn, organisation, delivery_id)
    first = delivery.duplicate_of or delivery.delivery_id
    return Diagnosis(delivery=delivery, findings=await fault_findings(conn, organisation.organisation_id, first, WAITING_CODES))
