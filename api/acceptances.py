"""Parents: take over everything that is open in one step, with what it means for the household: all or nothing."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from api.caller import APP
from api.differences import DifferenceDocument, PreconditionRequired, difference_document
from api.idempotency import answered_once
from api.problems import problem
from api.services import Services, services_of
from api.validation import read_body
from reconcile.accept_all import DIFFERENCES_MAX, JointOffer, SeenDifference, accept_all, joint_offer
from reconcile.callers import Parent
from reconcile.problems import OfferMoved
from reconcile.rules.documents import EffectDocument
from reconcile.store.answers import Acceptance
from reconcile.store.database import Connection


class LeftOut(Struct, frozen=True, kw_only=True, rename="camel"):
    """A difference that has no proposal: it goes by its route, and stays open."""

    difference_id: UUID
    version: int
    route: str | None


class OfferDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """What one step would take over, in order, and what it means together."""

    differences: list[DifferenceDocument]
    effects: Annotated[
        list[EffectDocument], Meta(description="Of all of it together, for the whole household, by year. Never the sum of the differences'")
    ]
    left_out: list[LeftOut]
    has_more: Annotated[bool, Meta(description=f"There are more than {DIFFERENCES_MAX}: they come in a next step")]


class JointAcceptanceRequest(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Every difference that the parent saw, in the version that was seen."""

    differences: Annotated[tuple[SeenDifference, ...], Meta(min_length=1, max_length=DIFFERENCES_MAX)]


class JointAcceptance(Struct, frozen=True, kw_only=True, rename="camel"):
    """What was taken over, each with its own change, in the order in which TVS gets them."""

    acceptances: list[Acceptance]


@get("/preview", operation_id="previewAcceptances", opt={"scope": APP})
async def read_preview(request: Request[Parent, None, Any], services: NamedDependency[Services]) -> Response[OfferDocument]:
    """Read what accepting everything would take over, and its effect for the household; its ETag is what the step names in If-Match."""
    offer = await _offer(request, services)
    return Response(_document(offer), headers={"ETag": _etag(offer.tag)})


@post("/", operation_id="acceptAll", status_code=201, opt={"scope": APP})
async def create_acceptances(request: Request[Parent, None, Any]) -> Response[bytes]:
    """Take over all that the preview showed, or nothing. Needs an Idempotency-Key, and If-Match with the ETag of the preview."""
    services = services_of(request)
    tag = request.headers.get("If-Match", "").strip()
    if not tag:
        raise PreconditionRequired("Send the ETag of the preview that the parent saw as If-Match.")
    body: JointAcceptanceRequest = await read_body(request, JointAcceptanceRequest)

    async def accept(conn: Connection) -> Response[bytes]:
        accepted = await accept_all(conn, request.user, body.differences, _tag(tag), services.books, as_of=services.clock())
        content = msgspec.json.encode(JointAcceptance(acceptances=list(accepted)))
        return Response(content, status_code=201, media_type="application/json")

    try:
        answer = await answered_once(request, services.db, accept)
    except OfferMoved as moved:
        offer = await _offer(request, services)
        title = (OfferMoved.__doc__ or "").strip()
        extra = {"current": msgspec.to_builtins(_document(offer))}
        return problem(412, "offer-moved", title, moved.detail, extra=extra, headers={"ETag": _etag(offer.tag)})
    await services.wake("change")
    await services.wake("comparison")
    return answer


acceptances_router = Router("/v1/acceptances", route_handlers=[read_preview, create_acceptances], tags=["differences"])


async def _offer(request: Request[Parent, None, Any], services: Services) -> JointOffer:
    async with services.db.snapshot(request.user) as conn:
        return await joint_offer(conn, request.user, services.books, as_of=services.clock())


def _document(offer: JointOffer) -> OfferDocument:
    return OfferDocument(
        differences=[difference_document(one) for one in offer.taken],
        effects=list(offer.effects),
        left_out=[LeftOut(difference_id=one.difference_id, version=one.version, route=one.route) for one in offer.left_out],
        has_more=offer.has_more,
    )


def _etag(tag: str) -> str:
    return f'"a-{tag}"'


def _tag(sent: str) -> str:
    """Read a tag back; one that is not of this form names nothing that was shown."""
    return sent.removeprefix('"a-').removesuffix('"')
