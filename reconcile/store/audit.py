"""Queries of `audit.sql`, and the one walk through all chains that they make together."""

from collections.abc import Callable, Sequence
from typing import Literal
from uuid import UUID

from asyncpg import Record
from msgspec import Struct

from reconcile.store.database import Connection
from reconcile.store.queries import columns, load

SQL = load("audit")

Chain = Literal["household", "organisation", "pilot", "rule"]
Reason = Literal["gap", "unchained", "altered", "beyond-end", "end-missing", "end-differs", "anchor-missing", "anchor-differs"]
# Told as the links of a kind of chain are read: how many of them since the last time.
Told = Callable[[Chain, int], None]

# So many at a time: a statement lasts some tens of milliseconds, and memory stays the same whatever the size of the whole.
LINKS_MAX = 5_000
ENDS_MAX = 1_000


class BrokenLink(Struct, frozen=True, kw_only=True, rename="camel"):
    """A place in an audit chain that cannot be as it was written, and what is wrong with it.

    `gap`: a link before it was removed, added or moved. `unchained`: it does not name the hash of the link before. `altered`: its hash
    is not that of what it says. `beyond-end`: the holder of the chain does not know of it. `end-missing`, `end-differs`: the holder
    knows of another end. `anchor-missing`, `anchor-differs`: so does an anchor that was kept elsewhere.
    """

    chain: Chain
    chain_id: UUID
    number: int
    reason: Reason


class ChainSize(Struct, frozen=True, kw_only=True):
    """How many chains of a kind there are, and how many links they should have."""

    chain: Chain
    chains: int
    links: int


class ChainHead(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where a chain ends: the number and the hash of its newest link."""

    chain_id: UUID
    number: int
    hash: bytes


_BEFORE_ALL = ChainHead(chain_id=UUID(int=0), number=-(2**63), hash=b"")


class LinkPage(Struct, frozen=True, kw_only=True):
    """Some links in their order: the last of them, how many they are, and those that are broken."""

    last: ChainHead
    links: int
    broken: Sequence[BrokenLink]


async def broken_links(conn: Connection, links_max: int, *, told: Told = lambda _, __: None) -> Sequence[BrokenLink]:
    """Return links of audit chains that were altered, removed or added outside the service, the first so many; empty when all is well."""
    broken: list[BrokenLink] = []
    for size in await chain_sizes(conn):
        after = _BEFORE_ALL
        while page := await link_page(conn, size.chain, after, LINKS_MAX):
            broken += page.broken
            after = page.last
            told(size.chain, page.links)
            if len(broken) >= links_max:
                return broken[:links_max]
        last: UUID | None = None
        while ends := await end_page(conn, size.chain, last, ENDS_MAX):
            last, lost = ends
            broken += lost
    return broken[:links_max]


async def chain_sizes(conn: Connection) -> Sequence[ChainSize]:
    """Return the kinds of chains, the same ones always, with their sizes as the holders of the chains know them."""
    found = {row["chain"]: ChainSize(**row) for row in await conn.fetch(SQL["chain_sizes"])}
    kinds: Sequence[Chain] = ("household", "organisation", "pilot", "rule")
    return [found.get(kind, ChainSize(chain=kind, chains=0, links=0)) for kind in kinds]


async def link_page(conn: Connection, chain: Chain, after: ChainHead, links_max: int) -> LinkPage | None:
    """Prove the next links after one; None after the last."""
    rows = await conn.fetch(SQL["link_page"], chain, after.chain_id, after.number, after.hash, links_max)
    if not rows:
        return None
    last = rows[-1]
    return LinkPage(
        last=ChainHead(chain_id=last["chain_id"], number=last["number"], hash=last["hash"]),
        links=last["links"],
        broken=_broken(chain, rows),
    )


async def end_page(conn: Connection, chain: Chain, after: UUID | None, ends_max: int) -> tuple[UUID, Sequence[BrokenLink]] | None:
    """Hold the ends of the next chains against what their holders know; return the last and the broken ones, None after all."""
    rows = await conn.fetch(SQL["end_page"], chain, after, ends_max)
    return (rows[-1]["chain_id"], _broken(chain, rows)) if rows else None


async def head_page(conn: Connection, chain: Chain, after: UUID | None, heads_max: int) -> Sequence[ChainHead]:
    """Return where the next chains end, as their holders know it."""
    return [ChainHead(**row) for row in await conn.fetch(SQL["head_page"], chain, after, heads_max)]


async def lost_anchors(conn: Connection, chain: Chain, heads: Sequence[ChainHead]) -> Sequence[BrokenLink]:
    """Return which of these links are gone, or are others now."""
    return _broken(chain, await conn.fetch(SQL["lost_anchors"], chain, *columns(ChainHead, heads)))


def _broken(chain: Chain, rows: Sequence[Record]) -> Sequence[BrokenLink]:
    return [
        BrokenLink(chain=chain, chain_id=row["chain_id"], number=row["number"], reason=row["reason"])
        for row in rows
        if row["reason"] is not None
    ]
