"""Who may do what in the database: a listing by login role and table, with the rows that row-level security leaves of each.

`make rights` writes it; tests/reconcile/store/test_rights.py holds it against the committed one, so that a right that grows is a line of
a diff.
"""

import asyncio
import os
import tempfile
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

import asyncpg
from msgspec import Struct

from local.binaries import postgres_folder
from local.servers import FAST, Postgres
from reconcile.store.database import Role
from reconcile.store.migrator import migrate

FILE = Path(__file__).parents[1] / "reconcile" / "store" / "rights.txt"

# The right on a whole table or view, or on some of its columns.
_GRANTS = """
SELECT relname AS name, privilege_type AS right_, '' AS column_name
FROM pg_class CROSS JOIN LATERAL aclexplode(relacl) AS acl
WHERE relnamespace = 'kot'::regnamespace AND acl.grantee = $1
UNION ALL
SELECT relname, privilege_type, attname
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid CROSS JOIN LATERAL aclexplode(attacl) AS acl
-- PostgreSQL 15 leaves the rights of a column where they were when the column is dropped.
WHERE relnamespace = 'kot'::regnamespace AND acl.grantee = $1 AND NOT attisdropped
ORDER BY 1, 2, 3
"""
_POLICIES = """
SELECT tablename AS name, lower(cmd) AS command, permissive = 'RESTRICTIVE' AS is_restrictive, qual AS rows, with_check AS new_rows
FROM pg_policies
WHERE schemaname = 'kot' AND $1 = ANY (roles)
ORDER BY 1, 3, 2, 4, 5
"""
_AROUND = """
SELECT 'database' AS name, privilege_type AS right_
FROM pg_database CROSS JOIN LATERAL aclexplode(coalesce(datacl, acldefault('d', datdba))) AS acl
WHERE datname = current_database() AND acl.grantee = $1
UNION ALL
SELECT 'schema ' || nspname, privilege_type
FROM pg_namespace CROSS JOIN LATERAL aclexplode(coalesce(nspacl, acldefault('n', nspowner))) AS acl
WHERE nspname IN ('kot', 'public') AND acl.grantee = $1
UNION ALL
SELECT 'role ' || roleid::regrole, 'MEMBER' FROM pg_auth_members WHERE member = $1
ORDER BY 1, 2
"""
_HEAD = """\
Who may do what in the database: what the migrations add up to, written by `make rights` and held against them by a test.
A line each for the rights of a login role on a table, its columns in brackets; below it the rows that row-level security leaves of it:
one of the lines must hold, and each that says "only". "All rows" is a worker's, or that of a table which is on the allow-list.
"""
_NOBODY = 0


class _Policy(Struct, frozen=True, kw_only=True):
    command: str
    is_restrictive: bool
    rows: str | None
    new_rows: str | None


async def listing(conn: asyncpg.Connection) -> str:
    """Return the listing: what everybody may, then each login role, each role's tables in the order of their names."""
    roles = {role.value: await conn.fetchval("SELECT $1::regrole::oid", role.value) for role in Role}
    blocks = [_HEAD, await _block(conn, "everybody who can log in", "public", _NOBODY)]
    blocks += [await _block(conn, name, name, number) for name, number in sorted(roles.items())]
    return "\n".join(blocks)


async def _block(conn: asyncpg.Connection, title: str, role: str, number: int) -> str:
    policies: dict[str, list[_Policy]] = {}
    for row in await conn.fetch(_POLICIES, role):
        facts = dict(row)
        policies.setdefault(facts.pop("name"), []).append(_Policy(**facts))
    lines = [title, *(f"  {name}: {', '.join(one['right_'] for one in found)}" for name, found in await _by_name(conn, _AROUND, number))]
    for name, found in await _by_name(conn, _GRANTS, number):
        lines.append(f"  {name}: {_rights(found)}")
        lines += [f"    {text}" for text in _rows(policies.pop(name, []))]
    assert not policies, f"policies of {role} on tables that it has no right on: {sorted(policies)}"
    return "\n".join(lines) + "\n"


async def _by_name(conn: asyncpg.Connection, query: str, number: int) -> Sequence[tuple[str, Sequence[asyncpg.Record]]]:
    rows = await conn.fetch(query, number)
    return [(name, list(found)) for name, found in groupby(rows, key=lambda row: row["name"])]


def _rights(found: Iterable[asyncpg.Record]) -> str:
    texts = []
    for right, rows in groupby(found, key=lambda row: row["right_"]):
        columns = [row["column_name"] for row in rows]
        texts.append(right if "" in columns else f"{right} ({', '.join(columns)})")
    return ", ".join(texts)


def _rows(policies: Iterable[_Policy]) -> list[str]:
    texts = []
    for one in policies:
        which = "" if one.command == "all" else f"{one.command} "
        only = "only " if one.is_restrictive else ""
        if one.rows is not None:
            texts.append(f"{which}rows: {only}{_condition(one.rows)}")
        if one.new_rows is not None and one.new_rows != one.rows:
            texts.append(f"{which}new rows: {only}{_condition(one.new_rows)}")
    return texts


def _condition(text: str) -> str:
    return "all" if text == "true" else " ".join(text.split())


async def _write(url: str) -> None:
    await migrate(url, {})
    conn = await asyncpg.connect(url, server_settings={"search_path": "kot, public"})
    try:
        FILE.write_text(await listing(conn))
    finally:
        await conn.close()


def main() -> None:
    """Write the listing, from a database that is made for that."""
    with tempfile.TemporaryDirectory() as name:
        # A server that runs as somebody else must reach its folder.
        folder = Path(name)
        folder.chmod(0o755)
        server = Postgres(folder / "postgres", postgres_folder(os.environ.get("PG_BIN")), settings=FAST)
        server.start()
        try:
            asyncio.run(_write(f"postgresql://postgres@127.0.0.1:{server.port}/postgres"))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
