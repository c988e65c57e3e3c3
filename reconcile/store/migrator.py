"""Brings a database to the newest schema: plain forward-only SQL files, each in its own transaction, one runner at a time.

The files are in dbmate's form: the first line is `-- migrate:up`. One whose name ends in `_roles` makes login roles and runs as the
user of the address; all others run as the owner of the schema.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from urllib.parse import unquote, urlsplit

import asyncpg
from msgspec import Struct

from reconcile.store.database import Connection, Role

# Any number will do as long as all runners take the same; this one is "kot" in ASCII.
_LOCK = 0x6B6F74
_UP = "-- migrate:up"


class Migration(Struct, frozen=True, kw_only=True):
    """One file: its name without ending and its text."""

    version: str
    text: str

    @property
    def sha256(self) -> bytes:
        """What tells an edited file from the applied one."""
        return hashlib.sha256(self.text.encode()).digest()


class MigrationRefused(Exception):
    """The database and the files do not belong together, or the user may not do what a file needs."""


def migrations() -> Sequence[Migration]:
    """Return all migrations in the order of their numbers."""
    folder = files(__package__) / "migrations"
    found = []
    for path in sorted((path for path in folder.iterdir() if path.name.endswith(".sql")), key=lambda path: path.name):
        head, _, text = path.read_text(encoding="utf-8").partition("\n")
        if head != _UP:
            raise MigrationRefused(f"{path.name} must begin with `{_UP}`")
        found.append(Migration(version=path.name.removesuffix(".sql"), text=text))
    return found


async def migrate(url: str, role_urls: Mapping[Role, str], *, on_applied: Callable[[str], None] = lambda _: None) -> int:
    """Apply what is missing and give each login role the password that its address holds; return how many files were applied.

    Safe to repeat and to run twice at once. Raises MigrationRefused, leaving the last complete file in place.
    """
    conn = await asyncpg.connect(url, timeout=10, connection_class=Connection)
    try:
        await conn.execute("SELECT pg_advisory_lock($1)", _LOCK)
        missing = _missing(migrations(), await _applied(conn))
        for migration in missing:
            await _apply(conn, migration)
            on_applied(migration.version)
        await _set_passwords(conn, role_urls)
        return len(missing)
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationRefused(f"The user of DATABASE_URL may not do this: {error}. Use a user who may create roles.") from error
    finally:
        await conn.close()


async def newest_applied(conn: Connection) -> str | None:
    """Return the newest migration that this database has, None for a database without our schema."""
    if await conn.fetchval("SELECT to_regclass('kot.schema_migration')") is None:
        return None
    # In the order of the files, whatever the collation of the database.
    return await conn.fetchval('SELECT max(version COLLATE "C") FROM kot.schema_migration')


async def _applied(conn: Connection) -> Mapping[str, bytes]:
    if await conn.fetchval("SELECT to_regclass('kot.schema_migration')") is None:
        return {}
    rows = await conn.fetch("SELECT version, content_sha256 FROM kot.schema_migration")
    return {row["version"]: row["content_sha256"] for row in rows}


def _missing(known: Sequence[Migration], applied: Mapping[str, bytes]) -> Sequence[Migration]:
    by_version = {migration.version: migration for migration in known}
    for version, sha256 in applied.items():
        if version not in by_version:
            raise MigrationRefused(f"The database has migration {version}, which this release does not know. Use a newer release.")
        if by_version[version].sha256 != sha256:
            raise MigrationRefused(f"Migration {version} was edited after it was applied. Put it back and write a new one.")
    return [migration for migration in known if migration.version not in applied]


async def _apply(conn: Connection, migration: Migration) -> None:
    async with conn.transaction():
        await conn.execute("SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '10min'")
        if not migration.version.endswith("_roles"):
            await conn.execute("SET LOCAL ROLE kot_owner; SET LOCAL search_path = kot, public")
        await conn.execute(migration.text)
        await conn.execute(
            "INSERT INTO kot.schema_migration (version, content_sha256) VALUES ($1, $2)", migration.version, migration.sha256
        )


async def _set_passwords(conn: Connection, role_urls: Mapping[Role, str]) -> None:
    for role, url in role_urls.items():
        password = urlsplit(url).password
        if password:
            # A password cannot be a parameter of ALTER ROLE; the server quotes it for us.
            statement = await conn.fetchval("SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)", role, unquote(password))
            await conn.execute(statement)
