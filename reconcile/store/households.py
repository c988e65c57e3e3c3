"""Queries of `households.sql`."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from msgspec import Struct

from reconcile.store.database import Connection
from reconcile.store.queries import columns, load

SQL = load("households")


class LockedHousehold(Struct, frozen=True, kw_only=True):
    """A household whose row this transaction holds."""

    household_id: UUID
    household_ref: str
    version: int
    declaration_version: int


class StatedMembership(Struct, frozen=True, kw_only=True):
    """A membership as a declaration states it; months are first days."""

    household_id: UUID
    person_id: UUID
    person_ref: str
    role: str
    given_name: str
    birth_date: date | None
    from_month: date
    until_month: date | None


class StatedIncome(Struct, frozen=True, kw_only=True):
    """A joint assessment income in whole euros as a declaration states it."""

    household_id: UUID
    year: int
    amount_euro: int


class StatedAward(Struct, frozen=True, kw_only=True):
    """A year with a final award as a declaration states it."""

    household_id: UUID
    year: int


async def lock_matching_shared(conn: Connection) -> None:
    """Until this transaction ends no declaration may change who belongs where; other deliveries may go on."""
    await conn.execute(SQL["lock_matching_shared"])


async def lock_matching(conn: Connection) -> None:
    """Until this transaction ends nobody else decides or changes who belongs where."""
    await conn.execute(SQL["lock_matching"])


async def insert_households(conn: Connection, household_refs: Sequence[str]) -> None:
    """Add the households that are new, by TVS's reference."""
    await conn.execute(SQL["insert_households"], household_refs)


async def lock_households_by_ref(conn: Connection, household_refs: Sequence[str]) -> Sequence[LockedHousehold]:
    """Lock households in ascending order and return what they are at."""
    return [LockedHousehold(**row) for row in await conn.fetch(SQL["lock_households_by_ref"], household_refs)]


async def lock_households(conn: Connection, household_ids: Sequence[UUID]) -> None:
    """Lock households in ascending order."""
    await conn.execute(SQL["lock_households"], household_ids)


async def lock_household(conn: Connection, household_id: UUID) -> int | None:
    """Lock one household and return its version; None when it is not there for this caller."""
    return await conn.fetchval(SQL["lock_household"], household_id)


async def household_page(conn: Connection, after: UUID | None, households_max: int) -> Sequence[UUID]:
    """Return the next households by number, deleted ones too."""
    return [row["household_id"] for row in await conn.fetch(SQL["household_page"], after, households_max)]


async def households_sharing_children(conn: Connection, household_ids: Sequence[UUID]) -> Sequence[UUID]:
    """Return other households in which a child of these lives or lived."""
    return [row["household_id"] for row in await conn.fetch(SQL["households_sharing_children"], household_ids)]


async def record_declarations(conn: Connection, household_ids: Sequence[UUID], versions: Sequence[int], deleted: Sequence[bool]) -> None:
    """Note which declaration stands, household by household in step."""
    await conn.execute(SQL["record_declarations"], household_ids, versions, deleted)


async def record_changes(conn: Connection, household_ids: Sequence[UUID], events: Sequence[str]) -> None:
    """End a write: chain one event (JSON text) for each household and raise its version by one. The households are locked.

    Once the transaction is committed, whoever follows these households is told (`Database.on_change`).
    """
    await conn.execute(SQL["record_changes"], household_ids, events, 1)
    conn.changed_households.update(household_ids)


async def record_read(conn: Connection, household_id: UUID, event: str) -> None:
    """Chain that somebody outside the household read its data; its version stays. The household is locked."""
    await conn.execute(SQL["record_changes"], [household_id], [event], 0)
    conn.read_households.add(household_id)


async def supersede_memberships(conn: Connection, household_ids: Sequence[UUID], stated: Sequence[StatedMembership]) -> None:
    """End the memberships of these households that are no longer stated in the same words."""
    await conn.execute(SQL["supersede_memberships"], household_ids, *columns(StatedMembership, stated))


async def insert_memberships(conn: Connection, stated: Sequence[StatedMembership]) -> None:
    """Begin the memberships that are stated and not current."""
    await conn.execute(SQL["insert_memberships"], *columns(StatedMembership, stated))


async def supersede_incomes(conn: Connection, household_ids: Sequence[UUID], stated: Sequence[StatedIncome]) -> None:
    """End the incomes of these households that are no longer stated."""
    await conn.execute(SQL["supersede_incomes"], household_ids, *columns(StatedIncome, stated))


async def insert_incomes(conn: Connection, stated: Sequence[StatedIncome]) -> None:
    """Begin the incomes that are stated and not current."""
    await conn.execute(SQL["insert_incomes"], *columns(StatedIncome, stated))


async def supersede_awarded_years(conn: Connection, household_ids: Sequence[UUID], stated: Sequence[StatedAward]) -> None:
    """End the awards of these households that are no longer stated."""
    await conn.execute(SQL["supersede_awarded_years"], household_ids, *columns(StatedAward, stated))


async def insert_awarded_years(conn: Connection, stated: Sequence[StatedAward]) -> None:
    """Begin the awards that are stated and not current."""
    await conn.execute(SQL["insert_awarded_years"], *columns(StatedAward, stated))
