"""Organisations: read which of their lines a parent says are wrong, when the parent asked to pass that on."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Router, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter
from msgspec import Meta, Struct

from api.caller import DELIVER
from api.places import place_before, place_text
from reconcile.callers import Organisation
from reconcile.dispute import read_disputed_lines
from reconcile.rules.months import Month
from reconcile.store.database import Database
from reconcile.store.disputes import DisputedLine

_PAGE_MAX = 1_000


class DisputedLineDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """A line that a parent says is wrong. Look at it: if it is, deliver it corrected; nothing changes by itself."""

    delivery_id: UUID
    line_number: int
    line_ref: Annotated[str | None, Meta(description="Your own mark of the line")]
    month: Month
    lrk_number: str
    reason: Annotated[str, Meta(description="A code of openapi/dispute-reasons.json")]
    note: Annotated[str | None, Meta(description="In the parent's words; forgotten when it is taken back")]
    disputed_at: datetime
    changed_at: datetime
    taken_back_at: Annotated[datetime | None, Meta(description="The parent no longer says so, or no longer to you; null while it stands")]


class DisputePage(Struct, frozen=True, kw_only=True):
    """Disputed lines, changed last first; `next` is the `before` of the next page, null on the last."""

    disputes: list[DisputedLineDocument]
    next: str | None


@get("/", operation_id="listDisputes", opt={"scope": DELIVER, "mandated": True})
async def list_disputes(
    request: Request[Organisation, None, Any],
    db: NamedDependency[Database],
    before: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=_PAGE_MAX)] = 100,
) -> DisputePage:
    """List your lines that parents say are wrong and asked us to pass on, changed last first. It is recorded."""
    async with db.transaction(request.user) as conn:
        found = await read_disputed_lines(conn, request.user, before=place_before(before), limit=limit)
    last = found[-1] if len(found) == limit else None
    return DisputePage(
        disputes=[_document(one) for one in found], next=place_text(last.changed_at, last.disputed_line_id) if last else None
    )


disputes_router = Router("/v1/disputes", route_handlers=[list_disputes], tags=["deliveries"])


def _document(line: DisputedLine) -> DisputedLineDocument:
    return DisputedLineDocument(
        delivery_id=line.delivery_id,
        line_number=line.line_number,
        line_ref=line.line_ref,
        month=line.month,
        lrk_number=line.lrk_number,
        reason=line.reason,
        note=line.note,
        disputed_at=line.disputed_at,
        changed_at=line.changed_at,
        taken_back_at=line.taken_back_at,
    )
