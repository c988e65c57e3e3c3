"""Query of `quality.sql`."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from reconcile.rules.months import Month, first_day, previous_month
from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("quality")


class QualityFinding(Struct, frozen=True, kw_only=True):
    """Lines that look odd in one way; `examples` is JSON text, the first of them."""

    code: str
    lines: int
    examples: str


async def quality_findings(
    conn: Connection, organisation_id: UUID, month: Month, *, child_hours_hundredths_max: int, rate_factor: int
) -> Sequence[QualityFinding]:
    """Return what looks odd in the lines of a month that stand or wait, by code."""
    rows = await conn.fetch(
        SQL["quality_findings"],
        organisation_id,
        first_day(month),
        first_day(previous_month(month)),
        child_hours_hundredths_max,
        rate_factor,
    )
    return [QualityFinding(**row) for row in rows]
