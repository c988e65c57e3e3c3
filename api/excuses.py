"""Organisations: say why a month comes late; and how that, and what follows, is shown to whoever looks at expected deliveries."""

from datetime import date, datetime
from typing import Annotated, Any

from litestar import Request, Response, Router, delete, put
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from msgspec import Meta, Struct

from api.caller import DELIVER
from api.media import media_type
from api.validation import FieldErrors, InvalidQuery, Remark, read_body, remark_errors
from reconcile.callers import Organisation
from reconcile.excuse import end_excuse, give_excuse
from reconcile.rules.identifiers import is_lrk_number
from reconcile.rules.ladder import CONTACT_AFTER, ENFORCEMENT_AFTER, EXCUSED_DAYS_MAX, DatedStep, Excuse, ExcuseReason, Step
from reconcile.rules.months import Month, is_month
from reconcile.store.database import Database

_DELIVER_BY = f"Day until which it will be delivered, in the Netherlands; at most {EXCUSED_DAYS_MAX} days after the deadline count"
LocationParameter = Annotated[str | None, QueryParameter(name="lrkNumber", description="One location; without it all of them")]


class ExcuseRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"deliver_by": "deliverBy"}):
    """Why a month comes late. `other` needs a note."""

    reason: ExcuseReason
    deliver_by: Annotated[date, Meta(description=_DELIVER_BY)]
    note: Remark | None = None


class ExcuseDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """An excuse (verontschuldiging) for a month that comes late."""

    lrk_number: Annotated[str | None, Meta(description="One location; null for all of them")]
    reason: Annotated[
        ExcuseReason, Meta(description="software: an outage. closed: nothing to bill. transfer: to another holder. other: see note")
    ]
    note: str | None
    deliver_by: Annotated[date, Meta(description=_DELIVER_BY)]
    recorded_at: datetime


class StepDocument(Struct, frozen=True, kw_only=True):
    """A step of what follows, and since or from when it is due. People do it; nothing is sent by itself."""

    step: Annotated[
        Step,
        Meta(
            description=(
                "reminder: the one notice that the month is late. "
                f"contact: {CONTACT_AFTER} days after it was due. enforcement: on the list of enforcement, {ENFORCEMENT_AFTER} days after"
            )
        ),
    ]
    since: datetime


@put("/{month:str}/excuse", operation_id="giveExcuse", status_code=200, opt={"scope": DELIVER})
async def put_excuse(
    request: Request[Organisation, None, Any], db: NamedDependency[Database], month: FromPath[str], lrk_number: LocationParameter = None
) -> ExcuseDocument:
    """Say why a month comes late, for a location or for all, and until when you deliver it. Safe to repeat; the last one counts."""
    media_type(request, "application/json")
    wanted: ExcuseRequest = await read_body(request, ExcuseRequest, between_fields=_wrong_note)
    _check(month, lrk_number)
    async with db.transaction(request.user) as conn:
        given = await give_excuse(
            conn, request.user, month, lrk_number, reason=wanted.reason, note=wanted.note, deliver_on=wanted.deliver_by
        )
    return excuse_document(given)


@delete("/{month:str}/excuse", operation_id="endExcuse", status_code=204, opt={"scope": DELIVER})
async def delete_excuse(
    request: Request[Organisation, None, Any], db: NamedDependency[Database], month: FromPath[str], lrk_number: LocationParameter = None
) -> Response[None]:
    """Take an excuse back; one that is not there is no fault."""
    _check(month, lrk_number)
    async with db.transaction(request.user) as conn:
        await end_excuse(conn, request.user, month, lrk_number)
    return Response(None, status_code=204)


excuses_router = Router("/v1/expected-deliveries", route_handlers=[put_excuse, delete_excuse], tags=["deliveries"])


def excuse_document(excuse: Excuse) -> ExcuseDocument:
    """Publish an excuse."""
    return ExcuseDocument(
        lrk_number=excuse.lrk_number,
        reason=excuse.reason,
        note=excuse.note,
        deliver_by=excuse.deliver_on,
        recorded_at=excuse.recorded_at,
    )


def step_document(step: DatedStep) -> StepDocument:
    """Publish a step."""
    return StepDocument(step=step.step, since=step.since)


def _check(month: Month, lrk_number: str | None) -> None:
    if not is_month(month):
        raise InvalidQuery("The address must name a month like 2026-03.")
    if lrk_number is not None and not is_lrk_number(lrk_number):
        raise InvalidQuery("lrkNumber must have nine digits.")


def _wrong_note(body: object) -> FieldErrors:
    if isinstance(body, dict) and body.get("reason") == "other" and not body.get("note"):
        return [{"key": "note", "message": "is missing: say what other means"}]
    return remark_errors(body, "note")
