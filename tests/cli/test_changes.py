"""`kot changes`: a dead change is seen and sent again by a person, never by itself."""

import asyncio
from uuid import UUID

import asyncpg
import msgspec

from reconcile import forward
from reconcile.callers import Forward
from reconcile.keyring import Keyring
from reconcile.store.database import Database
from tests.cli.test_main import run
from tests.conftest import database_url
from tests.reconcile.test_forward import accepted, claim


async def kot(database_name: str, *arguments: str) -> tuple[int, str]:
    return await asyncio.to_thread(run, "changes", *arguments, DATABASE_URL_FORWARD=database_url(database_name, "kot_forward"))


async def test_a_dead_change_is_listed_and_revived(db: Database, admin: asyncpg.Connection, keyring: Keyring, database_name: str) -> None:
    assert await kot(database_name, "dead") == (0, "No change is dead.\n")
    _, change_id = await accepted(db, admin, keyring)
    message = (await claim(db))[0]
    async with db.transaction(Forward()) as conn:
        await forward.settle_dead(conn, message, error="http-400")
    code, output = await kot(database_name, "dead")
    assert (code, "http-400" in output) == (1, True)
    code, output = await kot(database_name, "dead", "--json")
    assert [one["changeId"] for one in msgspec.json.decode(output)["dead"]] == [str(change_id)]
    assert (await kot(database_name, "revive", str(change_id)))[0] == 0
    assert [one.subject_id for one in await claim(db)] == [change_id]


async def test_what_is_not_dead_is_not_revived(db: Database, admin: asyncpg.Connection, keyring: Keyring, database_name: str) -> None:
    _, change_id = await accepted(db, admin, keyring)
    for number in (str(change_id), str(UUID(int=5))):
        code, output = await kot(database_name, "revive", number)
        assert (code, "no dead change" in output) == (1, True)
    code, _ = await kot(database_name, "revive", "not-a-number")
    assert code == 2
