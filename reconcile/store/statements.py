"""Queries of `statements.sql`."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

from reconcile.rules.months import Month, first_day
from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("statements")

LinePlace = tuple[str, UUID, int]
FIRST_PLACE: LinePlace = ("", UUID(int=0), 0)


class StatementOf(Struct, frozen=True, kw_only=True):
    """Whose lines, of which month and location (None for all), as they were at which instant of the store's clock."""

    organisation_id: UUID
    month: Month
    lrk_number: str | None
    as_of: datetime

    @property
    def key(self) -> tuple[UUID, date, str | None, datetime]:
        """What selects the lines in every statement."""
        return self.organisation_id, first_day(self.month), self.lrk_number, self.as_of


class LocationTotals(Struct, frozen=True, kw_only=True):
    """What stands for one location: lines with their hours and stated amounts; and how many lines wait for a gap."""

    lrk_number: str
    lines: int
    waiting: int
    hours_hundredths: int
    amount_cents: int
    without_amount: int


class SealedLine(Struct, frozen=True, kw_only=True):
    """A line that stands or waits, with the sealed BSNs that it named; a waiting line has gaps."""

    line_ref: str | None
    lrk_number: str
    hours_hundredths: int
    hourly_rate_cents: int
    amount_cents: int | None
    end_on: date | None
    delivery_id: UUID
    line_number: int
    waits_for: str | None
    recorded_at: datetime
    received_at: datetime
    parent_index: bytes | None
    parent_sealed: bytes | None
    child_index: bytes | None
    child_sealed: bytes | None

    @property
    def place(self) -> LinePlace:
        """Where the line stands in the order of a statement."""
        return self.lrk_number, self.delivery_id, self.line_number


async def this_instant(conn: Connection) -> datetime:
    """Return the instant by the clock of the store, which also says when a line began and ceased to stand."""
    return await conn.fetchval(SQL["this_instant"])


async def statement_totals(conn: Connection, of: StatementOf) -> Sequence[LocationTotals]:
    """Return the totals of each location that has lines, by its number."""
    return [LocationTotals(**row) for row in await conn.fetch(SQL["statement_totals"], *of.key)]


async def statement_lines(conn: Connection, of: StatementOf, *, after: LinePlace, limit: int) -> Sequence[SealedLine]:
    """Return the next lines after a place, by location, delivery and line."""
    return [SealedLine(**row) for row in await conn.fetch(SQL["statement_lines"], *of.key, *after, limit)]
