"""Queries of `excuses.sql`."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from uuid import UUID

from reconcile.rules.ladder import Excuse
from reconcile.rules.months import Month, first_day
from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("excuses")


async def current_excuses(conn: Connection, organisation_ids: Sequence[UUID] | None, month: Month) -> Mapping[UUID, Sequence[Excuse]]:
    """Return the excuses that stand for a month, of these organisations or of all."""
    rows = await conn.fetch(SQL["current_excuses"], organisation_ids, first_day(month))
    return {
        organisation_id: [Excuse(**{name: row[name] for name in Excuse.__struct_fields__}) for row in of_one]
        for organisation_id, of_one in groupby(rows, key=lambda row: row["organisation_id"])
    }


async def is_held(conn: Connection, organisation_id: UUID, lrk_number: str, month: Month) -> bool:
    """Tell whether an organisation holds a location in a month."""
    return await conn.fetchval(SQL["is_held"], organisation_id, lrk_number, first_day(month))


async def insert_excuse(
    conn: Connection, organisation_id: UUID, month: Month, lrk_number: str | None, *, reason: str, note: str | None, deliver_on: date
) -> None:
    """Give an excuse; the one before is superseded."""
    await conn.execute(SQL["insert_excuse"], organisation_id, first_day(month), lrk_number, reason, note, deliver_on)


async def supersede_excuse(conn: Connection, organisation_id: UUID, month: Month, lrk_number: str | None) -> bool:
    """End an excuse; False when there is none."""
    return await conn.fetchval(SQL["supersede_excuse"], organisation_id, first_day(month), lrk_number) is True
