"""Transactions: committed to the end or not at all, and never under a login that sees too much."""

import asyncio
from time import monotonic

import asyncpg
import pytest

from reconcile.callers import Intake, Sender
from reconcile.problems import Busy
from reconcile.store.database import Database, Role, StoreAway, UnsafeLogin
from tests.conftest import database_url


async def test_a_superuser_is_refused(database_name: str) -> None:
    with pytest.raises(UnsafeLogin, match="superuser"):
        await Database.connect({Role.PARENT: database_url(database_name)})


async def test_a_login_of_another_role_is_refused(database_name: str) -> None:
    with pytest.raises(UnsafeLogin, match="kot_tvs"):
        await Database.connect({Role.PARENT: database_url(database_name, "kot_tvs")})


async def test_a_store_that_is_away_is_waited_for_and_then_told() -> None:
    began = monotonic()
    with pytest.raises(StoreAway, match="does not answer"):
        await Database.connect({Role.PARENT: "postgresql://kot_parent:secret@127.0.0.1:9/none"}, patience_s=0.7)
    assert monotonic() - began >= 0.7


async def test_a_database_that_is_not_there_is_told_at_once_without_the_password(database_name: str) -> None:
    url = database_url("no_such_database", "kot_parent:secret")
    with pytest.raises(StoreAway, match="no_such_database") as told:
        await Database.connect({Role.PARENT: url}, patience_s=60)
    assert "secret" not in str(told.value)


async def test_an_error_rolls_back(db: Database, admin: asyncpg.Connection) -> None:
    with pytest.raises(RuntimeError):
        async with db.transaction(Intake()) as conn:
            await conn.execute("INSERT INTO person (bsn_index, bsn_sealed) VALUES (sha256('x'), 'x')")
            raise RuntimeError
    assert await admin.fetchval("SELECT count(*) FROM person") == 0


async def test_a_snapshot_writes_nothing(db: Database) -> None:
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with db.snapshot(Intake()) as conn:
            await conn.execute("INSERT INTO person (bsn_index, bsn_sealed) VALUES (sha256('x'), 'x')")


async def test_a_cancelled_caller_leaves_a_usable_pool(db: Database, admin: asyncpg.Connection) -> None:
    async def write(number: int) -> None:
        async with db.transaction(Intake()) as conn:
            await conn.execute("INSERT INTO person (bsn_index, bsn_sealed) VALUES (sha256($1::bytea), 'x')", str(number).encode())

    for number in range(60):
        task = asyncio.create_task(write(number))
        await asyncio.sleep(number * 0.0002)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await write(1_000)
    assert 1 <= await admin.fetchval("SELECT count(*) FROM person") <= 61


async def test_without_a_free_connection_the_caller_hears_busy(database_name: str) -> None:
    database = await Database.connect({Role.ORGANISATION: database_url(database_name, "kot_organisation")}, connections_max=1)
    caller = Sender(oin="")
    async with database.snapshot(caller):
        with pytest.raises(Busy):
            async with database.snapshot(caller):
                pass
    await database.close()


async def test_a_process_without_a_login_says_so(database_name: str) -> None:
    with pytest.raises(Busy, match="kot_intake"):
        async with Database({}).transaction(Intake()):
            pass
