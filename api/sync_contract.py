"""What the contract says of the documents that phones follow and push, which handlers read and write as they are."""

from typing import Any

import msgspec

from api.sync_documents import COLLECTIONS, Pull, PushedAnswerDocument
from reconcile.rules.replicated import ROWS_MAX


def followed_schemas() -> dict[str, Any]:
    """Return the schemas of all documents, of a tombstone, and of what is pulled and pushed."""
    forms = {name: collection.form for name, collection in COLLECTIONS.items()}
    (_, schemas) = msgspec.json.schema_components([Pull, PushedAnswerDocument, *forms.values()], ref_template="#/components/schemas/{name}")
    schemas["Tombstone"] = {
        "type": "object",
        "description": "What is left of a document: its number under the name that its collection gives it, and its version",
        "required": ["version", "_deleted"],
        "properties": {
            **{one.key: {"type": "string", "format": "uuid"} for one in COLLECTIONS.values()},
            "version": {"type": "integer"},
            "_deleted": {"const": True},
        },
    }
    documents = [_ref(form.__name__) for form in forms.values()]
    schemas["Pull"]["properties"]["documents"]["items"] = {"oneOf": [*documents, _ref("Tombstone")]}
    schemas["PushRow"] = {
        "type": "object",
        "description": "An answer as the phone has it, and as it believes that it stands here; without the second the phone made it itself",
        "required": ["newDocumentState"],
        "properties": {"newDocumentState": _ref("PushedAnswerDocument"), "assumedMasterState": _ref("PushedAnswerDocument")},
    }
    return schemas


def describe_pull(operation: dict[str, Any]) -> None:
    """Describe a pull: a page, or nothing that the phone does not have."""
    success = {**operation["responses"]["200"], "content": {"application/json": {"schema": _ref("Pull")}}}
    headers = operation["responses"]["200"]["headers"]
    operation["responses"] |= {"200": success, "304": {"headers": headers, "description": "The phone has this page."}}
    _choose(operation, list(COLLECTIONS))
    tag = {"in": "header", "required": False, "schema": {"type": "string"}, "name": "If-None-Match"}
    operation["parameters"].append({**tag, "description": "ETag of the page that the phone has"})


def describe_push(operation: dict[str, Any]) -> None:
    """Describe a push: rows in, and out what stands instead of them."""
    _choose(operation, ["answers"])
    rows = {"type": "array", "maxItems": ROWS_MAX, "items": _ref("PushRow")}
    operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": rows}}}
    conflicts = {"type": "array", "items": {"oneOf": [_ref("FollowedAnswerDocument"), _ref("Tombstone")]}}
    operation["responses"]["200"]["content"] = {"application/json": {"schema": conflicts}}


def _choose(operation: dict[str, Any], collections: list[str]) -> None:
    next(one for one in operation["parameters"] if one["name"] == "collection")["schema"] = {"type": "string", "enum": collections}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
