"""Organisations: say which software vendors may deliver for them."""

from datetime import date, datetime
from typing import Annotated, Any

from litestar import Request, Response, Router, delete, get, put
from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.params import FromPath
from msgspec import Meta, Struct

from api.caller import DELIVER
from api.media import media_type
from api.validation import FieldErrors, form_errors, read_body
from reconcile.callers import Organisation
from reconcile.mandate import end_mandate, give_mandate, mandates_of
from reconcile.rules.identifiers import is_oin
from reconcile.store.database import Database
from reconcile.store.mandates import Mandate

_NAMES = {"from_on": "from", "until_on": "until", "vendor_oin": "vendorOin", "recorded_at": "recordedAt"}


class MandateRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=_NAMES):
    """The days on which a vendor may deliver, in the Netherlands, both included; without a last day it lasts."""

    from_on: date
    until_on: date | None = None


class MandateDocument(Struct, frozen=True, kw_only=True, rename=_NAMES):
    """A mandate (machtiging): the vendor delivers in the organisation's name and sees what it delivered."""

    vendor_oin: str
    from_on: date
    until_on: Annotated[date | None, Meta(description="Last day; null while it lasts")]
    recorded_at: Annotated[datetime, Meta(description="When it was given in this form")]


class MandateList(Struct, frozen=True, kw_only=True):
    """The mandates of an organisation, by the OIN of the vendor."""

    mandates: list[MandateDocument]


@get("/", operation_id="listMandates", opt={"scope": DELIVER})
async def list_mandates(request: Request[Organisation, None, Any], db: NamedDependency[Database]) -> MandateList:
    """List the mandates that you gave and did not end, also those whose days are over or to come."""
    async with db.snapshot(request.user) as conn:
        return MandateList(mandates=[_document(one) for one in await mandates_of(conn, request.user)])


@put("/{vendor_oin:str}", operation_id="giveMandate", status_code=200, opt={"scope": DELIVER})
async def put_mandate(
    request: Request[Organisation, None, Any], db: NamedDependency[Database], vendor_oin: FromPath[str]
) -> MandateDocument:
    """Let a software vendor deliver for you, or change the days on which it may. Safe to repeat."""
    media_type(request, "application/json")
    wanted: MandateRequest = await read_body(request, MandateRequest, between_fields=_wrong_days)
    vendor = _vendor(request.user, vendor_oin)
    async with db.transaction(request.user) as conn:
        return _document(await give_mandate(conn, request.user, vendor, from_on=wanted.from_on, until_on=wanted.until_on))


@delete("/{vendor_oin:str}", operation_id="endMandate", status_code=204, opt={"scope": DELIVER})
async def delete_mandate(
    request: Request[Organisation, None, Any], db: NamedDependency[Database], vendor_oin: FromPath[str]
) -> Response[None]:
    """Let a vendor deliver and read nothing more for you, at once; what it delivered stays. One that has no mandate is no fault."""
    vendor = _vendor(request.user, vendor_oin)
    async with db.transaction(request.user) as conn:
        await end_mandate(conn, request.user, vendor)
    return Response(None, status_code=204)


mandates_router = Router("/v1/mandates", route_handlers=[list_mandates, put_mandate, delete_mandate], tags=["mandates"])


def _wrong_days(body: object) -> FieldErrors:
    errors = form_errors(body, days=("from", "until"))
    texts = [body.get(name) for name in ("from", "until")] if isinstance(body, dict) and not errors else []
    if len(texts) == 2 and isinstance(texts[0], str) and isinstance(texts[1], str) and texts[1] < texts[0]:
        return [{"key": "until", "message": "is before from"}]
    return errors


def _vendor(organisation: Organisation, oin: str) -> str:
    if not is_oin(oin) or oin == organisation.oin:
        raise ClientException("The address must end in the OIN of the vendor: twenty positions, and not your own.")
    return oin


def _document(mandate: Mandate) -> MandateDocument:
    return MandateDocument(
        vendor_oin=mandate.vendor_oin, from_on=mandate.from_on, until_on=mandate.until_on, recorded_at=mandate.recorded_at
    )
