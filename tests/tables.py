"""Everything that the database holds: a digest of it, to show that nothing changed, and how to empty it."""

from collections.abc import Collection, Mapping

import asyncpg

from reconcile.rulebook import shipped_books

# What the migrations activate in a new database.
FIRST_BOOK = "2026.1"


async def contents(admin: asyncpg.Connection, *, but: Collection[str] = ()) -> Mapping[str, str]:
    """Return a digest of the rows of each table, sequences included, by its name."""
    names = await admin.fetch("SELECT relname FROM pg_class WHERE relnamespace = 'kot'::regnamespace AND relkind IN ('r', 'S') ORDER BY 1")
    return {
        name: await admin.fetchval(
            "SELECT md5(coalesce(string_agg(content, chr(10) ORDER BY content), ''))"
            f' FROM (SELECT ROW(t.*)::text AS content FROM "{name}" AS t) AS rows_as_text'
        )
        for (name,) in names
        if name not in but
    }


async def emptied(admin: asyncpg.Connection) -> None:
    """Empty every table, and activate the first rule book again, as in a new database."""
    tables = await admin.fetchval(
        "SELECT string_agg(format('%I', tablename), ', ') FROM pg_tables WHERE schemaname = 'kot' AND tablename <> 'schema_migration'"
    )
    await admin.execute(f"TRUNCATE {tables} CASCADE")
    book = shipped_books().book(FIRST_BOOK)
    await admin.execute(
        "INSERT INTO rule_activation (version, book_sha256, active_from, activated_by) VALUES ($1, $2, '2005-01-01Z', 'release')",
        book.version,
        book.sha256,
    )
    # The month in which the database was made; the clock of the tests stands in an earlier one.
    await admin.execute("INSERT INTO marking (month, done_at) VALUES (date_trunc('month', now())::date, now())")
