"""A delivery lands once, whatever is repeated."""

import asyncio

import asyncpg
import msgspec
import pytest

from reconcile.keyring import Keyring
from reconcile.problems import NotFound, ReferenceReused
from reconcile.receive import read_delivery
from reconcile.store.database import Database
from reconcile.store.deliveries import deliveries_of_organisation
from tests import world

BODY = world.delivery_body([world.line()])


async def test_the_same_delivery_again_gives_the_first_receipt(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    first = await world.landed(db, keyring, BODY)
    again = await world.landed(db, keyring, BODY)
    assert (first.is_replay, again.is_replay) == (False, True)
    assert again.delivery.delivery_id == first.delivery.delivery_id
    assert await admin.fetchval("SELECT count(*) FROM delivery") == 1


async def test_a_reference_with_other_content_is_refused(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    first = await world.landed(db, keyring, BODY)
    with pytest.raises(ReferenceReused) as refusal:
        await world.landed(db, keyring, world.delivery_body([]))
    assert refusal.value.delivery_id == first.delivery.delivery_id


async def test_the_same_content_under_another_reference_is_a_duplicate_that_changes_nothing(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    await world.with_register(admin)
    first = await world.landed(db, keyring, BODY)
    other = await world.landed(db, keyring, BODY, reference="r2")
    assert (other.is_replay, other.delivery.duplicate_of) == (True, first.delivery.delivery_id)
    await world.worked(db, keyring)
    assert await admin.fetchval("SELECT count(*) FROM line") == 1


@pytest.mark.parametrize(("body", "state", "applied"), [(BODY, "applied", 1), (b"not JSON", "unreadable", 0)])
async def test_a_duplicate_shows_what_became_of_the_first(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, body: bytes, state: str, applied: int
) -> None:
    await world.with_register(admin)
    await world.landed(db, keyring, body)
    other = await world.landed(db, keyring, body, reference="r2")
    assert other.delivery.state == "received"
    await world.worked(db, keyring)
    sender = await world.organisation(db)
    async with db.snapshot(sender) as conn:
        shown = await read_delivery(conn, sender, other.delivery.delivery_id)
        assert shown in await deliveries_of_organisation(conn, sender.organisation_id, before=None, limit=10)
    assert (shown.reference, shown.state, shown.applied_count, shown.problem is None) == ("r2", state, applied, state == "applied")


async def test_two_landings_at_once_make_one_delivery(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    landings = await asyncio.gather(*(world.landed(db, keyring, BODY) for _ in range(4)))
    assert len({one.delivery.delivery_id for one in landings}) == 1
    assert [one.is_replay for one in landings].count(False) == 1


async def test_organisations_may_use_the_same_reference(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    first = await world.landed(db, keyring, BODY)
    other = await world.landed(db, keyring, BODY, oin=world.OTHER_OIN)
    assert not other.is_replay
    assert other.delivery.delivery_id != first.delivery.delivery_id


async def test_no_organisation_sees_another_s_delivery(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    landing = await world.landed(db, keyring, BODY)
    other = await world.organisation(db, world.OTHER_OIN)
    with pytest.raises(NotFound):
        async with db.snapshot(other) as conn:
            await read_delivery(conn, other, landing.delivery.delivery_id)


async def test_the_content_is_sealed_where_it_lies(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.landed(db, keyring, BODY)
    stored = b"".join(row["sealed"] for row in await admin.fetch("SELECT sealed FROM delivery_chunk"))
    assert world.CHILD.encode() not in stored
    assert len(stored) > len(BODY)


async def test_what_landed_cannot_be_changed_or_dropped_by_its_sender(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.landed(db, keyring, BODY)
    sender = await world.organisation(db)
    async with db.transaction(sender) as conn:
        assert await conn.execute("UPDATE delivery SET state = 'arriving'") == "UPDATE 0"
        assert await conn.execute("DELETE FROM delivery_chunk") == "DELETE 0"
        assert await conn.execute("DELETE FROM delivery") == "DELETE 0"


@pytest.mark.parametrize("is_read_in_between", [True, False])
async def test_what_could_not_be_read_may_come_again_as_what_it_is(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, is_read_in_between: bool
) -> None:
    """A CSV that was sent as JSON: its reference is used, its content is not."""
    await world.with_register(admin)
    body = f"bsn_ouder;bsn_kind;lrk_nummer;maand;uren;uurtarief\n{world.APPLICANT};{world.CHILD};{world.KDV};2026-03;90,5;9,95\n".encode()
    wrong = await world.landed(db, keyring, body, reference="one", format_="json")
    if is_read_in_between:
        await world.worked(db, keyring)
    right = await world.landed(db, keyring, body, reference="two", format_="csv")
    await world.worked(db, keyring)
    again = await world.landed(db, keyring, body, reference="three", format_="csv")
    assert (wrong.is_replay, right.is_replay, again.is_replay) == (False, False, True)
    assert again.delivery.duplicate_of == right.delivery.delivery_id
    states = await admin.fetch("SELECT reference, state FROM delivery ORDER BY received_at")
    assert [tuple(row) for row in states] == [("one", "unreadable"), ("two", "applied"), ("three", "applied")]


async def test_what_came_under_a_wrong_reference_may_come_again(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    body = msgspec.json.encode({"reference": "two", "lines": [world.line()]})
    await world.landed(db, keyring, body, reference="one")
    await world.worked(db, keyring)
    assert not (await world.landed(db, keyring, body, reference="two")).is_replay
    await world.worked(db, keyring)
    assert await admin.fetchval("SELECT array_agg(state ORDER BY received_at) FROM delivery") == ["unreadable", "applied"]
