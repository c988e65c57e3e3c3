"""Organisations: fetch the final receipt of a delivery, in bytes that can be hashed and signed."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Request, Response, Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta, Struct

from api.caller import DELIVER
from api.media import digest_member
from reconcile.callers import Organisation
from reconcile.receive import read_receipt
from reconcile.rules.receipt import LineCounts
from reconcile.store.database import Database


class ReceiptProblem(Struct, frozen=True, kw_only=True):
    """Why nothing was taken: a code of openapi/faults.json, and the line where there is one."""

    code: str
    line: int | None


class CanonicalReceipt(Struct, frozen=True, kw_only=True, rename="camel"):
    """The receipt (ontvangstbewijs): JSON in canonical form (RFC 8785), members in this order. Instants are UTC to the microsecond."""

    byte_count: int
    content_sha256: str
    counts: Annotated[LineCounts | None, Meta(description="When the last line had its outcome; null of a duplicate, and unreadable")]
    created_at: datetime | None
    delivery_id: UUID
    duplicate_of: UUID | None
    finished_at: datetime | None
    form: Literal["kot-uren/receipt/1"]
    format: str
    organisation_oin: str
    problem: ReceiptProblem | None
    received_at: datetime
    reference: str
    sender_oin: str


@get("/{delivery_id:uuid}/receipt", operation_id="readDeliveryReceipt", opt={"scope": DELIVER})
async def show_receipt(
    request: Request[Organisation, None, Any], db: NamedDependency[Database], delivery_id: FromPath[UUID]
) -> Response[bytes]:
    """Read the final receipt of a delivery that is done: the same bytes whenever you ask. Their SHA-256 is in Content-Digest."""
    async with db.snapshot(request.user) as conn:
        receipt = await read_receipt(conn, request.user, delivery_id)
    headers = {"Content-Digest": digest_member(receipt.sha256), "ETag": f'"{receipt.sha256.hex()}"'}
    return Response(receipt.content, media_type="application/json", headers=headers)


receipts_router = Router("/v1/deliveries", route_handlers=[show_receipt], opt={"mandated": True}, tags=["deliveries"])
