"""Whatever came when, what is stored is what judging everything at once says: kind, places, proposal, route, values and effect.

Random histories of one child at three locations: lines in any order, corrections, ends, complete months, answers of every kind and
declarations, judged in between at random. INCREMENTAL=100 plays more of them.
"""

import os
import random
from typing import Any

import asyncpg
import msgspec
import pytest

from reconcile.callers import Intake
from reconcile.keyring import Keyring
from reconcile.retract import take_back_answer
from reconcile.rulebook import rules_in_force
from reconcile.rules.documents import effect_document, proposal_document
from reconcile.rules.explanation_document import explanation_document
from reconcile.rules.facts import child_year
from reconcile.rules.judgement import JudgedDifference, judge
from reconcile.store.comparisons import household_facts
from reconcile.store.database import Database
from reconcile.store.differences import OPEN_STATES
from tests import world
from tests.reconcile.test_answer import accept, shown
from tests.reconcile.test_dispute import disputed
from tests.reconcile.test_postpone import postponed
from workers.deliveries import DeliveryDrain

_MONTHS = ("2026-02", "2026-03", "2026-04", "2026-05", "2026-06")
_PLACES = ((world.KDV, world.OIN), (world.BSO, world.OIN), (world.ELSEWHERE, world.OTHER_OIN))


async def delivered(db: Database, keyring: Keyring, dice: random.Random, number: int) -> None:
    """One delivery of one location: some months, sometimes an end or a month that is called complete. It is not always judged at once."""
    place, oin = dice.choice(_PLACES)
    months = sorted(dice.sample(_MONTHS, dice.randint(1, 4)))
    lines = [world.line(month=month, lrkNumber=place, hours=dice.choice(("0", "60.00", "100.00", "110.00"))) for month in months]
    if dice.random() < 0.3:
        lines[-1]["endDate"] = f"{months[-1]}-{dice.choice((15, 28))}"
    complete = [{"month": month, "lrkNumbers": [place]} for month in _MONTHS if dice.random() < 0.2]
    body = world.delivery_body(lines, world.NOW.replace(minute=number), complete=complete)
    await world.landed(db, keyring, body, reference=f"i{number}", oin=oin)
    if dice.random() < 0.6:
        await world.worked(db, keyring)
    else:
        await DeliveryDrain(db, keyring, world.nobody, clock=lambda: world.NOW)()


async def answered(db: Database, admin: asyncpg.Connection, keyring: Keyring, dice: random.Random) -> None:
    """Take one over, dispute it, postpone it, or take back what was said before."""
    parent = await world.parent(db, keyring)
    can = [one for one in await shown(db, parent) if one.state in OPEN_STATES]
    deed = dice.choice(("accept", "accept", "dispute", "postpone", "take back"))
    if deed == "take back":
        for row in await admin.fetch("SELECT answer_id FROM answer WHERE kind <> 'acceptance' ORDER BY answered_at LIMIT 1"):
            async with db.transaction(parent) as conn:
                await take_back_answer(conn, parent, row["answer_id"])
    elif can:
        one = dice.choice(can)
        if deed == "accept" and one.proposal is not None:
            await accept(db, parent, one.difference_id, one.version)
        elif deed == "dispute":
            await disputed(db, parent, one, pass_on=dice.random() < 0.5)
        elif deed == "postpone":
            await postponed(db, parent, one)


def said(kind: str, route: str | None, places: Any, proposal: Any, explanation: Any, effect: Any) -> tuple[Any, ...]:
    """What is shown, without by which line each value came: the same values by another line make no new version."""
    moved_from = explanation["movedFrom"]
    months = [*explanation["months"], *(moved_from["months"] if moved_from else ())]
    values = [
        (one["month"], one["declared"], one["reported"] and (one["reported"]["hours"], one["reported"]["hourlyRate"])) for one in months
    ]
    return kind, route, sorted(str(one) for one in places), proposal, values, explanation["circumstances"], effect


def fields(one: JudgedDifference) -> tuple[Any, ...]:
    def json(document: msgspec.Struct) -> Any:
        return msgspec.json.decode(msgspec.json.encode(document))

    proposal = None if one.proposal is None else json(proposal_document(one.proposal))
    return said(
        one.kind, one.route, one.placement_ids, proposal, json(explanation_document(one.explanation)), json(effect_document(one.effect))
    )


async def stored(admin: asyncpg.Connection) -> list[tuple[Any, ...]]:
    rows = await admin.fetch(
        "SELECT kind, route, proposal, explanation, effect, (SELECT array_agg(placement_id ORDER BY placement_id) FROM"
        " difference_placement AS d WHERE d.difference_id = difference.difference_id) AS places FROM difference WHERE closed_at IS NULL"
    )
    decode = msgspec.json.decode
    return [
        said(
            row["kind"],
            row["route"],
            row["places"],
            row["proposal"] and decode(row["proposal"]),
            decode(row["explanation"]),
            decode(row["effect"]),
        )
        for row in rows
    ]


async def recomputed(db: Database, admin: asyncpg.Connection) -> list[JudgedDifference]:
    """Judge every child-year from what is known; what was answered before never opens again."""
    history = "SELECT facts_hash FROM difference WHERE state IN ('accepted', 'disputed')"
    answered = {bytes(row["facts_hash"]) for row in await admin.fetch(history)}
    households = [row["household_id"] for row in await admin.fetch("SELECT household_id FROM household")]
    async with db.snapshot(Intake()) as conn:
        (known,) = await household_facts(conn, households, "2025-01")
    facts = known.facts
    judged = [each for one in facts.children for each in judge(child_year(facts, one.child_id, 2026), world.NOW, rules_in_force())]
    return [one for one in judged if one.facts_hash not in answered]


@pytest.mark.parametrize("seed", range(int(os.environ.get("INCREMENTAL", "10"))))
async def test_what_is_stored_is_what_judging_everything_says(db: Database, admin: asyncpg.Connection, keyring: Keyring, seed: int) -> None:
    dice = random.Random(seed)
    await world.with_register(admin)
    await world.declared(db, keyring)
    version = 1
    for number in range(1, 9):
        await delivered(db, keyring, dice, number)
        if dice.random() < 0.3:
            await answered(db, admin, keyring, dice)
        if dice.random() < 0.2:
            version += 1
            segments = [world.segment(hours=dice.choice(("100.00", "110.00", "60.00")))]
            await world.declared(db, keyring, world.declaration(version=version, placements=[world.care(segments=segments)]))
    await world.worked(db, keyring)
    expected = [fields(one) for one in await recomputed(db, admin)]
    assert sorted(await stored(admin), key=repr) == sorted(expected, key=repr)
