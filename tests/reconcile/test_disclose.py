"""What a household reads of itself is everything that is held of it, and nothing of anybody else."""

import json
import re
import tracemalloc
from collections import defaultdict
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from msgspec import structs

from reconcile.callers import Parent
from reconcile.disclose import SECTIONS, WITHHELD, held_rows, overview, record_export
from reconcile.identify import record_visit
from reconcile.keyring import Keyring
from reconcile.problems import NotFound
from reconcile.retract import take_back_answer
from reconcile.rules.bsn import marked_bsn
from reconcile.store.audit import broken_links
from reconcile.store.database import Database
from tests import world
from tests.household import LOGIN, MEMBERS, care, lived, member
from tests.reconcile.test_dispute import passed_on

# A table with one of these columns is about a household or about somebody of one.
OF_SOMEBODY = {"household_id", "person_id", "child_id", "parent_id", "bsn_index", "actor", "answer_id"}
SAID_AS = {
    "hours_hundredths": "hours",
    "hourly_rate_cents": "hourlyRate",
    "weight_cents": "weight",
    "from_month": "from",
    "until_month": "until",
    "event": "details",
}


async def exported(db: Database, parent: Parent) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    async with db.snapshot(parent) as conn:
        async for held in held_rows(conn, parent):
            rows[held.section].append(json.loads(held.document))
    return rows


def camel(column: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), column)


async def test_every_table_about_a_household_or_its_people_is_exported_or_withheld_with_a_reason(
    db: Database, admin: asyncpg.Connection
) -> None:
    tables = await admin.fetch(
        "SELECT relname, array_agg(attname::text) AS columns FROM pg_class"
        " JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped"
        " WHERE relnamespace = 'kot'::regnamespace AND relkind IN ('r', 'p') GROUP BY relname"
    )
    about = {row["relname"] for row in tables if OF_SOMEBODY & set(row["columns"])}
    assert about == {*SECTIONS.values(), *(one for one in WITHHELD if "." not in one)}
    columns = {f"{row['relname']}.{column}" for row in tables for column in row["columns"]}
    assert {one for one in WITHHELD if "." in one} <= columns
    assert all(WITHHELD.values())


async def test_every_column_of_an_exported_table_is_in_its_rows_or_withheld_with_a_reason(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent = await lived(db, admin, keyring)
    await admin.execute("INSERT INTO comparison_due SELECT household_id, person_id, 2026 FROM membership LIMIT 1 ON CONFLICT DO NOTHING")
    rows = await exported(db, parent)
    assert list(rows) == list(SECTIONS), "a part without a row proves nothing"
    for section, table in SECTIONS.items():
        columns = await admin.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped", table
        )
        wanted = {SAID_AS.get(name, camel(name)) for (name,) in columns if name != "household_id" and f"{table}.{name}" not in WITHHELD}
        for row in rows[section]:
            assert wanted <= set(row), f"{table}: {wanted - set(row)}"


async def test_an_export_has_every_row_that_ever_was_and_no_other_household_s(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent = await lived(db, admin, keyring)
    # Somebody else's household, with everything as well.
    other = [member(marked_bsn(20), "applicant", "Cas"), {**member(marked_bsn(21), "child", "Dee"), "personRef": "ref-dee"}]
    await world.declared(db, keyring, world.declaration(householdRef="H2", members=other, placements=[], awardedYears=[2023]))
    rows = await exported(db, parent)
    for section, table in SECTIONS.items():
        own = "AND device_id = '00000000-0000-0000-0000-000000000001'" if table in ("device", "push") else ""
        own = (
            "AND (kind <> 'push' OR subject_id IN (SELECT push_id FROM push WHERE device_id::text LIKE '%1'))" if table == "outbox" else own
        )
        held = "disputed_line JOIN answer USING (answer_id)" if table == "disputed_line" else table
        count = await admin.fetchval(f"SELECT count(*) FROM {held} WHERE household_id = $1 {own}", parent.household_id)
        assert len(rows[section]) == count, table
    assert [one["supersededAt"] is None for one in rows["incomes"]] == [False, True]
    text = json.dumps(rows)
    assert "Cas" not in text
    assert "H2" not in text


async def test_what_was_passed_on_is_what_the_organisation_was_shown(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await lived(db, admin, keyring)
    shown = await passed_on(db, await world.organisation(db))
    rows = (await exported(db, parent))["passedOnLines"]
    assert [(row["month"], row["reason"], row["note"], row["takenBackAt"]) for row in rows] == [
        (month, "hours-wrong", "Wij waren er niet.", None) for month in ("2026-02", "2026-03")
    ]
    assert {(row["deliveryId"], row["lineNumber"], row["month"], row["reason"], row["note"]) for row in rows} == {
        (str(one.delivery_id), one.line_number, one.month, one.reason, one.note) for one in shown
    }
    # It stays told after the parent took it back, without the note, which is forgotten.
    (dispute,) = [one for one in (await exported(db, parent))["answers"] if one["kind"] == "dispute"]
    assert {row["answerId"] for row in rows} == {dispute["answerId"]}
    async with db.transaction(parent) as conn:
        await take_back_answer(conn, parent, UUID(dispute["answerId"]))
    after = (await exported(db, parent))["passedOnLines"]
    assert [(row["month"], row["note"], row["takenBackAt"] is None) for row in after] == [
        ("2026-02", None, False),
        ("2026-03", None, False),
    ]
    # The household of another child of the same organisation reads nothing of it.
    await world.declared(
        db, keyring, world.declaration(householdRef="H2", members=[member(marked_bsn(20), "applicant", "Cas")], placements=[])
    )
    assert (await exported(db, await world.parent(db, keyring, marked_bsn(20))))["passedOnLines"] == []


async def test_neither_a_bsn_nor_a_token_nor_a_name_of_an_operator_is_in_it(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent = await lived(db, admin, keyring)
    async with db.snapshot(parent) as conn:
        text = json.dumps(await exported(db, parent)) + (await overview(conn, parent)).decode()
    for bsn in (world.APPLICANT, world.PARTNER, world.CHILD, world.SIBLING):
        assert bsn not in text
    secrets = await admin.fetchrow("SELECT token, encode(token_sha256, 'hex') FROM device")
    indexes = [row[0] for row in await admin.fetch("SELECT encode(bsn_index, 'hex') FROM person")]
    for secret in (*secrets, *indexes, LOGIN, world.TVS.oin):
        assert secret not in text
    assert [one["who"] for one in json.loads(json.dumps((await exported(db, parent))["audit"])) if one["isReading"]] == ["operator", "tvs"]


async def test_a_parent_sees_its_own_phones_alone(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await lived(db, admin, keyring)
    partner = await world.parent(db, keyring, world.PARTNER)
    rows = await exported(db, partner)
    assert [one["deviceId"][-1] for one in rows["devices"]] == ["2"]
    pushed = {one["pushId"] for one in rows["pushes"]}
    assert {one["subjectId"] for one in rows["outbox"] if one["kind"] == "push"} == pushed != set()
    async with db.snapshot(partner) as conn:
        assert [one["deviceId"][-1] for one in json.loads(await overview(conn, partner))["devices"]] == ["2"]


async def test_what_the_other_household_of_a_child_declared_and_was_reported_is_not_in_it(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    """Separated parents: each has the care that it pays itself, and never learns of the other's."""
    parent = await lived(db, admin, keyring)
    await world.declared(
        db,
        keyring,
        world.declaration(
            householdRef="H2",
            members=[member(world.STRANGER, "applicant", "Elsa"), MEMBERS[2]],
            placements=[care(world.CHILD, world.ELSEWHERE, world.segment(hours="77.77"))],
        ),
    )
    elsewhere = world.line(parentBsn=world.STRANGER, lrkNumber=world.ELSEWHERE, hours="66.66")
    await world.delivered(db, keyring, elsewhere, oin=world.OTHER_OIN)
    assert await admin.fetchval("SELECT count(*) FROM reported_hours WHERE hours_hundredths = 6666") == 1
    stranger = await world.parent(db, keyring, world.STRANGER)
    for one, foreign in (
        (parent, ("77.77", "66.66", world.ELSEWHERE, "Elsa", "00000012", "H2")),
        (stranger, (world.KDV, "120.00", "Ans", "H1")),
    ):
        async with db.snapshot(one) as conn:
            text = json.dumps(await exported(db, one)) + (await overview(conn, one)).decode()
        for word in foreign:
            assert word not in text, word
        assert ("66.66" in text) == (one == stranger)


async def test_an_export_is_recorded_in_the_chain_and_changes_nothing_else(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent = await lived(db, admin, keyring)
    before = await admin.fetchrow("SELECT version, audit_number FROM household")
    async with db.transaction(parent) as conn:
        await record_export(conn, parent, "html")
    assert tuple(await admin.fetchrow("SELECT version, audit_number FROM household")) == (before[0], before[1] + 1)
    event = json.loads(await admin.fetchval("SELECT event FROM household_audit ORDER BY number DESC LIMIT 1"))
    assert event == {"action": "exported", "actor": str(parent.person_id), "form": "html"}
    assert list(await broken_links(admin, 10)) == []
    last = (await exported(db, parent))["audit"][-1]
    assert (last["action"], last["who"], last["personId"], last["isReading"]) == ("exported", "parent", str(parent.person_id), True)
    async with db.snapshot(parent) as conn:
        looked = json.loads(await overview(conn, parent))["lookedAt"]
    assert [(one["action"], one["who"]) for one in looked] == [("exported", "parent"), ("read", "tvs"), ("explained", "operator")]


async def test_who_represents_a_parent_is_told_as_that_and_by_no_name(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await lived(db, admin, keyring)
    proxy = structs.replace(parent, proxy="a-pseudonym of https://issuer.example")
    async with db.transaction(proxy) as conn:
        await record_visit(conn, proxy)
        await record_export(conn, proxy, "json")
    async with db.snapshot(parent) as conn:
        text = (await overview(conn, parent)).decode() + json.dumps(await exported(db, parent))
        looked = json.loads(await overview(conn, parent))["lookedAt"]
    assert [(one["action"], one["who"], one["personId"]) for one in looked[:2]] == [
        ("exported", "proxy", str(parent.person_id)),
        ("read", "proxy", str(parent.person_id)),
    ]
    assert "a-pseudonym" not in text


async def test_looking_at_one_s_own_leaves_no_link(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await lived(db, admin, keyring)
    before = await admin.fetchval("SELECT count(*) FROM household_audit")
    async with db.snapshot(parent) as conn:
        await overview(conn, parent)
    assert await admin.fetchval("SELECT count(*) FROM household_audit") == before


async def test_a_household_that_is_not_there_is_not_found(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await lived(db, admin, keyring)
    gone = Parent(person_id=parent.person_id, household_id=parent.person_id)
    async with db.transaction(gone) as conn:
        with pytest.raises(NotFound):
            await overview(conn, gone)
        with pytest.raises(NotFound):
            await record_export(conn, gone, "json")


async def test_a_household_of_many_years_is_read_row_by_row(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """Forty megabytes of links come in pieces: what is held of them at once stays small."""
    parent = await lived(db, admin, keyring)
    await admin.execute(
        "INSERT INTO household_audit SELECT household_id, 1000 + number, now(), jsonb_build_object('action', 'judged', 'actor', 'rules',"
        " 'differences', repeat('x', 2000)), sha256(''), sha256('') FROM household, generate_series(1, 20000) AS number"
    )
    read = 0
    async with db.snapshot(parent) as conn:
        tracemalloc.start()
        try:
            async for held in held_rows(conn, parent):
                read += len(held.document)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert read > 40_000_000
    assert peak < 4_000_000
