"""Queries of `parked.sql`."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from msgspec import Struct

from reconcile.store.database import Connection
from reconcile.store.deliveries import ClaimedDelivery
from reconcile.store.queries import load
from reconcile.store.standing import LineKey

SQL = load("parked")

ParkedPlace = tuple[UUID, int]


class WakingLine(Struct, frozen=True, kw_only=True):
    """A parked line that waits for nothing any more, with both people; `replaced` members are those of a correction."""

    delivery_id: UUID
    line_number: int
    parent_id: UUID
    child_id: UUID
    lrk_number: str
    month: date
    replaced_parent_id: UUID | None
    replaced_child_id: UUID | None
    replaced_lrk_number: str | None
    replaced_month: date | None

    @property
    def place(self) -> ParkedPlace:
        """Where the line stands in the order in which parked lines are looked at."""
        return self.delivery_id, self.line_number

    @property
    def keys(self) -> Sequence[LineKey]:
        """What the line is about, and what it replaces."""
        own = LineKey(parent_id=self.parent_id, child_id=self.child_id, lrk_number=self.lrk_number, month=self.month)
        parent_id, child_id = self.replaced_parent_id, self.replaced_child_id
        lrk_number, month = self.replaced_lrk_number, self.replaced_month
        if parent_id is None or child_id is None or lrk_number is None or month is None:
            return (own,)
        return (own, LineKey(parent_id=parent_id, child_id=child_id, lrk_number=lrk_number, month=month))


async def corrections_to_wake(conn: Connection, organisation_id: UUID, *, after: ParkedPlace, limit: int) -> Sequence[WakingLine]:
    """Return the next parked corrections of an organisation, after a place, whose old line is there."""
    return [WakingLine(**row) for row in await conn.fetch(SQL["corrections_to_wake"], organisation_id, *after, limit)]


async def gaps_to_wake(conn: Connection, organisation_id: UUID, *, after: ParkedPlace, limit: int) -> Sequence[WakingLine]:
    """Return the next parked lines of an organisation, after a place, whose missing BSN another line has."""
    return [WakingLine(**row) for row in await conn.fetch(SQL["gaps_to_wake"], organisation_id, *after, limit)]


async def wake_lines(conn: Connection, claimed: ClaimedDelivery, waking: Sequence[WakingLine]) -> None:
    """Give these lines their say, in the course of working on a delivery; what stands is still to be settled."""
    await conn.execute(
        SQL["wake_lines"],
        claimed.organisation_id,
        claimed.delivery_id,
        [one.delivery_id for one in waking],
        [one.line_number for one in waking],
        [one.parent_id for one in waking],
        [one.child_id for one in waking],
    )
