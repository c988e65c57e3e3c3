"""Transactions: committed to the end or not at all, and never under a login that sees too much."""

import asyncio
from time import monotonic
from uuid import UUID, uuid4

import asyncpg
import pytest

from reconcile.callers import Intake, Parent, Sender, Visitor
from reconcile.problems import Busy
from reconcile.store.connections import StoreAway
from reconcile.store.database import KEPT_FROM_FOLLOWERS, Database, Role
from reconcile.store.households import record_changes
from reconcile.store.logins import UnsafeLogin
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


async def test_phones_that_follow_wait_for_their_turn_and_leave_connections_to_others(
    database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await Database.connect({Role.PARENT: database_url(database_name, "kot_parent")}, connections_max=KEPT_FROM_FOLLOWERS + 2)
    visitor = Visitor(issuer="https://issuer.example", subject="somebody")
    turns: list[int] = []

    async def follow(number: int) -> None:
        async with database.following(visitor) as conn:
            turns.append(number)
            await conn.read("SELECT 1 AS one")
            await asyncio.sleep(0.02)

    async with database.following(visitor), database.following(visitor):
        waiting = [asyncio.create_task(follow(number)) for number in range(20)]
        await asyncio.sleep(0.05)
        async with database.reading(visitor), database.transaction(visitor):
            assert (turns, database.taken) == ([], 4)
        # Who gives up has no turn.
        waiting.pop().cancel()
        with monkeypatch.context() as patch:
            patch.setattr("reconcile.store.database.FOLLOWING_TIMEOUT_S", 0.05)
            with pytest.raises(Busy):
                await follow(99)
    await asyncio.gather(*waiting)
    assert turns == list(range(19))
    # Every turn was given back: two may follow at once again, and no more.
    async with database.following(visitor), database.following(visitor):
        assert database.taken == 2
    await database.close()


async def test_who_changed_is_told_after_the_commit_and_only_then(database_name: str, db: Database, admin: asyncpg.Connection) -> None:
    told: list[frozenset[UUID]] = []
    household_id = await admin.fetchval("INSERT INTO household (household_ref) VALUES ('H1') RETURNING household_id")
    writer = await Database.connect({Role.INTAKE: database_url(database_name, "kot_intake")}, connections_max=1, on_change=told.append)
    async with writer.transaction(Intake()) as conn:
        await record_changes(conn, [household_id], ['{"action": "x"}'])
        assert told == []
    assert told == [{household_id}]
    with pytest.raises(RuntimeError):
        async with writer.transaction(Intake()) as conn:
            await record_changes(conn, [household_id], ['{"action": "x"}'])
            raise RuntimeError
    async with writer.transaction(Intake()):
        pass
    assert told == [{household_id}], "neither what was rolled back nor what came before is told"
    await writer.close()


async def test_who_is_told_cannot_spoil_a_commit(database_name: str, db: Database, admin: asyncpg.Connection) -> None:
    def spoil(_: frozenset[UUID]) -> None:
        raise RuntimeError

    household_id = await admin.fetchval("INSERT INTO household (household_ref) VALUES ('H1') RETURNING household_id")
    writer = await Database.connect({Role.INTAKE: database_url(database_name, "kot_intake")}, on_change=spoil)
    async with writer.transaction(Intake()) as conn:
        await record_changes(conn, [household_id], ['{"action": "x"}'])
    assert await admin.fetchval("SELECT version FROM household") == 1
    await writer.close()


async def test_a_context_ends_with_its_transaction_and_cannot_be_written_as_sql(db: Database) -> None:
    spoiled = "x'; SELECT set_config('app.household_id', 'y', false); --"
    async with db.snapshot(Visitor(issuer=spoiled, subject="\\'")) as conn:
        row = await conn.fetchrow("SELECT current_setting('app.issuer'), current_setting('app.subject')")
        assert tuple(row) == (spoiled, "\\'")
    for _ in range(8):
        async with db.snapshot(Visitor(issuer="", subject="")) as conn:
            row = await conn.fetchrow("SELECT current_setting('app.issuer', true), current_setting('app.household_id', true)")
            assert not any(row)


async def test_a_statement_that_is_read_alone_is_bound_and_nothing_else_is(
    database_name: str, db: Database, admin: asyncpg.Connection
) -> None:
    household_ids = [
        row["household_id"] for row in await admin.fetch("INSERT INTO household (household_ref) VALUES ('H1'), ('H2') RETURNING *")
    ]
    database = await Database.connect({Role.PARENT: database_url(database_name, "kot_parent")}, connections_max=1)
    everything = "SELECT household_id FROM household WHERE household_ref <> $1 ORDER BY household_id;"
    for household_id in household_ids * 8:
        async with database.reading(Parent(person_id=uuid4(), household_id=household_id)) as conn:
            assert await conn.fetch(everything, "") == []
            assert [row["household_id"] for row in await conn.read(everything, "")] == [household_id]
            assert await conn.read(everything, "H1" if household_id == household_ids[0] else "H2") == []
            assert await conn.fetch(everything, "") == [], "what was bound ended with its statement"
            assert await conn.fetchval("SELECT coalesce(current_setting('app.household_id', true), '')") == ""
        async with database.snapshot(Visitor(issuer="i", subject="s")) as conn:
            assert await conn.read(everything, "") == []
    await database.close()


async def test_a_cancelled_reader_leaves_a_clean_connection(database_name: str, db: Database, caplog: pytest.LogCaptureFixture) -> None:
    database = await Database.connect({Role.INTAKE: database_url(database_name, "kot_intake")}, connections_max=1)

    async def read() -> None:
        async with database.snapshot(Intake()) as conn:
            await conn.execute("SELECT pg_sleep(0.05)")

    for number in range(20):
        task = asyncio.create_task(read())
        await asyncio.sleep(number * 0.002)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with database.transaction(Intake()) as conn:
        assert await conn.fetchval("SELECT 1") == 1
    assert "active transaction" not in caplog.text
    await database.close()


async def test_a_process_without_a_login_says_so(database_name: str) -> None:
    with pytest.raises(Busy, match="kot_intake"):
        async with Database({}).transaction(Intake()):
            pass


async def test_a_process_that_starts_while_connections_are_ended_waits(db: Database, admin: asyncpg.Connection, database_name: str) -> None:
    """As when the server crashes between the first connection and the first question."""

    async def end_them() -> None:
        for _ in range(200):
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'kot_forward' AND datname = current_database()"
            )

    ending = asyncio.create_task(end_them())
    while not ending.done():
        database = await Database.connect({Role.FORWARD: database_url(database_name, "kot_forward")}, patience_s=10)
        await database.close()
    await ending
