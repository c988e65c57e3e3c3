"""Whatever the order in which corrections, gaps and what fills them come, are split, repeated or taken back: what must stand stands.

Each run is one random history for many households at once, each with its own two children, two months and marks. A model of a few lines
says what must become of it, from the first line on each time. HISTORIES=100 plays more of them.
"""

import os
import random
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from msgspec import Struct
from msgspec.structs import replace

from reconcile.keyring import Keyring
from reconcile.rules.bsn import marked_bsn
from reconcile.store.audit import broken_links
from reconcile.store.database import Database
from tests import world
from tests.reconcile.test_wake import unbalanced
from tests.reconcile.test_withdraw import ask
from workers import deliveries as drain

FAMILIES = [tuple(marked_bsn(20_000 + 3 * number + place) for place in range(3)) for number in range(25)]
MONTHS = ("2026-02", "2026-03")
DELIVERIES = 7

# Parent, child and month.
Key = tuple[str | None, str | None, str]


class Said(Struct, frozen=True, kw_only=True):
    """A line with the rank of its delivery, as the model keeps it."""

    rank: tuple[int, int]
    number: int
    key: Key
    hours: str
    mark: str | None
    replaced: Key | None
    is_parked: bool
    was_completed: bool = False

    @property
    def age(self) -> tuple[Any, ...]:
        """What is newer is greater."""
        return (*self.rank, not self.was_completed, self.number)


def told(dice: random.Random) -> list[dict[str, Any]]:
    """Lines of one delivery: two at most about the same, and then one of them lacks a BSN."""
    lines = []
    for parent, *children in FAMILIES:
        for key in dice.sample([(child, month) for child in children for month in MONTHS], dice.choice((0, 0, 1, 1, 2))):
            child, month = key
            hours, mark = dice.choice(("80.00", "90.00", "110.00")), dice.choice((None, "x", "x", f"y{child[-3:]}"))
            line = world.line(parentBsn=parent, childBsn=child, month=month, hours=hours, lineRef=mark)
            kind = dice.random()
            if kind < 0.3:
                other = dice.choice([one for one in ((child, month) for child in children for month in MONTHS) if one != key])
                line |= {"replacedChildBsn": other[0], "replacedMonth": other[1]}
            elif kind < 0.5:
                line[dice.choice(("childBsn", "childBsn", "parentBsn"))] = None
            lines.append(line)
    return lines


class Model:
    """What must become of each line, told without a database."""

    def __init__(self) -> None:
        self.lines: dict[UUID, list[Said]] = {}

    def deliver(self, delivery_id: UUID, minute: int, lines: Sequence[dict[str, Any]]) -> None:
        rank = (minute, len(self.lines))
        self.lines[delivery_id] = [
            Said(
                rank=rank,
                number=number,
                key=(line["parentBsn"], line["childBsn"], line["month"]),
                hours=line["hours"],
                mark=line["lineRef"],
                replaced=(line["parentBsn"], line["replacedChildBsn"], line["replacedMonth"]) if "replacedMonth" in line else None,
                is_parked="replacedMonth" in line or None in (line["parentBsn"], line["childBsn"]),
            )
            for number, line in enumerate(lines, 1)
        ]
        self.wake()

    def withdraw(self, delivery_id: UUID) -> None:
        self.lines[delivery_id] = []
        self.wake()

    def whole(self) -> list[Said]:
        return [one for lines in self.lines.values() for one in lines if not one.is_parked]

    def wake(self) -> None:
        while self._woken(self._has_old_line) or self._woken(self._is_filled):
            pass

    def _woken(self, wakes: Any) -> bool:
        whole, woke = self.whole(), False
        for delivery_id, lines in self.lines.items():
            after = [(one.is_parked and wakes(one, whole)) or one for one in lines]
            woke |= after != lines
            self.lines[delivery_id] = after
        return woke

    def _has_old_line(self, one: Said, whole: Iterable[Said]) -> Said | None:
        is_there = one.replaced and any(old.key == one.replaced and old.rank < one.rank for old in whole)
        return replace(one, is_parked=False) if is_there else None

    def _is_filled(self, one: Said, whole: Iterable[Said]) -> Said | None:
        if one.replaced or one.mark is None:
            return None
        parent, child, month = one.key
        fits = {other.key[:2] for other in whole if other.mark == one.mark and (other.key[0] == parent or other.key[1] == child)}
        return replace(one, is_parked=False, was_completed=True, key=(*fits.pop(), month)) if len(fits) == 1 else None

    def standing(self) -> dict[Key, str]:
        newest: dict[Key, Said] = {}
        for one in sorted(self.whole(), key=lambda said: said.age):
            newest[one.key] = one
        return {
            key: one.hours
            for key, one in newest.items()
            if not any(other.replaced == key and other.rank > one.rank for other in self.whole())
        }


async def with_families(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    declarations = [
        world.declaration(
            householdRef=f"F{number}",
            members=[world.member(parent, "applicant"), *(world.member(child, "child") for child in children)],
            placements=[world.care(child) for child in children],
        )
        for number, (parent, *children) in enumerate(FAMILIES)
    ]
    await world.declared(db, keyring, *declarations)


async def played(db: Database, keyring: Keyring, dice: random.Random) -> Model:
    """Play a history beside the model: deliveries of any minute in any order, some twice, some taken back."""
    model, kept = Model(), []
    for number, minute in enumerate(dice.sample(range(DELIVERIES), DELIVERIES)):
        lines = told(dice)
        body = world.delivery_body(lines, world.NOW + timedelta(minutes=minute), reference=f"h{number}")
        delivery_id = (await world.landed(db, keyring, body, reference=f"h{number}")).delivery.delivery_id
        model.deliver(delivery_id, minute, lines)
        kept.append(delivery_id)
        if dice.random() < 0.2:
            assert (await world.landed(db, keyring, body, reference=f"h{number}")).delivery.delivery_id == delivery_id
        if dice.random() < 0.3:
            await world.worked(db, keyring)
        if dice.random() < 0.3:
            await world.worked(db, keyring)
            taken_back = kept.pop(dice.randrange(len(kept)))
            await ask(db, taken_back)
            model.withdraw(taken_back)
    await world.worked(db, keyring)
    return model


async def found(admin: asyncpg.Connection, keyring: Keyring, table: str, condition: str) -> dict[Key, str]:
    people: dict[Any, str] = {keyring.blind_index(bsn): bsn for family in FAMILIES for bsn in family}
    parents = {child: parent for parent, *children in FAMILIES for child in children}
    rows = await admin.fetch(
        f"SELECT bsn_index, to_char(month, 'YYYY-MM') AS month, (hours_hundredths / 100.0)::numeric(8, 2)::text AS hours FROM {table}"
        f" JOIN person ON person_id = child_id WHERE superseded_at IS NULL {condition}"
    )
    children = [(people[row["bsn_index"]], row["month"], row["hours"]) for row in rows]
    assert len(children) == len({child[:2] for child in children})
    return {(parents[child], child, month): hours for child, month, hours in children}


@pytest.mark.parametrize("seed", range(int(os.environ.get("HISTORIES", "12"))))
async def test_what_must_stand_stands(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    dice = random.Random(seed)
    monkeypatch.setattr(drain, "WAKE_LINES_MAX", dice.choice((1, 3, 100)))
    monkeypatch.setattr(drain, "APPLY_LINES_MAX", dice.choice((1, 7, 800)))
    await with_families(db, admin, keyring)
    model = await played(db, keyring, dice)
    must = model.standing()
    assert await found(admin, keyring, "line", "AND outcome IN ('applied', 'unchanged')") == must
    assert await found(admin, keyring, "reported_hours JOIN placement USING (household_id, placement_id)", "") == must
    parked = "SELECT count(*) FROM line WHERE outcome = 'parked' AND withdrawn_at IS NULL"
    assert await admin.fetchval(parked) == sum(one.is_parked for lines in model.lines.values() for one in lines)
    assert await unbalanced(admin) == []
    assert await broken_links(admin, 10) == []
