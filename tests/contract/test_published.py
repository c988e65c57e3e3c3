"""What is published is what the code says."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.contract import problem_sections
from api.problems import HTTP_SLUGS, STATUS_AND_SLUG
from cli.contract import contract_document, dispute_reasons_document, faults_document, quality_document
from reconcile import problems
from reconcile.problems import Refusal
from reconcile.rules.faults import FAULTS
from reconcile.rules.kinds import kinds_page

ROOT = Path(__file__).parents[2]
DOCUMENT: dict[str, Any] = msgspec.json.decode((ROOT / "openapi" / "openapi.json").read_bytes())
OPERATIONS = [
    (path, method, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if isinstance(operation, dict)
]


def test_the_committed_contract_is_current() -> None:
    assert (ROOT / "openapi" / "openapi.json").read_bytes() == contract_document(), "run `make openapi`"


def test_the_committed_register_of_faults_is_current() -> None:
    assert (ROOT / "openapi" / "faults.json").read_bytes() == faults_document(), "run `make openapi`"


def test_the_committed_page_of_kinds_is_current() -> None:
    assert (ROOT / "openapi" / "kinds.md").read_text() == kinds_page(), "run `make openapi`"


def test_the_committed_register_of_quality_is_current() -> None:
    assert (ROOT / "openapi" / "quality.json").read_bytes() == quality_document(), "run `make openapi`"


def test_the_committed_register_of_dispute_reasons_is_current() -> None:
    assert (ROOT / "openapi" / "dispute-reasons.json").read_bytes() == dispute_reasons_document(), "run `make openapi`"


def refusals() -> list[type[Refusal]]:
    return [one for _, one in inspect.getmembers(problems, inspect.isclass) if issubclass(one, Refusal) and one is not Refusal]


def test_every_refusal_has_its_status_its_title_and_its_page() -> None:
    assert set(STATUS_AND_SLUG) == set(refusals())
    for refusal, (_, slug) in STATUS_AND_SLUG.items():
        assert refusal.__doc__
        assert slug in problem_sections()


def test_every_page_is_of_a_problem_that_exists() -> None:
    known = {slug for _, slug in STATUS_AND_SLUG.values()} | {slug for slug, _ in HTTP_SLUGS.values()}
    assert set(problem_sections()) == known


def test_every_fault_code_that_is_used_is_registered() -> None:
    used: set[str] = set()
    for path in [*ROOT.glob("reconcile/**/*.py"), *ROOT.glob("api/*.py")]:
        used |= set(re.findall(r"""\b(?:fault|UnreadableDelivery)\(\s*"([a-z-]+)\"""", path.read_text()))
    lines = "".join((ROOT / "reconcile" / "store" / f"{noun}.sql").read_text() for noun in ("lines", "register"))
    used |= set(re.findall(r"'((?:lrk-number|care-type)-[a-z-]+)'", lines)) | set(re.findall(r'"code": "([a-z-]+)"', lines))
    assert used <= set(FAULTS)
    assert set(FAULTS) - used <= {"bsn-missing", "encoding-unknown", "characters-forbidden", "hourly-rate-invalid", "amount-invalid"}


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_operation_keeps_the_design_rules(path: str, method: str, operation: dict[str, Any]) -> None:
    """NL GOV REST API Design Rules 2.2: kebab-case paths, camelCase queries, problems, API-Version on every answer."""
    assert re.fullmatch(r"(/([a-z0-9-]+|\{[a-z_]+\}))+", path)
    assert re.fullmatch(r"[a-z][A-Za-z]+", operation["operationId"])
    assert operation["description"]
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "query":
            assert re.fullmatch(r"[a-z][A-Za-z]*", parameter["name"])
    for status, answer in operation["responses"].items():
        assert answer["headers"]["API-Version"]
        if status >= "400":
            assert list(answer["content"]) == ["application/problem+json"]
    assert {"400", "500"} <= set(operation["responses"])
    assert method in ("get", "post", "put", "delete")


def test_every_operation_with_a_token_names_a_scope_that_its_flow_gives() -> None:
    flows = {name: next(iter(scheme["flows"].values())) for name, scheme in DOCUMENT["components"]["securitySchemes"].items()}
    used = set()
    for _, _, operation in OPERATIONS:
        assert ("401" in operation["responses"]) == ("403" in operation["responses"]) == bool(operation["security"])
        for one in operation["security"]:
            ((scheme, (scope,)),) = one.items()
            assert scope in flows[scheme]["scopes"]
            assert f"Scope: {scope}." in operation["description"]
            used.add(scope)
    assert used == {scope for flow in flows.values() for scope in flow["scopes"]}


def test_every_reference_in_the_document_leads_somewhere() -> None:
    text = (ROOT / "openapi" / "openapi.json").read_text()
    for section, name in set(re.findall(r'"#/components/(\w+)/([\w.]+)"', text)):
        assert name in DOCUMENT["components"][section]


def _schemas(node: object, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of the document, with where it stands."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name in ("schema", "items") or path.endswith(("/schemas", "/properties")):
                yield f"{path}/{name}", value
            yield from _schemas(value, f"{path}/{name}")
    elif isinstance(node, list):
        for value in node:
            yield from _schemas(value, path)


# Members whose names are not told: in an export what else a link of the audit says, and what is left out, by its name.
FREE = {"/components/schemas/HeldLinkDocument/properties/details", "/components/schemas/HouseholdExport/properties/withheld"}
SCHEMAS = {path: schema for path, schema in _schemas(DOCUMENT) if path not in FREE}


def test_every_schema_is_something_that_generators_can_name() -> None:
    """A reference, a reference or null, or a type with what it holds: of all else a generator makes "anything" or a name of its own."""
    assert len(SCHEMAS) > 500
    for path, schema in SCHEMAS.items():
        options = schema.get("oneOf", schema.get("anyOf"))
        if options is not None:
            assert sorted(option.get("type", "$ref") for option in options) == ["$ref", "null"], path
        elif "$ref" not in schema:
            assert schema["type"], path
            if "object" in schema["type"]:
                assert schema["properties"], path
                assert re.fullmatch("/components/schemas/[A-Za-z]+", path), f"{path} has no name"
            if "array" in schema["type"]:
                assert schema["items"], path


def test_every_instant_is_told_as_one_and_every_number_has_its_size() -> None:
    for path, schema in SCHEMAS.items():
        if re.search(r"/properties/\w+(At|Since)$", path) and "string" in schema.get("type", ()):
            assert schema["format"] == "date-time", path
        if "integer" in schema.get("type", ()):
            assert schema.get("maximum", 2**31) < 2**31 or schema["format"] == "int64", path


def test_every_form_is_used() -> None:
    text = (ROOT / "openapi" / "openapi.json").read_text()
    for name in DOCUMENT["components"]["schemas"]:
        assert f'"#/components/schemas/{name}"' in text, name


def test_the_forms_of_problems_that_say_more_are_told_where_they_come() -> None:
    def form(operation: str, status: str) -> str:
        told = next(one for _, _, one in OPERATIONS if one["operationId"] == operation)["responses"][status]
        return str(told["content"]["application/problem+json"]["schema"]["$ref"]).rpartition("/")[2]

    assert form("acceptDifference", "412") == "StaleDifferenceProblem"
    assert form("acceptAll", "412") == "OfferMovedProblem"
    assert form("pullNotices", "426") == "AppTooOldProblem"
    assert form("pullNotices", "410") == "ProblemDocument"


def test_the_document_says_who_and_under_which_licence() -> None:
    assert set(DOCUMENT["info"]["contact"]) == {"name", "url", "email"}
    assert DOCUMENT["info"]["license"]["identifier"] == "EUPL-1.2"
    assert [server["url"] for server in DOCUMENT["servers"]] == ["/v1"]
