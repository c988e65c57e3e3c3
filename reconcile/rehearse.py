"""Verb: judge a delivery as it would be judged now, and keep nothing.

The statements are those that apply a delivery, up to the outcome of each line. They run in a transaction that the caller rolls back, on
tables of its own, so that nothing waits for a trial: not a person of the file, a household or another delivery.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

import msgspec
from msgspec import Struct, structs

from reconcile.apply import bsns_of, judge_batch, made_at, staged_line
from reconcile.callers import Organisation
from reconcile.diagnose import WAITING_CODES
from reconcile.keyring import Keyring
from reconcile.people import indexes_of
from reconcile.problems import ReferenceReused
from reconcile.receive import DeliveryHeader
from reconcile.rules.delivery_file import Envelope
from reconcile.rules.delivery_line import DeliveryLine
from reconcile.store import deliveries, lines, trials
from reconcile.store.database import Connection
from reconcile.store.deliveries import ClaimedDelivery
from reconcile.store.faults import Finding, fault_findings
from reconcile.store.lines import Batch, Line

_STAGED_AT_ONCE = 1_000


class TrialFile(Struct, frozen=True, kw_only=True):
    """A file that was read: what stood around its lines, its lines, and the SHA-256 of its content."""

    envelope: Envelope
    lines: Sequence[DeliveryLine]
    content_sha256: bytes


class Rehearsal(Struct, frozen=True, kw_only=True):
    """What would become of a delivery: its lines with their outcome, the findings, and the delivery that brought this content before."""

    sent_at: datetime
    lines: Sequence[Line]
    findings: Sequence[Finding]
    duplicate_of: UUID | None


def unlanded_delivery(organisation: Organisation, header: DeliveryHeader, *, received_at: datetime) -> ClaimedDelivery:
    """Return the delivery that a trial pretends to work on; its number is nobody's."""
    return ClaimedDelivery(
        organisation_id=organisation.organisation_id,
        delivery_id=uuid4(),
        reference=header.reference,
        format=header.format,
        charset=header.charset,
        sent_at=header.sent_at,
        declared_organisation_oin=header.organisation_oin,
        complete=msgspec.json.encode(header.complete).decode(),
        state="reading",
        received_at=received_at,
        lines_read=0,
        lines_done=0,
        attempts=0,
        is_sandbox=organisation.is_sandbox,
    )


async def rehearse_delivery(
    conn: Connection, keyring: Keyring, organisation: Organisation, header: DeliveryHeader, file: TrialFile
) -> Rehearsal:
    """Judge every line of a file on a connection whose transaction is rolled back.

    Raises UnreadableDelivery when file and request contradict each other, ReferenceReused as a delivery would.
    """
    delivery = unlanded_delivery(organisation, header, received_at=await trials.moment_of_arrival(conn))
    # Without a reference in the request, the one in the file is the delivery's own.
    delivery = structs.replace(delivery, reference=header.reference or file.envelope.reference or "")
    duplicate_of = await _known(conn, delivery, file.content_sha256)
    sent_at = made_at(delivery, file.envelope, organisation.oin)
    await trials.make_own_stage(conn)
    for start in range(0, len(file.lines), _STAGED_AT_ONCE):
        some = file.lines[start : start + _STAGED_AT_ONCE]
        indexes = indexes_of(keyring, bsns_of(some), is_sandbox=organisation.is_sandbox)
        await lines.stage_lines(conn, (staged_line(delivery, line, indexes) for line in some))
    await lines.refuse_duplicates(conn, delivery)
    if file.lines:
        numbers = [line.line_number for line in file.lines]
        batch = Batch(delivery=delivery, sent_at=sent_at, first_line=min(numbers), last_line=max(numbers))
        await judge_batch(conn, batch)
        await trials.make_own_lines(conn)
        await lines.insert_lines(conn, batch)
    owner, number = delivery.organisation_id, delivery.delivery_id
    judged = await lines.lines_of_delivery(conn, owner, number, outcome=None, after=0, limit=len(file.lines))
    findings = await fault_findings(conn, owner, number, WAITING_CODES)
    return Rehearsal(sent_at=sent_at, lines=judged, findings=findings, duplicate_of=duplicate_of)


async def _known(conn: Connection, delivery: ClaimedDelivery, content_sha256: bytes) -> UUID | None:
    """Return the delivery whose receipt this content would get. Raises ReferenceReused."""
    known = await deliveries.landed_delivery_by_reference(conn, delivery.organisation_id, delivery.reference)
    if known is not None and known.content_sha256 != content_sha256:
        raise ReferenceReused(reference=delivery.reference, delivery_id=known.delivery_id)
    return await deliveries.landed_delivery_by_content(
        conn, delivery.organisation_id, content_sha256, format=delivery.format, charset=delivery.charset
    )
