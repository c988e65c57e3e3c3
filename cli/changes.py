"""`kot changes`: look after changes that could not be handed over to TVS."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import asyncpg
import msgspec
import rich_click as click
from rich.console import Console
from rich.table import Table

from cli.doorway import settings_for
from reconcile.callers import Forward
from reconcile.forward import revive_change
from reconcile.problems import Busy, NotFound
from reconcile.store.changes import DeadChange, dead_changes
from reconcile.store.connections import StoreAway
from reconcile.store.database import Database, Role

_AWAY = (asyncpg.PostgresError, OSError, StoreAway, Busy)


@click.group()
def changes() -> None:
    """Look after changes on their way to TVS."""


@changes.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def dead(as_json: bool) -> None:
    """List the changes that could not be handed over; each blocks what its household changes after it. Ends with 1 when there are any."""
    try:
        found = asyncio.run(_dead(settings_for("database_url_forward").database_url_forward))
    except _AWAY as error:
        raise click.ClickException(f"The changes were not read: the database answered {type(error).__name__}.") from None
    if as_json:
        click.echo(msgspec.json.encode({"dead": found}))
    elif not found:
        click.echo("No change is dead.")
    else:
        table = Table("change", "since", "last error")
        for one in found:
            table.add_row(str(one.change_id), f"{one.settled_at:%Y-%m-%d %H:%M} UTC", one.last_error or "")
        Console().print(table)
    raise SystemExit(1 if found else 0)


@changes.command()
@click.argument("change_id", type=click.UUID)
def revive(change_id: UUID) -> None:
    """Send a dead change again, after what was wrong was set right. It is recorded in the household's audit."""
    try:
        asyncio.run(_revive(settings_for("database_url_forward").database_url_forward, change_id))
    except NotFound as refusal:
        raise click.ClickException(f"{refusal.detail} `kot changes dead` lists them.") from None
    except _AWAY as error:
        raise click.ClickException(f"Nothing was changed: the database answered {type(error).__name__}.") from None
    click.echo("It is due again; a worker sends it within seconds.")


async def _dead(url: str) -> Sequence[DeadChange]:
    db = await Database.connect({Role.FORWARD: url}, connections_max=1)
    try:
        async with db.snapshot(Forward()) as conn:
            return await dead_changes(conn)
    finally:
        await db.close()


async def _revive(url: str, change_id: UUID) -> None:
    db = await Database.connect({Role.FORWARD: url}, connections_max=1)
    try:
        async with db.transaction(Forward()) as conn:
            await revive_change(conn, change_id)
    finally:
        await db.close()
