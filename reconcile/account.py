"""Verb: account to an organisation for what is held of its own lines of a month, so that it can reconcile its books.

The BSNs of its lines go back to the organisation itself, and to nobody who acts for it. Each reading is in its audit chain.
Nothing here depends on whether a person is known to TVS or a line belongs to a household.
"""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from reconcile.callers import Organisation, StatementReader
from reconcile.keyring import Keyring
from reconcile.people import SEALED_BSN
from reconcile.rules.months import Month
from reconcile.rules.quality import CHILD_HOURS_HUNDREDTHS_MAX, RATE_FACTOR
from reconcile.store import statements as store
from reconcile.store.database import Connection
from reconcile.store.deliveries import lock_deliveries_of_organisation, record_organisation_event
from reconcile.store.quality import QualityFinding, quality_findings
from reconcile.store.statements import FIRST_PLACE, LinePlace, LocationTotals, StatementOf


class Statement(Struct, frozen=True, kw_only=True):
    """What a statement is of, and its totals by location. Its lines are read in pages, all as they were at the instant of `of`."""

    of: StatementOf
    locations: tuple[LocationTotals, ...]

    @property
    def total(self) -> LocationTotals:
        """The sum over all locations; its `lrk_number` is empty."""
        counts = {
            name: sum(getattr(one, name) for one in self.locations) for name in LocationTotals.__struct_fields__ if name != "lrk_number"
        }
        return LocationTotals(lrk_number="", **counts)


class StatementLine(Struct, frozen=True, kw_only=True):
    """A line that stands, or waits for what `waits_for` names, as its sender gave it; a BSN that it lacked is there once it stands."""

    line_ref: str | None
    parent_bsn: str | None
    child_bsn: str | None
    lrk_number: str
    hours_hundredths: int
    hourly_rate_cents: int
    amount_cents: int | None
    end_on: date | None
    delivery_id: UUID
    line_number: int
    received_at: datetime
    waits_for: str | None
    waiting_since: datetime | None


class StatementPage(Struct, frozen=True, kw_only=True):
    """Lines in the order of location, delivery and line; `next` is where the following page begins, None after the last."""

    lines: tuple[StatementLine, ...]
    next: LinePlace | None


async def totals_of_month(conn: Connection, organisation: Organisation, month: Month, *, lrk_number: str | None = None) -> Statement:
    """Return the totals at this instant; no line and no BSN is read."""
    as_of = await store.this_instant(conn)
    of = StatementOf(organisation_id=organisation.organisation_id, month=month, lrk_number=lrk_number, as_of=as_of)
    return Statement(of=of, locations=tuple(await store.statement_totals(conn, of)))


async def open_statement(conn: Connection, organisation: Organisation, month: Month, *, lrk_number: str | None = None) -> Statement:
    """Begin a statement and record that it is read; its pages show what stood at this instant, whatever is delivered meanwhile."""
    owner = organisation.organisation_id
    statement = await totals_of_month(conn, organisation, month, lrk_number=lrk_number)
    await lock_deliveries_of_organisation(conn, owner)
    event = {
        "action": "statement-read",
        "actor": f"organisation {owner}",
        "month": month,
        "lrkNumber": lrk_number,
        "lines": statement.total.lines + statement.total.waiting,
    }
    await record_organisation_event(conn, owner, msgspec.json.encode(event).decode())
    return statement


def reader_of(of: StatementOf) -> StatementReader:
    """Return the caller whom row-level security shows the people of a statement's lines, and no others."""
    return StatementReader(organisation_id=of.organisation_id, month=of.month)


async def statement_page(
    conn: Connection, keyring: Keyring, of: StatementOf, *, after: LinePlace = FIRST_PLACE, limit: int
) -> StatementPage:
    """Return the next lines with their BSNs opened; `conn` belongs to the `reader_of` the statement, or no person is found."""
    found = await store.statement_lines(conn, of, after=after, limit=limit)
    lines = tuple(
        StatementLine(
            line_ref=one.line_ref,
            parent_bsn=_opened(keyring, one.parent_index, one.parent_sealed),
            child_bsn=_opened(keyring, one.child_index, one.child_sealed),
            lrk_number=one.lrk_number,
            hours_hundredths=one.hours_hundredths,
            hourly_rate_cents=one.hourly_rate_cents,
            amount_cents=one.amount_cents,
            end_on=one.end_on,
            delivery_id=one.delivery_id,
            line_number=one.line_number,
            received_at=one.received_at,
            waits_for=one.waits_for,
            waiting_since=None if one.waits_for is None else one.recorded_at,
        )
        for one in found
    )
    return StatementPage(lines=lines, next=found[-1].place if len(found) == limit else None)


async def quality_of_month(conn: Connection, organisation: Organisation, month: Month) -> Sequence[QualityFinding]:
    """Return what looks odd in the organisation's lines of a month, of all or of those that a vendor sent; no BSN is read."""
    return await quality_findings(
        conn,
        organisation.organisation_id,
        month,
        child_hours_hundredths_max=CHILD_HOURS_HUNDREDTHS_MAX,
        rate_factor=RATE_FACTOR,
    )


def _opened(keyring: Keyring, index: bytes | None, sealed: bytes | None) -> str | None:
    return None if index is None or sealed is None else keyring.open(SEALED_BSN, index.hex(), sealed).decode("ascii")
