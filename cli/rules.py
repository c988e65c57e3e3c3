"""`kot rules`: which rule books there are, what a change of them would do, and making it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from uuid import UUID

import asyncpg
import msgspec
import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cli.doorway import settings_for
from cli.foresight import print_report
from reconcile.adopt import ActivationRefused, activate_book, approve_report
from reconcile.callers import Intake
from reconcile.foresee import Change, KeptReport, foresee_page, keep_report
from reconcile.problems import Busy, NotFound
from reconcile.rulebook import Books, NoSuchBook, books_of
from reconcile.rules.book_file import BookRefused
from reconcile.rules.foresight import Foresight
from reconcile.rules.rule_book import PublishedBook
from reconcile.store.connections import StoreAway
from reconcile.store.database import Connection, Database, Role
from reconcile.store.rule_books import ListedActivation, activations, active_activation, count_households
from workers.deliveries import utc_now

_AWAY = (asyncpg.PostgresError, OSError, StoreAway, Busy)
_HOUSEHOLDS_MAX = 200
_Result = TypeVar("_Result")


@click.group()
def rules() -> None:
    """Look after rule books: the tolerances, caps and tables that everybody is judged by."""


@rules.command("list")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def list_(as_json: bool) -> None:
    """List the rule books that are here, and which was active when."""
    settings = settings_for("database_url")
    books = books_of(settings.rule_books_folder)
    listed = _told(lambda: asyncio.run(_as_owner(settings.database_url, activations)))
    there = _read(lambda: [books.book(version) for version in books.versions()])
    if as_json:
        shown = {"books": [{"version": one.version, "sha256": one.sha256.hex()} for one in there], "activations": _documents(listed)}
        click.echo(msgspec.json.encode(shown))
        return
    table = Table("rule book", "active from", "report", "approved by", "activated by", "marked at")
    for one in listed:
        table.add_row(
            one.version,
            f"{one.active_from:%Y-%m-%d %H:%M} UTC",
            str(one.report_id or ""),
            one.approved_by or "",
            one.activated_by,
            f"{one.marked_at:%Y-%m-%d %H:%M} UTC" if one.marked_at else "",
        )
    Console().print(table)
    idle = [one.version for one in there if one.version not in {active.version for active in listed}]
    click.echo(f"Here and never active: {', '.join(idle) or 'none'}.")


@rules.command()
@click.argument("version")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def show(version: str, as_json: bool) -> None:
    """Show every value of the rule book VERSION, where it comes from, since when it holds and since when it was known."""
    book = _book(books_of(settings_for().rule_books_folder), version)
    if as_json:
        click.echo(msgspec.json.encode({"version": book.version, "sha256": book.sha256.hex(), "parameters": book.parameters}))
        return
    table = Table("value", "", "effective from", "known since", "source", title=f"Rule book {book.version}, SHA-256 {book.sha256.hex()}")
    for one in book.parameters:
        table.add_row(one.name, one.value, str(one.effective_from or ""), str(one.known_since or ""), one.source)
    Console().print(table)


@rules.command()
@click.argument("old")
@click.argument("new")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def compare(old: str, new: str, as_json: bool) -> None:
    """Judge all that is known by the rule books OLD and NEW, and keep a report of who would be told what. Nothing else changes."""
    settings = settings_for("database_url_intake")
    books = books_of(settings.rule_books_folder)
    change = Change(old=_book(books, old), new=_book(books, new), as_of=utc_now())
    if change.old.sha256 == change.new.sha256:
        raise click.ClickException("There is nothing to compare: it is the same rule book.")
    kept = _told(lambda: asyncio.run(_compare(settings.database_url_intake, change)))
    if as_json:
        click.echo(msgspec.json.encode(kept))
        return
    print_report(Console(), kept)


@rules.command()
@click.argument("report_id", metavar="REPORT", type=click.UUID)
@click.option("--by", "approved_by", required=True, help="OIN and role of who read the report, as in 00000001…/policy.")
def approve(report_id: UUID, approved_by: str) -> None:
    """Record that the change of REPORT may be made. Who approves it cannot activate the book."""
    settings = settings_for("database_url")
    _told(lambda: asyncio.run(_as_owner(settings.database_url, lambda conn: approve_report(conn, report_id, approved_by=approved_by))))
    click.echo("The report is approved. Within two weeks of the report somebody else can activate the book.")


@rules.command()
@click.argument("version")
@click.option("--report", "report_id", required=True, type=click.UUID, help="The approved report of the change from the active book.")
@click.option("--by", "activated_by", required=True, help="OIN and role of who activates it.")
def activate(version: str, report_id: UUID, activated_by: str) -> None:
    """Judge everybody by the rule book VERSION from now on. The database refuses it without an approved report of this very change."""
    settings = settings_for("database_url")
    book = _book(books_of(settings.rule_books_folder), version)
    _told(
        lambda: asyncio.run(
            _as_owner(settings.database_url, lambda conn: activate_book(conn, book, report_id=report_id, activated_by=activated_by))
        )
    )
    click.echo(f"Rule book {version} is active. Workers pick it up by themselves and judge every household by it.")


def _told(work: Callable[[], _Result]) -> _Result:
    """Do something, and tell in a sentence why it was not done."""
    try:
        return work()
    except (ActivationRefused, NotFound) as refusal:
        raise click.ClickException(f"Nothing was changed. {refusal}") from None
    except _AWAY as error:
        raise click.ClickException(f"Nothing was changed: the database answered {type(error).__name__}.") from None


def _book(books: Books, version: str) -> PublishedBook:
    return _read(lambda: books.book(version))


def _read(work: Callable[[], _Result]) -> _Result:
    try:
        return work()
    except (NoSuchBook, BookRefused) as error:
        raise click.ClickException(str(error)) from None


def _documents(listed: Sequence[ListedActivation]) -> Sequence[dict[str, object]]:
    return [{**msgspec.to_builtins(one), "bookSha256": one.book_sha256.hex()} for one in listed]


async def _compare(url: str, change: Change) -> KeptReport:
    foresight = Foresight()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    db = await Database.connect({Role.INTAKE: url}, connections_max=1)
    try:
        with Progress(*columns, console=Console(stderr=True)) as progress:
            async with db.snapshot(Intake()) as conn:
                task = progress.add_task("households", total=await count_households(conn))
                active = await active_activation(conn)
            after: UUID | None = None
            while True:
                async with db.snapshot(Intake()) as conn:
                    after = await foresee_page(conn, change, foresight, after, households_max=_HOUSEHOLDS_MAX)
                progress.update(task, completed=foresight.households)
                if after is None:
                    break
        if active is None or active.book_sha256 != change.old.sha256:
            click.echo(f"Rule book {change.old.version} is not the active one: nothing can be activated by this report.", err=True)
        async with db.transaction(Intake()) as conn:
            return await keep_report(conn, change, foresight)
    finally:
        await db.close()


async def _as_owner(url: str, work: Callable[[Connection], Awaitable[_Result]]) -> _Result:
    conn = await asyncpg.connect(url, timeout=10, server_settings={"search_path": "kot, public"}, connection_class=Connection)
    try:
        async with conn.transaction():
            await conn.execute("SET LOCAL ROLE kot_owner")
            return await work(conn)
    finally:
        await conn.close()
