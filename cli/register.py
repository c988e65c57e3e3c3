"""`kot register`: organisations and locations from the LRK open data."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from pathlib import Path

import asyncpg
import rich_click as click

from cli.doorway import settings_for
from reconcile.register import import_register, make_sandbox
from reconcile.rules.months import CALENDAR_ZONE
from reconcile.rules.register_file import RegisterSnapshot, UnreadableRegister, read_register
from reconcile.rules.sandbox import SANDBOX_OIN
from reconcile.store.database import Connection


@click.group()
def register() -> None:
    """Look after the register of organisations and locations."""


@register.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Day that the file describes; today when left out.")
@click.option("--oin-prefix", default="00000003", show_default=True, help="Prefix of the organisations' OINs; 00000099 for tests.")
def import_(file: Path, as_of: datetime | None, oin_prefix: str) -> None:
    """Bring the register in step with FILE, the CSV of the LRK open data. Safe to repeat; a wrong file changes nothing."""
    settings = settings_for("database_url")
    if not (len(oin_prefix) == 8 and oin_prefix.isascii() and oin_prefix.isdigit()):
        raise click.ClickException("--oin-prefix must be eight digits.")
    content = file.read_bytes()
    try:
        snapshot = read_register(content.decode("utf-8-sig").splitlines())
    except UnicodeDecodeError:
        raise click.ClickException("The file is not UTF-8. Use the CSV of the LRK open data.") from None
    except UnreadableRegister as error:
        raise click.ClickException(f"Nothing was taken over. {error}") from None
    day = as_of.date() if as_of else _today()
    try:
        asyncio.run(_import(settings.database_url, snapshot, hashlib.sha256(content).digest(), day, oin_prefix))
    except (asyncpg.PostgresError, OSError) as error:
        raise click.ClickException(f"Nothing was taken over: the database answered {type(error).__name__}.") from None
    click.echo(f"{len(snapshot.locations)} locations of {len(snapshot.holders)} organisations are in the register as of {day}.")


@register.command("sandbox")
def sandbox() -> None:
    """Put the sandbox organisation beside the register, for trials with the published examples of every fault. Safe to repeat."""
    settings = settings_for("database_url")
    try:
        asyncio.run(_as_owner(settings.database_url, lambda conn: make_sandbox(conn, as_of=_today())))
    except (asyncpg.PostgresError, OSError) as error:
        raise click.ClickException(f"Nothing was taken over: the database answered {type(error).__name__}.") from None
    click.echo(f"The sandbox organisation has OIN {SANDBOX_OIN}. Anybody may try a file as if it had sent it: dryRun=true&sandbox=true.")


def _today() -> date:
    return datetime.now(UTC).astimezone(CALENDAR_ZONE).date()


async def _import(url: str, snapshot: RegisterSnapshot, content_sha256: bytes, as_of: date, oin_prefix: str) -> None:
    await _as_owner(url, lambda conn: import_register(conn, snapshot, content_sha256=content_sha256, as_of=as_of, oin_prefix=oin_prefix))


async def _as_owner(url: str, work: Callable[[Connection], Awaitable[None]]) -> None:
    conn = await asyncpg.connect(url, timeout=10, server_settings={"search_path": "kot, public"}, connection_class=Connection)
    try:
        async with conn.transaction():
            await conn.execute("SET LOCAL ROLE kot_owner")
            await work(conn)
    finally:
        await conn.close()
