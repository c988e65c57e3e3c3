"""Random histories of two households that share a child: what is declared, delivered, taken back, answered and settled, and judged."""

import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from reconcile import forward
from reconcile.callers import Forward, Parent
from reconcile.forward import Processed, Refused
from reconcile.keyring import Keyring
from reconcile.problems import ChangeStands
from reconcile.retract import take_back_answer
from reconcile.reverse import reverse_change
from reconcile.rules.bsn import marked_bsn
from reconcile.rules.dispute import DISPUTE_REASONS
from reconcile.rules.months import day_at
from reconcile.store.database import Database
from reconcile.store.differences import OPEN_STATES, ShownDifference
from tests import world
from tests.reconcile.test_answer import accept, shown
from tests.reconcile.test_dispute import disputed
from tests.reconcile.test_postpone import postponed
from tests.reconcile.test_withdraw import ask

CO_PARENT = marked_bsn(21)
HOURS = ("0.00", "80.00", "99.50", "100.00", "120.00", "140.00", "240.00")
RATES = ("9.00", "10.00", "10.03", "12.50")
MONTHS = tuple(f"2026-{month:02d}" for month in range(1, 10))


class Past:
    """One history as it is played: what can still be taken back or answered, and the day that the worker thinks it is."""

    def __init__(self, db: Database, admin: asyncpg.Connection, keyring: Keyring, seed: int) -> None:
        self.db, self.admin, self.keyring = db, admin, keyring
        self.dice = random.Random(seed)
        self.now = datetime(2026, 4, 10, 9, tzinfo=UTC)
        self.declared = {"H1": 0, "H2": 0}
        self.delivered: list[UUID] = []
        self.parents: list[Parent] = []
        self.number = 0

    async def begin(self) -> None:
        await world.with_register(self.admin)
        for ref in self.declared:
            await self.declare(ref)
        self.parents = [await world.parent(self.db, self.keyring, bsn) for bsn in (world.APPLICANT, CO_PARENT)]

    async def step(self) -> None:
        deed = self.dice.choices(
            (
                *(self.deliver, self.declare, self.take_back, self.send, self.settle, self.reverse, self.pass_time),
                *(self.answer, self.dispute, self.postpone, self.take_answer_back),
            ),
            (8, 3, 2, 4, 3, 5, 2, 6, 1, 3, 1),
        )[0]
        await deed()
        if self.dice.random() < 0.7:
            await self.work()

    async def work(self) -> None:
        await world.worked(self.db, self.keyring, now=self.now)

    async def pass_time(self) -> None:
        """Days pass, and what ages by date alone is judged again, as once a day."""
        self.now = min(self.now + timedelta(days=self.dice.randint(5, 40)), datetime(2026, 10, 20, tzinfo=UTC))
        await self.admin.execute(
            "INSERT INTO comparison_due (household_id, child_id, year) SELECT DISTINCT household_id, child_id, 2026 FROM placement"
            " ON CONFLICT DO NOTHING"
        )

    async def declare(self, ref: str | None = None) -> None:
        ref = ref or self.dice.choice(list(self.declared))
        self.declared[ref] += 1
        adults = [(world.APPLICANT, "applicant"), (world.PARTNER, "partner")] if ref == "H1" else [(CO_PARENT, "applicant")]
        children = [world.CHILD, world.SIBLING] if ref == "H1" else [world.CHILD]
        members = [world.member(bsn, role) for bsn, role in adults]
        members += [world.member(bsn, "child", birthDate=f"2022-0{self.dice.randint(1, 3)}-05") for bsn in children]
        placements = [
            world.care(child, self.dice.choice((world.KDV, world.BSO)), self._segments()) for child in children if self.dice.random() < 0.9
        ]
        incomes = [{"year": 2026, "amount": self.dice.choice((30_000, 80_000, 120_000))}] if self.dice.random() < 0.9 else []
        awarded = [2026] if self.dice.random() < 0.05 else []
        document = world.declaration(
            householdRef=ref, version=self.declared[ref], members=members, placements=placements, incomes=incomes, awardedYears=awarded
        )
        await world.declared(self.db, self.keyring, document)

    def _segments(self) -> list[dict[str, Any]]:
        hours, rate = self.dice.choice(HOURS[2:5]), self.dice.choice(RATES[1:3])
        if self.dice.random() < 0.6:
            return [world.segment(hours=hours, rate=rate)]
        cut = self.dice.randint(2, 6)
        later = self.dice.choice(HOURS[1:])
        return [world.segment(until=f"2026-0{cut}", hours=hours, rate=rate), world.segment(f"2026-0{cut + 1}", hours=later, rate=rate)]

    async def deliver(self) -> None:
        self.number += 1
        reference = f"p{self.number}"
        lines = {}
        for _ in range(self.dice.randint(1, 6)):
            parent, child = self.dice.choice(
                ((world.APPLICANT, world.CHILD), (world.PARTNER, world.SIBLING), (CO_PARENT, world.CHILD), (world.APPLICANT, world.SIBLING))
            )
            place, month = self.dice.choice((world.KDV, world.BSO)), self.dice.choice(MONTHS)
            ends = {"endDate": f"{month}-15"} if self.dice.random() < 0.1 else {}
            hours, rate = self.dice.choice(HOURS), self.dice.choice(RATES)
            lines[parent, child, place, month] = world.line(
                parentBsn=parent, childBsn=child, lrkNumber=place, month=month, hours=hours, hourlyRate=rate, **ends
            )
        complete = [{"month": self.dice.choice(MONTHS), "lrkNumbers": [world.KDV]}] if self.dice.random() < 0.4 else []
        sent_at = world.NOW + timedelta(minutes=self.dice.randint(0, 60))
        body = world.delivery_body(list(lines.values()), sent_at, reference=reference, complete=complete)
        self.delivered.append((await world.landed(self.db, self.keyring, body, reference=reference)).delivery.delivery_id)

    async def take_back(self) -> None:
        if self.delivered:
            await self.work()
            taken = self.delivered.pop(self.dice.randrange(len(self.delivered)))
            await ask(self.db, taken)

    async def answer(self) -> None:
        parent = self.dice.choice(self.parents)
        if one := await self._one_to_answer(parent, with_tap=True):
            await accept(self.db, parent, one.difference_id, one.version)

    async def dispute(self) -> None:
        parent = self.dice.choice(self.parents)
        if one := await self._one_to_answer(parent):
            await disputed(self.db, parent, one, reason=self.dice.choice(sorted(DISPUTE_REASONS)), pass_on=self.dice.random() < 0.5)

    async def postpone(self) -> None:
        parent, today = self.dice.choice(self.parents), day_at(self.now)
        if one := await self._one_to_answer(parent):
            await postponed(self.db, parent, one, until=today + timedelta(days=self.dice.randint(1, 40)), today=today)

    async def take_answer_back(self) -> None:
        """Any dispute or postponement, also one that ended before."""
        rows = await self.admin.fetch(
            "SELECT household_id, answer_id FROM answer WHERE kind IN ('dispute', 'postponement') ORDER BY answered_at"
        )
        if rows:
            taken = self.dice.choice(rows)
            parent = next(one for one in self.parents if one.household_id == taken["household_id"])
            async with self.db.transaction(parent) as conn:
                await take_back_answer(conn, parent, taken["answer_id"])

    async def _one_to_answer(self, parent: Parent, *, with_tap: bool = False) -> ShownDifference | None:
        found = [one for one in await shown(self.db, parent) if one.state in OPEN_STATES]
        can = [one for one in found if one.proposal is not None or not with_tap]
        return self.dice.choice(can) if can else None

    async def send(self) -> None:
        async with self.db.transaction(Forward()) as conn:
            for message in await forward.claim_changes(conn, lease=timedelta(seconds=30), changes_max=1):
                if self.dice.random() < 0.2:
                    await forward.settle_dead(conn, message, error="http-400")
                else:
                    await forward.settle_sent(conn, message)

    async def reverse(self) -> None:
        """Undo any change of a parent's household, whatever became of it, unless it cannot be undone."""
        parent = self.dice.choice(self.parents)
        known = "SELECT change_id FROM change WHERE household_id = $1 ORDER BY sequence"
        changes = [row["change_id"] for row in await self.admin.fetch(known, parent.household_id)]
        if changes:
            with suppress(ChangeStands):
                async with self.db.transaction(parent) as conn:
                    await reverse_change(conn, parent, self.dice.choice(changes), answer_id=uuid4())

    async def settle(self) -> None:
        changes = await self.admin.fetch(
            "SELECT change_id, household_ref FROM change JOIN household USING (household_id) WHERE state IN ('staged', 'sent', 'dead')"
            " ORDER BY sequence"
        )
        for row in changes[:1]:
            processed = Processed(declaration_version=self.declared[row["household_ref"]] + 1)
            receipt = processed if self.dice.random() < 0.6 else Refused(reason="other")
            async with self.db.transaction(world.TVS) as conn:
                await forward.record_receipt(conn, world.TVS, row["change_id"], receipt)


async def played(db: Database, admin: asyncpg.Connection, keyring: Keyring, seed: int, *, steps: int = 30) -> Past:
    """Play a history to its end, with everything judged."""
    past = Past(db, admin, keyring, seed)
    await past.begin()
    for _ in range(steps):
        await past.step()
    await past.work()
    return past
