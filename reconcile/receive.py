"""Verb: take an organisation's delivery in, piece by piece as it streams, and give the receipt."""

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from reconcile.callers import Organisation
from reconcile.keyring import Keyring
from reconcile.mandate import require_mandate
from reconcile.problems import DeliveryNotDone, NotFound, ReferenceReused
from reconcile.rules.delivery_file import Complete
from reconcile.rules.receipt import Receipt, receipt_of
from reconcile.store import deliveries as store
from reconcile.store.database import Connection
from reconcile.store.deliveries import Delivery

# The column that a piece of a delivery is bound to; the row is its organisation, delivery and place.
SEALED_CHUNK = "delivery_chunk.sealed"


class DeliveryHeader(Struct, frozen=True, kw_only=True):
    """What a request says about a delivery beside its content."""

    reference: str
    format: str
    charset: str | None = None
    sent_at: datetime | None = None
    complete: tuple[Complete, ...] = ()
    all_or_nothing: bool = False


class Landing(Struct, frozen=True, kw_only=True):
    """The receipt, and whether it is that of an earlier delivery with the same content."""

    delivery: Delivery
    is_replay: bool


async def begin_delivery(conn: Connection, organisation: Organisation, header: DeliveryHeader) -> UUID:
    """Make room for a delivery that is about to stream in; it counts for nothing before it landed."""
    return await store.insert_delivery(
        conn,
        organisation.organisation_id,
        reference=header.reference,
        format=header.format,
        charset=header.charset,
        sent_at=header.sent_at,
        sender_oin=organisation.sender_oin,
        complete=msgspec.json.encode(header.complete).decode(),
        all_or_nothing=header.all_or_nothing,
    )


def chunk_row(organisation_id: UUID, delivery_id: UUID, chunk_number: int) -> str:
    """Name the row that a piece is bound to when it is sealed."""
    return f"{organisation_id}/{delivery_id}/{chunk_number}"


async def keep_chunk(
    conn: Connection, keyring: Keyring, organisation: Organisation, delivery_id: UUID, chunk_number: int, plain: bytes
) -> None:
    """Seal and keep one piece, in order from 0."""
    row = chunk_row(organisation.organisation_id, delivery_id, chunk_number)
    await store.insert_chunk(conn, organisation.organisation_id, delivery_id, chunk_number, keyring.seal(SEALED_CHUNK, row, plain))


async def land_delivery(
    conn: Connection, organisation: Organisation, delivery_id: UUID, header: DeliveryHeader, *, content_sha256: bytes, byte_count: int
) -> Landing:
    """The last byte is in: from here on the delivery is an obligation that survives any crash.

    The same content again gives the first receipt and no change; under another reference it is kept as a duplicate of the first.
    Raises ReferenceReused when the reference came before with other content, NotMandated when the mandate ended on the way; then the
    new content must be dropped.
    """
    owner, sender_oin = organisation.organisation_id, organisation.sender_oin
    await require_mandate(conn, organisation)
    await store.lock_deliveries_of_organisation(conn, owner)
    known = await store.landed_delivery_by_reference(conn, owner, sender_oin, header.reference)
    if known is not None:
        if known.content_sha256 != content_sha256:
            raise ReferenceReused(reference=header.reference, delivery_id=known.delivery_id)
        await store.drop_arriving(conn, owner, delivery_id)
        return Landing(delivery=await read_delivery(conn, organisation, known.delivery_id), is_replay=True)
    first = await store.landed_delivery_by_content(
        conn, owner, sender_oin, content_sha256, format=header.format, charset=header.charset, all_or_nothing=header.all_or_nothing
    )
    if first is not None:
        await store.drop_chunks(conn, owner, delivery_id)
        await store.land_duplicate(conn, owner, delivery_id, content_sha256, byte_count, first)
    else:
        await store.land_delivery(conn, owner, delivery_id, content_sha256, byte_count)
    event = {"action": "delivered", "deliveryId": str(delivery_id), "contentSha256": content_sha256.hex(), "senderOin": sender_oin}
    await store.record_organisation_event(conn, owner, msgspec.json.encode(event).decode())
    return Landing(delivery=await read_delivery(conn, organisation, delivery_id), is_replay=first is not None)


async def drop_delivery(conn: Connection, organisation: Organisation, delivery_id: UUID) -> None:
    """Forget a delivery that did not land: its body broke off or was refused."""
    await store.drop_arriving(conn, organisation.organisation_id, delivery_id)


async def read_delivery(conn: Connection, organisation: Organisation, delivery_id: UUID) -> Delivery:
    """Return a delivery of this organisation. Raises NotFound."""
    delivery = await store.delivery_by_id(conn, organisation.organisation_id, delivery_id)
    if delivery is None:
        raise NotFound("You have no delivery with this number.")
    return delivery


async def read_receipt(conn: Connection, organisation: Organisation, delivery_id: UUID) -> Receipt:
    """Return the final receipt of a delivery of this organisation. Raises NotFound, DeliveryNotDone."""
    await read_delivery(conn, organisation, delivery_id)
    facts = await store.receipt_facts(conn, organisation.organisation_id, delivery_id)
    if facts is None:
        raise DeliveryNotDone("Not every line has its outcome yet. Ask again when the state of the delivery is applied or unreadable.")
    return receipt_of(facts)
