"""What the contract says of the documents that phones follow and push, which handlers read and write as they are.

One handler serves all collections. The contract tells each at its own address with its own form, so that who makes a client of it is sure
of what a page holds.
"""

import copy
from collections.abc import Mapping
from typing import Any

import msgspec

from api.contract_schemas import object_schema, reference, told_as_one
from api.sync_documents import COLLECTIONS, Collection, PushedAnswerDocument
from reconcile.rules.checkpoint import Checkpoint
from reconcile.rules.replicated import ROWS_MAX

_UUID: Mapping[str, str] = {"type": "string", "format": "uuid"}
_DELETED: Mapping[str, str] = {"type": "boolean", "description": "True: the document is gone, and this is its tombstone"}
_TOMBSTONE = "Of a tombstone there are the number, the version and `_deleted`; of every other document there is all"
_PUSHED = "answers"


def followed_schemas() -> dict[str, Any]:
    """Return the documents that phones follow and push and their pages, by name."""
    forms = [Checkpoint, PushedAnswerDocument, *(one.form for one in COLLECTIONS.values())]
    schemas: dict[str, Any] = msgspec.json.schema_components(forms, ref_template="#/components/schemas/{name}")[1]
    for collection in COLLECTIONS.values():
        name = collection.form.__name__
        whole = schemas[name]
        whole["required"].append("_deleted")
        tombstone = object_schema({collection.key: _UUID, "version": {"type": "integer"}, "_deleted": _DELETED})
        schemas[name] = told_as_one(whole, tombstone, description=f"{whole['description']} {_TOMBSTONE}")
        schemas[_page_name(collection)] = object_schema(
            {"documents": {"type": "array", "items": reference(name)}, "checkpoint": reference("Checkpoint")},
            description="What changed after a checkpoint, in order. Fewer documents than the limit: there are no more",
        )
    schemas["PushRow"] = object_schema(
        {"newDocumentState": reference("PushedAnswerDocument")},
        {"assumedMasterState": reference("PushedAnswerDocument")},
        description="An answer as the phone has it, and as it believes that it stands here; without the second the phone made it itself",
    )
    return schemas


def by_collection(path: str, item: dict[str, Any]) -> dict[str, Any]:
    """Return what is told at an address: of one for all collections, an address for each."""
    if "{collection}" not in path:
        return {path: item}
    told = {}
    for name, collection in COLLECTIONS.items():
        pull = _of_collection(item["get"], "pull", name, reference(_page_name(collection)))
        told[path.replace("{collection}", name)] = {"get": pull}
    form = reference(COLLECTIONS[_PUSHED].form.__name__)
    push = _of_collection(item["post"], "push", _PUSHED, {"type": "array", "items": form, "description": "What stands instead of rows"})
    rows = {"type": "array", "maxItems": ROWS_MAX, "items": reference("PushRow")}
    push["requestBody"] = {"required": True, "content": {"application/json": {"schema": rows}}}
    told[path.replace("{collection}", _PUSHED)]["post"] = push
    return told


def _of_collection(operation: Mapping[str, Any], verb: str, name: str, answered: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = copy.deepcopy(dict(operation))
    told["operationId"] = f"{verb}{name.capitalize()}"
    told["summary"] = f"{verb.capitalize()} {name}"
    told["parameters"] = [one for one in told["parameters"] if one["name"] != "collection"]
    told["responses"]["200"]["content"] = {"application/json": {"schema": answered}}
    del told["responses"]["404"]
    return told


def _page_name(collection: Collection) -> str:
    return f"{collection.key[0].upper()}{collection.key.removesuffix('Id')[1:]}Page"
