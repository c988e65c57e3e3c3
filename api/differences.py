"""Parents: see the differences of the household, and answer one: take it over with one tap, dispute or postpone it."""

import re
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import FromPath, QueryParameter
from msgspec import Meta, Struct

from api.caller import APP
from api.idempotency import answered_once
from api.media import media_type
from api.problems import http_problem
from api.services import services_of
from api.validation import FieldErrors, form_errors, read_body
from reconcile.answer import accept_difference
from reconcile.callers import Parent
from reconcile.dispute import dispute_difference
from reconcile.postpone import postpone_difference
from reconcile.problems import NotFound, StaleDifference
from reconcile.rules.dispute import DisputeReason
from reconcile.rules.documents import EffectDocument, ProposalDocument
from reconcile.rules.explanation_document import ExplanationDocument
from reconcile.rules.months import day_at
from reconcile.rules.postponement import MONTHS_MAX
from reconcile.rules.remarks import NOTE_CHARACTERS_MAX, is_note
from reconcile.rules.text import PlainTexts
from reconcile.store.answers import Acceptance, Answer
from reconcile.store.database import Connection, Database
from reconcile.store.differences import ShownDifference, ShownVersion, difference_by_id, differences_of_household

_PROPOSAL = msgspec.json.Decoder(ProposalDocument)
_EXPLANATION = msgspec.json.Decoder(ExplanationDocument)
_EFFECT = msgspec.json.Decoder(EffectDocument)
_TEXTS = msgspec.json.Decoder(PlainTexts)
_TAG = re.compile(r'"d([0-9a-f-]{36})-v([0-9]{1,18})"', re.ASCII)

StateName = Literal["open", "accepted", "disputed", "postponed", "closed"]


class PreconditionRequired(HTTPException):
    """If-Match is missing."""

    status_code = 428


class DifferenceDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """A difference between what the organisation reported and what was declared."""

    difference_id: UUID
    version: Annotated[
        int,
        Meta(description="An answer names the version that the parent saw. One since which the household only postponed it still counts"),
    ]
    state: str
    kind: str
    year: int
    child_id: UUID
    child_given_name: str | None
    proposal: ProposalDocument | None
    route: Annotated[str | None, Meta(description="Without a proposal: why, and what to do instead")]
    explanation: ExplanationDocument
    effect: EffectDocument
    rules_version: str
    judged_at: datetime
    opened_at: datetime
    closed_at: datetime | None
    change_id: UUID | None
    texts: Annotated[
        PlainTexts | None, Meta(description="What the parent reads, in Dutch and English; null: judged before texts were kept")
    ]
    text_version: Annotated[str | None, Meta(description="Version of the sentences; an answer is bound to what was read")]


class DifferenceList(Struct, frozen=True, kw_only=True, rename="camel"):
    """The differences of the household, newest first."""

    differences: list[DifferenceDocument]


AnswerNumber = Annotated[
    UUID | None, Meta(description="Number of the answer, made by the phone before the first try; with that of one that stands, edits it")
]


class DisputeRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Why the parent says that what was reported is wrong."""

    reason: Annotated[DisputeReason, Meta(description="A code of openapi/dispute-reasons.json")]
    note: Annotated[
        Annotated[str, Meta(min_length=1, max_length=NOTE_CHARACTERS_MAX)] | None,
        Meta(description="In the parent's words, without a number that could be somebody's BSN"),
    ] = None
    pass_on: Annotated[bool, Meta(description="Whether the organisation may know: its own lines behind it, reason and note")] = False
    answer_id: AnswerNumber = None


class PostponementRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Until when the parent does not want to be asked."""

    until: Annotated[date, Meta(description=f"Day in the Netherlands: after today, and at most {MONTHS_MAX} months ahead")]
    answer_id: AnswerNumber = None


@get("/", operation_id="listDifferences", opt={"scope": APP})
async def list_differences(
    request: Request[Parent, None, Any],
    db: NamedDependency[Database],
    wanted: Annotated[StateName | None, QueryParameter(name="state", description="Limit to one state")] = None,
) -> DifferenceList:
    """List the differences of the household."""
    async with db.snapshot(request.user) as conn:
        found = await differences_of_household(conn, request.user.household_id, state=wanted)
    return DifferenceList(differences=[difference_document(one) for one in found])


@get("/{difference_id:uuid}", operation_id="readDifference", opt={"scope": APP})
async def read_difference(
    request: Request[Parent, None, Any], db: NamedDependency[Database], difference_id: FromPath[UUID]
) -> Response[DifferenceDocument | None]:
    """Read one difference with its explanation; its ETag is what an answer names in If-Match."""
    async with db.snapshot(request.user) as conn:
        document = await _shown(conn, request.user, difference_id)
    etag = _etag(document)
    if etag in request.headers.get("If-None-Match", ""):
        return Response(None, status_code=304, headers={"ETag": etag})
    return Response(document, headers={"ETag": etag})


@post("/{difference_id:uuid}/acceptance", operation_id="acceptDifference", status_code=201, opt={"scope": APP})
async def create_acceptance(request: Request[Parent, None, Any], difference_id: FromPath[UUID]) -> Response[bytes]:
    """Take over the version of the difference that If-Match names: the one tap. Needs an Idempotency-Key."""

    async def accept(conn: Connection, seen_version: int) -> Acceptance:
        return await accept_difference(conn, request.user, difference_id, seen_version=seen_version)

    answer = await _answered(request, difference_id, accept)
    if answer.status_code == 201:
        services = services_of(request)
        await services.wake("change")
        await services.wake("comparison")
    return answer


@post("/{difference_id:uuid}/dispute", operation_id="disputeDifference", status_code=201, opt={"scope": APP})
async def create_dispute(request: Request[Parent, None, Any], difference_id: FromPath[UUID]) -> Response[bytes]:
    """Say that what was reported is wrong. It changes no hours and no money; the organisation hears of it only with passOn."""
    media_type(request, "application/json")
    wanted: DisputeRequest = await read_body(request, DisputeRequest, between_fields=_wrong_dispute)

    async def dispute(conn: Connection, seen_version: int) -> Answer:
        return await dispute_difference(
            conn,
            request.user,
            difference_id,
            seen_version=seen_version,
            answer_id=wanted.answer_id or uuid4(),
            reason=wanted.reason,
            note=wanted.note,
            pass_on=wanted.pass_on,
        )

    return await _answered(request, difference_id, dispute)


@post("/{difference_id:uuid}/postponement", operation_id="postponeDifference", status_code=201, opt={"scope": APP})
async def create_postponement(request: Request[Parent, None, Any], difference_id: FromPath[UUID]) -> Response[bytes]:
    """Put the difference off until a day. It is asked again then, or as soon as its facts change; it can be answered any moment."""
    media_type(request, "application/json")
    wanted: PostponementRequest = await read_body(request, PostponementRequest, between_fields=_wrong_postponement)
    today = day_at(services_of(request).clock())

    async def postpone(conn: Connection, seen_version: int) -> Answer:
        return await postpone_difference(
            conn,
            request.user,
            difference_id,
            seen_version=seen_version,
            answer_id=wanted.answer_id or uuid4(),
            until=wanted.until,
            today=today,
        )

    return await _answered(request, difference_id, postpone)


differences_router = Router(
    "/v1/differences",
    route_handlers=[list_differences, read_difference, create_acceptance, create_dispute, create_postponement],
    tags=["differences"],
)


def told_fields(found: ShownDifference | ShownVersion) -> dict[str, Any]:
    """Return what is kept as JSON text of a difference, or of one version of it, in the published form."""
    return {
        "proposal": None if found.proposal is None else _PROPOSAL.decode(found.proposal),
        "explanation": _EXPLANATION.decode(found.explanation),
        "effect": _EFFECT.decode(found.effect),
        "texts": None if found.texts is None else _TEXTS.decode(found.texts),
    }


async def _answered(
    request: Request[Parent, None, Any], difference_id: UUID, answer: Callable[[Connection, int], Awaitable[Acceptance | Answer]]
) -> Response[bytes]:
    """Give an answer to the version that If-Match names, once for each Idempotency-Key; 412 has the current difference."""
    db, seen_version = services_of(request).db, _seen_version(request, difference_id)

    async def work(conn: Connection) -> Response[bytes]:
        return Response(msgspec.json.encode(await answer(conn, seen_version)), status_code=201, media_type="application/json")

    try:
        return await answered_once(request, db, work)
    except StaleDifference as stale:
        return await _stale(request, db, stale)


def _seen_version(request: Request[Parent, None, Any], difference_id: UUID) -> int:
    """Read the version from If-Match; a tag of another difference, a weak one or a star names no version that was seen."""
    text = request.headers.get("If-Match", "").strip()
    if not text:
        raise PreconditionRequired("Send the ETag of the difference that the parent saw as If-Match.")
    match = _TAG.fullmatch(text)
    return int(match[2]) if match and match[1] == str(difference_id) else -1


async def _stale(request: Request[Parent, None, Any], db: Database, stale: StaleDifference) -> Response[bytes]:
    async with db.snapshot(request.user) as conn:
        current = await _shown(conn, request.user, stale.difference_id)
    extra = {"seenVersion": stale.seen_version, "currentVersion": stale.current_version, "current": msgspec.to_builtins(current)}
    return http_problem(412, stale.detail, extra=extra, headers={"ETag": _etag(current)})


async def _shown(conn: Connection, parent: Parent, difference_id: UUID) -> DifferenceDocument:
    found = await difference_by_id(conn, parent.household_id, difference_id)
    if found is None:
        raise NotFound("There is no such difference for this household.")
    return difference_document(found)


def _etag(document: DifferenceDocument) -> str:
    return f'"d{document.difference_id}-v{document.version}"'


def difference_document(found: ShownDifference) -> DifferenceDocument:
    """Publish a difference as its household sees it."""
    return DifferenceDocument(
        difference_id=found.difference_id,
        version=found.version,
        state=found.state,
        kind=found.kind,
        year=found.year,
        child_id=found.child_id,
        child_given_name=found.child_given_name,
        route=found.route,
        rules_version=found.rules_version,
        judged_at=found.judged_at,
        opened_at=found.opened_at,
        closed_at=found.closed_at,
        change_id=found.change_id,
        text_version=found.text_version,
        **told_fields(found),
    )


def _wrong_dispute(body: object) -> FieldErrors:
    note = body.get("note") if isinstance(body, dict) else None
    is_wrong = isinstance(note, str) and 0 < len(note) <= NOTE_CHARACTERS_MAX and not is_note(note)
    errors = [{"key": "note", "message": "must be words, without a number that could be somebody's BSN"}] if is_wrong else []
    return errors + form_errors(body, numbers=("answerId",))


def _wrong_postponement(body: object) -> FieldErrors:
    return form_errors(body, days=("until",), numbers=("answerId",))
