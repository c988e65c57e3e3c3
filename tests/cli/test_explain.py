"""`kot explain`: for people and for machines, and its exit code says whether judging again gives the same."""

import asyncio
from uuid import UUID

import asyncpg
import msgspec
import pytest

from reconcile.forward import Refused
from reconcile.keyring import Keyring
from reconcile.store.database import Database
from reconcile.textbook import TEXT_VERSION
from tests import world
from tests.cli.test_main import run
from tests.conftest import database_url
from tests.reconcile.test_answer import accept, shown, with_difference
from tests.reconcile.test_compare import begun
from tests.reconcile.test_forward import receipt
from tests.reconcile.test_moves import moved


async def kot(database_name: str, *arguments: str) -> tuple[int, str]:
    url = database_url(database_name, "kot_explain")
    return await asyncio.to_thread(run, "explain", *arguments, DATABASE_URL_EXPLAIN=url, COLUMNS="220")


async def test_everything_that_a_difference_follows_from_is_told(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, database_name: str
) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    await receipt(db, change_id, Refused(reason="not [/] allowed [red]"))
    code, output = await kot(database_name, str(difference.difference_id))
    delivery_id = await admin.fetchval("SELECT delivery_id FROM delivery")
    assert code == 0
    for told in (
        "D01 meer uren",
        "H1",
        "100.00 × 10.00",
        "120.00 × 10.00",
        "Houder 00000011",
        f"{delivery_id}, 2",
        "Rules 2026.1: below 1.00 hours and 0.05 euro",
        "two or more months in a row at one level",
        "from 2026-02 on: 120.00 × 10.00",
        "a joint income of 80000 euro",
        "How it comes about: at most 230.00 hours a child and month",
        f"KDV {world.KDV}: 120.00 × 10.00",
        "%, first child",
        f"What the parent read, in the sentences {TEXT_VERSION}:",
        "  Vanaf februari 2026: 120 uur per maand voor € 10,00 per uur.",
        "  Dienst Toeslagen beslist over uw toeslag. U krijgt daarover bericht.",
        "by applicant",
        "refused, not [/] allowed [red]",
        "the same.",
    ):
        assert told in output, told
    for hidden in ("Noor", world.CHILD, world.APPLICANT):
        assert hidden not in output
    event = await admin.fetchval("SELECT event FROM household_audit ORDER BY number DESC LIMIT 1")
    assert msgspec.json.decode(event)["action"] == "explained"


async def test_a_move_is_told_with_both_places(db: Database, admin: asyncpg.Connection, keyring: Keyring, database_name: str) -> None:
    _, difference = await moved(db, admin, keyring)
    code, output = await kot(database_name, str(difference.difference_id))
    assert code == 0
    for told in (
        "D10 verhuisd naar een andere locatie",
        "Month by month: hours at an hourly rate",
        f"At the old place, {world.KDV}",
        "110.00 × 10.50",
        "Circumstance: direct-payment-may-stop.",
        f"LRK {world.KDV}, from 2026-05 on: 0.00 × 10.00",
        f"LRK {world.ELSEWHERE}, from 2026-05 on: 110.00 × 10.50",
    ):
        assert told in output, told


async def test_a_correction_is_told_with_what_was_taken_over_before(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, database_name: str
) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    await accept(db, parent, difference.difference_id, difference.version)
    await world.delivered(db, keyring, world.line(month="2026-03", hours="110.00"), world.line(month="2026-04", hours="110.00"))
    (corrected,) = [one for one in await shown(db, parent) if one.state == "open"]
    code, output = await kot(database_name, str(corrected.difference_id))
    assert (code, "Circumstance: corrected-after-acceptance: 2026-03." in output) == (0, True)
    assert ": from 2026-02 120.00 × 10.00." in output


async def test_each_version_is_told_in_its_own_words(db: Database, admin: asyncpg.Connection, keyring: Keyring, database_name: str) -> None:
    parent, first = await with_difference(db, admin, keyring)
    await world.delivered(db, keyring, world.line(month="2026-02", hours="130.00"), world.line(month="2026-03", hours="130.00"))
    (second,) = await shown(db, parent)
    for version, said in ((first.version, (True, False)), (second.version, (False, True))):
        code, output = await kot(database_name, str(first.difference_id), "--version", str(version))
        assert (code, *(f"Vanaf februari 2026: {hours} uur per maand" in output for hours in (120, 130))) == (0, *said)


async def test_a_version_from_before_texts_were_kept_says_so(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, database_name: str
) -> None:
    _, difference = await with_difference(db, admin, keyring)
    await admin.execute("UPDATE difference_version SET texts = NULL, text_version = NULL")
    code, output = await kot(database_name, str(difference.difference_id))
    assert (code, "it was judged before texts were" in output, "What the parent read, in" in output) == (0, True, False)


async def test_machines_get_the_same(db: Database, admin: asyncpg.Connection, keyring: Keyring, database_name: str) -> None:
    _, difference = await with_difference(db, admin, keyring)
    code, output = await kot(database_name, str(difference.difference_id), "--json")
    document = msgspec.json.decode(output)
    assert (code, document["version"], document["said"]["kind"]) == (0, difference.version, "D01")
    assert document["recomputation"] == {"isEqual": True, "differs": [], "again": None, "problem": None}
    assert [one["what"] for one in document["life"]] == ["version"]
    assert (document["texts"], document["textVersion"]) == (msgspec.json.decode(difference.texts or ""), TEXT_VERSION)


async def test_a_version_that_is_judged_otherwise_ends_with_1(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, database_name: str
) -> None:
    _, difference = await with_difference(db, admin, keyring)
    await admin.execute("UPDATE difference_version SET kind = 'D02'")
    code, output = await kot(database_name, str(difference.difference_id))
    assert (code, "other kind." in output, "D01 meer uren. One tap would declare" in output) == (1, True, True)
    await admin.execute("UPDATE difference_version SET rules_version = '1999.1'")
    code, output = await kot(database_name, str(difference.difference_id))
    assert (code, "does not have the rules 1999.1" in output, "How it comes about" in output) == (1, True, False)


async def test_a_difference_without_a_tap_and_one_of_an_earlier_instant(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, database_name: str
) -> None:
    parent = await begun(db, admin, keyring)
    body = world.delivery_body([], reference="c", complete=[{"month": "2026-03", "lrkNumbers": [world.BSO]}])
    await world.landed(db, keyring, body, reference="c")
    await world.worked(db, keyring)
    (difference,) = await shown(db, parent)
    code, output = await kot(database_name, str(difference.difference_id))
    assert (code, "No tap: ask-organisation." in output, "not received" in output, "none shown (no-proposal)" in output) == (
        0,
        True,
        True,
        True,
    )
    instant = (await admin.fetchval("SELECT clock_timestamp()")).isoformat()
    code, output = await kot(database_name, str(difference.difference_id), "--as-of", instant)
    assert (code, "Judged as of" in output, "from what was known then: the same." in output) == (0, True, True)
    placements = [world.care(), world.care(world.SIBLING, world.BSO, [world.segment("2026-04", hours="40.00")])]
    await world.declared(db, keyring, world.declaration(version=2, placements=placements))
    instant = (await admin.fetchval("SELECT clock_timestamp()")).isoformat()
    code, output = await kot(database_name, str(difference.difference_id), "--as-of", instant)
    assert (code, "something else." in output, "Nothing is different as of then." in output) == (0, True, True)


@pytest.mark.parametrize("instant", ["yesterday", "2026-03-31", "2026-03-31T17:00:00"])
def test_an_instant_that_could_be_another_one_is_refused(instant: str) -> None:
    code, output = run("explain", str(UUID(int=1)), "--as-of", instant, DATABASE_URL_EXPLAIN="postgresql://x@127.0.0.1:9/none")
    assert (code, "2026-03-31T17:00:00+02:00" in output.replace("\n", "")) == (2, True)


async def test_what_is_not_there_is_said_so(db: Database, admin: asyncpg.Connection, keyring: Keyring, database_name: str) -> None:
    _, difference = await with_difference(db, admin, keyring)
    for arguments, told in (
        ((str(UUID(int=1)),), "There is no such difference."),
        ((str(difference.difference_id), "--version", "999"), "There is no such version"),
        ((str(difference.difference_id), "--as-of", "2020-01-01T00:00:00Z"), "not there yet"),
    ):
        code, output = await kot(database_name, *arguments)
        assert (code, told in output) == (1, True)
