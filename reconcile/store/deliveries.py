"""Queries of `deliveries.sql`."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec
from msgspec import Struct

from reconcile.rules.receipt import LineCounts, ReceiptFacts
from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("deliveries")
_COUNTS = msgspec.json.Decoder(LineCounts)


class Delivery(Struct, frozen=True, kw_only=True):
    """A delivery that landed, as its sender may see it."""

    delivery_id: UUID
    sender_oin: str
    reference: str
    format: str
    state: str
    all_or_nothing: bool
    received_at: datetime
    sent_at: datetime | None
    content_sha256: bytes
    byte_count: int
    duplicate_of: UUID | None
    problem: str | None
    lines_read: int
    lines_done: int
    applied_count: int
    unchanged_count: int
    superseded_count: int
    parked_count: int
    rejected_count: int
    withdrawn_count: int
    finished_at: datetime | None
    withdrawal_reason: str | None


class LandedDelivery(Struct, frozen=True, kw_only=True):
    """The delivery that has a reference, and the hash of its content."""

    delivery_id: UUID
    content_sha256: bytes


class ClaimedDelivery(Struct, frozen=True, kw_only=True):
    """A delivery that this worker holds by lease; `attempts` is its fence. `complete` is JSON text."""

    organisation_id: UUID
    delivery_id: UUID
    reference: str
    format: str
    charset: str | None
    sent_at: datetime | None
    complete: str
    state: str
    received_at: datetime
    lines_read: int
    lines_done: int
    attempts: int
    all_or_nothing: bool
    is_refused: bool | None
    is_sandbox: bool


async def insert_delivery(
    conn: Connection,
    organisation_id: UUID,
    *,
    reference: str,
    format: str,  # noqa: A002  # the column's name, and nobody formats here
    charset: str | None,
    sent_at: datetime | None,
    sender_oin: str,
    complete: str,
    all_or_nothing: bool,
) -> UUID:
    """Begin a delivery that is still arriving; nobody sees it before it landed."""
    return await conn.fetchval(
        SQL["insert_delivery"], organisation_id, reference, format, charset, sent_at, sender_oin, complete, all_or_nothing
    )


async def insert_chunk(conn: Connection, organisation_id: UUID, delivery_id: UUID, chunk_number: int, sealed: bytes) -> None:
    """Keep one sealed piece of the content."""
    await conn.execute(SQL["insert_chunk"], organisation_id, delivery_id, chunk_number, sealed)


async def lock_deliveries_of_organisation(conn: Connection, organisation_id: UUID) -> None:
    """Until this transaction ends, no other delivery of this organisation lands."""
    await conn.execute(SQL["lock_deliveries_of_organisation"], organisation_id)


async def landed_delivery_by_reference(conn: Connection, organisation_id: UUID, sender_oin: str, reference: str) -> LandedDelivery | None:
    """Return the delivery of this sender that has this reference."""
    row = await conn.fetchrow(SQL["landed_delivery_by_reference"], organisation_id, sender_oin, reference)
    return None if row is None else LandedDelivery(**row)


async def landed_delivery_by_content(
    conn: Connection,
    organisation_id: UUID,
    sender_oin: str,
    content_sha256: bytes,
    *,
    format: str,  # noqa: A002  # as above
    charset: str | None,
    all_or_nothing: bool,
) -> UUID | None:
    """Return the first delivery by which this sender brought this content, in this format and character set; none that was refused.

    `all_or_nothing` is what the request says; it is part of a spreadsheet's identity alone, because other formats say it inside.
    """
    return await conn.fetchval(
        SQL["landed_delivery_by_content"], organisation_id, sender_oin, content_sha256, format, charset, all_or_nothing
    )


async def land_delivery(conn: Connection, organisation_id: UUID, delivery_id: UUID, content_sha256: bytes, byte_count: int) -> None:
    """The last byte is in: from here on the delivery is an obligation."""
    await conn.execute(SQL["land_delivery"], organisation_id, delivery_id, content_sha256, byte_count)


async def land_duplicate(
    conn: Connection, organisation_id: UUID, delivery_id: UUID, content_sha256: bytes, byte_count: int, duplicate_of: UUID
) -> None:
    """Keep a receipt that names the first delivery of this content."""
    await conn.execute(SQL["land_duplicate"], organisation_id, delivery_id, content_sha256, byte_count, duplicate_of)


async def drop_chunks(conn: Connection, organisation_id: UUID, delivery_id: UUID) -> None:
    """Forget the content."""
    await conn.execute(SQL["drop_chunks"], organisation_id, delivery_id)


async def drop_arriving(conn: Connection, organisation_id: UUID, delivery_id: UUID) -> None:
    """Forget a delivery that never landed."""
    await conn.execute(SQL["drop_arriving"], organisation_id, delivery_id)


async def drop_abandoned(conn: Connection) -> None:
    """Forget deliveries whose sender went away a day ago."""
    await conn.execute(SQL["drop_abandoned"])


async def drop_read_chunks(conn: Connection) -> None:
    """Forget the content of deliveries that ended thirty days ago; their lines, hash and receipt stay."""
    await conn.execute(SQL["drop_read_chunks"])


async def delivery_by_id(conn: Connection, organisation_id: UUID, delivery_id: UUID) -> Delivery | None:
    """Return one delivery of this organisation that landed."""
    row = await conn.fetchrow(SQL["delivery_by_id"], organisation_id, delivery_id)
    return None if row is None else Delivery(**row)


async def receipt_facts(conn: Connection, organisation_id: UUID, delivery_id: UUID) -> ReceiptFacts | None:
    """Return what the receipt of a delivery says; None while the delivery is not done."""
    row = await conn.fetchrow(SQL["receipt_facts"], organisation_id, delivery_id)
    if row is None:
        return None
    counts = None if row["counts"] is None else _COUNTS.decode(row["counts"])
    return ReceiptFacts(**{**row, "counts": counts})


async def deliveries_of_organisation(
    conn: Connection, organisation_id: UUID, *, before: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Delivery]:
    """Return a page of deliveries, newest first; `before` is the last row of the page before."""
    received_at, delivery_id = before or (None, None)
    rows = await conn.fetch(SQL["deliveries_of_organisation"], organisation_id, received_at, delivery_id, limit)
    return [Delivery(**row) for row in rows]


async def claim_delivery(conn: Connection, lease: timedelta) -> ClaimedDelivery | None:
    """Take the next delivery by lease; None when there is nothing to do."""
    row = await conn.fetchrow(SQL["claim_delivery"], lease)
    return None if row is None else ClaimedDelivery(**row)


async def chunk(conn: Connection, organisation_id: UUID, delivery_id: UUID, chunk_number: int) -> bytes | None:
    """Return one sealed piece; None after the last."""
    return await conn.fetchval(SQL["chunk"], organisation_id, delivery_id, chunk_number)


async def extend_lease(conn: Connection, claimed: ClaimedDelivery, lease: timedelta) -> int | None:
    """Hold on to the delivery and lock its row; return up to which place it was applied, None when another worker has taken over."""
    return await conn.fetchval(SQL["extend_lease"], claimed.organisation_id, claimed.delivery_id, claimed.attempts, lease)


async def begin_applying(
    conn: Connection,
    claimed: ClaimedDelivery,
    sent_at: datetime,
    complete: str,
    lines_read: int,
    *,
    all_or_nothing: bool,
    is_refused: bool,
) -> None:
    """All lines are staged: what the envelope said stands on the delivery from here on, and whether it is refused as a whole."""
    key = (claimed.organisation_id, claimed.delivery_id, claimed.attempts)
    await conn.execute(SQL["begin_applying"], *key, sent_at, complete, lines_read, all_or_nothing, is_refused)


async def record_batch(conn: Connection, claimed: ClaimedDelivery, until_place: int, counts: Sequence[int]) -> None:
    """Count the outcomes of one batch: done, applied, unchanged, superseded, parked, rejected."""
    await conn.execute(SQL["record_batch"], claimed.organisation_id, claimed.delivery_id, until_place, *counts)


async def finish_delivery(conn: Connection, claimed: ClaimedDelivery) -> None:
    """Every line has its outcome."""
    await conn.execute(SQL["finish_delivery"], claimed.organisation_id, claimed.delivery_id, claimed.attempts)


async def complete_of_delivery(conn: Connection, claimed: ClaimedDelivery) -> str:
    """Return what the sender called complete, as JSON text."""
    return await conn.fetchval(SQL["complete_of_delivery"], claimed.organisation_id, claimed.delivery_id)


async def supersede_completeness(conn: Connection, claimed: ClaimedDelivery, lrk_numbers: Sequence[str], months: Sequence[date]) -> None:
    """End earlier statements about these locations and months, in step."""
    await conn.execute(SQL["supersede_completeness"], claimed.organisation_id, lrk_numbers, months)


async def insert_completeness(conn: Connection, claimed: ClaimedDelivery, lrk_numbers: Sequence[str], months: Sequence[date]) -> None:
    """Note of which locations and months, in step, the organisation says that nothing is missing."""
    await conn.execute(SQL["insert_completeness"], claimed.organisation_id, claimed.delivery_id, lrk_numbers, months)


async def mark_unreadable(conn: Connection, claimed: ClaimedDelivery, problem: Struct) -> None:
    """The content cannot be read: nothing of it is taken, and the sender can see why."""
    text = msgspec.json.encode(problem).decode()
    await conn.execute(SQL["mark_unreadable"], claimed.organisation_id, claimed.delivery_id, claimed.attempts, text)


async def postpone_delivery(conn: Connection, claimed: ClaimedDelivery, error: str) -> None:
    """Give the delivery back for a later attempt; `error` is the class of what went wrong."""
    await conn.execute(SQL["postpone_delivery"], claimed.organisation_id, claimed.delivery_id, claimed.attempts, error)


async def record_organisation_event(conn: Connection, organisation_id: UUID, event: str) -> None:
    """Chain one event (JSON text) of an organisation."""
    await conn.execute(SQL["record_organisation_event"], organisation_id, event)
