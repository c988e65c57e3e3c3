"""The house rules, as tests: each names what breaks it."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile.rules.bsn import is_bsn, is_test_bsn
from reconcile.settings import Settings

ROOT = Path(__file__).parents[2]
PACKAGES = ("api", "cli", "local", "logbook", "reconcile", "workers")
MODULES = sorted(
    path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "__pycache__" not in path.parts
)
# Modules without a test file of their own, and where they are tested.
TESTED_ELSEWHERE = {
    "api/app.py": "every test of the API builds it",
    "api/challenge.py": "tests/api/test_caller.py: what WWW-Authenticate says",
    "api/declarations.py": "tests/api/test_changes.py: the addresses of TVS together",
    "api/idempotency.py": "tests/api/test_differences.py and test_pilots.py: requests repeated in every way",
    "api/contract_schemas.py": "tests/contract/test_published.py, and tests/clients/test_generated.py: what generators make of them",
    "api/delivery_contract.py": "tests/api/test_media.py: the limits that the contract names; tests/contract/test_published.py",
    "api/delivery_documents.py": "tests/api/test_deliveries.py: receipts, lines, the spreadsheet",
    "api/export_documents.py": "tests/api/test_household.py: every row of an export, read by its form",
    "api/fault_documents.py": "tests/reconcile/test_diagnose.py and tests/api/test_deliveries.py: findings, the spreadsheet",
    "api/held_facts.py": "tests/api/test_household.py: every row of an export, read by its form",
    "api/household_parts.py": "tests/api/test_household_page.py: every part, read from the page",
    "api/household_words.py": "tests/api/test_household_page.py: what the cells say",
    "api/identity.py": "tests/api/test_caller.py: claims that prove somebody or nobody",
    "api/places.py": "tests/api/test_deliveries.py and test_disputes.py: pages, and places that are none",
    "api/services.py": "tests/api/test_trials.py and test_household.py: more at once than there are seats",
    "api/sync_contract.py": "tests/contract/test_published.py",
    "api/sync_documents.py": "tests/reconcile/test_follow.py: each document beside what was written",
    "api/token_contract.py": "tests/contract/test_published.py: every operation names a scope that its flow gives",
    "api/validation.py": "tests/api/test_changes.py, test_devices.py, test_pilots.py: bodies wrong in every way",
    "cli/contract.py": "tests/contract/test_published.py",
    "cli/doorway.py": "tests/cli/test_main.py",
    "cli/keyring.py": "tests/cli/test_main.py",
    "cli/migrate.py": "tests/local/test_chain.py runs it",
    "cli/anchor.py": "tests/cli/test_audit.py: anchors taken, held against, altered, cut off",
    "cli/explanation.py": "tests/cli/test_explain.py",
    "cli/foresight.py": "tests/cli/test_rules.py",
    "cli/outcome.py": "tests/cli/test_deliver.py",
    "cli/register.py": "tests/cli/test_main.py; tests/local/test_chain.py runs it",
    "cli/serve.py": "tests/local/test_chain.py runs it",
    "cli/work.py": "tests/local/test_chain.py runs it",
    "local/__main__.py": "tests/local/test_chain.py plays the same",
    "local/other_answers.py": "tests/local/test_chain.py plays them",
    "local/clients.py": "tests/local/test_issuer.py",
    "local/fcm_message.py": "tests/local/test_fcm.py: wrong messages and their fields",
    "local/phone.py": "tests/local/test_chain.py: every phone's copy is held against what was planted",
    "local/show.py": "pictures of the play alone",
    "local/tvs.py": "tests/local/test_chain.py: every change it processed is held against the product",
    "logbook/log.py": "tests/api/test_processing.py: requests, workers, and a log that takes nothing",
    "reconcile/attempt.py": "tests/api/test_attempts.py: over HTTP, by organisation and by vendor",
    "reconcile/answering.py": "tests/reconcile/test_dispute.py and test_postpone.py: what both have in common, by both",
    "reconcile/callers.py": "values alone",
    "reconcile/accept_all.py": "tests/api/test_acceptances.py: over HTTP, moved in every way",
    "reconcile/reopen.py": "tests/reconcile/test_forward.py and test_reverse.py: what TVS refused, what a parent undid",
    "reconcile/rehearse.py": "tests/api/test_trials.py: over HTTP, beside the real way",
    "reconcile/replicate.py": "tests/api/test_replication.py: over HTTP, every row that a phone may push",
    "reconcile/rules/told.py": "tests/reconcile/rules/test_recomputation.py: documents kept and read; tests/reconcile/test_compare.py",
    "reconcile/excuse.py": "tests/api/test_excuses.py: given, given again, replaced, taken back",
    "reconcile/problems.py": "tests/contract/test_published.py",
    "reconcile/store/context.py": "tests/reconcile/store/test_database.py: nobody's rows but the caller's",
    "reconcile/store/logins.py": "tests/reconcile/store/test_database.py: logins that see too much, or are another's",
    "workers/housekeeping.py": "tests/workers/test_sweep.py",
    "workers/kinds.py": "names alone",
    "workers/main.py": "tests/workers/test_hints.py and the chain",
    "workers/stages.py": "tests/reconcile/test_announce.py: releasing, pausing, a worker that is killed on the way",
    "workers/senders/answers.py": "tests/workers/senders/test_fcm.py: answers that are none, waits in seconds and as a date",
    "workers/senders/token.py": "tests/workers/senders/test_tvs.py and test_fcm.py, one for each way to fetch",
}
BANNED_NAMES = {"utils", "helpers", "common", "misc", "base", "services_layer", "managers", "models", "schemas", "types"}
FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 300
# The register of faults is a list; splitting it would hide half of it.
LONG_FILES = {"reconcile/rules/faults.py"}


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [path for line in listed.stdout.splitlines() if (path := ROOT / line).is_file()]


def texts() -> Iterator[tuple[Path, str]]:
    for path in tracked():
        try:
            yield path.relative_to(ROOT), path.read_text()
        except UnicodeDecodeError:
            raise AssertionError(f"{path} is not text") from None


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_module_has_its_test(module: Path) -> None:
    mirrored = ROOT / "tests" / module.parent / f"test_{module.stem}.py"
    is_store = module.parent == Path("reconcile/store") and (ROOT / module).with_suffix(".sql").exists()
    if module.name == "__init__.py" or is_store or module == Path("reconcile/store/queries.py"):
        return  # queries are prepared and held against their functions in tests/reconcile/store/test_queries.py
    assert mirrored.exists() != (str(module) in TESTED_ELSEWHERE), (
        f"{module}: write {mirrored.relative_to(ROOT)}, or say where it is tested"
    )


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_functions_and_files_can_be_held_in_the_head(module: Path) -> None:
    text = (ROOT / module).read_text()
    if str(module) not in LONG_FILES:
        assert text.count("\n") <= FILE_LINES_MAX
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < FUNCTION_LINES_MAX, f"{module}: {node.name}"


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_no_file_is_a_drawer(module: Path) -> None:
    assert module.stem not in BANNED_NAMES


def test_no_number_of_a_person_stands_anywhere() -> None:
    for path, text in texts():
        if path.name == "requirements.txt":
            continue
        for number in re.findall(r"(?<![0-9A-Za-z])[0-9]{9}(?![0-9A-Za-z])", text):
            assert not is_bsn(number) or is_test_bsn(number), f"{path}: {number} may be somebody's; use the marked range"


def test_the_project_speaks_of_itself_alone() -> None:
    banned = ["pypi" + ".org", "python" + "hosted", "registry." + "npmjs", "deb." + "debian", "TO" + "DO", "FIX" + "ME", "/wo" + "rk/"]
    for path, text in texts():
        for word in banned:
            assert word not in text, f"{path}: {word}"


def test_every_dependency_has_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    section = text[text.index("dependencies = [") : text.index("[project.scripts]")]
    for line in section.splitlines():
        if line.strip().startswith('"'):
            assert "# " in line, line


def test_every_setting_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text()
    for field in Settings.__struct_fields__:
        assert f"`{field.upper()}`" in text


@pytest.mark.parametrize("record", sorted((ROOT / "docs" / "adr").glob("*.md")), ids=lambda path: path.stem)
def test_every_decision_is_one_page(record: Path) -> None:
    text = record.read_text()
    assert re.match(r"# .+\n\nDate: [0-9]{4}-[0-9]{2}-[0-9]{2}\n\nStatus: \w+\n", text)
    for section in ("Context", "Decision", "Consequences"):
        assert f"\n## {section}\n" in text
    assert len(text.split()) <= 450


def test_import_contracts_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout


def test_the_clock_is_read_in_doors_alone() -> None:
    """`now` is an argument: only doors, and the senders' tokens, read a clock."""
    allowed = {"api/caller.py", "api/tokens.py", "workers/deliveries.py", "workers/senders/token.py", "cli/register.py", "cli/doorway.py"}
    for module in MODULES:
        if module.parts[0] != "local" and str(module) not in allowed:
            text = (ROOT / module).read_text()
            assert not re.search(r"datetime\.now|date\.today|time\.time\(", text), module
