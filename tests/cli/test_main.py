"""The `kot` command: settings that are wrong, keys that are kept, a register, and one that is none."""

from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from click.testing import CliRunner

from cli.main import main
from reconcile.keyring import Keyring
from reconcile.rules.register_file import COLUMNS
from reconcile.store.database import Database
from tests.conftest import database_url


def run(*arguments: str, **environment: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(arguments), env={"DATABASE_URL": "", **environment})
    return result.exit_code, result.output


@pytest.mark.parametrize("command", ["serve", "work", "migrate"])
def test_missing_settings_are_named_all_at_once(command: str) -> None:
    code, output = run(command, DATABASE_URL_PARENT="")
    assert code == 1
    assert "is not set" in output
    assert "Traceback" not in output


def test_a_keyring_is_made_for_its_owner_alone_and_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "ring.json"
    assert run("keyring", "create", str(file))[0] == 0
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    Keyring(before)
    code, output = run("keyring", "create", str(file))
    assert (code, file.read_bytes()) == (1, before)
    assert "not touched" in output


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"a;b\n1;2\n", b"PK\x03\x04"])
def test_a_file_that_is_no_register_changes_nothing(
    tmp_path: Path, db: Database, admin: asyncpg.Connection, database_name: str, content: bytes
) -> None:
    file = tmp_path / "lrk.csv"
    file.write_bytes(content)
    code, output = run("register", "import", str(file), DATABASE_URL=database_url(database_name))
    assert code == 1
    assert "Error" in output
    assert "Traceback" not in output


def test_the_register_is_taken_over_from_a_file_with_or_without_a_byte_order_mark(tmp_path: Path, db: Database, database_name: str) -> None:
    file = tmp_path / "lrk.csv"
    row = '900000001;KDV;"De Voorbeeldboom";Ingeschreven;01-02-2015;Voorbeeld B.V.;00000011;;'
    for encoding in ("utf-8-sig", "utf-8"):
        file.write_text(f"{';'.join(COLUMNS)}\r\n{row}\r\n", encoding=encoding, newline="")
        code, output = run("register", "import", str(file), "--as-of", "2026-01-31", DATABASE_URL=database_url(database_name))
        assert (code, output) == (0, "1 locations of 1 organisations are in the register as of 2026-01-31.\n")


def test_a_database_that_is_away_is_said_so(tmp_path: Path) -> None:
    for command in (
        ("migrate",),
        ("audit", "verify"),
        ("changes", "dead"),
        ("changes", "revive", str(UUID(int=1))),
        ("explain", str(UUID(int=1))),
        ("verify",),
    ):
        away = "postgresql://postgres@127.0.0.1:9/none"
        code, output = run(*command, DATABASE_URL=away, DATABASE_URL_FORWARD=away, DATABASE_URL_EXPLAIN=away)
        # 1 of `audit verify` says that a chain is broken.
        assert code == (2 if command == ("audit", "verify") else 1)
        assert "Traceback" not in output


def test_help_names_every_command() -> None:
    code, output = run("--help")
    assert code == 0
    words = "serve work migrate deliver register rules keyring openapi audit changes explain verify"
    for command in words.split():
        assert command in output
