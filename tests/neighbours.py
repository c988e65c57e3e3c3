"""Two households that share a child, two organisations, a vendor and a pilot: what may never be seen across, with its marks.

Separated parents each declare the child, at the same location, and one delivery reports for both. Each household has a difference that is
open, one that was accepted, a phone and a notice.
"""

import re
from collections.abc import Mapping
from datetime import date
from uuid import UUID

import asyncpg
from msgspec import Struct

from reconcile.answer import accept_difference
from reconcile.callers import Parent
from reconcile.keyring import Keyring
from reconcile.rules.bsn import marked_bsn
from reconcile.store.answers import Acceptance
from reconcile.store.database import Database
from reconcile.store.differences import ShownDifference, differences_of_household
from tests import world
from tests.world import APPLICANT, BSO, CHILD, ELSEWHERE, KDV, PARTNER, SIBLING, care, line, member, segment

COPARENT, HALF_SIBLING, FORMER_PARTNER, THIRD, UNKNOWN = (marked_bsn(number) for number in range(20, 25))
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Difference(Struct, frozen=True, kw_only=True):
    """A difference as its household sees it."""

    difference_id: UUID
    version: int


class Home(Struct, frozen=True, kw_only=True):
    """One of the two households."""

    parent: Parent
    open: Difference
    accepted: Difference
    answer_id: UUID
    change_id: UUID
    device_id: UUID
    # What is written of it and of nobody else: names, hours and rates.
    words: tuple[str, ...]


class Neighbours(Struct, frozen=True, kw_only=True):
    """All of it. Deliveries by who sent them: "organisation", "other organisation", "vendor"."""

    homes: Mapping[str, Home]
    deliveries: Mapping[str, UUID]
    organisations: Mapping[str, UUID]
    pilot_id: UUID


async def moved_in(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> Neighbours:
    """Let them all live: declared, delivered, told, and each answered once."""
    await world.with_register(admin)
    await world.declared(
        db,
        keyring,
        world.declaration(
            householdRef="ref-first",
            members=[
                member(APPLICANT, "applicant", givenName="Aaltje"),
                member(FORMER_PARTNER, "partner", givenName="Bertus", until="2025-12"),
                member(PARTNER, "partner", givenName="Cornelia", **{"from": "2026-01"}),
                member(CHILD, "child", givenName="Doortje"),
                member(SIBLING, "child", givenName="Evert"),
            ],
            incomes=[{"year": 2026, "amount": 81_357}],
            placements=[
                care(CHILD, KDV, [segment(hours="117.75", rate="10.43")]),
                care(SIBLING, BSO, [segment(hours="43.85", rate="9.17")]),
            ],
        ),
        world.declaration(
            householdRef="ref-second",
            members=[
                member(COPARENT, "applicant", givenName="Fokke"),
                member(CHILD, "child", givenName="Geesje"),
                member(HALF_SIBLING, "child", givenName="Hidde"),
            ],
            incomes=[{"year": 2026, "amount": 63_579}],
            placements=[
                care(CHILD, KDV, [segment(hours="61.35", rate="8.37")]),
                care(HALF_SIBLING, BSO, [segment(hours="52.65", rate="8.93")]),
            ],
        ),
        world.declaration(householdRef="ref-third", members=[member(THIRD, "applicant")], placements=[]),
    )
    parents = {"first": await world.parent(db, keyring, APPLICANT), "second": await world.parent(db, keyring, COPARENT)}
    pilot_id = await _told(db, admin, parents)
    devices = {
        name: await world.with_device(db, one, 70 + at, token=f"phone-of-the-{name}") for at, (name, one) in enumerate(parents.items())
    }
    deliveries = await _delivered(db, keyring)
    words = {
        "first": (
            "Aaltje",
            "Bertus",
            "Cornelia",
            "Doortje",
            "Evert",
            "117.75",
            "10.43",
            "43.85",
            "9.17",
            "137.45",
            "71.55",
            "phone-of-the-first",
        ),
        "second": ("Fokke", "Geesje", "Hidde", "61.35", "8.37", "52.65", "8.93", "83.15", "66.95", "phone-of-the-second"),
    }
    answers = {name: await _answered(db, one) for name, one in parents.items()}
    await world.worked(db, keyring)
    homes = {name: await _home(db, one, answers[name], devices[name], words[name]) for name, one in parents.items()}
    organisations = {
        "organisation": (await world.organisation(db)).organisation_id,
        "other organisation": (await world.organisation(db, world.OTHER_OIN)).organisation_id,
    }
    return Neighbours(homes=homes, deliveries=deliveries, organisations=organisations, pilot_id=pilot_id)


async def _told(db: Database, admin: asyncpg.Connection, parents: Mapping[str, Parent]) -> UUID:
    """Draw both into a released stage; the third household stays for the next one."""
    third = "household_ref = 'ref-third'"
    await admin.execute(f"UPDATE household SET deleted = true WHERE {third}")
    pilot_id = await world.piloted(db, size=len(parents))
    await admin.execute(f"UPDATE household SET deleted = false WHERE {third}")
    await world.released(db, pilot_id)
    return pilot_id


async def _delivered(db: Database, keyring: Keyring) -> Mapping[str, UUID]:
    """One delivery for both households, one of the other organisation, and one that a vendor sends."""
    steady = [
        line(parentBsn=adult, childBsn=child, lrkNumber=lrk_number, month=month, hours=hours, hourlyRate=rate)
        for adult, child, lrk_number, hours, rate in (
            (APPLICANT, CHILD, KDV, "137.45", "10.43"),
            (APPLICANT, SIBLING, BSO, "71.55", "9.17"),
            (COPARENT, CHILD, KDV, "83.15", "8.37"),
            (COPARENT, HALF_SIBLING, BSO, "66.95", "8.93"),
        )
        for month in ("2026-02", "2026-03")
    ]
    of_vendor = await world.mandated(db)
    await world.mandated(db, world.OTHER_OIN, world.OTHER_VENDOR_OIN, from_on=date(2020, 1, 1))
    elsewhere = line(parentBsn=THIRD, childBsn=HALF_SIBLING, lrkNumber=ELSEWHERE)
    return {
        "organisation": await world.delivered(db, keyring, *steady),
        "other organisation": await world.delivered(db, keyring, elsewhere, oin=world.OTHER_OIN),
        "vendor": await world.delivered(db, keyring, line(month="2026-04", hours="137.45", hourlyRate="10.43"), sender=of_vendor),
    }


async def _answered(db: Database, parent: Parent) -> Acceptance:
    """Accept one of the two differences of a household: that of the child who lives there alone."""
    async with db.snapshot(parent) as conn:
        (own,) = [one for one in await differences_of_household(conn, parent.household_id, state="open") if not _is_shared(one)]
    async with db.transaction(parent) as conn:
        return await accept_difference(conn, parent, own.difference_id, seen_version=own.version)


def _is_shared(difference: ShownDifference) -> bool:
    return difference.child_given_name in ("Doortje", "Geesje")


async def _home(db: Database, parent: Parent, answer: Acceptance, device_id: UUID, words: tuple[str, ...]) -> Home:
    async with db.snapshot(parent) as conn:
        found = await differences_of_household(conn, parent.household_id, state=None)
    open_, accepted = (
        Difference(difference_id=one.difference_id, version=one.version) for one in sorted(found, key=_is_shared, reverse=True)
    )
    return Home(
        parent=parent,
        open=open_,
        accepted=accepted,
        answer_id=answer.answer_id,
        change_id=answer.change_id,
        device_id=device_id,
        words=words,
    )


async def numbers_of(admin: asyncpg.Connection, column: str, owner: UUID) -> frozenset[str]:
    """Return every number (UUID) that stands in a row of this owner, by the column that names owners."""
    tables = await admin.fetch(
        "SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
        " WHERE relnamespace = 'kot'::regnamespace AND relkind = 'r' AND attname = $1",
        column,
    )
    found: set[str] = set()
    for (table,) in tables:
        for (text,) in await admin.fetch(f'SELECT ROW(t.*)::text FROM "{table}" AS t WHERE {column} = $1', owner):
            found.update(_UUID.findall(text))
    return frozenset(found)


def marks_in(content: bytes | str, numbers: frozenset[str], words: tuple[str, ...] = ()) -> set[str]:
    """Return the numbers and words that stand in a content; a quantity also with a decimal comma, and not within a longer one."""
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
    found = numbers.intersection(_UUID.findall(text))
    for word in words:
        pattern = re.escape(word).replace(r"\.", "[.,]")
        if re.search(rf"(?<![0-9]){pattern}(?![0-9])", text):
            found |= {word}
    return set(found)
