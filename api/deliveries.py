"""Organisations: send a delivery, follow it, read the outcome of its lines."""

import asyncio
import csv
import hashlib
import io
import re
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from time import monotonic
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Meta, Raw, Struct

from api.caller import DELIVER
from api.media import content, is_gzip, media_type
from api.services import Services
from reconcile.callers import Organisation
from reconcile.keyring import Keyring
from reconcile.receive import DeliveryHeader, Landing, begin_delivery, drop_delivery, keep_chunk, land_delivery, read_delivery
from reconcile.rules.delivery_file import Complete, complete_month, instant
from reconcile.rules.faults import Fault, UnreadableDelivery
from reconcile.rules.identifiers import is_oin
from reconcile.rules.months import Month
from reconcile.rules.quantities import hundredths_text
from reconcile.store.database import Database
from reconcile.store.deliveries import Delivery, deliveries_of_organisation
from reconcile.store.lines import Line, lines_of_delivery

# Compressed or not; the whole country in one month is about 150 MB.
DELIVERY_BYTES_MAX = 536_870_912
CHUNK_BYTES = 262_144
WAIT_MAX_S = 30
_WAIT_LOOK_S = 0.1
_PAGE_MAX = 1_000
_REFERENCE = re.compile(r'"?([A-Za-z0-9._-]{1,64})"?', re.ASCII)
_WAIT = re.compile(r"(?:^|[,;\s])wait=([0-9]{1,4})(?:$|[,;\s])", re.ASCII)
_FORMATS = {"application/json": "json", "text/csv": "csv"}
_FAULTS = msgspec.json.Decoder(tuple[Fault, ...])
_FINAL = frozenset({"applied", "unreadable"})

OutcomeName = Literal["applied", "unchanged", "superseded", "parked", "rejected"]


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
    """A delivery as its sender sees it."""

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


@post(
    "/",
    operation_id="createDelivery",
    status_code=202,
    opt={"scope": DELIVER},
    request_max_body_size=DELIVERY_BYTES_MAX,
)
async def create_delivery(
    request: Request[Organisation, None, Any],
    db: NamedDependency[Database],
    services: NamedDependency[Services],
    created_at: Annotated[str | None, QueryParameter(name="createdAt", description="CSV: when the file was made")] = None,
    organisation_oin: Annotated[str | None, QueryParameter(name="organisationOin", description="CSV: for whom it is")] = None,
    complete: Annotated[
        list[str] | None, QueryParameter(name="complete", description="CSV: month:lrk,lrk of which nothing is missing")
    ] = None,
) -> Response[DeliveryReceipt]:
    """Send a delivery. The Idempotency-Key is your reference of it; the same content again gives the first receipt."""
    header = _header(request, created_at, organisation_oin, complete or [])
    is_gzip(request)
    async with db.transaction(request.user) as conn:
        delivery_id = await begin_delivery(conn, request.user, header)
    try:
        landing = await _land(request, db, services.keyring, header, delivery_id)
    except BaseException:
        async with db.transaction(request.user) as conn:
            await drop_delivery(conn, request.user, delivery_id)
        raise
    await services.wake("delivery")
    return await _receipt_answer(request, db, landing)


@get("/", operation_id="listDeliveries", opt={"scope": DELIVER})
async def list_deliveries(
    request: Request[Organisation, None, Any],
    db: NamedDependency[Database],
    before: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=_PAGE_MAX)] = 100,
) -> DeliveryPage:
    """List your deliveries, newest first."""
    async with db.snapshot(request.user) as conn:
        found = await deliveries_of_organisation(conn, request.user.organisation_id, before=_place(before), limit=limit)
    last = found[-1] if len(found) == limit else None
    return DeliveryPage(
        deliveries=[_receipt(one) for one in found], next=f"{last.received_at.isoformat()}~{last.delivery_id}" if last else None
    )


@get("/{delivery_id:uuid}", operation_id="readDelivery", opt={"scope": DELIVER})
async def show_delivery(
    request: Request[Organisation, None, Any], db: NamedDependency[Database], delivery_id: FromPath[UUID]
) -> DeliveryReceipt:
    """Read the state and the receipt of one delivery."""
    async with db.snapshot(request.user) as conn:
        return _receipt(await read_delivery(conn, request.user, delivery_id))


@get("/{delivery_id:uuid}/lines", operation_id="listDeliveryLines", opt={"scope": DELIVER})
async def list_lines(
    request: Request[Organisation, None, Any],
    db: NamedDependency[Database],
    delivery_id: FromPath[UUID],
    outcome: FromQuery[OutcomeName | None] = None,
    after: Annotated[int, QueryParameter(ge=0, le=2_147_483_647)] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=_PAGE_MAX)] = 500,
) -> LinePage | Response[bytes]:
    """Read the outcome of each line, with its faults; as CSV when Accept asks for text/csv."""
    async with db.snapshot(request.user) as conn:
        await read_delivery(conn, request.user, delivery_id)
        found = await lines_of_delivery(conn, request.user.organisation_id, delivery_id, outcome=outcome, after=after, limit=limit)
    documents = [_line(one) for one in found]
    following = documents[-1].line_number if len(documents) == limit else None
    if "text/csv" in request.headers.get("Accept", ""):
        return Response(_csv(documents), media_type="text/csv", headers={"Link": f'<?after={following}>; rel="next"'} if following else {})
    return LinePage(lines=documents, next=following)


deliveries_router = Router(
    "/v1/deliveries", route_handlers=[create_delivery, list_deliveries, show_delivery, list_lines], tags=["deliveries"]
)


def _header(
    request: Request[Organisation, None, Any], created_at: str | None, organisation_oin: str | None, complete: Sequence[str]
) -> DeliveryHeader:
    name, charset = media_type(request, *_FORMATS)
    match = _REFERENCE.fullmatch(request.headers.get("Idempotency-Key", "").strip())
    if match is None:
        raise ClientException(
            "Send your reference of this delivery as Idempotency-Key: 1 to 64 letters, digits, dots, dashes or underscores."
        )
    if _FORMATS[name] == "json" and (created_at or organisation_oin or complete):
        raise ClientException("In JSON, createdAt, organisationOin and complete are members of the body.")
    if organisation_oin is not None and not is_oin(organisation_oin):
        raise ClientException("organisationOin must be an OIN of twenty positions.")
    try:
        return DeliveryHeader(
            reference=match[1],
            format=_FORMATS[name],
            charset=charset,
            sent_at=instant(created_at) if created_at else None,
            organisation_oin=organisation_oin,
            complete=tuple(_complete(one) for one in complete),
        )
    except UnreadableDelivery as reason:
        raise ClientException(reason.detail) from None


def _complete(text: str) -> Complete:
    month, _, lrk_numbers = text.partition(":")
    return complete_month(month, lrk_numbers.split(","))


async def _land(
    request: Request[Organisation, None, Any], db: Database, keyring: Keyring, header: DeliveryHeader, delivery_id: UUID
) -> Landing:
    """Keep the body in sealed pieces, each in its own short transaction: no connection waits for the sender."""
    digest = hashlib.sha256()
    byte_count = chunk_number = 0
    async for chunk in _chunks(content(request)):
        digest.update(chunk)
        byte_count += len(chunk)
        async with db.transaction(request.user) as conn:
            await keep_chunk(conn, keyring, request.user, delivery_id, chunk_number, chunk)
        chunk_number += 1
    async with db.transaction(request.user) as conn:
        return await land_delivery(conn, request.user, delivery_id, header, content_sha256=digest.digest(), byte_count=byte_count)


async def _chunks(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    pending = bytearray()
    async for piece in pieces:
        pending += piece
        while len(pending) >= CHUNK_BYTES:
            yield bytes(pending[:CHUNK_BYTES])
            del pending[:CHUNK_BYTES]
    if pending:
        yield bytes(pending)


async def _receipt_answer(request: Request[Organisation, None, Any], db: Database, landing: Landing) -> Response[DeliveryReceipt]:
    delivery = landing.delivery
    headers = {"Location": f"/v1/deliveries/{delivery.delivery_id}"}
    if match := _WAIT.search(request.headers.get("Prefer", "")):
        headers["Preference-Applied"] = f"wait={match[1]}"
        delivery = await _wait(request, db, delivery, min(int(match[1]), WAIT_MAX_S))
    return Response(_receipt(delivery), status_code=200 if landing.is_replay else 202, headers=headers)


async def _wait(request: Request[Organisation, None, Any], db: Database, delivery: Delivery, seconds: int) -> Delivery:
    until = monotonic() + seconds
    while delivery.state not in _FINAL and monotonic() < until:
        await asyncio.sleep(_WAIT_LOOK_S)
        async with db.snapshot(request.user) as conn:
            delivery = await read_delivery(conn, request.user, delivery.delivery_id)
    return delivery


def _receipt(delivery: Delivery) -> DeliveryReceipt:
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


def _line(line: Line) -> LineDocument:
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


def _place(before: str | None) -> tuple[datetime, UUID] | None:
    if before is None:
        return None
    received_at, _, delivery_id = before.partition("~")
    try:
        return datetime.fromisoformat(received_at.replace(" ", "+")), UUID(delivery_id)
    except ValueError:
        raise ClientException("before must be the next of the page before.") from None


def _csv(lines: Sequence[LineDocument]) -> bytes:
    """Write lines as a Dutch spreadsheet reads them; a cell that a spreadsheet would compute is quoted away."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(["regel", "regelkenmerk", "uitkomst", "lrk_nummer", "maand", "uren", "uurtarief", "wacht_op", "fouten"])
    for one in lines:
        faults = " ".join(f"{fault.code}({fault.field})" if fault.field else fault.code for fault in one.faults)
        cells = [one.line_number, one.line_ref, one.outcome, one.lrk_number, one.month, one.hours, one.hourly_rate, one.waits_for, faults]
        writer.writerow([_cell(cell) for cell in cells])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _cell(value: str | int | None) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in tuple("=+-@\t\r\n") and text else text
