"""TVS: read a change that was announced to it, and say what became of it. Parents: undo a change."""

from typing import Any
from uuid import UUID, uuid4

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from api.caller import APP, DECLARE
from api.idempotency import answered_once
from api.media import media_type
from api.services import Services, services_of
from api.validation import read_body
from reconcile.callers import Parent, Tvs
from reconcile.forward import ChangeDocument, Receipt, change_for_tvs, record_receipt
from reconcile.reverse import reverse_change
from reconcile.store.database import Connection, Database


@get("/{change_id:uuid}", operation_id="readChange", opt={"scope": DECLARE})
async def read_change(request: Request[Tvs, None, Any], db: NamedDependency[Database], change_id: FromPath[UUID]) -> ChangeDocument:
    """Read a change: what the parent wants to declare from which month, in the references of TVS."""
    async with db.transaction(request.user) as conn:
        return await change_for_tvs(conn, request.user, change_id)


@post("/{change_id:uuid}/receipts", operation_id="createReceipt", status_code=200, opt={"scope": DECLARE})
async def create_receipt(
    request: Request[Tvs, None, Any],
    db: NamedDependency[Database],
    services: NamedDependency[Services],
    change_id: FromPath[UUID],
) -> ChangeDocument:
    """Say that a change was processed, naming the declaration version that holds it, or refused, with a reason."""
    media_type(request, "application/json")
    receipt: Receipt = await read_body(request, Receipt)
    async with db.transaction(request.user) as conn:
        change = await record_receipt(conn, request.user, change_id, receipt)
    await services.wake("comparison")
    await services.wake("change")
    return change


@post("/{change_id:uuid}/reversal", operation_id="reverseChange", status_code=201, opt={"scope": APP})
async def create_reversal(request: Request[Parent, None, Any], change_id: FromPath[UUID]) -> Response[bytes]:
    """Undo an acceptance: its change is not sent, or another one follows that undoes it. Needs an Idempotency-Key, and no body."""
    services = services_of(request)

    async def reverse(conn: Connection) -> Response[bytes]:
        answer = await reverse_change(conn, request.user, change_id, answer_id=uuid4())
        return Response(msgspec.json.encode(answer), status_code=201, media_type="application/json")

    answer = await answered_once(request, services.db, reverse)
    await services.wake("change")
    await services.wake("comparison")
    return answer


changes_router = Router("/v1/changes", route_handlers=[read_change, create_receipt, create_reversal], tags=["changes"])
