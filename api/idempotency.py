"""Idempotency-Key of a parent's request: claim, replay or keep, inside the transaction that does the work."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import msgspec
from litestar import Request, Response
from litestar.exceptions import ClientException

from reconcile.callers import Parent
from reconcile.problems import KeyReused, RequestInProgress
from reconcile.store.database import Connection, Database
from reconcile.store.idempotency import claim_key, keep_answer, kept_answer

_KEY = re.compile(r'"?([A-Za-z0-9_-]{16,64})"?', re.ASCII)


async def answered_once(
    request: Request[Parent, None, Any], db: Database, work: Callable[[Connection], Awaitable[Response[bytes]]]
) -> Response[bytes]:
    """Do `work` for the first request of a key; answer a repeat with what was answered then.

    Only what commits is kept: after a refusal or a crash the same key tries again. Raises KeyReused for another request under the
    key, RequestInProgress when the first is still running.
    """
    key = _key(request)
    fingerprint = _fingerprint(request)
    async with db.transaction(request.user) as conn:
        if not await _claim(conn, request.user, key, fingerprint):
            return await _replayed(conn, request.user, key, fingerprint)
        answer = await work(conn)
        headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-length"}
        await keep_answer(
            conn,
            request.user.person_id,
            key,
            status=answer.status_code or 200,
            headers=msgspec.json.encode(headers).decode(),
            body=answer.content,
        )
        return answer


async def _claim(conn: Connection, parent: Parent, key: str, fingerprint: bytes) -> bool:
    try:
        return await claim_key(conn, parent.person_id, key, parent.household_id, fingerprint)
    except asyncpg.LockNotAvailableError:
        raise RequestInProgress("The first request with this key has not been answered yet. Ask again in a second.") from None


async def _replayed(conn: Connection, parent: Parent, key: str, fingerprint: bytes) -> Response[bytes]:
    kept = await kept_answer(conn, parent.person_id, key)
    if kept is None or kept.fingerprint != fingerprint:
        raise KeyReused("Use a new key for a new request, and the same key only to send the same request again.")
    headers = msgspec.json.decode(kept.headers or "{}", type=dict[str, str])
    return Response(
        kept.body or b"",
        status_code=kept.status or 200,
        media_type="application/json",
        headers={**headers, "Idempotency-Replayed": "true"},
    )


def _key(request: Request[Parent, None, Any]) -> str:
    match = _KEY.fullmatch(request.headers.get("Idempotency-Key", "").strip())
    if match is None:
        raise ClientException("Send an Idempotency-Key of 16 to 64 letters, digits, dashes or underscores, made before the first try.")
    return match[1]


def _fingerprint(request: Request[Parent, None, Any]) -> bytes:
    parts = (request.method, request.url.path, request.headers.get("If-Match", ""))
    return hashlib.sha256("\n".join(parts).encode()).digest()
