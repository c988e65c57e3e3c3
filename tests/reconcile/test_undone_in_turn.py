"""Undone in turn, the newest first, whatever was accepted leaves what was there, whatever TVS made of it in between.

Random histories of two children at three places, with many taps; each change is as far as it happens to be when it is undone.
HISTORIES=100 plays more of them.
"""

import os
import random
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from reconcile.callers import Parent
from reconcile.keyring import Keyring
from reconcile.rules.facts import Segment
from reconcile.rules.segments import merge
from reconcile.store.database import Database
from tests import world
from tests.reconcile.test_answer import accept, shown
from tests.reconcile.test_forward import claim, lying
from tests.reconcile.test_reverse import StatedTvs, counted, reverse, segment, sent
from tests.reconcile.test_verify import verified

_PLACES = ((world.KDV, world.OIN), (world.BSO, world.OIN), (world.ELSEWHERE, world.OTHER_OIN))


class Taps:
    """What was accepted and not undone yet, each with what counted before, and the changes that TVS has and did not process."""

    def __init__(self, db: Database, keyring: Keyring, parent: Parent, seed: int) -> None:
        self.db, self.keyring, self.parent = db, keyring, parent
        self.dice = random.Random(seed)
        self.tvs = StatedTvs(db, keyring)
        self.taken: list[tuple[UUID, Mapping[str, Sequence[Segment]]]] = []
        self.at_tvs: list[UUID] = []

    async def step(self) -> None:
        await self.dice.choice((self.deliver, self.accept, self.accept, self.send, self.process, self.undo))()
        await world.worked(self.db, self.keyring)

    async def deliver(self) -> None:
        place, oin = self.dice.choice(_PLACES)
        months = sorted(self.dice.sample([f"2026-0{month}" for month in range(2, 7)], self.dice.randint(1, 4)))
        hours = self.dice.choice(("0.00", "60.00", "110.00", "120.00"))
        lines = [world.line(month=month, lrkNumber=place, hours=hours) for month in months]
        if self.dice.random() < 0.4:
            lines[-1]["endDate"] = f"{months[-1]}-28"
        await world.delivered(self.db, self.keyring, *lines, oin=oin)

    async def accept(self) -> None:
        found = [one for one in await shown(self.db, self.parent) if one.state == "open" and one.proposal]
        if found:
            before, one = await counted(self.db, self.parent), self.dice.choice(found)
            self.taken.append((await accept(self.db, self.parent, one.difference_id, one.version), before))

    async def send(self) -> None:
        for message in await claim(self.db):
            await sent(self.db, message)
            self.at_tvs.append(message.subject_id)

    async def process(self) -> None:
        if self.at_tvs:
            await self.tvs.process(self.at_tvs.pop(0))

    async def undo(self) -> None:
        if self.taken:
            change_id, before = self.taken.pop()
            await reverse(self.db, self.parent, change_id)
            assert await counted(self.db, self.parent) == before


def declared(place: Mapping[str, Any]) -> Sequence[Segment]:
    return merge(
        [
            segment(
                from_month=one["from"],
                until_month=one["until"],
                hours_hundredths=int(one["hours"].replace(".", "")),
                hourly_rate_cents=int(one["hourlyRate"].replace(".", "")),
            )
            for one in place["segments"]
        ]
    )


@pytest.mark.parametrize("seed", range(int(os.environ.get("HISTORIES", "10"))))
async def test_what_was_there_is_there_again(db: Database, admin: asyncpg.Connection, keyring: Keyring, seed: int) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)
    taps = Taps(db, keyring, await world.parent(db, keyring), seed)
    for _ in range(24):
        await taps.step()
    while taps.taken:
        await taps.undo()
    while await admin.fetchval("SELECT count(*) FROM change WHERE state IN ('staged', 'sent')"):
        await taps.send()
        await taps.process()
    await world.worked(db, keyring)
    assert await lying(admin) == []
    assert {place["lrkNumber"]: declared(place) for place in taps.tvs.stands["placements"]} == {
        world.KDV: (segment(),),
        world.BSO: (segment(hours_hundredths=4_000, hourly_rate_cents=900),),
    }
    assert not any(place.get("endDate") for place in taps.tvs.stands["placements"])
    assert not (await verified(db)).findings
