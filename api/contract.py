"""The published contract: the generated OpenAPI document, corrected where the generator does not tell the truth.

Committed as openapi/openapi.json and answered at /v1/openapi.json; a test keeps both equal. Rules: NL GOV REST API Design Rules 2.2.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Contact, License, Server
from litestar.params import FromPath
from litestar.routes import BaseRoute
from litestar.types import ControllerRouterHandler

from api.acceptances import JointAcceptance, JointAcceptanceRequest
from api.caller import DELIVER
from api.contract_schemas import mend, problem_form, problem_schemas, reference, told_as_one
from api.delivery_contract import delivery_schemas, describe_create_delivery
from api.devices import DeviceRegistration
from api.differences import DisputeRequest, PostponementRequest
from api.edge import API_VERSION
from api.excuses import ExcuseRequest
from api.export_documents import HouseholdExport
from api.household import HouseholdDocument
from api.mandates import MandateRequest
from api.pilots import PilotRequest, StageRequest
from api.problems import HTTP_SLUGS, PROBLEM_JSON
from api.receipts import CanonicalReceipt
from api.statements import StatementDocument
from api.sync_contract import by_collection, followed_schemas
from api.token_contract import SECURITY_SCHEMES, security
from api.withdrawals import WithdrawalRequest
from logbook.register import FILE, Activity, register
from reconcile.forward import Receipt
from reconcile.store.answers import Acceptance, Answer

_FOLDER = Path(__file__).parent.parent / "openapi"
# What every operation of a kind can answer beside its success.
_ALWAYS = (500, 503)
_WITH_TOKEN = (401, 403)
_WITH_PATH = (404,)
_WITH_BODY = (408, 413, 415)
# Needs an Idempotency-Key: the key can come with another request, or while the first is running.
_WITH_KEY = (409, 422)
# Answers to what a parent saw: If-Match names it.
_SEEN = {
    **dict.fromkeys(("acceptDifference", "disputeDifference", "postponeDifference"), "difference"),
    "acceptAll": "preview",
}
_BY_OPERATION = {
    **dict.fromkeys(_SEEN, (412, 428)),
    "takeBackAnswer": (409,),
    "createDelivery": (422,),
    "createReceipt": (409,),
    "reverseChange": (409,),
    "withdrawDelivery": (409, 422),
    "readDeliveryReceipt": (409,),
    "exportHousehold": (406,),
    "pullDocuments": (410, 426),
    "pushDocuments": (426,),
}
_KEYED = (*_SEEN, "reverseChange", "createPilot", "drawStage", "releaseStage", "pauseStage")
# Bodies that a handler reads by itself.
_READ_BY_HAND: Mapping[str, Any] = {
    "acceptAll": JointAcceptanceRequest,
    "registerDevice": DeviceRegistration,
    "createPilot": PilotRequest,
    "drawStage": StageRequest,
    "withdrawDelivery": WithdrawalRequest,
    "giveMandate": MandateRequest,
    "giveExcuse": ExcuseRequest,
    "disputeDifference": DisputeRequest,
    "postponeDifference": PostponementRequest,
}
# A body that may be left out.
_OPTIONAL_BODIES = ("withdrawDelivery",)
# Answers that a handler writes by itself: the form by operation, where one is enough, and by media type.
_WRITTEN: Mapping[str, str] = {
    "acceptDifference": "Acceptance",
    "acceptAll": "JointAcceptance",
    "disputeDifference": "Answer",
    "postponeDifference": "Answer",
    "reverseChange": "Answer",
    "createPilot": "PilotDocument",
    "drawStage": "StageDocument",
    "releaseStage": "StageDocument",
    "pauseStage": "StageDocument",
    "readDifference": "DifferenceDocument",
    "readDeliveryReceipt": "CanonicalReceipt",
    "readHousehold": "HouseholdDocument",
}
_SPREADSHEET: Mapping[str, Any] = {"text/csv": {"type": "string"}}
_ANSWERED_BY_HAND: Mapping[str, Mapping[str, Any]] = {
    **{operation: {"application/json": reference(form)} for operation, form in _WRITTEN.items()},
    "exportHousehold": {"application/json": reference("HouseholdExport"), "text/html": {"type": "string"}},
    "readStatement": {"application/json": reference("StatementDocument"), **_SPREADSHEET},
    "listDeliveryLines": {"application/json": reference("LinePage"), **_SPREADSHEET},
    "listDeliveryFaults": {"application/json": reference("DeliveryFaults"), **_SPREADSHEET},
    "streamChanges": {"text/event-stream": {"type": "string"}},
}
# Answered with a tag, so that who has it already is told just that.
_TAGGED: Mapping[str, str] = {"pullDocuments": "The phone has this page.", "readDifference": "The app has this version."}
_DESCRIPTIONS = {
    **{status: title for status, (_, title) in HTTP_SLUGS.items()},
    409: "Contradicts what was done before.",
    410: "What you have can no longer be brought up to date.",
    422: "Cannot be done as it is.",
    426: "This version of the app is too old.",
    503: "The service cannot answer at this moment.",
}
_EITHER_ANSWER = "The receipt of the delivery that brought this content before, or, with dryRun, a trial: `findings` and `lines`"
_EITHER_OUTCOME = "What became of a change: processed, with `declarationVersion`, or refused, with `reason`"

# Read before a handler runs, whatever the format of the body.
_FOR_WHOM = {
    "in": "query",
    "name": "organisationOin",
    "required": False,
    "schema": {"type": "string", "pattern": "^[0-9]{8}[0-9A-Za-z]{12}$"},
    "description": "A vendor: the organisation that it acts for, which mandated it. An organisation acts for itself without it",
}
_HEADER_TEXTS = {
    "ApiVersion": "Version of this contract",
    "RateLimit": "Requests that are left (r) and seconds until all are there again (t), as in the IETF draft on RateLimit header fields",
    "RateLimit-Policy": "Requests (q) in so many seconds (w), of one sender for one organisation, reading and writing apart",
}
_LIMIT_HEADERS = {name: {"$ref": f"#/components/headers/{name}"} for name in ("RateLimit", "RateLimit-Policy")}
_HEADERS: dict[str, Any] = {"headers": {"API-Version": {"$ref": "#/components/headers/ApiVersion"}}}


class _NoPages(Router):
    """Where the generator puts pages of its own, whatever it is told: they answer in HTML and load scripts from elsewhere. None stays."""

    def register(self, value: ControllerRouterHandler) -> list[BaseRoute]:  # noqa: ARG002  # none is taken
        """Take nothing."""
        return []


OPENAPI_CONFIG = OpenAPIConfig(
    title="kot-uren",
    version=API_VERSION,
    description=(
        "Childcare organisations report the hours that they billed; parents see where these differ from what they declared and "
        "take them over with one tap. Words: openapi/glossary.md."
    ),
    contact=Contact(name="kot-uren", url="https://example.org/kot-uren/issues", email="kot-uren@example.org"),
    license=License(name="EUPL-1.2", identifier="EUPL-1.2"),
    servers=[Server(url="/v1")],
    use_handler_docstrings=True,
    openapi_router=_NoPages("/schema", route_handlers=[]),
)


@get("/openapi.json", include_in_schema=False)
async def read_contract(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The contract, for everybody."""
    return Response(published_document(request.app), media_type="application/json", headers={"Access-Control-Allow-Origin": "*"})


@get("/problems/{slug:str}", include_in_schema=False)
async def read_problem(slug: FromPath[str]) -> Response[bytes]:
    """What a type of problem means and what to do."""
    sections = problem_sections()
    if slug not in sections:
        raise NotFoundException
    return Response(sections[slug].encode(), media_type="text/markdown; charset=utf-8")


@get("/processing-activities", include_in_schema=False)
async def read_activities() -> Response[bytes]:
    """The register of processing activities, for everybody."""
    return Response(FILE.read_bytes(), media_type="application/json")


@get("/processing-activities/{activity_id:str}", include_in_schema=False)
async def read_activity(activity_id: FromPath[str]) -> Activity:
    """One activity: what its address in the processing log means."""
    for activity in register().activities:
        if activity.id == activity_id:
            return activity
    raise NotFoundException


contract_router = Router("/v1", route_handlers=[read_contract, read_problem, read_activities, read_activity])


@cache
def problem_sections() -> dict[str, str]:
    """Return the sections of openapi/problems.md by slug."""
    text = (_FOLDER / "problems.md").read_text(encoding="utf-8")
    _, *parts = re.split(r"^## ([a-z0-9-]+)\n", text, flags=re.MULTILINE)
    return {slug: f"# {slug}\n{body.strip()}\n" for slug, body in zip(parts[::2], parts[1::2], strict=True)}


@cache
def published_document(app: Litestar) -> bytes:
    """Return the corrected document, formatted for review."""
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(app.openapi_schema.to_schema()))
    document["paths"] = {
        path.removeprefix("/v1") or "/": item for path, item in sorted(document["paths"].items()) if path.startswith("/v1/")
    }
    components = document.setdefault("components", {})
    answered = [CanonicalReceipt, HouseholdDocument, HouseholdExport, Acceptance, Answer, JointAcceptance]
    by_hand = [Receipt, StatementDocument, *answered, *_READ_BY_HAND.values()]
    schemas = msgspec.json.schema_components(by_hand, ref_template="#/components/schemas/{name}")[1]
    # What the generator described stays as it is; the rest is added.
    schemas = {**schemas, **followed_schemas(), **components.get("schemas", {}), **problem_schemas(), **delivery_schemas()}
    schemas["DeliveryReceiptOrTrial"] = told_as_one(schemas["DeliveryReceipt"], schemas.pop("Trial"), description=_EITHER_ANSWER)
    schemas["ChangeReceipt"] = told_as_one(schemas.pop("Processed"), schemas.pop("Refused"), description=_EITHER_OUTCOME)
    components["schemas"] = dict(sorted(schemas.items()))
    components["headers"] = {name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADER_TEXTS.items()}
    components["securitySchemes"] = SECURITY_SCHEMES
    opts = {handler.operation_id: handler.opt for route in app.routes for handler in getattr(route, "route_handlers", [])}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if isinstance(operation, dict) and "operationId" in operation:
                _correct_operation(path, method, operation, opts[operation["operationId"]])
    told = {address: item for path, one in document["paths"].items() for address, item in by_collection(path, one).items()}
    document["paths"] = dict(sorted(told.items()))
    mend(document)
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _correct_operation(path: str, method: str, operation: dict[str, Any], opt: Mapping[str, Any]) -> None:
    scope = opt.get("scope")
    responses = {status: answer for status, answer in operation["responses"].items() if status.startswith(("2", "3"))}
    problems = {400, *_ALWAYS, *(_WITH_TOKEN if scope else ()), *(_WITH_PATH if "{" in path else ())}
    name = operation["operationId"]
    problems |= {429} if scope == DELIVER else set()
    problems |= {*(_WITH_BODY if method in ("post", "put") else ()), *(_WITH_KEY if name in _KEYED else ()), *_BY_OPERATION.get(name, ())}
    for status in sorted(problems):
        responses[str(status)] = {
            "description": _DESCRIPTIONS[status],
            "content": {PROBLEM_JSON: {"schema": reference(problem_form(name, status))}},
        }
    for answer in responses.values():
        answer.setdefault("headers", {}).update(_HEADERS["headers"] | (_LIMIT_HEADERS if scope == DELIVER else {}))
    if "204" in responses:
        # Nothing is not null.
        responses["204"].pop("content", None)
    operation["responses"] = responses
    operation["security"] = security(scope)
    if scope:
        operation["description"] = f"{operation.get('description', '')} Scope: {scope}.".strip()
    if opt.get("mandated"):
        operation.setdefault("parameters", []).append(_FOR_WHOM)
    _add_what_the_generator_cannot_see(operation)


def _add_what_the_generator_cannot_see(operation: dict[str, Any]) -> None:
    """Bodies that are streamed and headers that are read by hand."""
    header = {"in": "header", "required": True, "schema": {"type": "string"}}
    parameters = operation.setdefault("parameters", [])
    name = operation["operationId"]
    if name == "createDelivery":
        describe_create_delivery(operation, _HEADERS)
    if name in _KEYED:
        parameters.append({**header, "name": "Idempotency-Key", "description": "Your own number of this request; kept 30 days"})
    if name in _SEEN:
        parameters.append({**header, "name": "If-Match", "description": f"ETag of the {_SEEN[name]} that the parent saw"})
    if name in _READ_BY_HAND:
        content = {"application/json": {"schema": reference(_READ_BY_HAND[name].__name__)}}
        operation["requestBody"] = {"required": name not in _OPTIONAL_BODIES, "content": content}
    if name in _TAGGED:
        operation["responses"]["304"] = {**_HEADERS, "description": _TAGGED[name]}
        parameters.append({**header, "required": False, "name": "If-None-Match", "description": "ETag of what you have"})
    if name in _ANSWERED_BY_HAND:
        success = next(status for status in operation["responses"] if status.startswith("2"))
        operation["responses"][success]["content"] = {kind: {"schema": schema} for kind, schema in _ANSWERED_BY_HAND[name].items()}
    if name == "createReceipt":
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": reference("ChangeReceipt")}}}
    if name == "createDeclarations":
        operation["requestBody"] = {"required": True, "content": {"application/x-ndjson": {"schema": {"type": "string"}}}}
