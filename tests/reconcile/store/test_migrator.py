"""Migrations: once, in order, never edited, safe to run twice at once."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from reconcile.store import migrator
from reconcile.store.database import Role
from reconcile.store.migrator import MigrationRefused, migrate, migrations, newest_applied
from tests.conftest import database_url


@pytest_asyncio.fixture
async def empty(database_name: str) -> AsyncIterator[str]:
    name = f"{database_name}_empty"
    conn = await asyncpg.connect(database_url("postgres"))
    await conn.execute(f"CREATE DATABASE {name}")
    yield database_url(name)
    await conn.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await conn.close()


async def test_two_at_once_apply_each_file_once(empty: str) -> None:
    counts = await asyncio.gather(migrate(empty, {}), migrate(empty, {}))
    assert sorted(counts) == [0, len(migrations())]
    conn = await asyncpg.connect(empty)
    assert await newest_applied(conn) == migrations()[-1].version
    await conn.close()


async def test_an_edited_file_is_refused(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await migrate(empty, {})
    first, *rest = migrations()
    edited = migrator.Migration(version=first.version, text=first.text + "-- later thought")
    monkeypatch.setattr(migrator, "migrations", lambda: [edited, *rest])
    with pytest.raises(MigrationRefused, match="edited"):
        await migrate(empty, {})


async def test_a_database_from_a_newer_release_is_refused(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await migrate(empty, {})
    known = migrations()[:-1]
    monkeypatch.setattr(migrator, "migrations", lambda: known)
    with pytest.raises(MigrationRefused, match="newer release"):
        await migrate(empty, {})


async def test_a_file_that_fails_leaves_the_one_before_in_place(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = migrator.Migration(version="9999_wrong", text="CREATE TABLE half (id int); SELECT nonsense")
    known = migrations()
    monkeypatch.setattr(migrator, "migrations", lambda: [*known, wrong])
    with pytest.raises(asyncpg.PostgresError):
        await migrate(empty, {})
    conn = await asyncpg.connect(empty)
    assert await newest_applied(conn) == known[-1].version
    assert await conn.fetchval("SELECT to_regclass('kot.half')") is None
    await conn.close()


async def test_a_login_gets_the_password_of_its_address(empty: str) -> None:
    secret = "it's a 'quoted' one"
    await migrate(empty, {Role.FORWARD: empty.replace("postgres@", f"kot_forward:{secret.replace(chr(39), '%27').replace(' ', '%20')}@")})
    conn = await asyncpg.connect(empty)
    assert await conn.fetchval("SELECT rolpassword IS NOT NULL FROM pg_authid WHERE rolname = 'kot_forward'")
    await conn.execute("ALTER ROLE kot_forward PASSWORD NULL")
    await conn.close()
