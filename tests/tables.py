"""Everything that the database holds, to show that nothing of it changed."""

from collections.abc import Collection, Mapping

import asyncpg


async def contents(admin: asyncpg.Connection, *, but: Collection[str] = ()) -> Mapping[str, str]:
    """Return a digest of the rows of each table, sequences included, by its name."""
    names = await admin.fetch("SELECT relname FROM pg_class WHERE relnamespace = 'kot'::regnamespace AND relkind IN ('r', 'S') ORDER BY 1")
    return {
        name: await admin.fetchval(f"SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM \"{name}\" AS t")
        for (name,) in names
        if name not in but
    }
