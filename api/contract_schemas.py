"""Schemas of the contract that the generator cannot write, and what is mended in those that it writes.

Others make clients of the contract in Kotlin, Swift and TypeScript: what is not told as one named form becomes "anything" there.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from api.problems import HTTP_SLUGS, STATUS_AND_SLUG

# The largest number that 32 bits hold.
_INT32_MAX = 2**31 - 1
_JSON_TYPES: Mapping[type, str] = {bool: "boolean", int: "integer", str: "string"}
_INSTANT_ENDINGS = ("At", "Since")
_INTEGER: Mapping[str, str] = {"type": "integer"}


def reference(name: str) -> dict[str, str]:
    """Point to a named schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def object_schema(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None, *, description: str = "") -> dict[str, Any]:
    """Tell an object: its required fields, and those that may be missing."""
    return {"type": "object", "description": description, "required": list(required), "properties": {**required, **(optional or {})}}


def told_as_one(*schemas: Mapping[str, Any], description: str) -> dict[str, Any]:
    """Tell several objects as one: required is what each of them requires.

    Most generators cannot read what is one of several forms: they ask for the fields of all, or for a text that tells which it is.
    """
    fields: dict[str, Any] = {}
    for schema in schemas:
        for name, field in schema["properties"].items():
            values = [*fields.get(name, {}).get("enum", []), *field.get("enum", [])]
            fields[name] = {**field, "enum": values} if values and "boolean" not in _types(field) else field
    required = [name for name in fields if all(name in schema.get("required", ()) for schema in schemas)]
    return object_schema({name: fields.pop(name) for name in required}, fields, description=description)


def problem_schemas() -> dict[str, Any]:
    """Return the form of every problem, and those of problems that say more, by name."""
    slugs = sorted({slug for _, slug in STATUS_AND_SLUG.values()} | {slug for slug, _ in HTTP_SLUGS.values()})
    common = {
        "type": {"type": "string", "format": "uri-reference", "examples": [f"/v1/problems/{slug}" for slug in slugs]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    }
    return {
        "ProblemDocument": object_schema(
            common,
            {
                "instance": {"type": "string", "format": "uri-reference"},
                "errors": {"type": "array", "items": reference("FieldError"), "description": "Everything that is wrong, at once"},
            },
            description="A problem (RFC 9457); each type may add members, see openapi/problems.md",
        ),
        "FieldError": object_schema(
            {"field": {"type": "string"}, "in": {"type": "string"}, "reason": {"type": "string"}},
            description="What is wrong in one field of the body, the query, the path or the headers",
        ),
        "StaleDifferenceProblem": object_schema(
            {**common, "seenVersion": _INTEGER, "currentVersion": _INTEGER, "current": reference("DifferenceDocument")},
            description="The difference moved since the parent saw it. Nothing was changed; `current` is the difference as it is now",
        ),
        "OfferMovedProblem": object_schema(
            {**common, "current": reference("OfferDocument")},
            description="What is open moved since the parent saw it. Nothing was changed; `current` is what is open now",
        ),
        "AppTooOldProblem": object_schema(
            {**common, "schemaVersion": {"type": "integer", "description": "The form of the documents that is answered"}},
            description="Documents are no longer sent in the form that was asked for",
        ),
    }


# Problems that say more, by status, and where that is another one by operation; the others are told by the common form.
_PROBLEM_FORMS: Mapping[int, str] = {412: "StaleDifferenceProblem", 426: "AppTooOldProblem"}
_PROBLEM_FORMS_OF: Mapping[tuple[str, int], str] = {("acceptAll", 412): "OfferMovedProblem"}


def problem_form(operation_id: str, status: int) -> str:
    """Name the form of the problem that an operation answers with a status."""
    return _PROBLEM_FORMS_OF.get((operation_id, status), _PROBLEM_FORMS.get(status, "ProblemDocument"))


def mend(document: dict[str, Any]) -> None:
    """Mend every schema of the document in place."""
    for operation in _operations(document):
        for parameter in operation.get("parameters", []):
            # What is left out of an address is not null.
            parameter["schema"] = _without_null(parameter["schema"])
    for schema in _schemas(document):
        _type_of_values(schema)
        _one_type_or_null(schema)
        _whole_numbers(schema)
        for name, value in schema.get("properties", {}).items():
            if name.endswith(_INSTANT_ENDINGS) and "string" in _types(value):
                value["format"] = "date-time"
            if isinstance(value, dict) and name not in schema.get("required", ()):
                # Some generators ask for whatever has a default, although it may be left out.
                value.pop("default", None)


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for item in document["paths"].values():
        yield from (one for one in item.values() if isinstance(one, dict) and "operationId" in one)


def _schemas(node: object) -> Iterator[dict[str, Any]]:
    """Every object of the document, those within before those around: what is no schema has nothing that is mended."""
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _schemas(value)
    if isinstance(node, dict):
        yield node


def _types(schema: object) -> tuple[str, ...]:
    kind = schema.get("type", ()) if isinstance(schema, dict) else ()
    return (kind,) if isinstance(kind, str) else tuple(kind)


def _options(schema: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    union = "oneOf" if "oneOf" in schema else "anyOf"
    options = schema.get(union)
    return union, options if isinstance(options, list) else []


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    union, options = _options(schema)
    kept = [one for one in options if one.get("type") != "null"]
    if not options or len(kept) != 1:
        return schema
    return {**{name: value for name, value in schema.items() if name != union}, **kept[0]}


def _one_type_or_null(schema: dict[str, Any]) -> None:
    """What may be null is one type with null, so that generators make one optional field of it."""
    union, options = _options(schema)
    plain = [one for one in options if one.get("type") != "null"]
    if len(options) == 2 and len(plain) == 1 and isinstance(plain[0].get("type"), str):
        del schema[union]
        schema.update({**plain[0], "type": [plain[0]["type"], "null"]})


def _type_of_values(schema: dict[str, Any]) -> None:
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(values, list) and values and "type" not in schema:
        schema["type"] = _JSON_TYPES[type(values[0])]


def _whole_numbers(schema: dict[str, Any]) -> None:
    if "integer" not in _types(schema):
        return
    for bound in ("minimum", "maximum"):
        if isinstance(schema.get(bound), float):
            schema[bound] = int(schema[bound])
    if schema.get("maximum", _INT32_MAX + 1) > _INT32_MAX:
        schema["format"] = "int64"
