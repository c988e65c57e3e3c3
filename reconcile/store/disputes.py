"""Queries of `disputes.sql`."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from reconcile.rules.dispute import LineSource
from reconcile.store.answers import Answer
from reconcile.store.database import Connection
from reconcile.store.queries import columns, load

SQL = load("disputes")


class DisputedLine(Struct, frozen=True, kw_only=True):
    """A line of an organisation that a parent says is wrong; nothing of the household but what the line itself says."""

    disputed_line_id: UUID
    delivery_id: UUID
    line_number: int
    line_ref: str | None
    month: str
    lrk_number: str
    reason: str
    note: str | None
    disputed_at: datetime
    changed_at: datetime
    taken_back_at: datetime | None


async def pass_on_lines(conn: Connection, household_id: UUID, dispute: Answer, sources: Sequence[LineSource]) -> None:
    """Let the organisations that sent these lines see the dispute as it stands now."""
    await conn.execute(SQL["pass_on_lines"], household_id, dispute.answer_id, dispute.reason, dispute.note, *columns(LineSource, sources))


async def take_lines_back(conn: Connection, answer_id: UUID) -> None:
    """Tell the organisations that heard of a dispute that it no longer stands, and forget what the parent wrote."""
    await conn.execute(SQL["take_lines_back"], answer_id)


async def disputed_lines(
    conn: Connection, organisation_id: UUID, *, before: tuple[datetime, UUID] | None, limit: int
) -> Sequence[DisputedLine]:
    """Return disputed lines of an organisation, changed last first."""
    changed_at, number = before or (None, None)
    return [DisputedLine(**row) for row in await conn.fetch(SQL["disputed_lines"], organisation_id, changed_at, number, limit)]
