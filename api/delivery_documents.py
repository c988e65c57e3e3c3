"""What an organisation reads about its deliveries: receipts and lines, as JSON or as a spreadsheet reads them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from api.spreadsheet import BYTE_ORDER_MARK, rows_csv
from reconcile.apply import DeliveryProblem
from reconcile.callers import Organisation
from reconcile.rules.faults import Fault
from reconcile.rules.months import Month
from reconcile.rules.quantities import hundredths_text
from reconcile.store.deliveries import Delivery
from reconcile.store.lines import Line

_FAULTS = msgspec.json.Decoder(tuple[Fault, ...])
_PROBLEM = msgspec.json.Decoder(DeliveryProblem)


class OutcomeCounts(Struct, frozen=True, kw_only=True, rename="camel"):
    """Lines by outcome: received is always the sum of the others once the delivery is applied."""

    received: int
    applied: int
    unchanged: int
    superseded: int
    parked: int
    rejected: int
    withdrawn: Annotated[int, Meta(description="Of these lines, those that you took back")]


class DeliveryProgress(Struct, frozen=True, kw_only=True, rename="camel"):
    """How far the delivery is."""

    lines_read: int
    lines_done: int


class DeliveryReceipt(Struct, frozen=True, kw_only=True, rename="camel"):
    """A delivery as its sender sees it. Of identical content, state and counts are those of the delivery that `duplicateOf` names."""

    delivery_id: UUID
    reference: str
    sender_oin: Annotated[str, Meta(description="Who sent it: the organisation itself, or a vendor with its mandate")]
    state: str
    all_or_nothing: Annotated[bool, Meta(description="You asked that all lines are taken, or none")]
    format: str
    received_at: datetime
    created_at: datetime | None
    content_sha256: Annotated[str, Meta(description="SHA-256 of the content, decompressed, in hexadecimal")]
    byte_count: int
    counts: OutcomeCounts
    progress: DeliveryProgress
    problem: Annotated[DeliveryProblem | None, Meta(description="Why it could not be read")]
    duplicate_of: UUID | None
    finished_at: datetime | None
    withdrawal_reason: Annotated[str | None, Meta(description="What was said with the last withdrawal")]


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
    waits_for: Annotated[str | None, Meta(description="Of a parked line: fault code of the gap, see openapi/faults.json")]
    waiting_since: Annotated[datetime | None, Meta(description="Of a parked line: since when it waits; null in a trial")]
    woken_at: Annotated[datetime | None, Meta(description="Since when a line that was parked has come alive by itself; null in a trial")]
    withdrawn_at: Annotated[datetime | None, Meta(description="Since when you take the line back")]
    faults: tuple[Fault, ...]


class LinePage(Struct, frozen=True, kw_only=True, rename="camel"):
    """Lines in the order of the file; `next` is the query parameter `after` of the next page."""

    lines: list[LineDocument]
    next: int | None


def delivery_address(organisation: Organisation, delivery_id: UUID) -> str:
    """Return where a delivery is read; a vendor's address names the organisation that it acts for."""
    named = f"?organisationOin={organisation.oin}" if organisation.vendor_oin else ""
    return f"/v1/deliveries/{delivery_id}{named}"


def receipt_document(delivery: Delivery) -> DeliveryReceipt:
    """Publish a delivery."""
    return DeliveryReceipt(
        delivery_id=delivery.delivery_id,
        reference=delivery.reference,
        sender_oin=delivery.sender_oin,
        state=delivery.state,
        all_or_nothing=delivery.all_or_nothing,
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
            withdrawn=delivery.withdrawn_count,
        ),
        progress=DeliveryProgress(lines_read=delivery.lines_read, lines_done=delivery.lines_done),
        problem=problem_document(delivery),
        duplicate_of=delivery.duplicate_of,
        finished_at=delivery.finished_at,
        withdrawal_reason=delivery.withdrawal_reason,
    )


def problem_document(delivery: Delivery) -> DeliveryProblem | None:
    """Publish why a delivery cannot be read; None when it can."""
    return None if delivery.problem is None else _PROBLEM.decode(delivery.problem)


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
        waiting_since=None if line.waits_for is None else line.recorded_at,
        woken_at=line.woken_at,
        withdrawn_at=line.withdrawn_at,
        faults=_FAULTS.decode(line.faults),
    )


def _text(hundredths: int | None) -> str | None:
    return None if hundredths is None else hundredths_text(hundredths)


def lines_csv(lines: Sequence[LineDocument]) -> bytes:
    """Write lines as a Dutch spreadsheet reads them."""
    heading = ["regel", "regelkenmerk", "uitkomst", "lrk_nummer", "maand", "uren", "uurtarief", "wacht_op", "wacht_sinds", "fouten"]
    return BYTE_ORDER_MARK + rows_csv([heading, *(_row(one) for one in lines)])


def _row(one: LineDocument) -> Sequence[str | int | None]:
    faults = " ".join(f"{fault.code}({fault.field})" if fault.field else fault.code for fault in one.faults)
    since = None if one.waiting_since is None else one.waiting_since.isoformat()
    stands = (one.line_number, one.line_ref, one.outcome, one.lrk_number, one.month, one.hours, one.hourly_rate)
    return [*stands, one.waits_for, since, faults]
