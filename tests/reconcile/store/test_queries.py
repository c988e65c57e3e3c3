"""Every query can be prepared, and every query has the one function of its name."""

import ast
import re
from importlib.resources import files
from pathlib import Path

import asyncpg
import pytest

from reconcile.store import queries
from reconcile.store.database import Database

STORE = Path(str(files("reconcile.store")))
NOUNS = sorted(path.stem for path in STORE.glob("*.sql"))


@pytest.mark.parametrize("noun", NOUNS)
async def test_every_query_prepares(noun: str, db: Database, admin: asyncpg.Connection) -> None:
    for name, text in queries.load(noun).items():
        try:
            await admin.prepare(text)
        except asyncpg.PostgresError as error:
            raise AssertionError(f"{noun}.{name}: {error}") from error


@pytest.mark.parametrize("noun", NOUNS)
def test_every_query_is_used_by_the_function_of_its_name(noun: str) -> None:
    tree = ast.parse((STORE / f"{noun}.py").read_text())
    used = {
        function.name: set(re.findall(r"""SQL\['(\w+)'\]""", ast.unparse(function)))
        for function in tree.body
        if isinstance(function, ast.AsyncFunctionDef)
    }
    for name in queries.load(noun):
        assert any(name in names for names in used.values()), f"{noun}.{name} is not used"
    for function, names in used.items():
        for name in names:
            # One statement may serve two functions that differ in an argument; then one of them has its name.
            assert name == function or name in used.get(name, set()) or name == "differences_of_household", f"{function} uses {name}"


def test_a_name_that_stands_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "things.sql").write_text("-- name: one\nSELECT 1;\n-- name: one\nSELECT 2;\n")
    monkeypatch.setattr(queries, "files", lambda _: tmp_path)
    with pytest.raises(ValueError, match="twice"):
        queries.load("things")
