"""Organisations: take a delivery back, or lines of it; what stood before stands again."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, Router, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta, Struct

from api.caller import DELIVER
from api.delivery_documents import DeliveryReceipt, delivery_address, receipt_document
from api.media import media_type
from api.services import Services
from api.validation import FieldErrors, Remark, read_body, remark_errors
from reconcile.callers import Organisation
from reconcile.store.database import Database
from reconcile.withdraw import ask_withdrawal

LINES_MAX = 5_000


class WithdrawalRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What to take back: these lines, or everything without them; and why, in a few words. No body takes everything back."""

    line_numbers: (
        Annotated[
            tuple[Annotated[int, Meta(ge=1, le=2_147_483_647)], ...],
            Meta(min_length=1, max_length=LINES_MAX, description="Lines of the delivery, by their numbers"),
        ]
        | None
    ) = None
    reason: Remark | None = None


@post("/{delivery_id:uuid}/withdrawal", operation_id="withdrawDelivery", status_code=202, opt={"scope": DELIVER})
async def create_withdrawal(
    request: Request[Organisation, None, Any],
    db: NamedDependency[Database],
    services: NamedDependency[Services],
    delivery_id: FromPath[UUID],
) -> Response[DeliveryReceipt]:
    """Take a delivery back, or the lines that the body names. Nothing is removed; follow the state until it is withdrawn or applied.

    Sending it again is safe: a delivery that is withdrawn answers 200. One that is still `received` is cancelled as a whole, before it is
    read; one that is being read or applied answers 409.
    """
    wanted = WithdrawalRequest()
    if await request.body():
        media_type(request, "application/json")
        wanted = await read_body(request, WithdrawalRequest, between_fields=_says_nothing)
    line_numbers = None if wanted.line_numbers is None else sorted(set(wanted.line_numbers))
    async with db.transaction(request.user) as conn:
        delivery = await ask_withdrawal(conn, request.user, delivery_id, line_numbers, reason=wanted.reason)
    await services.wake("delivery")
    return Response(
        receipt_document(delivery),
        status_code=200 if delivery.state == "withdrawn" else 202,
        headers={"Location": delivery_address(request.user, delivery_id)},
    )


withdrawals_router = Router("/v1/deliveries", route_handlers=[create_withdrawal], opt={"mandated": True}, tags=["deliveries"])


def _says_nothing(body: object) -> FieldErrors:
    """A body that names neither lines nor a reason may have meant lines: it does not take everything back."""
    if isinstance(body, dict) and not (body.get("lineNumbers") or body.get("reason")):
        return [{"key": "lineNumbers", "message": "is missing, and so is reason"}]
    return remark_errors(body, "reason")
