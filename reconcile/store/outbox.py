"""Queries of `outbox.sql`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("outbox")


class ClaimedMessage(Struct, frozen=True, kw_only=True):
    """Something to send that this worker holds by lease; `attempts` is its fence."""

    household_id: UUID
    subject_id: UUID
    sequence: int
    attempts: int
    recorded_at: datetime
    household_ref: str


async def claim_outbox(conn: Connection, kind: str, lease: timedelta, messages_max: int) -> Sequence[ClaimedMessage]:
    """Take at most so many messages of a kind by lease, in order per household."""
    return [ClaimedMessage(**row) for row in await conn.fetch(SQL["claim_outbox"], kind, lease, messages_max)]


async def settle_outbox(conn: Connection, kind: str, message: ClaimedMessage, *, state: str, error: str | None) -> bool:
    """End a message; False when the lease was lost to another worker."""
    settled = await conn.fetchval(SQL["settle_outbox"], message.household_id, kind, message.subject_id, message.attempts, state, error)
    return settled is not None


async def postpone_outbox(conn: Connection, kind: str, message: ClaimedMessage, *, error: str, at_least: timedelta) -> None:
    """Try a message again later, not before `at_least` has passed; `error` is the class of what went wrong."""
    await conn.execute(SQL["postpone_outbox"], message.household_id, kind, message.subject_id, message.attempts, error, at_least)
