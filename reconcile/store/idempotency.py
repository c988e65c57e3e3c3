"""Queries of `idempotency.sql`."""

from uuid import UUID

from msgspec import Struct

from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("idempotency")


class KeptAnswer(Struct, frozen=True, kw_only=True):
    """What was answered to a request. `headers` is JSON text; without a status the first request did not finish."""

    fingerprint: bytes
    status: int | None
    headers: str | None
    body: bytes | None


async def claim_key(conn: Connection, person_id: UUID, key: str, household_id: UUID, fingerprint: bytes) -> bool:
    """Take a key for this request; False when it was used before. Waits for a twin that is still running."""
    return await conn.fetchval(SQL["claim_key"], person_id, key, household_id, fingerprint) is not None


async def kept_answer(conn: Connection, person_id: UUID, key: str) -> KeptAnswer | None:
    """Return what was answered under a key."""
    row = await conn.fetchrow(SQL["kept_answer"], person_id, key)
    return None if row is None else KeptAnswer(**row)


async def keep_answer(conn: Connection, person_id: UUID, key: str, *, status: int, headers: str, body: bytes) -> None:
    """Keep what is about to be answered, in the transaction that does the work."""
    await conn.execute(SQL["keep_answer"], person_id, key, status, headers, body)


async def drop_old_keys(conn: Connection) -> None:
    """Forget keys after thirty days."""
    await conn.execute(SQL["drop_old_keys"])
