"""Queries of `reversals.sql`."""

from uuid import UUID

from reconcile.store.answers import Answer, answer_by_id
from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("reversals")


async def reversal_of(conn: Connection, household_id: UUID, change_id: UUID) -> Answer | None:
    """Return the reversal of a change."""
    answer_id = await conn.fetchval(SQL["reversal_of"], household_id, change_id)
    return None if answer_id is None else await answer_by_id(conn, household_id, answer_id)


async def insert_reversal(
    conn: Connection,
    household_id: UUID,
    *,
    answer_id: UUID,
    difference_id: UUID,
    difference_version: int,
    person_id: UUID,
    undone_change_id: UUID,
    version: int,
    change_id: UUID | None,
    placements: str | None,
) -> None:
    """Write a reversal and, unless the change was never sent, the change that it makes; the acceptance is over with it."""
    await conn.execute(
        SQL["insert_reversal"],
        household_id,
        answer_id,
        difference_id,
        difference_version,
        person_id,
        undone_change_id,
        version,
        change_id,
        placements,
    )


async def end_acceptance(conn: Connection, household_id: UUID, change_id: UUID, version: int) -> None:
    """TVS refused the change of an acceptance: it is over, unless it was undone before."""
    await conn.execute(SQL["end_acceptance"], household_id, change_id, version)


async def end_reversal(conn: Connection, household_id: UUID, change_id: UUID, version: int) -> bool:
    """TVS refused the change of a reversal: it is over. True when the acceptance that it undid stands again, which TVS did not refuse."""
    return await conn.fetchval(SQL["end_reversal"], household_id, change_id, version) is not None
