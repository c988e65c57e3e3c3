"""What can be done to one difference at the same time, each deed a task of its own; and households on which it is done.

A new deed is a function and a name in DEEDS; what it may leave behind is checked in test_interleavings.py.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from msgspec import Struct

from reconcile import announce, apply, forward
from reconcile.answer import accept_difference
from reconcile.callers import Forward, Notify, Parent
from reconcile.compare import compare_due
from reconcile.declare import declare
from reconcile.forward import Processed, Receipt, Refused
from reconcile.keyring import Keyring
from reconcile.postpone import postpone_difference
from reconcile.problems import DifferenceClosed, StaleDifference
from reconcile.rulebook import shipped_books
from reconcile.rules.bsn import marked_bsn
from reconcile.rules.declaration import Declaration
from reconcile.rules.months import day_at
from reconcile.stage import Known
from reconcile.store.audit import broken_links
from reconcile.store.database import Database
from reconcile.store.differences import ShownDifference
from reconcile.store.lines import Batch
from tests import world
from tests.faults.scheduler import StandingDatabase
from tests.reconcile.test_answer import accept, shown
from tests.reconcile.test_follow import Phone
from tests.tables import emptied

BOOKS = shipped_books()
CROWD = 100
_LEASE = timedelta(seconds=30)
_TODAY = day_at(world.NOW)


class Scene(Struct, frozen=True, kw_only=True):
    """A household with an open difference that its parent has seen, and what lies ready to be done to it."""

    db: Database
    keyring: Keyring
    parent: Parent
    phone: Phone
    seen: ShownDifference
    batch: Batch | None
    declaration: Declaration
    change_id: UUID | None


Deed = Callable[[StandingDatabase, Scene], Awaitable[str]]


async def acceptance(db: StandingDatabase, scene: Scene) -> str:
    """The parent takes over the version that they saw."""
    try:
        async with db.transaction(scene.parent) as conn:
            await accept_difference(conn, scene.parent, scene.seen.difference_id, seen_version=scene.seen.version)
    except (StaleDifference, DifferenceClosed) as refusal:
        return type(refusal).__name__
    return "accepted"


async def postponement(db: StandingDatabase, scene: Scene) -> str:
    """The other phone of the household postpones the version that it saw."""
    try:
        async with db.transaction(scene.parent) as conn:
            await postpone_difference(
                conn,
                scene.parent,
                scene.seen.difference_id,
                seen_version=scene.seen.version,
                answer_id=uuid4(),
                until=_TODAY + timedelta(days=7),
                today=_TODAY,
            )
    except (StaleDifference, DifferenceClosed) as refusal:
        return type(refusal).__name__
    return "postponed"


async def compared(db: StandingDatabase) -> None:
    """A worker looks once at what is due, and leaves what somebody holds."""
    async with db.transaction(world.INTAKE) as conn:
        await compare_due(conn, BOOKS, as_of=world.NOW, households_max=50)


async def correction(db: StandingDatabase, scene: Scene) -> str:
    """A worker applies the lines of a delivery, and judges."""
    assert scene.batch is not None
    async with db.transaction(world.INTAKE) as conn:
        await apply.report_batch(conn, await apply.keep_batch(conn, scene.batch))
    await compared(db)
    return "applied"


async def declaration(db: StandingDatabase, scene: Scene) -> str:
    """TVS declares, and a worker judges."""
    async with db.transaction(world.TVS) as conn:
        (result,) = await declare(conn, [scene.declaration], scene.keyring)
    await compared(db)
    return result.outcome


def receipt(made: Receipt) -> Deed:
    """TVS answers the change that an earlier acceptance made."""

    async def settle(db: StandingDatabase, scene: Scene) -> str:
        assert scene.change_id is not None
        async with db.transaction(world.TVS) as conn:
            return (await forward.record_receipt(conn, world.TVS, scene.change_id, made)).state

    return settle


async def forwarding(db: StandingDatabase, scene: Scene) -> str:
    """A worker hands to TVS what there is to hand over: claimed, sent outside any transaction, settled."""
    async with db.transaction(Forward()) as conn:
        claimed = await forward.claim_changes(conn, lease=_LEASE, changes_max=1)
    settled = []
    for message in claimed:
        async with db.transaction(Forward()) as conn:
            settled.append(await forward.settle_sent(conn, message))
    return f"sent {settled}"


async def pushing(db: StandingDatabase, scene: Scene) -> str:
    """A worker claims the push about the difference. What it may send is open, with what the notice told, at that very moment."""
    async with db.transaction(Notify()) as conn:
        claimed = await announce.claim_pushes(conn, lease=_LEASE, pushes_max=1)
        for push in claimed:
            # In the same step as the claim: nobody else goes in between.
            async with scene.db.snapshot(Notify()) as other:
                holds = await other.fetchval(
                    "SELECT difference.state = 'open' AND difference.content_hash = notice.content_hash AND NOT notice.deleted"
                    " FROM notice JOIN difference USING (household_id, difference_id) WHERE notice_id = $1",
                    push.notice_id,
                )
            assert holds == (push.verdict == "send"), push.verdict
    return ", ".join(push.verdict for push in claimed) or "nothing"


DEEDS: Mapping[str, Deed] = {
    "acceptance": acceptance,
    "postponement": postponement,
    "correction": correction,
    "declaration": declaration,
    "forwarding": forwarding,
    "pushing": pushing,
    "processed": receipt(Processed(declaration_version=2)),
    "refused": receipt(Refused(reason="other")),
}
# Of which the change must be there before.
OF_A_CHANGE = {"processed", "refused"}


class Play(Struct, frozen=True, kw_only=True):
    """What meets on one difference: some deeds, the hours of March in the correction and of the child in the declaration."""

    deeds: tuple[str, ...]
    corrected: str = "121.50"
    declared: str = "90.00"


class Stage:
    """Households, each with an open difference, a phone and a staged push; used up one by one, and made anew."""

    def __init__(self, db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
        self.db, self.admin, self.keyring = db, admin, keyring
        self._numbers: list[int] = []

    async def scene(self, play: Play) -> Scene:
        """Set the next household up for a play."""
        if not self._numbers:
            assert await broken_links(self.admin, 10) == []
            await emptied(self.admin)
            await world.with_crowd(self.db, self.admin, self.keyring, CROWD)
            await self.admin.execute("UPDATE outbox SET due_at = 'infinity'")
            self._numbers = list(range(CROWD))
        number = self._numbers.pop()
        adult, child = marked_bsn(1_000 + 2 * number), marked_bsn(1_001 + 2 * number)
        parent = await world.parent(self.db, self.keyring, adult)
        (seen,) = await shown(self.db, parent)
        phone = Phone(self.db, parent)
        await phone.pull()
        change_id = None
        if OF_A_CHANGE & set(play.deeds):
            change_id = await accept(self.db, parent, seen.difference_id, seen.version)
        if "pushing" in play.deeds:
            await self.admin.execute("UPDATE outbox SET due_at = now() WHERE household_id = $1 AND kind = 'push'", parent.household_id)
        months = (("2026-02", play.corrected), ("2026-03", play.corrected))
        lines = [world.line(parentBsn=adult, childBsn=child, month=month, hours=hours) for month, hours in months]
        declared = world.declaration(
            householdRef=f"C{number}",
            version=2,
            members=[world.member(adult, "applicant"), world.member(child, "child")],
            placements=[world.care(child, segments=[world.segment(hours=play.declared)])],
        )
        return Scene(
            db=self.db,
            keyring=self.keyring,
            parent=parent,
            phone=phone,
            seen=seen,
            batch=await self._staged(number, lines) if "correction" in play.deeds else None,
            declaration=declared,
            change_id=change_id,
        )

    async def _staged(self, number: int, lines: Sequence[Mapping[str, Any]]) -> Batch:
        """Deliver lines and read them, as far as a worker does before it applies the first batch."""
        body = world.delivery_body(lines, world.NOW + timedelta(days=1))
        await world.landed(self.db, self.keyring, body, reference=f"corrects-{number}")
        async with self.db.transaction(world.INTAKE) as conn:
            claimed = await apply.claim_delivery(conn)
            assert claimed is not None
            reader = apply.reader_for(claimed, this_month="2026-07")
            read = [*reader.feed(body), *reader.close()]
            await apply.stage(conn, self.keyring, claimed, read, known=Known())
            sent_at = await apply.finish_reading(conn, claimed, reader.envelope(), world.OIN, len(read))
            (batch,) = await apply.batches(conn, claimed, sent_at, lines_max=10, parents_max=10)
        return batch

    async def finished(self, scene: Scene) -> None:
        """The delivery of a correction ends, so that the next one may begin."""
        if scene.batch is not None:
            async with self.db.transaction(world.INTAKE) as conn:
                await apply.finish_delivery(conn, scene.batch.delivery)
