"""Queries of `idempotency.sql`."""

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


async def claim_key(conn: Connection, actor: str, key: str, fingerprint: bytes) -> bool:
    """Take a key for this request; False when it was used before. Waits for a twin that is still running."""
    return await conn.fetchval(SQL["claim_key"], actor, key, fingerprint) is not None


async def kept_answer(conn: Connection, actor: str, key: str) -> KeptAnswer | None:
    """Return what was answered under a key."""
    row = await conn.fetchrow(SQL["kept_answer"], actor, key)
    return None if row is None else KeptAnswer(**row)


async def keep_answer(conn: Connection, actor: str, key: str, *, status: int, headers: str, body: bytes) -> None:
    """Keep what is about to be answered, in the transaction that does the work."""
    await conn.execute(SQL["keep_answer"], actor, key, status, headers, body)


async def drop_old_keys(conn: Connection) -> None:
    """Forget keys after thirty days."""
    await conn.execute(SQL["drop_old_keys"])
