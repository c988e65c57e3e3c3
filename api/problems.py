"""From a refusal to an RFC 9457 problem: one table for status and slug, and the handlers that cover every path.

`type` is `/v1/problems/<slug>`, which answers with the section of openapi/problems.md: what happened and what to do.
"""

import logging
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, NotAuthorizedException, ValidationException

from reconcile import problems as refusals
from reconcile.problems import Refusal
from reconcile.store.connections import BROKEN

logger = logging.getLogger(__name__)

PROBLEM_JSON = "application/problem+json"

# Refusals of the product. Order does not matter: a subclass is looked up by its own line before its parent's.
STATUS_AND_SLUG: Mapping[type[Refusal], tuple[int, str]] = {
    refusals.NotFound: (404, "not-found"),
    refusals.NotAllowed: (403, "not-allowed"),
    refusals.UnknownOrganisation: (403, "unknown-organisation"),
    refusals.NotMandated: (403, "not-mandated"),
    refusals.HouseholdUnclear: (403, "household-unclear"),
    refusals.ReferenceReused: (422, "reference-reused"),
    refusals.DeliveryNotDone: (409, "delivery-not-done"),
    refusals.NothingToWithdraw: (409, "nothing-to-withdraw"),
    refusals.LinesUnknown: (422, "lines-unknown"),
    refusals.DigestMismatch: (400, "digest-mismatch"),
    refusals.TrialTooLarge: (413, "trial-too-large"),
    refusals.KeyReused: (422, "key-reused"),
    refusals.RequestInProgress: (409, "request-in-progress"),
    refusals.StaleDifference: (412, "stale-difference"),
    refusals.DifferenceClosed: (409, "difference-closed"),
    refusals.NoProposal: (409, "no-proposal"),
    refusals.AnsweredBefore: (409, "answered-before"),
    refusals.AnswerNotValid: (422, "answer-not-valid"),
    refusals.AnswerReused: (422, "answer-reused"),
    refusals.AnswerEnded: (409, "answer-ended"),
    refusals.AnswerFinal: (409, "answer-final"),
    refusals.NoteRefused: (422, "note-refused"),
    refusals.DayRefused: (422, "day-refused"),
    refusals.OfferMoved: (412, "offer-moved"),
    refusals.ChangeStands: (409, "change-stands"),
    refusals.PilotExists: (409, "pilot-exists"),
    refusals.StageNotLarger: (422, "stage-not-larger"),
    refusals.TooFewHouseholds: (409, "too-few-households"),
    refusals.StageOutOfOrder: (409, "stage-out-of-order"),
    refusals.EpochEnded: (410, "epoch-ended"),
    refusals.AppTooOld: (426, "app-too-old"),
    refusals.ReceiptContradicts: (409, "receipt-contradicts"),
    refusals.Busy: (503, "busy"),
}

_REFUSAL_HEADERS: Mapping[type[Refusal], Mapping[str, str]] = {
    refusals.Busy: {"Retry-After": "1"},
    refusals.RequestInProgress: {"Retry-After": "1"},
    refusals.DeliveryNotDone: {"Retry-After": "5"},
    # RFC 9110: a 426 names the protocol to move to; here it is the form of the documents, which comes with a newer app.
    refusals.AppTooOld: {"Upgrade": "kot-sync/1"},
}

# Refusals of the door itself, by status.
HTTP_SLUGS: Mapping[int, tuple[str, str]] = {
    400: ("invalid-request", "The request is not valid."),
    401: ("not-authenticated", "The access token is missing or not valid."),
    403: ("insufficient-scope", "The access token does not allow this."),
    404: ("not-found", "There is nothing here for you."),
    405: ("method-not-allowed", "This address does not know this method."),
    406: ("not-acceptable", "No form that you accept can be answered."),
    408: ("body-stalled", "The body did not arrive in time."),
    412: ("stale-difference", "The difference changed since you saw it."),
    413: ("body-too-large", "The body is too large."),
    415: ("unsupported-media-type", "This media type or encoding is not taken here."),
    428: ("precondition-required", "This request needs If-Match."),
    429: ("rate-limited", "You sent too many requests in a short time."),
    500: ("internal-error", "Something went wrong on our side."),
}


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem (RFC 9457). Further members depend on the type and stand in openapi/problems.md."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = ""


def problem(
    status: int, slug: str, title: str, detail: str, *, extra: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> Response[bytes]:
    """Make the answer for one problem."""
    document = ProblemDocument(type=f"/v1/problems/{slug}", title=title, status=status, detail=detail)
    body = msgspec.json.encode({**msgspec.to_builtins(document), **(extra or {})})
    return Response(body, status_code=status, media_type=PROBLEM_JSON, headers=dict(headers or {}))


def http_problem(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, extra: Mapping[str, Any] | None = None
) -> Response[bytes]:
    """Make the answer for a refusal of the door."""
    slug, title = HTTP_SLUGS.get(status, HTTP_SLUGS[400])
    return problem(status, slug, title, detail, headers=headers, extra=extra)


def on_refusal(_: Request[Any, Any, Any], refusal: Refusal) -> Response[bytes]:
    """Answer a refusal of the product; its attributes become members of the problem."""
    status, slug = STATUS_AND_SLUG[type(refusal)]
    facts = {_camel(name): value for name, value in vars(refusal).items() if name != "detail"}
    headers = dict(_REFUSAL_HEADERS.get(type(refusal), {}))
    return problem(status, slug, (type(refusal).__doc__ or "").strip(), refusal.detail, extra=msgspec.to_builtins(facts), headers=headers)


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer a refusal of the framework: routing, validation, size. Its own text can quote the request, so ours is told."""
    status = _status(error)
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() in _KEPT_HEADERS}
    if isinstance(error, NotAuthorizedException):
        headers.setdefault("WWW-Authenticate", "Bearer")
    if status == 413:
        return _too_large(request, error)
    errors = error.extra if isinstance(error.extra, list) else []
    extra = {"errors": [_field_error(one) for one in errors if isinstance(one, dict)]} if errors else None
    detail = _INVALID if isinstance(error, ValidationException) else _DETAILS.get(status, str(error.detail))
    return http_problem(status, detail, headers=headers, extra=extra)


def told_as(error: Exception) -> tuple[int, str] | None:
    """Return the status and the slug that a refusal is answered with; None for a fault that is not the sender's."""
    if isinstance(error, Refusal):
        status, slug = STATUS_AND_SLUG[type(error)]
    elif isinstance(error, HTTPException):
        status = _status(error)
        slug = HTTP_SLUGS[status][0]
    else:
        return None
    return (status, slug) if status < 500 else None


def _status(error: HTTPException) -> int:
    return error.status_code if error.status_code in HTTP_SLUGS else 400 if error.status_code < 500 else 500


def _too_large(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Say the limit: that of the address, or one of our own on what a body unpacks to."""
    of_address = request.route_handler.resolve_request_max_body_size()
    bytes_max = getattr(error, "bytes_max", of_address)
    detail = (
        str(error.detail)
        if bytes_max != of_address
        else f"A request to this address may have {bytes_max} bytes. Send several smaller ones."
    )
    return http_problem(413, detail, extra={"bytesMax": bytes_max})


_KEPT_HEADERS = frozenset({"allow", "www-authenticate", "retry-after", "ratelimit", "ratelimit-policy"})
_INVALID = "A parameter does not have the form that is described. Mend every one that is named in errors."
_DETAILS: Mapping[int, str] = {
    404: "There is nothing at this address, or it is not yours. Check the address.",
    405: "Use one of the methods that Allow names.",
    500: "The fault is ours and has been recorded. Try again later.",
}


def _field_error(error: Mapping[str, Any]) -> Mapping[str, str]:
    return {"field": str(error.get("key", "")), "in": str(error.get("source", "body")), "reason": str(error.get("message", ""))}


def on_store_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The store is away, or too slow: nothing was answered, so nothing is claimed."""
    logger.warning("store error", extra={"request_id": request_id(request), "error": type(error).__name__})
    busy = refusals.Busy("The store does not answer at this moment. Try again with the same key.")
    return on_refusal(request, busy)


def on_deep_body(_: Request[Any, Any, Any], __: RecursionError) -> Response[bytes]:
    """A body nested so deep that reading it would exhaust the stack."""
    return http_problem(400, "The body is nested too deep.")


def on_exception(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """A fault of ours: recorded with the number of the request, told without any detail of it."""
    logger.error("unexpected error", exc_info=error, extra={"request_id": request_id(request)})
    return http_problem(500, _DETAILS[500])


# By the class of the SQLSTATE: the store goes, is going, comes back as a standby, is full, or chose another transaction over ours.
# Nothing of these is a fault in a request or in the code, and each passes.
_STORE_AWAY: Sequence[type[Exception]] = (
    asyncpg.PostgresConnectionError,  # 08
    asyncpg.ReadOnlySQLTransactionError,  # 25006
    asyncpg.IdleInTransactionSessionTimeoutError,  # 25P03
    asyncpg.TransactionRollbackError,  # 40
    asyncpg.InsufficientResourcesError,  # 53
    asyncpg.LockNotAvailableError,  # 55P03
    asyncpg.OperatorInterventionError,  # 57
    asyncpg.PostgresSystemError,  # 58
    *BROKEN,
    ConnectionError,
    socket.gaierror,
    TimeoutError,
)

EXCEPTION_HANDLERS: Mapping[type[Exception], Any] = {
    Refusal: on_refusal,
    HTTPException: on_http_exception,
    **dict.fromkeys(_STORE_AWAY, on_store_error),
    RecursionError: on_deep_body,
    Exception: on_exception,
}


def request_id(request: Request[Any, Any, Any]) -> str:
    """Return the number that the edge gave this request."""
    return str(request.scope.get("state", {}).get("request_id", ""))


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)
