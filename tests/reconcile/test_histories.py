"""Whatever the order in which deliveries come, are repeated, split or taken back: the newest word that was not taken back stands.

Each run is one random history for many children at once, each with its own lines, so that one run tries as many orders as it has
children. An oracle of a few lines says what must stand. HISTORIES=100 plays more of them.
"""

import os
import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from msgspec import Struct

from reconcile.keyring import Keyring
from reconcile.rules.bsn import marked_bsn
from reconcile.store.audit import broken_links
from reconcile.store.database import Database
from tests import world
from tests.reconcile.test_withdraw import ask

CHILDREN = [marked_bsn(5_000 + number) for number in range(60)]
DELIVERIES = 6
HOURS = ("80.00", "90.00", "100.00", "110.00")


class Sent(Struct, frozen=True):
    """One delivery: when its sender says that it was made, and the hours that it tells of some children."""

    minute: int
    hours: dict[str, str]


async def with_children(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    members = [world.member(world.APPLICANT, "applicant"), *(world.member(child, "child") for child in CHILDREN)]
    await world.declared(db, keyring, world.declaration(members=members, placements=[world.care(child) for child in CHILDREN]))


def history(dice: random.Random) -> list[Sent]:
    """Deliveries in the order in which they arrive; two may be of the same minute, and one may be split over two files."""
    sent = []
    for minute in dice.choices(range(DELIVERIES), k=DELIVERIES):
        told = {child: dice.choice(HOURS) for child in CHILDREN if dice.random() < 0.6}
        first = {child: told[child] for child in told if dice.random() < 0.5}
        parts = [first, {child: told[child] for child in told if child not in first}] if dice.random() < 0.3 else [told]
        sent += [Sent(minute, part) for part in parts if part]
    return sent


async def delivered(db: Database, keyring: Keyring, number: int, one: Sent) -> UUID:
    lines = [world.line(childBsn=child, hours=hours) for child, hours in one.hours.items()]
    body = world.delivery_body(lines, world.NOW + timedelta(minutes=one.minute), reference=f"h{number}")
    return (await world.landed(db, keyring, body, reference=f"h{number}")).delivery.delivery_id


async def played(db: Database, keyring: Keyring, dice: random.Random) -> dict[UUID, Sent]:
    """Play a history; return what was delivered and not taken back, by its number, in the order of arrival."""
    kept: dict[UUID, Sent] = {}
    for number, one in enumerate(history(dice)):
        kept[await delivered(db, keyring, number, one)] = one
        if dice.random() < 0.5:
            await world.worked(db, keyring)
        if dice.random() < 0.3:
            assert await delivered(db, keyring, number, one) in kept  # the same file once more
        if dice.random() < 0.25:
            await world.worked(db, keyring)
            taken_back = dice.choice(list(kept))
            await ask(db, taken_back)
            del kept[taken_back]
    await world.worked(db, keyring)
    return kept


def expected(kept: dict[UUID, Sent]) -> dict[str, int]:
    """The newest that was not taken back: made later, then arrived later."""
    newest: dict[str, tuple[int, int, str]] = {}
    for arrival, one in enumerate(kept.values()):
        for child, hours in one.hours.items():
            newest[child] = max(newest.get(child, (-1, -1, "")), (one.minute, arrival, hours))
    return {child: int(hours.replace(".", "")) for child, (_, _, hours) in newest.items()}


async def found(admin: asyncpg.Connection, keyring: Keyring, query: str) -> dict[str, int]:
    children: dict[Any, str] = {keyring.blind_index(child): child for child in CHILDREN}
    return {children[row["bsn_index"]]: row["hours_hundredths"] for row in await admin.fetch(query)}


@pytest.mark.parametrize("seed", range(int(os.environ.get("HISTORIES", "12"))))
async def test_the_newest_word_that_was_not_taken_back_stands(db: Database, admin: asyncpg.Connection, keyring: Keyring, seed: int) -> None:
    await with_children(db, admin, keyring)
    kept = await played(db, keyring, random.Random(seed))
    must = expected(kept)
    standing = "SELECT bsn_index, hours_hundredths FROM line JOIN person ON person_id = child_id"
    assert await found(admin, keyring, f"{standing} WHERE superseded_at IS NULL AND outcome IN ('applied', 'unchanged')") == must
    reported = "SELECT bsn_index, hours_hundredths FROM reported_hours JOIN placement USING (household_id, placement_id)"
    assert await found(admin, keyring, f"{reported} JOIN person ON person_id = child_id WHERE superseded_at IS NULL") == must
    open_differences = await admin.fetchval("SELECT count(*) FROM difference WHERE state = 'open'")
    assert open_differences == sum(hours != 10_000 for hours in must.values())
    unbalanced = await admin.fetchval(
        "SELECT count(*) FROM delivery WHERE duplicate_of IS NULL AND (lines_read <> applied_count + unchanged_count + superseded_count"
        " OR applied_count <> (SELECT count(*) FROM line WHERE line.delivery_id = delivery.delivery_id AND outcome = 'applied'))"
    )
    assert unbalanced == 0
    assert list(await broken_links(admin, 10)) == []
