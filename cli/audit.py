"""`kot audit`: prove that the audit chains are whole, and keep where they end somewhere else."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import asyncpg
import msgspec
import rich_click as click
from rich.console import Console
from rich.progress import Progress

from cli.anchor import AnchorBroken, anchored, write_anchor
from cli.doorway import settings_for
from reconcile.store.audit import BrokenLink, Chain, broken_links, chain_sizes, head_page, lost_anchors
from reconcile.store.database import Connection
from workers.deliveries import utc_now

# Beyond this many the rest only repeats what is wrong.
_LINKS_MAX = 100
_HEADS_MAX = 1_000
_WRONG = {
    "gap": "a link before it was removed, added or moved",
    "unchained": "it does not name the hash of the link before",
    "altered": "its hash is not that of what it says",
    "beyond-end": "the holder of the chain does not know of it",
    "end-missing": "the holder of the chain knows of this link, and it is gone",
    "end-differs": "the holder of the chain knows it with another hash",
    "anchor-missing": "the anchor knows of this link, and it is gone",
    "anchor-differs": "the anchor knows it with another hash",
}


class NotRead(click.ClickException):
    """The audit, or the anchor, could not be read: nothing is proved, and nothing is disproved."""

    exit_code = 2


@click.group()
def audit() -> None:
    """Look after the audit."""


@audit.command()
@click.option("--anchor", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Hold the chains against an anchor as well.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def verify(anchor: Path | None, as_json: bool) -> None:
    """Read every audit chain and name links that were altered, removed or added. Ends with 0 when all are whole, 1 when one is not.

    Ends with 2 when it could not be read to the end. At most a hundred links are named. Without an anchor, whoever removes the end of a
    chain and also alters what its holder knows is not found.
    """
    url = _database_url()
    try:
        broken = asyncio.run(_verify(url, anchor, quiet=as_json))
    except (asyncpg.PostgresError, OSError) as error:
        raise NotRead(f"The audit was not read to the end: the database answered {type(error).__name__}.") from None
    except AnchorBroken as reason:
        raise NotRead(f"The anchor cannot be used: {reason}") from None
    if as_json:
        click.echo(msgspec.json.encode({"isWhole": not broken, "isAll": len(broken) < _LINKS_MAX, "broken": broken}))
    elif not broken:
        click.echo("Every audit chain is whole." if anchor is None else "Every audit chain is whole, and holds the anchor.")
    for link in [] if as_json else broken:
        click.echo(f"Broken: link {link.number} of the chain of {link.chain} {link.chain_id}: {_WRONG[link.reason]}.")
    if len(broken) >= _LINKS_MAX and not as_json:
        click.echo(f"Nothing was read after the first {_LINKS_MAX}.")
    raise SystemExit(1 if broken else 0)


@audit.command(name="anchor")
@click.argument("file", type=click.Path(path_type=Path))
def take_anchor(file: Path) -> None:
    """Write where every chain ends to a new FILE. Keep it where nobody who reaches the database does, and verify against it later."""
    url = _database_url()
    try:
        links, digest = asyncio.run(_take(url, file))
    except FileExistsError:
        raise NotRead(f"{file} is there already. An anchor is never written over.") from None
    except (asyncpg.PostgresError, OSError) as error:
        raise NotRead(f"The anchor was not taken: {type(error).__name__}.") from None
    click.echo(f"{links} chains end as {file} says, SHA-256 {digest}.")


def _database_url() -> str:
    try:
        return settings_for("database_url").database_url
    except click.ClickException as reason:
        raise NotRead(reason.message) from None


async def _verify(url: str, anchor: Path | None, *, quiet: bool) -> Sequence[BrokenLink]:
    with Progress(console=Console(stderr=True), disable=quiet) as progress:
        async with _as_owner(url) as conn:
            sizes = await chain_sizes(conn)
            bars = {size.chain: progress.add_task(f"{size.chain} links", total=size.links) for size in sizes}

            def told(chain: Chain, links: int) -> None:
                progress.advance(bars[chain], links)

            broken = list(await broken_links(conn, _LINKS_MAX, told=told))
            if anchor is not None:
                bar = progress.add_task("anchor", total=anchor.stat().st_size)  # noqa: ASYNC240  # one person at a terminal
                for page in anchored(anchor, _HEADS_MAX):
                    broken += await lost_anchors(conn, page.chain, page.heads)
                    progress.update(bar, completed=page.bytes_read)
    return broken[:_LINKS_MAX]


async def _take(url: str, file: Path) -> tuple[int, str]:
    async with _as_owner(url, isolation="repeatable_read") as conn:
        with write_anchor(file, taken_at=utc_now()) as anchor:
            for size in await chain_sizes(conn):
                heads = await head_page(conn, size.chain, None, _HEADS_MAX)
                while heads:
                    anchor.add(size.chain, heads)
                    heads = await head_page(conn, size.chain, heads[-1].chain_id, _HEADS_MAX)
    return anchor.links, anchor.sha256


@asynccontextmanager
async def _as_owner(url: str, *, isolation: Literal["read_committed", "repeatable_read"] = "read_committed") -> AsyncIterator[Connection]:
    """Read the chains, and nothing else. Statement by statement is enough to verify: every link is written once."""
    conn = await asyncpg.connect(url, timeout=10, server_settings={"search_path": "kot, public"}, connection_class=Connection)
    try:
        async with conn.transaction(isolation=isolation, readonly=True):
            # The owner is bound by row-level security too; it has a policy for the chains alone.
            await conn.execute("SET LOCAL ROLE kot_owner")
            yield conn
    finally:
        await conn.close()
