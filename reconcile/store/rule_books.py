"""Queries of `rule_books.sql`."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
from msgspec import Struct

from reconcile.store.comparisons import ChildYear
from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("rule_books")


class Activation(Struct, frozen=True, kw_only=True, rename="camel"):
    """That a rule book was made active; without a report it is the first one."""

    number: int
    version: str
    book_sha256: bytes
    active_from: datetime
    report_id: UUID | None
    activated_by: str


class ListedActivation(Activation, frozen=True, kw_only=True, rename="camel"):
    """The same, with who approved it, and when every child-year that follows it was marked to be judged."""

    approved_by: str | None
    marked_at: datetime | None


class RuleReport(Struct, frozen=True, kw_only=True):
    """A report to be kept; `content` is canonical JSON, `content_sha256` is over its bytes."""

    report_id: UUID
    old_version: str
    old_sha256: bytes
    new_version: str
    new_sha256: bytes
    as_of: datetime
    content: str
    content_sha256: bytes


class BookNotTaken(Exception):
    """The database refused an approval or an activation; `constraint` names why."""

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint


async def active_activation(conn: Connection) -> Activation | None:
    """Return the newest activation: what is judged now is judged by its book."""
    row = await conn.fetchrow(SQL["active_activation"])
    return None if row is None else Activation(**row)


async def activation_at(conn: Connection, instant: datetime) -> Activation | None:
    """Return the activation that was the newest at an instant."""
    row = await conn.fetchrow(SQL["activation_at"], instant)
    return None if row is None else Activation(**row)


async def activations(conn: Connection) -> Sequence[ListedActivation]:
    """Return every activation, newest first."""
    return [ListedActivation(**row) for row in await conn.fetch(SQL["activations"])]


async def insert_rule_report(conn: Connection, report: RuleReport) -> None:
    """Keep a report."""
    await conn.execute(SQL["insert_rule_report"], *(getattr(report, field) for field in RuleReport.__struct_fields__))


async def approve_rule_report(conn: Connection, report_id: UUID, approved_by: str) -> bytes | None:
    """Approve a report as it stands and return its hash; None when there is none, or it is approved already. Raises BookNotTaken."""
    try:
        return await conn.fetchval(SQL["approve_rule_report"], report_id, approved_by)
    except asyncpg.CheckViolationError as error:
        raise BookNotTaken(str(error.constraint_name)) from None


async def activate_book(conn: Connection, version: str, book_sha256: bytes, report_id: UUID, activated_by: str) -> int:
    """Make a book the active one, and have all households marked; return its place in the order. Raises BookNotTaken."""
    try:
        return await conn.fetchval(SQL["activate_book"], version, book_sha256, report_id, activated_by)
    except (asyncpg.CheckViolationError, asyncpg.UniqueViolationError) as error:
        raise BookNotTaken(str(error.constraint_name)) from None


async def count_households(conn: Connection) -> int:
    """Return how many households there are."""
    return await conn.fetchval(SQL["count_households"])


async def missing_child_years(conn: Connection, household_ids: Sequence[UUID]) -> Sequence[ChildYear]:
    """Return the child-years of these households with declared care in a month that was called complete, and no line for it."""
    return [ChildYear(**row) for row in await conn.fetch(SQL["missing_child_years"], household_ids)]


async def lock_rule_audit(conn: Connection) -> None:
    """Until this transaction ends nobody else records what is done about rule books."""
    await conn.execute(SQL["lock_rule_audit"])


async def record_rule_event(conn: Connection, event: str) -> None:
    """Chain what was done about rule books (JSON text); the chain is locked."""
    await conn.execute(SQL["record_rule_event"], event)
