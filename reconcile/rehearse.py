"""Verb: judge a delivery as it would be judged now, and keep nothing.

The statements are those that apply a delivery, up to the outcome of each line. They run in a transaction that the caller rolls back, on
tables of its own, so that nothing waits for a trial: not a person of the file, a household or another delivery.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID, uuid4

import msgspec
from msgspec import Struct, structs

from reconcile.apply import made_at
from reconcile.callers import Organisation
from reconcile.diagnose import findings_of
from reconcile.keyring import Keyring
from reconcile.people import find_people
from reconcile.problems import ReferenceReused
from reconcile.receive import DeliveryHeader
from reconcile.rules.delivery_file import Envelope
from reconcile.rules.delivery_line import DeliveryLine
from reconcile.stage import Known, bsns_of, refuse_unless_whole, stage_lines
from reconcile.store import deliveries, lines, trials
from reconcile.store.database import Connection
from reconcile.store.deliveries import ClaimedDelivery
from reconcile.store.faults import Finding
from reconcile.store.lines import Batch, Line
from reconcile.store.parked import ParkedPlace, WakingLine
from reconcile.wake import Finder, come_alive, wake_parked

# Before every place that a line can have, and the last one.
_BEFORE_ALL, _LAST = -(2**63), 2**63 - 1
_STAGED_AT_ONCE = 1_000
_WOKEN_AT_ONCE = 1_000


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
        complete=msgspec.json.encode(header.complete).decode(),
        state="reading",
        received_at=received_at,
        lines_read=0,
        lines_done=0,
        attempts=0,
        all_or_nothing=header.all_or_nothing,
        is_refused=None,
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
    duplicate_of = await _delivered_before(conn, delivery, organisation.sender_oin, file.content_sha256)
    sent_at = made_at(delivery, file.envelope, organisation.oin)
    own = (trials.make_own_stage, trials.make_own_lines, trials.make_own_deliveries, trials.hide_ties, trials.hide_placements)
    for make in own:
        await make(conn)
    known = Known()
    for start in range(0, len(file.lines), _STAGED_AT_ONCE):
        some = file.lines[start : start + _STAGED_AT_ONCE]
        known.people.update(await _people(conn, keyring, organisation, bsns_of(some) - known.people.keys()))
        await stage_lines(conn, keyring, delivery, some, known=known)
    if file.envelope.all_or_nothing or header.all_or_nothing:
        await refuse_unless_whole(conn, delivery)
    await _copy_known(conn, delivery, sent_at)
    await lines.insert_lines(conn, Batch(delivery=delivery, sent_at=sent_at, after_place=_BEFORE_ALL, until_place=_LAST))
    await _wake_parked(conn, delivery)
    owner, number = delivery.organisation_id, delivery.delivery_id
    judged = await lines.lines_of_delivery(conn, owner, number, outcome=None, after=0, limit=len(file.lines))
    findings = await findings_of(conn, owner, number)
    return Rehearsal(sent_at=sent_at, lines=judged, findings=findings, duplicate_of=duplicate_of)


async def _copy_known(conn: Connection, delivery: ClaimedDelivery, sent_at: datetime) -> None:
    await trials.copy_waiting_lines(conn, delivery.organisation_id)
    await trials.copy_completing_lines(conn)
    await trials.copy_lines_by_key(conn)
    await trials.copy_deliveries(conn, delivery, sent_at)


async def _wake_parked(conn: Connection, delivery: ClaimedDelivery) -> None:
    async def step(find: Finder, after: ParkedPlace) -> Sequence[WakingLine]:
        waking = await find(conn, delivery.organisation_id, after=after, limit=_WOKEN_AT_ONCE)
        if waking:
            await come_alive(conn, delivery, waking)
        return waking

    await wake_parked(step)


async def _people(conn: Connection, keyring: Keyring, organisation: Organisation, named: frozenset[str]) -> Mapping[str, UUID]:
    """Return the person of each BSN, and for who is nobody yet a number that is nobody's: nothing was ever said about them."""
    known = await find_people(conn, keyring, named, is_sandbox=organisation.is_sandbox)
    return {bsn: known.get(bsn) or uuid4() for bsn in named}


async def _delivered_before(conn: Connection, delivery: ClaimedDelivery, sender_oin: str, content_sha256: bytes) -> UUID | None:
    """Return the delivery whose receipt this content would get. Raises ReferenceReused."""
    owner = delivery.organisation_id
    known = await deliveries.landed_delivery_by_reference(conn, owner, sender_oin, delivery.reference)
    if known is not None and known.content_sha256 != content_sha256:
        raise ReferenceReused(reference=delivery.reference, delivery_id=known.delivery_id)
    return await deliveries.landed_delivery_by_content(
        conn,
        owner,
        sender_oin,
        content_sha256,
        format=delivery.format,
        charset=delivery.charset,
        all_or_nothing=delivery.all_or_nothing,
    )
