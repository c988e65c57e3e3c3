"""Organisations: send a delivery, follow it, read the outcome of its lines."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from time import monotonic
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.params import FromPath, FromQuery, QueryParameter

from api.attempts import noting_refusals
from api.caller import DELIVER
from api.delivery_documents import DeliveryPage, DeliveryReceipt, LinePage, delivery_address, line_document, lines_csv, receipt_document
from api.fault_documents import DeliveryFaults, faults_document, findings_csv
from api.media import UnsupportedMedia, content, content_digest, is_gzip, media_type
from api.places import place_before, place_text
from api.services import Services
from api.spreadsheet import wants_csv
from api.trials import Trial, try_delivery
from reconcile.callers import Organisation
from reconcile.diagnose import diagnose_delivery
from reconcile.keyring import Keyring
from reconcile.receive import DeliveryHeader, Landing, begin_delivery, drop_delivery, keep_chunk, land_delivery, read_delivery
from reconcile.rules.delivery_file import Complete, complete_month, instant
from reconcile.rules.faults import UnreadableDelivery
from reconcile.store.database import Database
from reconcile.store.deliveries import Delivery, deliveries_of_organisation
from reconcile.store.lines import lines_of_delivery

# Compressed or not; the whole country in one month is about 150 MB.
DELIVERY_BYTES_MAX = 536_870_912
CHUNK_BYTES = 262_144
WAIT_MAX_S = 30
_WAIT_LOOK_S = 0.1
_PAGE_MAX = 1_000
_REFERENCE = re.compile(r'"?([A-Za-z0-9._-]{1,64})"?', re.ASCII)
_WAIT = re.compile(r"(?:^|[,;\s])wait=([0-9]{1,4})(?:$|[,;\s])", re.ASCII)
_FORMATS = {"application/json": "json", "application/x-ndjson": "ndjson", "text/csv": "csv"}
_FINAL = frozenset({"applied", "unreadable", "withdrawn"})

OutcomeName = Literal["applied", "unchanged", "superseded", "parked", "rejected"]


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
    complete: Annotated[
        list[str] | None, QueryParameter(name="complete", description="CSV: month:lrk,lrk of which nothing is missing")
    ] = None,
    all_or_nothing: Annotated[
        bool, QueryParameter(name="allOrNothing", description="CSV: take every line, or none when any has a fault")
    ] = False,
    is_dry_run: Annotated[bool, QueryParameter(name="dryRun", description="Answer what would become of it, and keep nothing")] = False,
    in_sandbox: Annotated[
        bool, QueryParameter(name="sandbox", description="With dryRun: judge it as if the sandbox organisation had sent it")
    ] = False,
) -> Response[DeliveryReceipt | Trial | bytes]:
    """Send a delivery. The Idempotency-Key is your reference of it; the same content again gives the first receipt.

    With dryRun up to 10,000 lines are judged at once and nothing is kept; then the Idempotency-Key may be left out.
    """
    if is_dry_run:
        header = _header(request, created_at, complete or [], all_or_nothing=all_or_nothing, is_dry_run=True)
        return await try_delivery(request, services, header, in_sandbox=in_sandbox)
    async with noting_refusals(request, db, reference=_reference(request)):
        header = _header(request, created_at, complete or [], all_or_nothing=all_or_nothing, is_dry_run=False)
        if in_sandbox:
            raise ClientException("sandbox goes with dryRun=true alone: what you deliver is yours.")
        landing = await _land(request, db, services.keyring, header)
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
        found = await deliveries_of_organisation(conn, request.user.organisation_id, before=place_before(before), limit=limit)
    last = found[-1] if len(found) == limit else None
    return DeliveryPage(
        deliveries=[receipt_document(one) for one in found], next=place_text(last.received_at, last.delivery_id) if last else None
    )


@get("/{delivery_id:uuid}", operation_id="readDelivery", opt={"scope": DELIVER})
async def show_delivery(
    request: Request[Organisation, None, Any], db: NamedDependency[Database], delivery_id: FromPath[UUID]
) -> DeliveryReceipt:
    """Read the state and the receipt of one delivery."""
    async with db.snapshot(request.user) as conn:
        return receipt_document(await read_delivery(conn, request.user, delivery_id))


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
    documents = [line_document(one) for one in found]
    following = documents[-1].line_number if len(documents) == limit else None
    if wants_csv(request):
        return Response(
            lines_csv(documents), media_type="text/csv", headers={"Link": f'<?after={following}>; rel="next"'} if following else {}
        )
    return LinePage(lines=documents, next=following)


@get("/{delivery_id:uuid}/faults", operation_id="listDeliveryFaults", opt={"scope": DELIVER})
async def list_faults(
    request: Request[Organisation, None, Any], db: NamedDependency[Database], delivery_id: FromPath[UUID]
) -> DeliveryFaults | Response[bytes]:
    """Read what is wrong by root cause: a wrong column is one finding, with its first lines; as CSV when Accept asks for text/csv."""
    async with db.snapshot(request.user) as conn:
        document = faults_document(await diagnose_delivery(conn, request.user, delivery_id))
    return Response(findings_csv(document.findings), media_type="text/csv") if wants_csv(request) else document


deliveries_router = Router(
    "/v1/deliveries",
    route_handlers=[create_delivery, list_deliveries, show_delivery, list_lines, list_faults],
    opt={"mandated": True},
    tags=["deliveries"],
)


def _header(
    request: Request[Organisation, None, Any],
    created_at: str | None,
    complete: Sequence[str],
    *,
    all_or_nothing: bool,
    is_dry_run: bool,
) -> DeliveryHeader:
    name, charset = media_type(request, *_FORMATS)
    if _FORMATS[name] != "csv" and charset == "windows-1252":
        raise UnsupportedMedia("JSON and NDJSON are UTF-8.")
    reference = _reference(request)
    if reference is None and (request.headers.get("Idempotency-Key", "").strip() or not is_dry_run):
        raise ClientException(
            "Send your reference of this delivery as Idempotency-Key: 1 to 64 letters, digits, dots, dashes or underscores."
        )
    if _FORMATS[name] != "csv" and (created_at or complete or all_or_nothing):
        raise ClientException(
            "createdAt, complete and allOrNothing stand in the query for CSV alone: in JSON they are members of the body, in NDJSON of "
            "the first line."
        )
    try:
        return DeliveryHeader(
            reference=reference or "",
            format=_FORMATS[name],
            charset=charset,
            sent_at=instant(created_at) if created_at else None,
            complete=tuple(_complete(one) for one in complete),
            all_or_nothing=all_or_nothing,
        )
    except UnreadableDelivery as reason:
        raise ClientException(reason.detail) from None


def _reference(request: Request[Organisation, None, Any]) -> str | None:
    match = _REFERENCE.fullmatch(request.headers.get("Idempotency-Key", "").strip())
    return match[1] if match else None


def _complete(text: str) -> Complete:
    month, _, lrk_numbers = text.partition(":")
    return complete_month(month, lrk_numbers.split(","))


async def _land(request: Request[Organisation, None, Any], db: Database, keyring: Keyring, header: DeliveryHeader) -> Landing:
    """Keep the body in sealed pieces, each in its own short transaction: no connection waits for the sender."""
    is_gzip(request)
    expected_sha256 = content_digest(request)
    async with db.transaction(request.user) as conn:
        delivery_id = await begin_delivery(conn, request.user, header)
    digest = hashlib.sha256()
    byte_count = chunk_number = 0
    try:
        async for chunk in _chunks(content(request, expected_sha256=expected_sha256)):
            digest.update(chunk)
            byte_count += len(chunk)
            async with db.transaction(request.user) as conn:
                await keep_chunk(conn, keyring, request.user, delivery_id, chunk_number, chunk)
            chunk_number += 1
        async with db.transaction(request.user) as conn:
            return await land_delivery(conn, request.user, delivery_id, header, content_sha256=digest.digest(), byte_count=byte_count)
    except BaseException:
        async with db.transaction(request.user) as conn:
            await drop_delivery(conn, request.user, delivery_id)
        raise


async def _chunks(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    pending = bytearray()
    async for piece in pieces:
        pending += piece
        while len(pending) >= CHUNK_BYTES:
            yield bytes(pending[:CHUNK_BYTES])
            del pending[:CHUNK_BYTES]
    if pending:
        yield bytes(pending)


async def _receipt_answer(
    request: Request[Organisation, None, Any], db: Database, landing: Landing
) -> Response[DeliveryReceipt | Trial | bytes]:
    delivery = landing.delivery
    headers = {"Location": delivery_address(request.user, delivery.delivery_id)}
    if match := _WAIT.search(request.headers.get("Prefer", "")):
        headers["Preference-Applied"] = f"wait={match[1]}"
        delivery = await _wait(request, db, delivery, min(int(match[1]), WAIT_MAX_S))
    return Response(receipt_document(delivery), status_code=200 if landing.is_replay else 202, headers=headers)


async def _wait(request: Request[Organisation, None, Any], db: Database, delivery: Delivery, seconds: int) -> Delivery:
    until = monotonic() + seconds
    while delivery.state not in _FINAL and monotonic() < until:
        await asyncio.sleep(_WAIT_LOOK_S)
        async with db.snapshot(request.user) as conn:
            delivery = await read_delivery(conn, request.user, delivery.delivery_id)
    return delivery
