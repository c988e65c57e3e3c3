"""`kot verify`: nothing broken ends with 0; what does not follow from the facts is named and ends with 1."""

import asyncio

import asyncpg
import msgspec

from cli import verify
from reconcile.keyring import Keyring
from reconcile.store.database import Database
from tests import world
from tests.cli.test_main import run
from tests.conftest import database_url
from tests.reconcile.test_answer import with_difference


async def kot(database_name: str, *arguments: str) -> tuple[int, str]:
    return await asyncio.to_thread(run, "verify", *arguments, DATABASE_URL_EXPLAIN=database_url(database_name, "kot_explain"))


async def test_what_follows_from_the_facts_is_whole(db: Database, admin: asyncpg.Connection, keyring: Keyring, database_name: str) -> None:
    await world.with_crowd(db, admin, keyring, 5)
    code, output = await kot(database_name)
    assert (code, "5 households with 5 open differences and 1 deliveries: nothing broken" in output) == (0, True)
    code, output = await kot(database_name, "--json")
    assert (code, msgspec.json.decode(output)) == (
        0,
        {"households": 5, "differences": 5, "deliveries": 1, "waiting": 0, "aged": 5, "broken": 0, "findings": []},
    )


async def test_a_row_that_was_tampered_with_is_named(db: Database, admin: asyncpg.Connection, keyring: Keyring, database_name: str) -> None:
    _, difference = await with_difference(db, admin, keyring)
    await admin.execute("UPDATE difference SET kind = 'D02'; UPDATE difference_version SET kind = 'D02'")
    code, output = await kot(database_name)
    assert (code, f"Broken: difference-recomputed-otherwise (kind): {difference.difference_id}" in output) == (1, True)
    code, output = await kot(database_name, "--json")
    assert code == 1
    assert [(one["rule"], one["differs"]) for one in msgspec.json.decode(output)["findings"]] == [
        ("difference-recomputed-otherwise", ["kind"])
    ]


async def test_only_so_many_findings_are_named_and_all_are_counted(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, database_name: str
) -> None:
    await world.with_crowd(db, admin, keyring, 3)
    await admin.execute("UPDATE difference SET kind = 'D02'; UPDATE difference_version SET kind = 'D02'")
    before = verify._FINDINGS_MAX
    verify._FINDINGS_MAX = 2
    try:
        _, output = await kot(database_name, "--json")
    finally:
        verify._FINDINGS_MAX = before
    document = msgspec.json.decode(output)
    assert (document["broken"], len(document["findings"])) == (3, 2)
