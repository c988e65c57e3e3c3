"""Parents: read back what they answered with what they saw, and take back a dispute or a postponement."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, Router, delete, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta, Struct, structs

from api.caller import APP
from api.differences import told_fields
from api.services import services_of
from reconcile.callers import Parent
from reconcile.problems import NotFound
from reconcile.retract import take_back_answer
from reconcile.rules.documents import EffectDocument, ProposalDocument
from reconcile.rules.explanation_document import ExplanationDocument
from reconcile.rules.replicated import AnswerKind
from reconcile.rules.text import PlainTexts
from reconcile.store.answers import answer_by_id
from reconcile.store.database import Database
from reconcile.store.differences import ShownVersion, shown_version


class ShownDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """What was on the screen when the parent answered: one version of the difference, which never changes."""

    version: int
    kind: str
    year: int
    child_id: UUID
    proposal: ProposalDocument | None
    route: str | None
    explanation: ExplanationDocument
    effect: EffectDocument
    rules_version: str
    judged_at: datetime
    texts: Annotated[PlainTexts | None, Meta(description="What the parent read; null: judged before texts were kept")]
    text_version: str | None


class AnswerReceipt(Struct, frozen=True, kw_only=True, rename="camel"):
    """An answer of the household, with what was shown."""

    answer_id: UUID
    kind: AnswerKind
    difference_id: UUID
    difference_version: int
    answered_at: datetime
    answered_by: Annotated[str | None, Meta(description="Role of the parent who gave it: applicant or partner")]
    change_id: Annotated[UUID | None, Meta(description="The change that followed, of an acceptance or a reversal")]
    reason: Annotated[str | None, Meta(description="Of a dispute: a code of openapi/dispute-reasons.json")]
    note: str | None
    pass_on: Annotated[bool, Meta(description="Of a dispute: whether the organisation may know of it")]
    until: Annotated[date | None, Meta(description="Of a postponement: the day, in the Netherlands, on which it is asked again")]
    undone_change_id: Annotated[UUID | None, Meta(description="Of a reversal: the change that it undoes")]
    ended_at: Annotated[
        datetime | None, Meta(description="When it was taken back, undone, refused by Toeslagen or over; null while it stands")
    ]
    version: Annotated[int, Meta(description="Version of the household at which it last changed")]
    shown: ShownDocument


@get("/{answer_id:uuid}", operation_id="readAnswer", opt={"scope": APP})
async def read_answer(request: Request[Parent, None, Any], db: NamedDependency[Database], answer_id: FromPath[UUID]) -> AnswerReceipt:
    """Read an answer back, also one that ended: what was answered, when, by whom, and exactly what was shown."""
    household_id = request.user.household_id
    async with db.snapshot(request.user) as conn:
        answer = await answer_by_id(conn, household_id, answer_id)
        if answer is None:
            raise NotFound("There is no such answer for this household.")
        shown = await shown_version(conn, household_id, answer.difference_id, answer.difference_version)
    return AnswerReceipt(**structs.asdict(answer), shown=_document(shown))


@delete("/{answer_id:uuid}", operation_id="takeBackAnswer", status_code=204, opt={"scope": APP})
async def delete_answer(request: Request[Parent, None, Any], answer_id: FromPath[UUID]) -> Response[None]:
    """Take back a dispute or a postponement; one that ended before is no fault. What was disputed is judged by the facts of now."""
    services = services_of(request)
    async with services.db.transaction(request.user) as conn:
        await take_back_answer(conn, request.user, answer_id)
    await services.wake("comparison")
    return Response(None, status_code=204)


answers_router = Router("/v1/answers", route_handlers=[read_answer, delete_answer], tags=["differences"])


def _document(shown: ShownVersion) -> ShownDocument:
    return ShownDocument(**{**structs.asdict(shown), **told_fields(shown)})
