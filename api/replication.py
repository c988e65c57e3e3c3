"""Parents' phones: the answers that were given offline, in the wire form of RxDB's replication."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, post
from litestar.params import FromPath, QueryParameter
from msgspec import Meta, Struct

from api.caller import APP
from api.media import media_type
from api.problems import STATUS_AND_SLUG
from api.services import services_of
from api.sync_documents import COLLECTIONS, EXACT_MAX, FollowedAnswerDocument, chosen
from api.validation import InvalidBody, read_body
from reconcile.callers import Parent
from reconcile.problems import NotFound, Refusal
from reconcile.replicate import PushedAnswer, replicate_answers
from reconcile.rules.months import day_at
from reconcile.rules.replicated import ROWS_MAX, AnswerSaid
from reconcile.store.answers import ShownAnswer

_BYTES_MAX = 262_144


class PushRow(Struct, frozen=True, kw_only=True, rename="camel"):
    """An answer as the phone has it, and as it believes that it stands here; without the second the phone made it itself."""

    new_document_state: dict[str, Any]
    assumed_master_state: dict[str, Any] | None = None


class _Numbered(Struct, frozen=True, kw_only=True, rename="camel"):
    answer_id: UUID


Push = Annotated[list[PushRow], Meta(max_length=ROWS_MAX)]


@post("/{collection:str}", operation_id="pushDocuments", status_code=200, opt={"scope": APP}, request_max_body_size=_BYTES_MAX)
async def push(
    request: Request[Parent, None, Any],
    collection: FromPath[str],
    schema_version: Annotated[int, QueryParameter(name="schemaVersion", ge=0, le=EXACT_MAX, description="Form of the documents: 1")],
) -> Response[bytes]:
    """Push answers that were given offline; what comes back stands instead of what was sent. Safe to repeat. The others are read only."""
    services = services_of(request)
    if chosen(collection, schema_version) is not COLLECTIONS["answers"]:
        raise NotFound("Only answers are taken from a phone.")
    media_type(request, "application/json")
    rows = _rows(await read_body(request, Push))
    async with services.db.transaction(request.user) as conn:
        done = await replicate_answers(conn, request.user, rows, today=day_at(services.clock()), name_of=_slug)
    if done.has_changed:
        await services.wake("change")
        await services.wake("comparison")
    return Response(msgspec.json.encode([_published(one) for one in done.conflicts]), media_type="application/json")


def _rows(push_rows: Sequence[PushRow]) -> Sequence[PushedAnswer]:
    """Read the rows. Raises InvalidBody when one has no number: what is wrong with it could be told to nobody."""
    errors = []
    rows = []
    for place, row in enumerate(push_rows):
        try:
            answer_id = msgspec.convert(row.new_document_state, _Numbered).answer_id
        except msgspec.MsgspecError:
            errors.append({"key": f"{place}.newDocumentState.answerId", "message": "is no number of an answer, a UUID"})
        else:
            rows.append(PushedAnswer(answer_id=answer_id, said=_said(row.new_document_state), assumed=_said(row.assumed_master_state)))
    if errors:
        raise InvalidBody(errors)
    return rows


def _said(document: Mapping[str, Any] | None) -> AnswerSaid | None:
    try:
        return None if document is None else msgspec.convert(document, AnswerSaid)
    except msgspec.MsgspecError:
        return None


def _published(conflict: ShownAnswer | UUID) -> FollowedAnswerDocument | Mapping[str, Any]:
    if isinstance(conflict, UUID):
        return {"answerId": conflict, "version": 0, "_deleted": True}
    if conflict.deleted:
        return {"answerId": conflict.answer_id, "version": conflict.version, "_deleted": True}
    values = {name: value for name, value in msgspec.structs.asdict(conflict).items() if name != "deleted"}
    return FollowedAnswerDocument(**values)


def _slug(refusal: Refusal) -> str:
    return STATUS_AND_SLUG[type(refusal)][1]
