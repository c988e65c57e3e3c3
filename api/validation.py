"""Bodies that are read whole: decoded strictly, and all their errors told at once, without quoting a value."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache
from http import HTTPStatus
from typing import Annotated, Any

import jsonschema_rs
import msgspec
from litestar import Request
from litestar.exceptions import HTTPException

from reconcile.rules.remarks import CHARACTERS_MAX, is_remark

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

FieldErrors = list[dict[str, str]]
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.ASCII | re.IGNORECASE)

# A few words to people, checked by `remark_errors`.
Remark = Annotated[
    str,
    msgspec.Meta(
        min_length=1, max_length=CHARACTERS_MAX, description="A few words on one line, without a number that could be somebody's BSN"
    ),
]


class InvalidBody(HTTPException):
    """The body does not have the form that is described."""

    status_code = HTTPStatus.BAD_REQUEST

    def __init__(self, errors: FieldErrors) -> None:
        super().__init__("The body does not have the form that is described. Mend every field that is named in errors.", extra=errors)


class InvalidQuery(HTTPException):
    """The parameters do not belong together."""

    status_code = HTTPStatus.BAD_REQUEST


async def read_body(request: Request[Any, Any, Any], of: Any, *, between_fields: Callable[[Any], FieldErrors] | None = None) -> Any:
    """Decode a JSON body as `of`, without leniency: "2" is no number, 1 no truth. Raises InvalidBody with every error there is.

    `between_fields` gets the body as plain JSON, right or wrong, and returns the errors that no field has by itself.
    """
    content = await request.body()
    try:
        body = msgspec.json.decode(content, type=of)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise InvalidBody(_errors(content, of, between_fields)) from None
    # JSON knows a character that PostgreSQL cannot keep; it can come as this escape alone.
    if (between_fields or b"\\u0000" in content) and (errors := _beyond_types(msgspec.json.decode(content), between_fields)):
        raise InvalidBody(errors)
    return body


def _errors(content: bytes, of: Any, between_fields: Callable[[Any], FieldErrors] | None) -> FieldErrors:
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
    return [_error(*_place(error)) for error in validator.iter_errors(instance)] + _beyond_types(instance, between_fields)


def _beyond_types(instance: Any, between_fields: Callable[[Any], FieldErrors] | None) -> FieldErrors:
    return _unkeepable(instance, ()) + (between_fields(instance) if between_fields else [])


def _unkeepable(instance: Any, path: tuple[str, ...]) -> FieldErrors:
    if isinstance(instance, str):
        return [_error(".".join(path), "has a character of value zero")] if "\0" in instance else []
    parts = instance.items() if isinstance(instance, dict) else enumerate(instance) if isinstance(instance, list) else ()
    return [error for name, part in parts for error in _unkeepable(part, (*path, str(name)))]


def remark_errors(body: object, name: str) -> FieldErrors:
    """Return what is wrong with the remark of this name in a body, beyond its type and length."""
    text = body.get(name) if isinstance(body, dict) else None
    is_wrong = isinstance(text, str) and 0 < len(text) <= CHARACTERS_MAX and not is_remark(text)
    return [_error(name, "must be words on one line, without a number of eight digits or more")] if is_wrong else []


def form_errors(body: object, *, days: Sequence[str] = (), numbers: Sequence[str] = ()) -> FieldErrors:
    """Return which of these texts of a body are no days or no numbers (UUID): forms that JSON Schema names and does not check."""
    texts = {name: text for name, text in body.items() if isinstance(text, str)} if isinstance(body, dict) else {}
    wrong_days = [_error(name, "is not a day like 2026-01-31") for name in days if name in texts and not _is_day(texts[name])]
    return wrong_days + [_error(name, "is not a UUID") for name in numbers if name in texts and not _UUID.fullmatch(texts[name])]


def _is_day(text: str) -> bool:
    try:
        return len(text) == 10 and bool(date.fromisoformat(text))
    except ValueError:
        return False


@cache
def _schema(of: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    (schema,), components = msgspec.json.schema_components([of], ref_template="#/$defs/{name}")
    return _telling(schema), _telling(components)


def _telling(schema: Any) -> Any:
    """Say "null or that" as "unless null, that": then what is wrong inside is told, and not only that neither fits."""
    if isinstance(schema, list):
        return [_telling(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    options = schema.get("anyOf", [])
    plain = [one for one in options if one != {"type": "null"}]
    if len(options) == 2 and len(plain) == 1:
        return {"if": {"type": "null"}, "else": _telling(plain[0])}
    return {name: _telling(one) for name, one in schema.items()}


def _place(error: Any) -> tuple[str, str]:
    rule = str(error.schema_path[-1])
    path = [str(part) for part in error.instance_path]
    if rule == "required":
        path.append(str(getattr(error.kind, "property", "")))
    return ".".join(path), _REASONS.get(rule, "is not valid")


def _error(field: str, reason: str) -> dict[str, str]:
    return {"key": field, "message": reason}
