"""Organisations: see which of their deliveries were refused at the door, and why."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from litestar import Request, Router, get
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from api.caller import DELIVER
from api.media import bytes_arrived
from api.problems import told_as
from reconcile.attempt import attempts_of, note_attempt
from reconcile.callers import Organisation
from reconcile.problems import Refusal
from reconcile.store.attempts import Refused
from reconcile.store.connections import BROKEN
from reconcile.store.database import Database

logger = logging.getLogger(__name__)


class AttemptDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """A delivery that was refused at the door. Nothing of its content was kept."""

    attempt_id: UUID
    attempted_at: datetime
    sender_oin: Annotated[str, Meta(description="Who sent it: the organisation itself, or a vendor with its mandate")]
    reference: Annotated[str | None, Meta(description="Your reference, when you sent one that is possible")]
    status: Annotated[int, Meta(description="Status of the answer; 408 also when the connection ended before the body did")]
    problem: Annotated[str, Meta(description="Type of the problem that was answered")]
    byte_count: Annotated[int, Meta(description="Bytes of the body that had arrived, as sent")]


class AttemptList(Struct, frozen=True, kw_only=True):
    """Refused deliveries of the last thirty days, newest first: at most 200 of each sender."""

    attempts: list[AttemptDocument]


@get("/", operation_id="listDeliveryAttempts", opt={"scope": DELIVER, "mandated": True})
async def list_attempts(request: Request[Organisation, None, Any], db: NamedDependency[Database]) -> AttemptList:
    """List your deliveries that were refused at the door or broke off; those that landed are among the deliveries."""
    async with db.snapshot(request.user) as conn:
        found = await attempts_of(conn, request.user)
    documents = [
        AttemptDocument(
            attempt_id=one.attempt_id,
            attempted_at=one.attempted_at,
            sender_oin=one.sender_oin,
            reference=one.reference,
            status=one.status,
            problem=f"/v1/problems/{one.problem}",
            byte_count=one.byte_count,
        )
        for one in found
    ]
    return AttemptList(attempts=documents)


attempts_router = Router("/v1/delivery-attempts", route_handlers=[list_attempts], tags=["deliveries"])


@asynccontextmanager
async def noting_refusals(request: Request[Organisation, None, Any], db: Database, *, reference: str | None) -> AsyncIterator[None]:
    """Note what the block refuses, and let the refusal go on: the answer does not depend on the note."""
    try:
        yield
    except Exception as error:
        told = told_as(error)
        if told is not None:
            status, slug = told
            refused = Refused(reference=reference, status=status, problem=slug, byte_count=bytes_arrived(request))
            try:
                async with db.transaction(request.user) as conn:
                    await note_attempt(conn, request.user, refused)
            except (asyncpg.PostgresError, *BROKEN, OSError, TimeoutError, Refusal) as away:
                logger.warning("an attempt was not noted", extra={"error": type(away).__name__})
        raise
