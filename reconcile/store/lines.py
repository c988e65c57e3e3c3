"""Queries of `lines.sql`."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import astuple

from reconcile.rules.months import Month
from reconcile.store.comparisons import ChildYear
from reconcile.store.database import Connection
from reconcile.store.deliveries import ClaimedDelivery
from reconcile.store.placements import PlacementKey
from reconcile.store.queries import columns, load

SQL = load("lines")


class StagedLine(Struct, frozen=True, kw_only=True):
    """A line as it was read and held against the register, before other lines and earlier deliveries have their say.

    `faults` is JSON text, None when there are none. `place` orders the lines of a delivery for applying (`rules/line_order.py`).
    """

    organisation_id: UUID
    delivery_id: UUID
    place: int
    line_number: int
    line_ref: str | None
    faults: str | None
    waits_for: str | None
    parent_id: UUID | None
    child_id: UUID | None
    lrk_number: str | None
    month: date | None
    hours_hundredths: int | None
    hourly_rate_cents: int | None
    amount_cents: int | None
    end_on: date | None
    replaced_parent_id: UUID | None
    replaced_child_id: UUID | None
    replaced_lrk_number: str | None
    replaced_month: date | None


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
    woken_at: datetime | None
    withdrawn_at: datetime | None


class Batch(Struct, frozen=True, kw_only=True):
    """The lines of one delivery that one transaction applies: those at the places after one and up to another."""

    delivery: ClaimedDelivery
    sent_at: datetime
    after_place: int
    until_place: int


class Outcomes(Struct, frozen=True, kw_only=True):
    """How many lines of a batch had which outcome; `done` is their sum."""

    done: int
    applied: int
    unchanged: int
    superseded: int
    parked: int
    rejected: int


class MatchedLine(Struct, frozen=True, kw_only=True):
    """A line of a batch that belongs to a household; without a placement when nobody declared or reported this care before."""

    household_id: UUID
    line_number: int
    placement_id: UUID | None


async def stage_lines(conn: Connection, lines: Iterable[StagedLine]) -> None:
    """Copy lines into the stage; COPY is the reason that the stage has no row-level security."""
    await conn.copy_records_to_table("line_stage", columns=StagedLine.__struct_fields__, records=map(astuple, lines))


async def clear_stage(conn: Connection, claimed: ClaimedDelivery) -> None:
    """Forget what was staged of this delivery."""
    await conn.execute(SQL["clear_stage"], claimed.organisation_id, claimed.delivery_id)


async def waiting_count(conn: Connection, claimed: ClaimedDelivery) -> int:
    """Return how many staged lines have no outcome yet: too few after a crash of the server, which empties the stage."""
    return await conn.fetchval(SQL["waiting_count"], claimed.organisation_id, claimed.delivery_id)


async def drop_done_lines(conn: Connection, claimed: ClaimedDelivery) -> None:
    """Take from the stage what had its outcome before."""
    await conn.execute(SQL["drop_done_lines"], claimed.organisation_id, claimed.delivery_id)


async def batch_ends(conn: Connection, claimed: ClaimedDelivery, *, after_place: int, lines_max: int, parents_max: int) -> Sequence[int]:
    """Return the place of the last line of each batch after a place, in order."""
    rows = await conn.fetch(SQL["batch_ends"], claimed.organisation_id, claimed.delivery_id, after_place, lines_max, parents_max)
    return [row["place"] for row in rows]


async def insert_lines(conn: Connection, batch: Batch) -> tuple[Outcomes, Sequence[MatchedLine]]:
    """Keep every line of the batch with its one outcome; find the household of those applied. The caller holds the matching lock."""
    delivery = batch.delivery
    *matched, counted = await conn.fetch(
        SQL["insert_lines"],
        delivery.organisation_id,
        delivery.delivery_id,
        batch.after_place,
        batch.until_place,
        batch.sent_at,
        delivery.received_at,
    )
    outcomes = Outcomes(**{name: counted[name] for name in Outcomes.__struct_fields__})
    return outcomes, [
        MatchedLine(household_id=row["household_id"], line_number=row["line_number"], placement_id=row["placement_id"]) for row in matched
    ]


async def insert_line_placements(conn: Connection, batch: Batch, unplaced: Sequence[MatchedLine]) -> None:
    """Add placements that only an organisation reports; the households are locked."""
    households, numbers, _ = columns(MatchedLine, unplaced)
    await conn.execute(SQL["insert_line_placements"], batch.delivery.organisation_id, batch.delivery.delivery_id, households, numbers)


async def insert_line_reports(
    conn: Connection, batch: Batch, matched: Sequence[MatchedLine]
) -> tuple[Sequence[ChildYear], Sequence[PlacementKey]]:
    """Hang the reports on their placements; return the child-years and the placements that this touched."""
    delivery = batch.delivery
    rows = await conn.fetch(
        SQL["insert_line_reports"],
        delivery.organisation_id,
        delivery.delivery_id,
        *columns(MatchedLine, matched),
        batch.sent_at,
        delivery.received_at,
    )
    years = {ChildYear(household_id=row["household_id"], child_id=row["child_id"], year=row["year"]) for row in rows}
    placements = {PlacementKey(household_id=row["household_id"], placement_id=row["placement_id"]) for row in rows}
    return list(years), list(placements)


async def lines_of_delivery(
    conn: Connection, organisation_id: UUID, delivery_id: UUID, *, outcome: str | None, after: int, limit: int
) -> Sequence[Line]:
    """Return a page of lines in the order of the file; `after` is the last line of the page before."""
    rows = await conn.fetch(SQL["lines_of_delivery"], organisation_id, delivery_id, outcome, after, limit)
    return [Line(**row) for row in rows]
