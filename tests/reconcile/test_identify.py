"""A token's pseudonym is tied to a person once, and selects exactly one household."""

import asyncpg
import pytest

from reconcile import identify
from reconcile.callers import Visitor
from reconcile.identify import identify_parent, known_parent
from reconcile.keyring import Keyring
from reconcile.problems import HouseholdUnclear
from reconcile.store.database import Connection, Database
from tests import world


async def test_the_claim_is_needed_once(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)
    parent = await world.parent(db, keyring)
    again = Visitor(issuer="https://issuer.example", subject=f"pseudonym-{world.APPLICANT[::-1]}")
    async with db.snapshot(again) as conn:
        assert await known_parent(conn, again, this_month="2026-07") == parent


async def test_a_pseudonym_stays_with_the_person_that_it_was_tied_to(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)
    parent = await world.parent(db, keyring)
    other = Visitor(
        issuer="https://issuer.example",
        subject=f"pseudonym-{world.APPLICANT[::-1]}",
        bsn_index=keyring.blind_index(world.PARTNER),
    )
    async with db.transaction(other) as conn:
        assert await identify_parent(conn, other, this_month="2026-07") == parent


@pytest.mark.parametrize("bsn", [world.CHILD, world.STRANGER])
async def test_a_child_or_a_stranger_selects_no_household(db: Database, admin: asyncpg.Connection, keyring: Keyring, bsn: str) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)
    with pytest.raises(HouseholdUnclear):
        await world.parent(db, keyring, bsn)


async def test_a_membership_that_ended_selects_nothing(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    members = [world.member(world.APPLICANT, "applicant"), world.member(world.PARTNER, "partner", until="2026-06")]
    await world.declared(db, keyring, world.declaration(members=members, placements=[]))
    with pytest.raises(HouseholdUnclear):
        await world.parent(db, keyring, world.PARTNER)


async def test_a_pseudonym_that_another_request_ties_at_this_moment_selects_its_household(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several requests of one first visit: the other one commits between two statements of this one."""
    await world.with_register(admin)
    await world.declared(db, keyring)
    login_exists = identify.login_exists

    async def tied_just_before(conn: Connection, issuer: str, subject: str) -> bool:
        await world.parent(db, keyring)
        return await login_exists(conn, issuer, subject)

    monkeypatch.setattr(identify, "login_exists", tied_just_before)
    visitor = Visitor(issuer="https://issuer.example", subject=f"pseudonym-{world.APPLICANT[::-1]}")
    async with db.reading(visitor) as conn:
        found = await known_parent(conn, visitor, this_month="2026-07")
    assert found == await world.parent(db, keyring)
