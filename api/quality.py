"""Organisations: what looks odd in their own lines of a month, whenever they ask; nothing follows from it."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Router, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Meta, Struct

from api.caller import DELIVER
from api.validation import InvalidQuery
from reconcile.account import quality_of_month
from reconcile.callers import Organisation
from reconcile.rules.months import Month, is_month
from reconcile.rules.quality import QUALITY
from reconcile.store.database import Database
from reconcile.store.quality import QualityFinding


class QualityLine(Struct, frozen=True, kw_only=True, rename="camel"):
    """A line, by the delivery that brought it."""

    delivery_id: UUID
    line_number: int
    line_ref: str | None
    lrk_number: str | None


class QualityFindingDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """Lines that look odd in one way. Each may be right."""

    code: Annotated[str, Meta(description="A code of openapi/quality.json")]
    count: int
    title_nl: str
    title_en: str
    remedy_nl: str
    remedy_en: str
    first_lines: tuple[QualityLine, ...]


class QualityReport(Struct, frozen=True, kw_only=True, rename="camel"):
    """What looks odd in the lines of a month that stand or wait at this moment; a line may be in several findings."""

    organisation_oin: str
    month: Month
    findings: list[QualityFindingDocument]


_LINES = msgspec.json.Decoder(tuple[QualityLine, ...])


@get("/", operation_id="readQuality", opt={"scope": DELIVER, "mandated": True})
async def read_quality(
    request: Request[Organisation, None, Any],
    db: NamedDependency[Database],
    month: Annotated[str, QueryParameter(name="month", description="Month of care, YYYY-MM")],
) -> QualityReport:
    """Read what looks odd in what you reported for a month: counts and first lines by code. A vendor sees what came through itself."""
    if not is_month(month):
        raise InvalidQuery("month must be a month like 2026-03.")
    async with db.snapshot(request.user) as conn:
        found = await quality_of_month(conn, request.user, month)
    return QualityReport(organisation_oin=request.user.oin, month=month, findings=[_document(one) for one in found])


quality_router = Router("/v1/quality", route_handlers=[read_quality], tags=["statements"])


def _document(finding: QualityFinding) -> QualityFindingDocument:
    kind = QUALITY[finding.code]
    return QualityFindingDocument(
        code=kind.code,
        count=finding.lines,
        title_nl=kind.title_nl,
        title_en=kind.title_en,
        remedy_nl=kind.remedy_nl,
        remedy_en=kind.remedy_en,
        first_lines=_LINES.decode(finding.examples),
    )
