"""The tests of the rules take every branch of the rules, by themselves: without a database, and without the tests of what stands above."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(900)
def test_the_tests_of_the_rules_take_every_branch(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--noconftest", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist"]
    command += ["-p", "tests.few_examples", "--cov", "--cov-report=term-missing:skip-covered", "tests/reconcile/rules"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    environment |= {"COVERAGE_FILE": str(tmp_path / "coverage"), "ORACLE": "400", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout[-6_000:] + ended.stderr
