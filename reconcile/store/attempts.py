"""Queries of `attempts.sql`."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import astuple

from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("attempts")


class Refused(Struct, frozen=True, kw_only=True):
    """What is kept of a refusal: the sender's reference, the status and the name of the problem, and how many bytes had arrived."""

    reference: str | None
    status: int
    problem: str
    byte_count: int


class Attempt(Refused, frozen=True, kw_only=True):
    """A delivery that was refused at the door, as its sender may see it."""

    attempt_id: UUID
    sender_oin: str
    attempted_at: datetime


async def insert_attempt(conn: Connection, organisation_id: UUID, sender_oin: str, refused: Refused) -> None:
    """Keep an attempt."""
    await conn.execute(SQL["insert_attempt"], organisation_id, sender_oin, *astuple(refused))


async def drop_attempts_beyond(conn: Connection, organisation_id: UUID, sender_oin: str, kept_max: int) -> None:
    """Forget all but the newest attempts of a sender."""
    await conn.execute(SQL["drop_attempts_beyond"], organisation_id, sender_oin, kept_max)


async def drop_old_attempts(conn: Connection) -> None:
    """Forget what was refused thirty days ago."""
    await conn.execute(SQL["drop_old_attempts"])


async def attempts_of_organisation(conn: Connection, organisation_id: UUID) -> Sequence[Attempt]:
    """Return what is kept for an organisation, newest first."""
    return [Attempt(**row) for row in await conn.fetch(SQL["attempts_of_organisation"], organisation_id)]
