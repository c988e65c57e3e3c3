"""`kot audit`: prove that the audit chains are whole."""

import asyncio
from collections.abc import Sequence

import asyncpg
import msgspec
import rich_click as click

from cli.doorway import settings_for
from reconcile.store.audit import BrokenLink, broken_links
from reconcile.store.database import Connection

_LINKS_MAX = 100


@click.group()
def audit() -> None:
    """Look after the audit."""


@audit.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def verify(as_json: bool) -> None:
    """Read every audit chain and name links that were altered, removed or added. Ends with 1 when there are any."""
    settings = settings_for("database_url")
    try:
        broken = asyncio.run(_verify(settings.database_url))
    except (asyncpg.PostgresError, OSError) as error:
        raise click.ClickException(f"The audit was not read: the database answered {type(error).__name__}.") from None
    if as_json:
        click.echo(msgspec.json.encode({"broken": broken}))
    elif not broken:
        click.echo("Every audit chain is whole.")
    for link in [] if as_json else broken:
        click.echo(f"Broken: link {link.number} of the chain of {link.chain} {link.chain_id}.")
    raise SystemExit(1 if broken else 0)


async def _verify(url: str) -> Sequence[BrokenLink]:
    conn = await asyncpg.connect(url, timeout=10, server_settings={"search_path": "kot, public"}, connection_class=Connection)
    try:
        async with conn.transaction(readonly=True):
            # The owner is bound by row-level security too; it has a policy for the chains alone.
            await conn.execute("SET LOCAL ROLE kot_owner")
            return await broken_links(conn, _LINKS_MAX)
    finally:
        await conn.close()
