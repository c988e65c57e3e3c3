"""Queries of `lines.sql`."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

from reconcile.rules.months import Month
from reconcile.store.comparisons import ChildYear
from reconcile.store.database import Connection
from reconcile.store.deliveries import ClaimedDelivery
from reconcile.store.placements import PlacementKey
from reconcile.store.queries import load

SQL = load("lines")


class StagedLine(Struct, frozen=True, kw_only=True):
    """A line as it was read, before the register and earlier deliveries have their say. `faults` is JSON text."""

    organisation_id: UUID
    delivery_id: UUID
    line_number: int
    line_ref: str | None
    faults: str
    waits_for: str | None
    parent_index: bytes | None
    child_index: bytes | None
    lrk_number: str | None
    care_type: str | None
    month: date | None
    hours_hundredths: int | None
    hourly_rate_cents: int | None
    amount_cents: int | None
    end_on: date | None


class Line(Struct, frozen=True, kw_only=True):
    """A line with its outcome, as its sender may see it. `faults` is JSON text."""

    line_number: int
    line_ref: str | None
    outcome: str
    faults: str
    waits_for: str | None
    lrk_number: str | None
    month: Month | None
    hours_hundredths: int | None
    hourly_rate_cents: int | None
    amount_cents: int | None
    end_on: date | None
    recorded_at: datetime
    withdrawn_at: datetime | None


class Batch(Struct, frozen=True, kw_only=True):
    """The lines of one delivery that one transaction applies; both bounds included."""

    delivery: ClaimedDelivery
    sent_at: datetime
    first_line: int
    last_line: int

    @property
    def key(self) -> tuple[UUID, UUID, int, int]:
        """What selects the batch in every statement."""
        return self.delivery.organisation_id, self.delivery.delivery_id, self.first_line, self.last_line


async def stage_lines(conn: Connection, lines: Iterable[StagedLine]) -> None:
    """Copy lines into the stage; COPY is the reason that the stage has no row-level security."""
    fields = StagedLine.__struct_fields__
    await conn.copy_records_to_table(
        "line_stage", columns=fields, records=[tuple(getattr(line, field) for field in fields) for line in lines]
    )


async def clear_stage(conn: Connection, claimed: ClaimedDelivery) -> None:
    """Forget what was staged of this delivery."""
    await conn.execute(SQL["clear_stage"], claimed.organisation_id, claimed.delivery_id)


async def waiting_count(conn: Connection, claimed: ClaimedDelivery) -> int:
    """Return how many staged lines have no outcome yet: too few after a crash of the server, which empties the stage."""
    return await conn.fetchval(SQL["waiting_count"], claimed.organisation_id, claimed.delivery_id)


async def drop_done_lines(conn: Connection, claimed: ClaimedDelivery) -> None:
    """Take from the stage what had its outcome before."""
    await conn.execute(SQL["drop_done_lines"], claimed.organisation_id, claimed.delivery_id)


async def batch_bounds(conn: Connection, claimed: ClaimedDelivery, after_line: int, lines_max: int) -> tuple[int, int] | None:
    """Return the first and last line of the next batch after a line; None when every line has its outcome."""
    row = await conn.fetchrow(SQL["batch_bounds"], claimed.organisation_id, claimed.delivery_id, after_line, lines_max)
    return None if row is None or row["first_line"] is None else (row["first_line"], row["last_line"])


async def refuse_duplicates(conn: Connection, claimed: ClaimedDelivery) -> None:
    """Give every line that another line of the same delivery contradicts its fault."""
    await conn.execute(SQL["refuse_duplicates"], claimed.organisation_id, claimed.delivery_id)


async def refuse_by_register(conn: Connection, batch: Batch) -> None:
    """Add the faults that only the register can tell."""
    await conn.execute(SQL["refuse_by_register"], *batch.key)


async def judge_lines(conn: Connection, batch: Batch) -> None:
    """Give every line of the batch its one outcome."""
    await conn.execute(SQL["judge_lines"], *batch.key, batch.sent_at, batch.delivery.received_at)


async def supersede_lines(conn: Connection, batch: Batch) -> None:
    """End what the organisation said before about the same keys."""
    await conn.execute(SQL["supersede_lines"], *batch.key)


async def insert_lines(conn: Connection, batch: Batch) -> None:
    """Keep the lines with their outcome."""
    await conn.execute(SQL["insert_lines"], *batch.key)


async def match_lines(conn: Connection, batch: Batch) -> None:
    """Find the one household of each line that was applied; the caller holds the matching lock."""
    await conn.execute(SQL["match_lines"], *batch.key)


async def matched_households(conn: Connection, batch: Batch) -> Sequence[UUID]:
    """Return the households of the batch in ascending order."""
    return [row["household_id"] for row in await conn.fetch(SQL["matched_households"], *batch.key)]


async def insert_line_placements(conn: Connection, batch: Batch) -> None:
    """Add placements that only an organisation reports; the households are locked."""
    await conn.execute(SQL["insert_line_placements"], *batch.key)


async def supersede_line_reports(conn: Connection, batch: Batch) -> None:
    """End the reports that the batch renews."""
    await conn.execute(SQL["supersede_line_reports"], *batch.key, batch.sent_at, batch.delivery.received_at)


async def insert_line_reports(conn: Connection, batch: Batch) -> None:
    """Hang the reports on their placements."""
    await conn.execute(SQL["insert_line_reports"], *batch.key, batch.sent_at, batch.delivery.received_at)


async def touched_child_years(conn: Connection, batch: Batch) -> tuple[Sequence[ChildYear], Sequence[PlacementKey]]:
    """Return the child-years and the placements that the batch touched."""
    rows = await conn.fetch(SQL["touched_child_years"], *batch.key)
    years = {ChildYear(household_id=row["household_id"], child_id=row["child_id"], year=row["year"]) for row in rows}
    placements = {PlacementKey(household_id=row["household_id"], placement_id=row["placement_id"]) for row in rows}
    return list(years), list(placements)


async def lines_of_delivery(
    conn: Connection, organisation_id: UUID, delivery_id: UUID, *, outcome: str | None, after: int, limit: int
) -> Sequence[Line]:
    """Return a page of lines in the order of the file; `after` is the last line of the page before."""
    rows = await conn.fetch(SQL["lines_of_delivery"], organisation_id, delivery_id, outcome, after, limit)
    return [Line(**row) for row in rows]
