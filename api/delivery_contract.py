"""What the contract says of `POST /v1/deliveries`, whose body is streamed, whose headers are read by hand, and which has two answers."""

from collections.abc import Mapping
from typing import Any

from api import media, trials
from api.deliveries import DELIVERY_BYTES_MAX

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
_TYPES: Mapping[str, str] = {"application/json": "object", "application/x-ndjson": "string", "text/csv": "string"}


def describe_create_delivery(operation: dict[str, Any], headers: Mapping[str, Any]) -> None:
    """Complete the generated description of the operation; `headers` are those of every answer."""
    operation["description"] = f"{operation['description']} {_LIMITS}"
    operation["parameters"] += [
        {"in": "header", "name": name, "required": False, "schema": {"type": "string"}, "description": text}
        for name, text in _PARAMETERS.items()
    ]
    content = {media_type: {"schema": {"type": kind}} for media_type, kind in _TYPES.items()}
    operation["requestBody"] = {"required": True, "description": _LIMITS, "content": content}
    responses = operation["responses"]
    receipt, trial = ({"$ref": f"#/components/schemas/{name}"} for name in ("DeliveryReceipt", "Trial"))
    responses["202"] = {**responses["202"], "description": "Taken.", "content": {"application/json": {"schema": receipt}}}
    responses["200"] = {
        "description": "The receipt of the delivery that brought this content before; with dryRun, what would become of the file.",
        "content": {"application/json": {"schema": {"oneOf": [receipt, trial]}}, "text/csv": {"schema": {"type": "string"}}},
        **headers,
    }
    responses["413"] = {**responses["413"], "description": f"The body is too large; bytesMax is the limit. {_LIMITS}"}
