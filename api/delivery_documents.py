"""What an organisation reads about its deliveries: receipts and lines, as JSON or as a spreadsheet reads them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Raw, Struct

from api.spreadsheets import csv_bytes
from reconcile.rules.faults import Fault
from reconcile.rules.months import Month
from reconcile.rules.quantities import hundredths_text
from reconcile.store.deliveries import Delivery
from reconcile.store.lines import Line

_FAULTS = msgspec.json.Decoder(tuple[Fault, ...])


class OutcomeCounts(Struct, frozen=True, kw_only=True, rename="camel"):
    """Lines by outcome: received is always the sum of the others once the delivery is applied."""

    received: int
    applied: int
    unchanged: int
    superseded: int
    parked: int
    rejected: int


class DeliveryProgress(Struct, frozen=True, kw_only=True, rename="camel"):
    """How far the delivery is."""

    lines_read: int
    lines_done: int


class DeliveryReceipt(Struct, frozen=True, kw_only=True, rename="camel"):
    """A delivery as its sender sees it. Of identical content, state and counts are those of the delivery that `duplicateOf` names."""

    delivery_id: UUID
    reference: str
    state: str
    format: str
    received_at: datetime
    created_at: datetime | None
    content_sha256: Annotated[str, Meta(description="SHA-256 of the content, decompressed, in hexadecimal")]
    byte_count: int
    counts: OutcomeCounts
    progress: DeliveryProgress
    problem: Annotated[Raw | None, Meta(description="Why it could not be read")]
    duplicate_of: UUID | None
    finished_at: datetime | None


class DeliveryPage(Struct, frozen=True, kw_only=True, rename="camel"):
    """Deliveries, newest first; `next` is the query parameter `before` of the next page."""

    deliveries: list[DeliveryReceipt]
    next: str | None


class LineDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """One line with its outcome."""

    line_number: int
    line_ref: str | None
    outcome: str
    lrk_number: str | None
    month: Month | None
    hours: str | None
    hourly_rate: str | None
    amount: str | None
    end_date: date | None
    waits_for: str | None
    faults: tuple[Fault, ...]


class LinePage(Struct, frozen=True, kw_only=True, rename="camel"):
    """Lines in the order of the file; `next` is the query parameter `after` of the next page."""

    lines: list[LineDocument]
    next: int | None


def receipt_document(delivery: Delivery) -> DeliveryReceipt:
    """Publish a delivery."""
    return DeliveryReceipt(
        delivery_id=delivery.delivery_id,
        reference=delivery.reference,
        state=delivery.state,
        format=delivery.format,
        received_at=delivery.received_at,
        created_at=delivery.sent_at,
        content_sha256=delivery.content_sha256.hex(),
        byte_count=delivery.byte_count,
        counts=OutcomeCounts(
            received=delivery.lines_read,
            applied=delivery.applied_count,
            unchanged=delivery.unchanged_count,
            superseded=delivery.superseded_count,
            parked=delivery.parked_count,
            rejected=delivery.rejected_count,
        ),
        progress=DeliveryProgress(lines_read=delivery.lines_read, lines_done=delivery.lines_done),
        problem=None if delivery.problem is None else Raw(delivery.problem.encode()),
        duplicate_of=delivery.duplicate_of,
        finished_at=delivery.finished_at,
    )


def line_document(line: Line) -> LineDocument:
    """Publish a line."""
    return LineDocument(
        line_number=line.line_number,
        line_ref=line.line_ref,
        outcome=line.outcome,
        lrk_number=line.lrk_number,
        month=line.month,
        hours=_text(line.hours_hundredths),
        hourly_rate=_text(line.hourly_rate_cents),
        amount=_text(line.amount_cents),
        end_date=line.end_on,
        waits_for=line.waits_for,
        faults=_FAULTS.decode(line.faults),
    )


def _text(hundredths: int | None) -> str | None:
    return None if hundredths is None else hundredths_text(hundredths)


def lines_csv(lines: Sequence[LineDocument]) -> bytes:
    """Write lines as a Dutch spreadsheet reads them."""
    heading = ["regel", "regelkenmerk", "uitkomst", "lrk_nummer", "maand", "uren", "uurtarief", "wacht_op", "fouten"]
    return csv_bytes(heading, (_row(one) for one in lines))


def _row(line: LineDocument) -> list[str | int | None]:
    faults = " ".join(f"{fault.code}({fault.field})" if fault.field else fault.code for fault in line.faults)
    return [
        line.line_number,
        line.line_ref,
        line.outcome,
        line.lrk_number,
        line.month,
        line.hours,
        line.hourly_rate,
        line.waits_for,
        faults,
    ]
