"""`kot migrate`: bring the database to the newest schema."""

import asyncio

import asyncpg
import rich_click as click

from cli.doorway import settings_for
from reconcile.settings import Settings
from reconcile.store.database import Role
from reconcile.store.migrator import MigrationRefused
from reconcile.store.migrator import migrate as bring_up


@click.command()
def migrate() -> None:
    """Bring the database to the newest schema and give each login role its password. Safe to repeat."""
    settings = settings_for("database_url")
    try:
        count = asyncio.run(_migrate(settings))
    except (MigrationRefused, asyncpg.PostgresError, OSError) as error:
        raise click.ClickException(f"The database was not brought up to date. {error}") from None
    click.echo(f"{count} migrations applied." if count else "The database was up to date.")


async def _migrate(settings: Settings) -> int:
    urls = {
        Role.PARENT: settings.database_url_parent,
        Role.ORGANISATION: settings.database_url_organisation,
        Role.TVS: settings.database_url_tvs,
        Role.INTAKE: settings.database_url_intake,
        Role.FORWARD: settings.database_url_forward,
        Role.PILOT: settings.database_url_pilot,
        Role.NOTIFY: settings.database_url_notify,
        Role.TRIAL: settings.database_url_trial,
        Role.EXPLAIN: settings.database_url_explain,
    }
    return await bring_up(
        settings.database_url,
        {role: url for role, url in urls.items() if url},
        on_applied=lambda version: click.echo(f"applied {version}"),
    )
