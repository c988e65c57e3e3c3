"""Following a household: a phone sees every change once, in order, whoever writes in between."""

import hashlib
import random
from contextlib import suppress
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from api.sync_documents import COLLECTIONS
from reconcile import forward
from reconcile.answer import accept_difference
from reconcile.callers import Forward, Parent
from reconcile.follow import checksums, follow, household_version
from reconcile.forward import Processed, Refused
from reconcile.keyring import Keyring
from reconcile.problems import ChangeStands, EpochEnded, HouseholdUnclear
from reconcile.rules.checkpoint import Checkpoint
from reconcile.store.database import Database
from reconcile.store.differences import differences_of_household
from tests import world
from tests.reconcile.test_answer import accept
from tests.reconcile.test_forward import LEASE
from tests.reconcile.test_moves import moved
from tests.reconcile.test_reverse import StatedTvs, reverse, sent

BEGINNING = Checkpoint(epoch="", lwt=0, id="")
Document = dict[str, Any]


class Phone:
    """Follows a household page by page, as RxDB does, and keeps what it was sent."""

    def __init__(self, db: Database, parent: Parent, *, limit: int = 100) -> None:
        self._db, self._parent, self._limit = db, parent, limit
        self.restore_number = 1
        self.checkpoints = dict.fromkeys(COLLECTIONS, BEGINNING)
        self.held: dict[str, dict[str, Document]] = {name: {} for name in COLLECTIONS}
        self.seen: list[tuple[str, str, int]] = []

    async def page(self, name: str, *, month: str = "2026-07") -> int:
        """Pull one page; return how many documents it had."""
        collection = COLLECTIONS[name]
        async with self._db.snapshot(self._parent) as conn:
            page = await follow(
                conn,
                self._parent,
                collection.documents_after,
                asked=self.checkpoints[name],
                limit=self._limit,
                this_month=month,
                restore_number=self.restore_number,
            )
        for one in page.documents:
            document = msgspec.json.decode(msgspec.json.encode(collection.published(one)))
            if not document["_deleted"]:
                in_form = msgspec.json.encode(msgspec.convert(document, collection.form))
                assert msgspec.json.decode(in_form) == document, "written otherwise than its form says"
            self.held[name][document[collection.key]] = document
            self.seen.append((name, document[collection.key], document["version"]))
        if not page.documents:
            assert (page.checkpoint.lwt, page.checkpoint.id) == (self.checkpoints[name].lwt, self.checkpoints[name].id)
        self.checkpoints[name] = page.checkpoint
        return len(page.documents)

    async def pull(self) -> None:
        """Pull every collection until a short page says that there is no more."""
        for name in COLLECTIONS:
            while await self.page(name) == self._limit:
                pass

    async def complete(self) -> dict[str, str]:
        """Ask what a complete copy has, by collection, as far as this one is not ahead of it."""
        async with self._db.snapshot(self._parent) as conn:
            asked = await checksums(conn, self._parent, this_month="2026-07", restore_number=self.restore_number)
        assert [one.collection for one in asked.collections] == sorted(COLLECTIONS)
        await self.pull()
        assert {one.epoch for one in self.checkpoints.values()} == {asked.epoch}
        return {one.collection: one.sha256 for one in asked.collections if self.checkpoints[one.collection].lwt <= asked.household_version}

    def has(self, name: str) -> str:
        """Compute the checksum of what it has of a collection, as a phone does."""
        held = [(one[COLLECTIONS[name].key], one["version"]) for one in self.held[name].values() if not one["_deleted"]]
        return hashlib.sha256("".join(f"{number} {version}\n" for number, version in sorted(held)).encode()).hexdigest()


async def household(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> Parent:
    await world.with_register(admin)
    await world.declared(db, keyring)
    return await world.parent(db, keyring)


async def test_a_placement_shows_both_sides(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await household(db, admin, keyring)
    await world.delivered(db, keyring, world.line(month="2026-02", hours="120.00", endDate="2026-08-31"))
    phone = Phone(db, parent)
    await phone.pull()
    shown = next(one for one in phone.held["placements"].values() if one["reportedMonths"])
    assert shown["location"] == {"lrkNumber": world.KDV, "careType": "KDV", "name": f"Locatie {world.KDV}"}
    assert (shown["child"]["givenName"], shown["startDate"], shown["endDate"], shown["accepted"]) == ("Noor", None, None, [])
    assert shown["declared"] == [{"from": "2026-01", "until": None, "hours": "100.00", "hourlyRate": "10.00"}]
    month = shown["reportedMonths"][0]
    assert (month["month"], month["hours"], month["hourlyRate"], month["endDate"]) == ("2026-02", "120.00", "10.00", "2026-08-31")
    assert month["organisationName"].startswith("Houder")
    assert not {world.APPLICANT, world.CHILD, f"p-{world.CHILD}"} & set(str(phone.held).split("'"))


async def test_documents_of_one_version_cross_the_border_of_a_page(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await household(db, admin, keyring)
    phone = Phone(db, parent, limit=1)
    await phone.pull()
    placements = [one for one in phone.seen if one[0] == "placements"]
    assert len(placements) == 2
    assert placements[0][2] == placements[1][2]
    assert placements[0][1] < placements[1][1]


async def test_what_is_gone_leaves_a_tombstone_that_says_nothing(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await household(db, admin, keyring)
    phone = Phone(db, parent)
    await phone.pull()
    await world.declared(db, keyring, world.declaration(version=2, placements=[world.care()]))
    await phone.pull()
    gone = [one for one in phone.held["placements"].values() if one["_deleted"]]
    assert [set(one) for one in gone] == [{"placementId", "version", "_deleted"}]


async def test_a_new_name_of_a_child_changes_every_document_that_shows_it(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent = await household(db, admin, keyring)
    await world.delivered(db, keyring, world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00"))
    phone = Phone(db, parent)
    await phone.pull()
    members = [world.member(world.APPLICANT, "applicant"), world.member(world.CHILD, "child", givenName="Nora")]
    await world.declared(db, keyring, world.declaration(version=2, members=members, placements=[world.care()]))
    await phone.pull()
    assert [one["childGivenName"] for one in phone.held["differences"].values()] == ["Nora"]
    difference = next(iter(phone.held["differences"].values()))
    async with db.transaction(parent) as conn:
        assert await accept_difference(conn, parent, UUID(difference["differenceId"]), seen_version=difference["version"])


async def test_the_end_of_an_overlay_changes_its_placement(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """Also when the declaration that holds the change came before the receipt that names it."""
    parent = await household(db, admin, keyring)
    await world.delivered(db, keyring, world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00"))
    phone = Phone(db, parent)
    await phone.pull()
    change_id = await accepted(db, parent, phone)
    await phone.pull()
    assert [one["accepted"][0]["hours"] for one in phone.held["placements"].values() if one["accepted"]] == ["120.00"]
    await world.declared(db, keyring, world.declaration(version=2, placements=[world.care(segments=[world.segment(hours="120.00")])]))
    await phone.pull()
    async with db.transaction(world.TVS) as conn:
        await forward.record_receipt(conn, world.TVS, change_id, Processed(declaration_version=2))
    await phone.pull()
    assert [one["accepted"] for one in phone.held["placements"].values() if not one["_deleted"]] == [[]]
    assert [(one["state"], one["declarationVersion"]) for one in phone.held["changes"].values()] == [("processed", 2)]


async def accepted(db: Database, parent: Parent, phone: Phone) -> UUID:
    shown = next(one for one in phone.held["differences"].values() if one["state"] == "open")
    async with db.transaction(parent) as conn:
        return (await accept_difference(conn, parent, UUID(shown["differenceId"]), seen_version=shown["version"])).change_id


async def test_another_epoch_or_a_checkpoint_from_the_future_ends_it(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    phone = Phone(db, await household(db, admin, keyring))
    await phone.pull()
    phone.restore_number = 2
    with pytest.raises(EpochEnded):
        await phone.page("placements")
    phone.restore_number = 1
    await admin.execute("UPDATE household SET version = version - 1")
    with pytest.raises(EpochEnded):
        await phone.page("placements")


async def test_who_is_no_parent_any_more_is_sent_nothing(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await household(db, admin, keyring)
    phone = Phone(db, parent)
    with pytest.raises(HouseholdUnclear):
        await phone.page("placements", month="2024-12")
    members = [world.member(world.PARTNER, "applicant"), world.member(world.CHILD, "child"), world.member(world.SIBLING, "child")]
    await world.declared(db, keyring, world.declaration(version=2, members=members))
    with pytest.raises(HouseholdUnclear):
        await phone.page("placements")
    async with db.snapshot(parent) as conn:
        with pytest.raises(HouseholdUnclear):
            await household_version(conn, parent, this_month="2026-07")
        with pytest.raises(HouseholdUnclear):
            await checksums(conn, parent, this_month="2026-07", restore_number=1)
    assert phone.seen == []


async def test_a_phone_sees_what_was_undone_and_what_follows(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await moved(db, admin, keyring)
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    tvs = StatedTvs(db, keyring)
    await sent(db)
    await tvs.process(change_id)
    phone = Phone(db, parent)
    await phone.pull()
    undoing = (await reverse(db, parent, change_id)).change_id
    await phone.pull()
    change = phone.held["changes"][str(undoing)]
    assert (change["kind"], change["undoneChangeId"], change["state"]) == ("reversal", str(change_id), "staged")
    old, new = change["placements"]
    assert (old["endUndone"], old["endOn"], [one["hours"] for one in old["segments"]]) == (True, None, ["100.00"])
    assert (new["segments"], new["undeclared"]) == ([], [{"from": "2026-05", "until": None}])
    (placement,) = [one for one in phone.held["placements"].values() if one["location"]["lrkNumber"] == world.ELSEWHERE]
    assert (placement["accepted"], placement["undeclared"]) == ([], [{"from": "2026-05", "until": None}])
    assert [one["state"] for one in phone.held["differences"].values()] == ["open"]


async def test_a_copy_that_lost_something_is_told_from_one_that_did_not(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await household(db, admin, keyring)
    await world.delivered(db, keyring, world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00"))
    phone = Phone(db, parent)
    complete = await phone.complete()
    assert len(set(complete.values())) == 3, "placements, differences, and three collections of nothing"
    assert {name: phone.has(name) for name in COLLECTIONS} == complete
    number, document = phone.held["placements"].popitem()
    assert phone.has("placements") != complete["placements"]
    phone.held["placements"][number] = {**document, "version": document["version"] - 1}
    assert phone.has("placements") != complete["placements"]
    phone.held["placements"][number] = document
    assert phone.has("placements") == complete["placements"]


async def test_what_changes_while_a_phone_pulls_is_no_loss(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """The phone is ahead of what it asked: for that collection the answer does not count, for the others it does."""
    parent = await household(db, admin, keyring)
    phone = Phone(db, parent)
    async with db.snapshot(parent) as conn:
        asked = await checksums(conn, parent, this_month="2026-07", restore_number=1)
    await world.declared(db, keyring, world.declaration(version=2, placements=[world.care()]))
    await phone.pull()
    before = {one.collection: one.sha256 for one in asked.collections}
    assert phone.has("placements") != before["placements"]
    assert phone.checkpoints["placements"].lwt > asked.household_version
    assert phone.has("notices") == before["notices"]
    assert phone.checkpoints["notices"].lwt <= asked.household_version


@pytest.mark.parametrize("seed", range(3))
async def test_whoever_follows_has_what_a_full_read_gives(db: Database, admin: asyncpg.Connection, keyring: Keyring, seed: int) -> None:
    """Declarations, deliveries, acceptances, sending and receipts in a random order, with a page pulled in between, now and then."""
    dice = random.Random(seed)
    parent = await household(db, admin, keyring)
    phone = Phone(db, parent, limit=2)
    for step in range(24):
        await _write(db, admin, keyring, parent, dice, version=step + 2)
        for name in dice.sample(sorted(COLLECTIONS), dice.randint(0, 3)):
            await phone.page(name)
        if dice.random() < 0.2:
            complete = await phone.complete()
            assert {name: phone.has(name) for name in complete} == complete
    assert await phone.complete() == {name: phone.has(name) for name in COLLECTIONS}
    fresh = Phone(db, parent)
    await fresh.pull()
    assert {name: len(one) for name, one in fresh.held.items()} == {name: len(one) for name, one in phone.held.items()}
    assert phone.held == fresh.held
    assert len(phone.seen) == len(set(phone.seen)), "a version came twice"
    for name in COLLECTIONS:
        versions = [version for of, _, version in phone.seen if of == name]
        assert versions == sorted(versions)


async def _undo_newest(db: Database, admin: asyncpg.Connection, parent: Parent) -> None:
    change_id = await admin.fetchval("SELECT change_id FROM change ORDER BY sequence DESC LIMIT 1")
    if change_id is not None:
        with suppress(ChangeStands):
            await reverse(db, parent, change_id)


async def _write(db: Database, admin: asyncpg.Connection, keyring: Keyring, parent: Parent, dice: random.Random, *, version: int) -> None:
    match dice.choice(("declare", "deliver", "deliver", "accept", "accept", "send", "settle", "reverse")):
        case "declare":
            care = [world.care(segments=[world.segment(hours=f"{dice.choice((100, 120))}.00")])]
            care += [world.care(world.SIBLING, world.BSO)] if dice.random() < 0.5 else []
            await world.declared(db, keyring, world.declaration(version=version, placements=care))
        case "deliver":
            month = f"2026-{dice.randint(1, 6):02d}"
            child, lrk = dice.choice(((world.CHILD, world.KDV), (world.SIBLING, world.BSO)))
            line = world.line(childBsn=child, lrkNumber=lrk, month=month, hours=f"{dice.choice((80, 100, 120))}.00")
            await world.delivered(db, keyring, line)
        case "accept":
            async with db.transaction(parent) as conn:
                found = await differences_of_household(conn, parent.household_id, state="open")
                if found and found[0].proposal is not None:
                    await accept_difference(conn, parent, found[0].difference_id, seen_version=found[0].version)
        case "send":
            async with db.transaction(Forward()) as conn:
                for message in await forward.claim_changes(conn, lease=LEASE, changes_max=5):
                    await forward.settle_sent(conn, message)
        case "reverse":
            await _undo_newest(db, admin, parent)
        case "settle":
            change_id = await admin.fetchval("SELECT change_id FROM change WHERE state IN ('staged', 'sent') ORDER BY sequence LIMIT 1")
            receipt = Processed(declaration_version=version) if dice.random() < 0.6 else Refused(reason="Dat kan niet.")
            if change_id is not None:
                async with db.transaction(world.TVS) as conn:
                    await forward.record_receipt(conn, world.TVS, change_id, receipt)
