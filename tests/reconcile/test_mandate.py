"""Who may send for whom, and what each of them sees: the organisation, its vendors, everybody else."""

from datetime import date, timedelta

import asyncpg
import msgspec
import pytest
from msgspec import structs

from reconcile.callers import Organisation, Sender
from reconcile.keyring import Keyring
from reconcile.mandate import acting_for, end_mandate, give_mandate, mandates_of
from reconcile.problems import NotFound, NotMandated, UnknownOrganisation
from reconcile.receive import read_delivery
from reconcile.store.audit import broken_links
from reconcile.store.database import Connection, Database
from reconcile.store.deliveries import deliveries_of_organisation
from reconcile.store.withdrawals import insert_withdrawal
from reconcile.withdraw import ask_withdrawal
from tests import world

BODY = world.delivery_body([world.line()])
VENDOR = Sender(oin=world.VENDOR_OIN)


@pytest.fixture(autouse=True)
async def _register(admin: asyncpg.Connection) -> None:
    await world.with_register(admin)


async def acting(db: Database, oin: str | None = world.OIN, vendor_oin: str = world.VENDOR_OIN) -> Organisation:
    async with db.snapshot(Sender(oin=vendor_oin)) as conn:
        return await acting_for(conn, Sender(oin=vendor_oin), oin)


async def test_a_mandate_lets_a_vendor_act_and_its_end_ends_that(db: Database) -> None:
    with pytest.raises(NotMandated):
        await acting(db)
    found = await world.mandated(db)
    giver = await world.organisation(db)
    assert (found.organisation_id, found.oin, found.sender_oin) == (giver.organisation_id, world.OIN, world.VENDOR_OIN)
    async with db.transaction(giver) as conn:
        await end_mandate(conn, giver, world.VENDOR_OIN)
        assert list(await mandates_of(conn, giver)) == []
    with pytest.raises(NotMandated):
        await acting(db)


@pytest.mark.parametrize(
    ("days", "is_mandated"), [((0, None), True), ((0, 0), True), ((-2, -1), False), ((1, None), False), ((-1, 1), True), ((1, 2), False)]
)
async def test_a_mandate_holds_on_its_days_in_the_netherlands(
    db: Database, admin: asyncpg.Connection, days: tuple[int, int | None], is_mandated: bool
) -> None:
    today: date = await admin.fetchval("SELECT (now() AT TIME ZONE 'Europe/Amsterdam')::date")
    first, last = (None if one is None else today + timedelta(days=one) for one in days)
    giver = await world.organisation(db)
    async with db.transaction(giver) as conn:
        await give_mandate(conn, giver, world.VENDOR_OIN, from_on=first or today, until_on=last)
    if is_mandated:
        assert (await acting(db)).vendor_oin == world.VENDOR_OIN
    else:
        with pytest.raises(NotMandated):
            await acting(db)


async def test_a_token_without_an_organisation_s_name_is_its_own(db: Database) -> None:
    assert (await acting(db, None, world.OIN)).vendor_oin is None
    assert (await acting(db, world.OIN, world.OIN)).vendor_oin is None
    with pytest.raises(UnknownOrganisation, match="organisationOin"):
        await acting(db, None)


@pytest.mark.parametrize("oin", [world.OTHER_OIN, "00000099000077770000"])
async def test_an_organisation_that_gave_none_and_one_that_does_not_exist_look_the_same(db: Database, oin: str) -> None:
    await world.mandated(db)
    with pytest.raises(NotMandated) as refusal:
        await acting(db, oin)
    assert oin not in str(refusal.value)


async def test_the_same_mandate_again_changes_nothing_and_another_form_replaces_it(db: Database, admin: asyncpg.Connection) -> None:
    await world.mandated(db)
    await world.mandated(db)
    assert await admin.fetchval("SELECT count(*) FROM mandate") == 1
    giver = await world.organisation(db)
    async with db.transaction(giver) as conn:
        await give_mandate(conn, giver, world.VENDOR_OIN, from_on=date(2021, 1, 1), until_on=None)
    rows = await admin.fetch("SELECT from_on FROM mandate ORDER BY superseded_at IS NULL")
    assert [row["from_on"] for row in rows] == [date(2020, 1, 1), date(2021, 1, 1)]


async def test_every_step_of_a_mandate_is_in_the_organisation_s_chain(db: Database, admin: asyncpg.Connection) -> None:
    await world.mandated(db)
    giver = await world.organisation(db)
    for _ in range(2):
        async with db.transaction(giver) as conn:
            await end_mandate(conn, giver, world.VENDOR_OIN)
    events = [msgspec.json.decode(row["event"]) for row in await admin.fetch("SELECT event FROM organisation_audit ORDER BY number")]
    actor = f"organisation {giver.organisation_id}"
    assert events == [
        {"action": "mandated", "actor": actor, "vendorOin": world.VENDOR_OIN, "from": "2020-01-01", "until": None},
        {"action": "mandate-ended", "actor": actor, "vendorOin": world.VENDOR_OIN},
    ]
    assert list(await broken_links(admin, 10)) == []


async def test_a_delivery_knows_who_sent_it(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    landing = await world.landed(db, keyring, BODY, sender=await world.mandated(db))
    await world.worked(db, keyring)
    owner = await world.organisation(db)
    async with db.snapshot(owner) as conn:
        seen = await read_delivery(conn, owner, landing.delivery.delivery_id)
    assert (seen.sender_oin, seen.state, seen.applied_count) == (world.VENDOR_OIN, "applied", 1)
    event = await admin.fetchval("SELECT event ->> 'senderOin' FROM organisation_audit WHERE event ->> 'action' = 'delivered'")
    assert event == world.VENDOR_OIN


async def test_a_mandate_that_ends_while_the_body_streams_ends_the_delivery(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    vendor = await world.mandated(db)
    giver = await world.organisation(db)
    async with db.transaction(giver) as conn:
        await end_mandate(conn, giver, world.VENDOR_OIN)
    with pytest.raises((NotMandated, asyncpg.InsufficientPrivilegeError)):
        await world.landed(db, keyring, BODY, sender=vendor)
    assert await admin.fetchval("SELECT count(*) FROM delivery WHERE state <> 'arriving'") == 0


async def test_senders_of_one_organisation_know_nothing_of_each_other_s_references_and_content(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    """The same reference with the same content from three senders: three deliveries, and lines that say the same."""
    first = await world.landed(db, keyring, BODY)
    others = [
        await world.landed(db, keyring, BODY, sender=await world.mandated(db, vendor_oin=oin))
        for oin in (world.VENDOR_OIN, world.OTHER_VENDOR_OIN)
    ]
    assert [one.is_replay for one in (first, *others)] == [False] * 3
    await world.worked(db, keyring)
    assert await admin.fetchval("SELECT array_agg(outcome ORDER BY outcome) FROM line") == ["applied", "unchanged", "unchanged"]
    again = await world.landed(db, keyring, BODY, sender=await world.mandated(db))
    assert again.delivery.delivery_id == others[0].delivery.delivery_id


TABLES = ("delivery", "delivery_chunk", "line", "completeness")


async def seen(conn: Connection) -> dict[str, int]:
    return {table: await conn.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES}


async def test_what_each_sees_is_what_row_level_security_shows(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """Vendor × organisation × foreign, asked without any WHERE clause."""
    complete = [{"month": "2026-03", "lrkNumbers": [world.KDV]}]
    elsewhere = [{"month": "2026-03", "lrkNumbers": [world.ELSEWHERE]}]
    own = world.delivery_body([world.line()], complete=complete)
    foreign = world.delivery_body([world.line(lrkNumber=world.ELSEWHERE)], complete=elsewhere)
    vendor, other_vendor = await world.mandated(db), await world.mandated(db, vendor_oin=world.OTHER_VENDOR_OIN)
    for_other = await world.mandated(db, world.OTHER_OIN)
    for number, (sender, body) in enumerate([(None, own), (vendor, own), (other_vendor, own), (for_other, foreign)]):
        await world.landed(db, keyring, body, sender=sender, reference=f"r{number}")
        await world.worked(db, keyring)
    owner, other = await world.organisation(db), await world.organisation(db, world.OTHER_OIN)
    stranger = structs.replace(owner, vendor_oin="00000099000000830000")
    for caller, count in [(owner, 3), (other, 1), (vendor, 1), (other_vendor, 1), (for_other, 1), (stranger, 0)]:
        async with db.snapshot(caller) as conn:
            assert await seen(conn) == dict.fromkeys(TABLES, count), caller
    # Across its organisations a vendor reads what came of what it sent, and no content.
    for oin, count in [(world.VENDOR_OIN, 2), (world.OTHER_VENDOR_OIN, 1), (world.OIN, 0), (world.OTHER_OIN, 0)]:
        async with db.snapshot(Sender(oin=oin)) as conn:
            assert await seen(conn) == {**dict.fromkeys(TABLES, count), "delivery_chunk": 0}, oin
    async with db.transaction(owner) as conn:
        await end_mandate(conn, owner, world.VENDOR_OIN)
    for caller, count in [(vendor, 0), (VENDOR, 1)]:
        async with db.snapshot(caller) as conn:
            assert (await seen(conn))["line"] == count


async def test_a_vendor_lists_and_reads_its_own_deliveries_alone(db: Database, keyring: Keyring) -> None:
    vendor = await world.mandated(db)
    foreign = await world.landed(db, keyring, BODY)
    own = await world.landed(db, keyring, BODY, sender=vendor)
    async with db.snapshot(vendor) as conn:
        listed = await deliveries_of_organisation(conn, vendor.organisation_id, before=None, limit=10)
        assert [one.delivery_id for one in listed] == [own.delivery.delivery_id]
        with pytest.raises(NotFound):
            await read_delivery(conn, vendor, foreign.delivery.delivery_id)


async def test_no_vendor_gives_a_mandate(db: Database) -> None:
    vendor = await world.mandated(db)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.transaction(vendor) as conn:
            await give_mandate(conn, vendor, world.OTHER_VENDOR_OIN, from_on=date(2020, 1, 1), until_on=None)
    async with db.transaction(vendor) as conn:
        await end_mandate(conn, vendor, world.VENDOR_OIN)
    assert (await acting(db)).vendor_oin == world.VENDOR_OIN


async def test_a_vendor_takes_back_what_it_sent_and_nothing_else(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    vendor = await world.mandated(db)
    foreign = await world.landed(db, keyring, BODY)
    own = await world.landed(db, keyring, BODY, sender=vendor)
    await world.worked(db, keyring)
    with pytest.raises(NotFound):
        async with db.transaction(vendor) as conn:
            await ask_withdrawal(conn, vendor, foreign.delivery.delivery_id, None)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.transaction(vendor) as conn:
            await insert_withdrawal(conn, vendor.organisation_id, foreign.delivery.delivery_id, None, None)
    async with db.transaction(vendor) as conn:
        await ask_withdrawal(conn, vendor, own.delivery.delivery_id, None)
    await world.worked(db, keyring)
    states = {row["sender_oin"]: row["state"] for row in await admin.fetch("SELECT sender_oin, state FROM delivery")}
    assert states == {world.OIN: "applied", world.VENDOR_OIN: "withdrawn"}
    # What was withdrawn can be delivered again by the same sender, with the same content.
    again = await world.landed(db, keyring, BODY, sender=vendor, reference="r2")
    assert not again.is_replay
