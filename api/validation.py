"""Bodies that are read whole: decoded strictly, and all their errors told at once, without quoting a value."""

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

import jsonschema_rs
import msgspec
from litestar import Request
from litestar.exceptions import HTTPException

_REASONS: Mapping[str, str] = {
    "required": "is missing",
    "additionalProperties": "is not known here",
    "type": "has another type",
    "minLength": "is too short",
    "maxLength": "is too long",
    "minimum": "is too small",
    "maximum": "is too large",
    "enum": "is none of the possible values",
    "pattern": "does not have the right form",
}


class InvalidBody(HTTPException):
    """The body does not have the form that is described."""

    status_code = HTTPStatus.BAD_REQUEST

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__("The body does not have the form that is described. Mend every field that is named in errors.", extra=errors)


class InvalidQuery(HTTPException):
    """The parameters do not belong together."""

    status_code = HTTPStatus.BAD_REQUEST


async def read_body(request: Request[Any, Any, Any], of: Any) -> Any:
    """Decode a JSON body as `of`, without leniency: "2" is no number, 1 no truth. Raises InvalidBody with every error there is."""
    content = await request.body()
    try:
        return msgspec.json.decode(content, type=of)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise InvalidBody(_errors(content, of)) from None


def _errors(content: bytes, of: Any) -> list[dict[str, str]]:
    try:
        instance = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return [_error("", "is not JSON")]
    schema, components = _schema(of)
    kinds = schema.get("discriminator", {})
    if kinds:
        tag = instance.get(kinds["propertyName"]) if isinstance(instance, dict) else None
        chosen = kinds["mapping"].get(tag) if isinstance(tag, str) else None
        if chosen is None:
            return [_error(kinds["propertyName"], f"is none of {', '.join(kinds['mapping'])}")]
        schema = {"$ref": chosen}
    validator = jsonschema_rs.validator_for({**schema, "$defs": components})
    return [_error(*_place(error)) for error in validator.iter_errors(instance)]


@cache
def _schema(of: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    (schema,), components = msgspec.json.schema_components([of], ref_template="#/$defs/{name}")
    return schema, components


def _place(error: Any) -> tuple[str, str]:
    rule = str(error.schema_path[-1])
    path = [str(part) for part in error.instance_path]
    if rule == "required":
        path.append(str(getattr(error.kind, "property", "")))
    return ".".join(path), _REASONS.get(rule, "is not valid")


def _error(field: str, reason: str) -> dict[str, str]:
    return {"key": field, "message": reason}
