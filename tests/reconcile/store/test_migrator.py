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


async def test_what_was_judged_before_has_the_instant_at_which_it_was_first_kept(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """0030: a household with two declarations, a difference judged twice, and the second judgement kept once more when it was answered."""
    known = migrations()
    monkeypatch.setattr(migrator, "migrations", lambda: [one for one in known if one.version < "0030"])
    await migrate(empty, {})
    conn = await asyncpg.connect(empty, server_settings={"search_path": "kot, public", "timezone": "UTC"})
    await conn.execute(
        """
        INSERT INTO household (household_id, household_ref, declaration_version, declared_at)
        VALUES ('00000000-0000-0000-0000-000000000001', 'H1', 2, '2026-02-02 10:00:00');
        INSERT INTO household_audit (household_id, number, recorded_at, event, previous_hash, hash)
        SELECT household_id, told, '2026-01-31 10:00:01'::timestamptz + told * interval '1 day',
            jsonb_build_object('action', 'declared', 'declarationVersion', told), '', sha256('x')
        FROM household CROSS JOIN generate_series(1, 2) AS told;
        INSERT INTO difference (household_id, version, child_id, year, kind, state, facts_hash, content_hash, route, explanation, effect,
            rules_version, judged_at, closed_at)
        SELECT household_id, 5, household_id, 2026, 'D15', 'disputed', '', '', 'ask-organisation', '{}', '{}', 'r', '2026-03-02', now()
        FROM household;
        INSERT INTO difference_version (household_id, difference_id, version, kind, state, route, explanation, effect, rules_version,
            judged_at, recorded_at)
        SELECT household_id, difference_id, kept.version, 'D15', 'open', 'ask-organisation', '{}', '{}', 'r', kept.judged_at,
            kept.recorded_at
        FROM difference
        CROSS JOIN (VALUES (3, '2026-03-01'::timestamptz, '2026-03-01 00:00:02'::timestamptz),
            (4, '2026-03-02', '2026-03-02 00:00:02'), (5, '2026-03-02', '2026-03-09 12:00:00')) AS kept (version, judged_at, recorded_at);
        """
    )
    monkeypatch.setattr(migrator, "migrations", lambda: known)
    await migrate(empty, {})
    kept = await conn.fetch("SELECT facts_at::date::text FROM difference_version ORDER BY version")
    assert [row[0] for row in kept] == ["2026-03-01", "2026-03-02", "2026-03-02"]
    assert await conn.fetchval("SELECT facts_at::text FROM difference") == "2026-03-02 00:00:02+00"
    declared = await conn.fetch("SELECT declaration_version, recorded_at::text FROM declaration ORDER BY declaration_version")
    assert [tuple(row) for row in declared] == [(1, "2026-02-01 10:00:01+00"), (2, "2026-02-02 10:00:00+00")]
    await conn.close()
