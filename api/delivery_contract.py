"""What the contract says of `POST /v1/deliveries`, whose body is streamed, whose headers are read by hand, and which has two answers."""

from collections.abc import Mapping
from typing import Any

from api import media, trials
from api.deliveries import DELIVERY_BYTES_MAX
from reconcile.rules.delivery_line import FIELDS, NEEDED_FIELDS

_MEBIBYTE = 1_048_576
_LIMITS = (
    f"Limits: {DELIVERY_BYTES_MAX // _MEBIBYTE} MiB as sent, a gzip unpacks to {media.UNPACKED_BYTES_MAX // _MEBIBYTE} MiB and to "
    f"{media.UNPACKED_RATIO_MAX} times its size at most, no pause of more than ten seconds in the body. With dryRun {trials.LINES_MAX} "
    f"lines, {trials.BYTES_MAX // _MEBIBYTE} MiB unpacked and a minute for the body."
)
_PARAMETERS: Mapping[str, str] = {
    "Idempotency-Key": "Your own number of this delivery; kept for good. A trial (dryRun) may leave it out",
    "Prefer": "wait=N: answer when applied, after N seconds at the latest",
    "Content-Digest": "sha-256=:base64: of the body as sent, compressed or not (RFC 9530). Other bytes are refused, and nothing is kept",
}
_TEXT: Mapping[str, Any] = {"type": "string"}
_OIN: Mapping[str, Any] = {**_TEXT, "pattern": "^[0-9]{8}[0-9A-Za-z]{12}$"}
_MONTH: Mapping[str, Any] = {**_TEXT, "pattern": "^[0-9]{4}-[0-9]{2}$", "examples": ["2026-03"]}
_QUANTITY: Mapping[str, Any] = {**_TEXT, "examples": ["90.50"], "description": "At most two decimals; a JSON number is taken too"}
_LINE: Mapping[str, Mapping[str, Any]] = {
    "parentBsn": _TEXT,
    "childBsn": _TEXT,
    "lrkNumber": _TEXT,
    "careType": {**_TEXT, "enum": ["KDV", "BSO", "VGO"], "description": "May be left out: the register knows it"},
    "month": _MONTH,
    "hours": _QUANTITY,
    "hourlyRate": _QUANTITY,
    "amount": _QUANTITY,
    "endDate": {**_TEXT, "format": "date"},
    "lineRef": {**_TEXT, "description": "Your own number of the line"},
    **dict.fromkeys(("replacedParentBsn", "replacedChildBsn", "replacedLrkNumber"), _TEXT),
    "replacedMonth": _MONTH,
}
_FILE: Mapping[str, Mapping[str, Any]] = {
    "createdAt": {**_TEXT, "format": "date-time", "description": "Newer replaces older"},
    "reference": {**_TEXT, "description": "The Idempotency-Key once more"},
    "organisationOin": _OIN,
    "complete": {"type": "array", "items": {"$ref": "#/components/schemas/CompleteMonth"}, "description": "Of which nothing is missing"},
    "allOrNothing": {"type": "boolean", "default": False},
    "lines": {"type": "array", "items": {"$ref": "#/components/schemas/DeliveryLine"}},
}


def delivery_schemas() -> dict[str, Any]:
    """Return the form of a delivery in JSON, which is read as a stream, by name."""
    return {
        "DeliveryFile": {"type": "object", "description": "A delivery", "required": ["lines"], "properties": dict(_FILE)},
        "DeliveryLine": {
            "type": "object",
            "description": "One child of one parent at one location in one month; `replaced…` is what a correction replaces",
            "required": list(NEEDED_FIELDS),
            "properties": {name: _LINE[name] for name in FIELDS},
        },
        "CompleteMonth": {
            "type": "object",
            "description": "That nothing is missing for these locations in this month",
            "required": ["month", "lrkNumbers"],
            "properties": {"month": _MONTH, "lrkNumbers": {"type": "array", "items": _TEXT}},
        },
    }


def describe_create_delivery(operation: dict[str, Any], headers: Mapping[str, Any]) -> None:
    """Complete the generated description of the operation; `headers` are those of every answer."""
    operation["description"] = f"{operation['description']} {_LIMITS}"
    operation["parameters"] += [
        {"in": "header", "name": name, "required": False, "schema": {"type": "string"}, "description": text}
        for name, text in _PARAMETERS.items()
    ]
    file: Mapping[str, Any] = {"$ref": "#/components/schemas/DeliveryFile"}
    content = {kind: {"schema": form} for kind, form in (("application/json", file), ("application/x-ndjson", _TEXT), ("text/csv", _TEXT))}
    operation["requestBody"] = {"required": True, "description": _LIMITS, "content": content}
    responses = operation["responses"]
    receipt, either = ({"$ref": f"#/components/schemas/{name}"} for name in ("DeliveryReceipt", "DeliveryReceiptOrTrial"))
    responses["202"] = {**responses["202"], "description": "Taken.", "content": {"application/json": {"schema": receipt}}}
    responses["200"] = {
        "description": "The receipt of the delivery that brought this content before; with dryRun, what would become of the file.",
        "content": {"application/json": {"schema": either}, "text/csv": {"schema": _TEXT}},
        **headers,
    }
    responses["413"] = {**responses["413"], "description": f"The body is too large; bytesMax is the limit. {_LIMITS}"}
