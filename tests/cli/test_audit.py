"""`kot audit`: whole chains end with 0, broken ones with 1, what could not be read with 2; an anchor finds what the chains cannot."""

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from cli import audit
from reconcile.keyring import Keyring
from reconcile.store import audit as store
from reconcile.store.database import Database
from tests import world
from tests.cli.test_main import run
from tests.conftest import database_url
from tests.household import lived

# Rewrites a household's chain from the start, as the service would have written it, and what its holder knows with it.
FORGED = """
DO $$
DECLARE
    one record;
    before bytea := '\\x';
BEGIN
    FOR one IN SELECT * FROM household_audit ORDER BY number LOOP
        UPDATE household_audit SET event = event || '{"actor": "nobody"}', previous_hash = before,
            hash = audit_link(before, number, recorded_at, event || '{"actor": "nobody"}')
        WHERE number = one.number
        RETURNING hash INTO before;
    END LOOP;
    UPDATE household SET audit_hash = before;
END
$$
"""
# What only somebody who may do everything does, and does well: the chains follow from each other, and their holders agree.
BY_A_MASTER = {
    FORGED: "anchor-differs",
    "DELETE FROM household_audit WHERE number > 2; UPDATE household SET (audit_number, audit_hash)"
    " = (SELECT number, hash FROM household_audit WHERE number = 2)": "anchor-missing",
    "DELETE FROM household_audit; DELETE FROM household": "anchor-missing",
    "DELETE FROM organisation_audit; DELETE FROM organisation_audit_head": "anchor-missing",
}


async def kot(database_name: str, *arguments: str | Path) -> tuple[int, str]:
    return await asyncio.to_thread(run, "audit", *map(str, arguments), DATABASE_URL=database_url(database_name))


async def verified(database_name: str, *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    code, output = await kot(database_name, "verify", "--json", *arguments)
    return code, json.loads(output)


async def tampered(admin: asyncpg.Connection, how: str) -> None:
    await admin.execute(f"SET session_replication_role = replica; {how}; SET session_replication_role = origin")


@pytest.fixture(autouse=True)
async def _lived(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await lived(db, admin, keyring)


async def test_chains_that_nobody_touched_are_whole(database_name: str) -> None:
    code, output = await kot(database_name, "verify")
    assert (code, "Every audit chain is whole." in output) == (0, True)
    assert await verified(database_name) == (0, {"isWhole": True, "isAll": True, "broken": []})


async def test_a_broken_link_is_named_with_what_is_wrong(admin: asyncpg.Connection, database_name: str) -> None:
    household_id = await admin.fetchval("SELECT household_id FROM household")
    await tampered(admin, "UPDATE household_audit SET event = '{}' WHERE number = 2")
    code, output = await kot(database_name, "verify")
    assert code == 1
    assert f"Broken: link 2 of the chain of household {household_id}: its hash is not that of what it says." in output
    link = {"chain": "household", "chainId": str(household_id), "number": 2, "reason": "altered"}
    assert await verified(database_name) == (1, {"isWhole": False, "isAll": True, "broken": [link]})


async def test_only_so_many_are_named(admin: asyncpg.Connection, database_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_LINKS_MAX", 2)
    await tampered(admin, "UPDATE household_audit SET event = '{}'")
    code, document = await verified(database_name)
    assert (code, document["isAll"], len(document["broken"])) == (1, False, 2)
    assert "Nothing was read after the first 2." in (await kot(database_name, "verify"))[1]


@pytest.mark.parametrize("how", BY_A_MASTER)
async def test_what_the_chains_cannot_show_an_anchor_does(admin: asyncpg.Connection, database_name: str, tmp_path: Path, how: str) -> None:
    file = tmp_path / "anchor"
    assert (await kot(database_name, "anchor", file))[0] == 0
    assert (await verified(database_name, "--anchor", file))[0] == 0
    await tampered(admin, how)
    assert (await verified(database_name))[0] == 0
    code, document = await verified(database_name, "--anchor", file)
    assert (code, {one["reason"] for one in document["broken"]}) == (1, {BY_A_MASTER[how]})


async def test_what_came_after_an_anchor_does_not_break_it(
    db: Database, keyring: Keyring, admin: asyncpg.Connection, database_name: str, tmp_path: Path
) -> None:
    await kot(database_name, "anchor", tmp_path / "anchor")
    before = await admin.fetchval("SELECT sum(number) FROM audit_head")
    await world.delivered(db, keyring, world.line(month="2026-04"))
    assert await admin.fetchval("SELECT sum(number) FROM audit_head") > before
    code, output = await kot(database_name, "verify", "--anchor", tmp_path / "anchor")
    assert (code, "Every audit chain is whole, and holds the anchor." in output) == (0, True)


async def test_an_anchor_is_read_some_ends_at_a_time_and_names_what_it_ends_with(
    admin: asyncpg.Connection, database_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_HEADS_MAX", 1)
    await admin.execute("INSERT INTO pilot (name, seed) VALUES ('Nog een', repeat('a', 32)), ('En nog een', repeat('b', 32))")
    file = tmp_path / "anchor"
    code, output = await kot(database_name, "anchor", file)
    first, *ends, last = [json.loads(line) for line in file.read_text().splitlines()]
    assert (code, first["form"], len(ends), last["links"]) == (0, "kot-audit-anchor/1", len(ends), len(ends))
    assert [one["chain"] for one in ends] == sorted(one["chain"] for one in ends)
    assert len(ends) == await admin.fetchval("SELECT count(*) FROM audit_head WHERE number > 0")
    assert f"{len(ends)} chains" in output
    assert last["sha256"] in output
    assert file.stat().st_mode & 0o777 == 0o600
    assert (await verified(database_name, "--anchor", file))[0] == 0


async def test_an_anchor_is_never_written_over(database_name: str, tmp_path: Path) -> None:
    file = tmp_path / "anchor"
    file.write_text("mine")
    code, output = await kot(database_name, "anchor", file)
    assert (code, "never written over" in output, file.read_text()) == (2, True, "mine")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda lines: lines[:-1], "breaks off"),
        (lambda lines: [*lines[:1], *lines[2:]], "altered"),
        (lambda lines: [lines[0], lines[1].replace(b'"number":', b'"number":1'), *lines[2:]], "altered"),
        (lambda lines: lines[1:], "does not begin"),
        (lambda lines: [lines[0].replace(b"/1", b"/2"), *lines[1:]], "does not begin"),
        (lambda lines: [*lines[:1], b"no line\n", *lines[1:]], "not the end of a chain"),
        (lambda lines: [*lines[:1], lines[1].replace(b'"hash":"', b'"hash":"x'), *lines[2:]], "not the end of a chain"),
        (lambda lines: [*lines, b"more\n"], "something follows"),
        (lambda _: [], "breaks off"),
    ],
)
async def test_an_anchor_that_is_not_as_it_was_written_proves_nothing(database_name: str, tmp_path: Path, spoil: Any, said: str) -> None:
    file = tmp_path / "anchor"
    await kot(database_name, "anchor", file)
    file.write_bytes(b"".join(spoil(file.read_bytes().splitlines(keepends=True))))
    code, output = await kot(database_name, "verify", "--anchor", file)
    assert (code, "The anchor cannot be used" in output, said in output) == (2, True, True), output


async def test_what_could_not_be_read_is_neither_whole_nor_broken(database_name: str) -> None:
    assert run("audit", "verify")[0] == 2
    code, output = await asyncio.to_thread(run, "audit", "verify", DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert (code, "was not read to the end" in output, "Traceback" in output) == (2, True, False)


async def test_progress_is_told_as_links_are_read(admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LINKS_MAX", 2)
    told: dict[str, int] = {}
    await store.broken_links(admin, 10, told=lambda chain, links: told.update({chain: told.get(chain, 0) + links}))
    sizes = {one.chain: one.links for one in await store.chain_sizes(admin)}
    assert {chain: links for chain, links in sizes.items() if links} == told
    assert sizes["household"] > 5
