"""Organisations: read what is held of their own lines of a month, to reconcile their books.

A statement streams page by page. Each page is read in a transaction of its own, as the lines were at the instant of the statement, so
that no connection waits for a slow reader and memory stays the same for a month of any size.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Router, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Stream
from msgspec import Meta, Struct

from api.caller import DELIVER
from api.services import Services
from api.spreadsheet import BYTE_ORDER_MARK, decimal_comma, rows_csv, wants_csv
from api.validation import InvalidQuery
from reconcile.account import Statement, StatementLine, StatementPage, open_statement, reader_of, statement_page, totals_of_month
from reconcile.callers import Organisation
from reconcile.rules.identifiers import is_lrk_number
from reconcile.rules.months import Month, is_month
from reconcile.rules.quantities import hundredths_text
from reconcile.store.database import Database
from reconcile.store.statements import FIRST_PLACE, LinePlace, LocationTotals

PAGE_LINES = 5_000
_HEADINGS = (
    *("bsn_ouder", "bsn_kind", "lrk_nummer", "maand", "uren", "uurtarief", "bedrag", "einddatum", "regelkenmerk"),
    *("levering", "regel", "ontvangen_op", "staat", "wacht_op", "wacht_sinds"),
)
_STATES = {"standing": "geldt", "waiting": "wacht"}

AskedMonth = Annotated[str, QueryParameter(name="month", description="Month of care, YYYY-MM")]
AskedLocation = Annotated[str | None, QueryParameter(name="lrkNumber", description="One location; all when left out")]
Pages = AsyncIterator[Sequence["StatementLineDocument"]]


class StatementMoved(Exception):
    """The lines are not those of the sums: what was being applied at that instant came between. The answer breaks off."""


class TotalsDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """Sums over lines that stand: `amount` over those that state one. Lines that wait for a gap are counted apart."""

    lines: int
    hours: str
    amount: str
    lines_without_amount: int
    waiting_lines: int


class LocationTotalsDocument(TotalsDocument, frozen=True, kw_only=True, rename="camel"):
    """The same for one location."""

    lrk_number: str


class StatementTotals(Struct, frozen=True, kw_only=True, rename="camel"):
    """What was held of an organisation's lines of a month at an instant, in sums, over all and by location."""

    organisation_oin: str
    month: Month
    as_of: datetime
    totals: TotalsDocument
    locations: list[LocationTotalsDocument]


class StatementLineDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """A line as it was delivered. `standing`: this is what you report now; `waiting`: a gap that you can fill keeps it from that."""

    line_ref: str | None
    parent_bsn: str | None
    child_bsn: str | None
    lrk_number: str
    month: Month
    hours: str
    hourly_rate: str
    amount: str | None
    end_date: date | None
    delivery_id: UUID
    line_number: int
    received_at: datetime
    state: Literal["standing", "waiting"]
    waits_for: Annotated[str | None, Meta(description="Fault code of the gap, see openapi/faults.json")]
    waiting_since: Annotated[datetime | None, Meta(description="Since when it waits; it comes alive by itself when the gap is filled")]


class StatementDocument(StatementTotals, frozen=True, kw_only=True, rename="camel"):
    """A statement (overzicht): sums first, then every line, by location, delivery and line."""

    lines: list[StatementLineDocument]


@get("/", operation_id="readStatement", opt={"scope": DELIVER})
async def read_statement(
    request: Request[Organisation, None, Any],
    db: NamedDependency[Database],
    services: NamedDependency[Services],
    month: AskedMonth,
    lrk_number: AskedLocation = None,
) -> Stream:
    """Read what we hold of your lines of a month, BSNs included, as JSON, or as CSV when Accept asks for text/csv. It is recorded."""
    _check(month, lrk_number)
    async with db.transaction(request.user) as conn:
        statement = await open_statement(conn, request.user, month, lrk_number=lrk_number)

    async def read(after: LinePlace) -> StatementPage:
        async with db.snapshot(reader_of(statement.of)) as conn:
            return await statement_page(conn, services.keyring, statement.of, after=after, limit=PAGE_LINES)

    name = f"{request.user.oin}-{month}"
    if wants_csv(request):
        headers = {"Content-Disposition": f'attachment; filename="overzicht-{name}.csv"'}
        return Stream(_csv(_pages(statement, read)), media_type="text/csv", headers=headers)
    return Stream(_json(_totals(request.user, statement), _pages(statement, read)), media_type="application/json")


@get("/totals", operation_id="readStatementTotals", opt={"scope": DELIVER})
async def read_totals(
    request: Request[Organisation, None, Any], db: NamedDependency[Database], month: AskedMonth, lrk_number: AskedLocation = None
) -> StatementTotals:
    """Read the sums alone: compare these with your books first, and read the lines of the locations that differ."""
    _check(month, lrk_number)
    async with db.snapshot(request.user) as conn:
        return _totals(request.user, await totals_of_month(conn, request.user, month, lrk_number=lrk_number))


statements_router = Router("/v1/statements", route_handlers=[read_statement, read_totals], tags=["statements"])


def _check(month: str, lrk_number: str | None) -> None:
    if not is_month(month):
        raise InvalidQuery("month must be a month like 2026-03.")
    if lrk_number is not None and not is_lrk_number(lrk_number):
        raise InvalidQuery("lrkNumber must have nine digits.")


async def _json(head: StatementTotals, pages: Pages) -> AsyncIterator[bytes]:
    """Yield one JSON object of the form of StatementDocument: its sums, then its lines as they are read."""
    yield msgspec.json.encode(head).removesuffix(b"}") + b',"lines":['
    separator = b"\n"
    async for lines in pages:
        yield separator + b",\n".join(msgspec.json.encode(one) for one in lines)
        separator = b",\n"
    yield b"]}\n"


async def _csv(pages: Pages) -> AsyncIterator[bytes]:
    yield BYTE_ORDER_MARK + rows_csv([_HEADINGS])
    async for lines in pages:
        yield rows_csv(_row(one) for one in lines)


async def _pages(statement: Statement, read: Callable[[LinePlace], Awaitable[StatementPage]]) -> Pages:
    """Yield the lines page by page. Raises StatementMoved at the end when they are not as many as were counted."""
    left = statement.total.lines + statement.total.waiting
    after: LinePlace | None = FIRST_PLACE
    while after is not None:
        page = await read(after)
        left -= len(page.lines)
        if page.lines:
            yield [_line(one, statement.of.month) for one in page.lines]
        after = page.next
    if left != 0:
        raise StatementMoved


def _totals(organisation: Organisation, statement: Statement) -> StatementTotals:
    return StatementTotals(
        organisation_oin=organisation.oin,
        month=statement.of.month,
        as_of=statement.of.as_of,
        totals=TotalsDocument(**_sums(statement.total)),
        locations=[LocationTotalsDocument(lrk_number=one.lrk_number, **_sums(one)) for one in statement.locations],
    )


def _sums(totals: LocationTotals) -> dict[str, Any]:
    return {
        "lines": totals.lines,
        "hours": hundredths_text(totals.hours_hundredths),
        "amount": hundredths_text(totals.amount_cents),
        "lines_without_amount": totals.without_amount,
        "waiting_lines": totals.waiting,
    }


def _line(line: StatementLine, month: Month) -> StatementLineDocument:
    return StatementLineDocument(
        line_ref=line.line_ref,
        parent_bsn=line.parent_bsn,
        child_bsn=line.child_bsn,
        lrk_number=line.lrk_number,
        month=month,
        hours=hundredths_text(line.hours_hundredths),
        hourly_rate=hundredths_text(line.hourly_rate_cents),
        amount=None if line.amount_cents is None else hundredths_text(line.amount_cents),
        end_date=line.end_on,
        delivery_id=line.delivery_id,
        line_number=line.line_number,
        received_at=line.received_at,
        state="standing" if line.waits_for is None else "waiting",
        waits_for=line.waits_for,
        waiting_since=line.waiting_since,
    )


def _row(line: StatementLineDocument) -> Sequence[str | int | None]:
    return (
        *(line.parent_bsn, line.child_bsn, line.lrk_number, line.month),
        *(decimal_comma(quantity) for quantity in (line.hours, line.hourly_rate, line.amount)),
        *(line.end_date.isoformat() if line.end_date else None, line.line_ref),
        *(str(line.delivery_id), line.line_number, line.received_at.isoformat(), _STATES[line.state], line.waits_for),
        line.waiting_since.isoformat() if line.waiting_since else None,
    )
