"""`kot rules`: another rule book is compared, approved by one and activated by another, and in no other order."""

import asyncio
from io import StringIO
from pathlib import Path
from uuid import UUID

import asyncpg
import msgspec
import pytest
from click.testing import CliRunner
from rich.console import Console

from cli.foresight import print_report
from cli.main import main
from reconcile.foresee import KeptReport
from reconcile.keyring import Keyring
from reconcile.rulebook import shipped_books
from reconcile.rules.foresight import Foresight
from reconcile.store.database import Database
from tests import world
from tests.books import with_successor
from tests.cli.test_main import run
from tests.conftest import database_url
from tests.tables import FIRST_BOOK

NEXT = "2099.1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return with_successor(tmp_path, NEXT, hours="30.00")


async def kot(database_name: str, folder: Path, *arguments: str) -> tuple[int, str]:
    settings = {
        "DATABASE_URL": database_url(database_name),
        "DATABASE_URL_INTAKE": database_url(database_name, "kot_intake"),
        "RULE_BOOKS_FOLDER": str(folder),
        "COLUMNS": "200",
    }
    return await asyncio.to_thread(run, "rules", *arguments, **settings)


async def with_a_difference(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)
    await world.delivered(db, keyring, *(world.line(month=month, hours="120.00") for month in ("2026-02", "2026-03")))


async def test_the_whole_way_to_another_book(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, database_name: str, folder: Path
) -> None:
    await with_a_difference(db, admin, keyring)
    code, output = await kot(database_name, folder, "compare", FIRST_BOOK, NEXT)
    report_id = str(await admin.fetchval("SELECT report_id FROM rule_report"))
    assert code == 0
    for shown in (f"Report {report_id}", "1 households, 1 child-years", "no longer told", "D01, 220.00 hours, 1890 euro", "no difference"):
        assert shown in output
    by = ("--by", "00000099000000010000/policy")
    other = ("--by", "00000099000000010000/operations")
    code, output = await kot(database_name, folder, "activate", NEXT, "--report", report_id, *other)
    assert (code, "not approved" in output) == (1, True)
    assert (await kot(database_name, folder, "approve", report_id, *by))[0] == 0
    code, output = await kot(database_name, folder, "activate", NEXT, "--report", report_id, *by)
    assert (code, "takes two" in output) == (1, True)
    assert (await kot(database_name, folder, "activate", NEXT, "--report", report_id, *other))[0] == 0
    code, output = await kot(database_name, folder, "list")
    assert code == 0
    for shown in (NEXT, FIRST_BOOK, report_id, by[1], other[1], "Here and never active: none."):
        assert shown in output


async def test_a_report_that_does_not_begin_at_the_active_book_says_so(db: Database, database_name: str, folder: Path) -> None:
    warning = "is not the active one: nothing can be activated by this report"
    for old, new, is_warned in ((FIRST_BOOK, NEXT, False), (NEXT, FIRST_BOOK, True)):
        code, output = await kot(database_name, folder, "compare", old, new)
        assert (code, warning in output) == (0, is_warned)


async def test_machines_get_the_same(db: Database, admin: asyncpg.Connection, keyring: Keyring, database_name: str, folder: Path) -> None:
    await with_a_difference(db, admin, keyring)
    code, output = await asyncio.to_thread(compared_by_machine, database_name, folder)
    kept = msgspec.json.decode(output)
    assert code == 0
    assert kept["report"]["fates"]["no-longer-told"] == {"differences": 1, "households": 1}
    row = await admin.fetchrow("SELECT report_id, content, content_sha256 FROM rule_report")
    assert (UUID(kept["reportId"]), bytes.fromhex(kept["sha256"])) == (row["report_id"], row["content_sha256"])
    assert msgspec.json.decode(row["content"]) == kept["report"]
    listed = msgspec.json.decode((await kot(database_name, folder, "list", "--json"))[1])
    assert [one["version"] for one in listed["books"]] == [FIRST_BOOK, NEXT]
    assert [(one["number"], one["version"], one["activatedBy"]) for one in listed["activations"]] == [(1, FIRST_BOOK, "release")]
    assert listed["activations"][0]["bookSha256"] == listed["books"][0]["sha256"]
    shown = msgspec.json.decode((await kot(database_name, folder, "show", NEXT, "--json"))[1])
    assert {"name": "tolerances.hours", "value": "30.00"}.items() <= shown["parameters"][0].items()


def compared_by_machine(database_name: str, folder: Path) -> tuple[int, str]:
    """Return the code, and standard output alone: the progress goes to the other one."""
    settings = {"DATABASE_URL_INTAKE": database_url(database_name, "kot_intake"), "RULE_BOOKS_FOLDER": str(folder)}
    result = CliRunner().invoke(main, ["rules", "compare", FIRST_BOOK, NEXT, "--json"], env=settings)
    return result.exit_code, result.stdout


async def test_what_changes_in_kind_is_printed(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, database_name: str, folder: Path
) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)
    # Hours and rate: without the hours it is a difference of the rate alone.
    await world.delivered(db, keyring, *(world.line(month=one, hours="120.00", hourlyRate="11.00") for one in ("2026-02", "2026-03")))
    code, output = await kot(database_name, folder, "compare", FIRST_BOOK, NEXT)
    assert code == 0
    assert [line for line in output.splitlines() if "D09" in line and "D06" in line]


def test_what_could_not_be_judged_is_printed() -> None:
    foresight = Foresight()
    foresight.add_household([], not_judged=3)
    book = shipped_books().book(FIRST_BOOK)
    kept = KeptReport(report_id=UUID(int=1), sha256="00", report=foresight.report(book, book, world.NOW))
    console = Console(file=StringIO(), width=200)
    print_report(console, kept)
    assert "3 child-years could not be judged" in console.file.getvalue()  # type: ignore[attr-defined]


async def test_every_value_of_a_book_is_shown_with_its_dates(db: Database, database_name: str, folder: Path) -> None:
    code, output = await kot(database_name, folder, "show", FIRST_BOOK)
    assert code == 0
    for shown in ("tolerances.hours", "maximum_hourly_rates.2023.KDV", "8.97", "9.12", "2022-12-01", "kot_percentages_2026.csv"):
        assert shown in output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("compare", FIRST_BOOK, "2098.1"), "no rule book 2098.1"),
        (("compare", FIRST_BOOK, FIRST_BOOK), "the same rule book"),
        (("show", "../2026.1"), "no rule book"),
        (("approve", str(UUID(int=1)), "--by", "x"), "There is no report"),
        (("activate", NEXT, "--report", str(UUID(int=1)), "--by", "x"), "There is no report"),
        (("activate", "2098.1", "--report", str(UUID(int=1)), "--by", "x"), "no rule book 2098.1"),
    ],
)
async def test_what_cannot_be_done_is_told_in_a_sentence(
    db: Database, database_name: str, folder: Path, arguments: tuple[str, ...], told: str
) -> None:
    code, output = await kot(database_name, folder, *arguments)
    assert (code, told in output, "Traceback" in output) == (1, True, False)


async def test_a_book_that_is_not_whole_is_told(db: Database, database_name: str, folder: Path) -> None:
    (folder / f"{NEXT}.toml").write_text('version = "2099.1"\n')
    code, output = await kot(database_name, folder, "compare", FIRST_BOOK, NEXT)
    assert (code, "missing required field" in output) == (1, True)


@pytest.mark.parametrize("arguments", [("list",), ("show", NEXT), ("compare", FIRST_BOOK, NEXT)])
async def test_a_folder_that_is_not_there_is_told(db: Database, database_name: str, folder: Path, arguments: tuple[str, ...]) -> None:
    code, output = await kot(database_name, folder / "nowhere", *arguments)
    assert (code, "cannot be read" in output, "Traceback" in output) == (1, True, False)


@pytest.mark.parametrize("arguments", [("list",), ("compare", FIRST_BOOK, NEXT), ("approve", str(UUID(int=1)), "--by", "x")])
def test_a_database_that_is_away_is_said_so(folder: Path, arguments: tuple[str, ...]) -> None:
    away = "postgresql://postgres@127.0.0.1:9/none"
    code, output = run("rules", *arguments, DATABASE_URL=away, DATABASE_URL_INTAKE=away, RULE_BOOKS_FOLDER=str(folder))
    assert (code, "Nothing was changed" in output, "Traceback" in output) == (1, True, False)
