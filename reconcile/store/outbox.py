"""Queries of `outbox.sql`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from reconcile.store.database import Connection
from reconcile.store.queries import columns, load

SQL = load("outbox")


class ClaimedMessage(Struct, frozen=True, kw_only=True):
    """A change to send that this worker holds by lease; `attempts` is its fence, `answer_kind` acceptance or reversal.

    `trace_parent` is the trace in which it was made.
    """

    household_id: UUID
    subject_id: UUID
    sequence: int
    attempts: int
    recorded_at: datetime
    household_ref: str
    answer_kind: str
    trace_parent: str | None = None


class Settled(Struct, frozen=True, kw_only=True):
    """How a message ended, by whoever held it with this fence; `error` is the class of what went wrong."""

    household_id: UUID
    subject_id: UUID
    attempts: int
    state: str
    error: str | None


class Postponed(Struct, frozen=True, kw_only=True):
    """A message to try again later, not before `at_least` has passed, by whoever held it with this fence."""

    household_id: UUID
    subject_id: UUID
    attempts: int
    error: str
    at_least: timedelta


async def claim_changes(conn: Connection, lease: timedelta, messages_max: int) -> Sequence[ClaimedMessage]:
    """Take at most so many changes by lease, in order per household."""
    return [ClaimedMessage(**row) for row in await conn.fetch(SQL["claim_changes"], lease, messages_max)]


async def settle_outbox(conn: Connection, kind: str, settled: Sequence[Settled]) -> frozenset[UUID]:
    """End messages of a kind; return the subjects of those whose lease was not lost to another worker."""
    return frozenset(row["subject_id"] for row in await conn.fetch(SQL["settle_outbox"], kind, *columns(Settled, settled)))


async def postpone_outbox(conn: Connection, kind: str, postponed: Sequence[Postponed]) -> None:
    """Try messages of a kind again later, each later than the time before."""
    await conn.execute(SQL["postpone_outbox"], kind, *columns(Postponed, postponed))
