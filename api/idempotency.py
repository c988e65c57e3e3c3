"""Idempotency-Key of a request of a parent or manager: claim, replay or keep, inside the transaction that does the work."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncpg
import msgspec
from litestar import Request, Response
from litestar.exceptions import ClientException

from reconcile.callers import Manager, Parent
from reconcile.problems import KeyReused, RequestInProgress
from reconcile.store.database import Connection, Database
from reconcile.store.idempotency import claim_key, keep_answer, kept_answer

# A request is of one kind of caller: whoever may send it has a key of its own.
Actor = TypeVar("Actor", Parent, Manager)

_KEY = re.compile(r'"?([A-Za-z0-9_-]{16,64})"?', re.ASCII)


async def answered_once(
    request: Request[Actor, None, Any], db: Database, work: Callable[[Connection], Awaitable[Response[bytes]]]
) -> Response[bytes]:
    """Do `work` for the first request of a key; answer a repeat with what was answered then.

    Only what commits is kept: after a refusal or a crash the same key tries again. A refusal of what the parent saw needs no keeping:
    the key is of one version of a difference, which never becomes current again, and asked anew it has the difference of now beside it.
    Raises KeyReused for another request under the key, RequestInProgress when the first is still running.
    """
    key = _key(request)
    fingerprint = _fingerprint(request, await request.body())
    actor = request.user.actor
    async with db.transaction(request.user) as conn:
        if not await _claimed(conn, actor, key, fingerprint):
            return await _replayed(conn, actor, key, fingerprint)
        answer = await work(conn)
        headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-length"}
        status = answer.status_code or 200
        await keep_answer(conn, actor, key, status=status, headers=msgspec.json.encode(headers).decode(), body=answer.content)
        return answer


async def _claimed(conn: Connection, actor: str, key: str, fingerprint: bytes) -> bool:
    try:
        return await claim_key(conn, actor, key, fingerprint)
    # The key alone: a lock that the work itself waits for in vain is another's, and the store is busy.
    except asyncpg.LockNotAvailableError:
        raise RequestInProgress("The first request with this key has not been answered yet. Ask again in a second.") from None


async def _replayed(conn: Connection, actor: str, key: str, fingerprint: bytes) -> Response[bytes]:
    kept = await kept_answer(conn, actor, key)
    if kept is None or kept.fingerprint != fingerprint:
        raise KeyReused("Use a new key for a new request, and the same key only to send the same request again.")
    headers = msgspec.json.decode(kept.headers or "{}", type=dict[str, str])
    return Response(
        kept.body or b"",
        status_code=kept.status or 200,
        media_type="application/json",
        headers={**headers, "Idempotency-Replayed": "true"},
    )


def _key(request: Request[Any, None, Any]) -> str:
    match = _KEY.fullmatch(request.headers.get("Idempotency-Key", "").strip())
    if match is None:
        raise ClientException("Send an Idempotency-Key of 16 to 64 letters, digits, dashes or underscores, made before the first try.")
    return match[1]


def _fingerprint(request: Request[Any, None, Any], content: bytes) -> bytes:
    """Tell one request from another by method, address, If-Match and what the body says, whatever its spacing and order."""
    try:
        said = msgspec.json.encode(msgspec.json.decode(content), order="deterministic")
    except (msgspec.DecodeError, UnicodeDecodeError):
        said = content  # an address without a body does not care what it is
    parts = (request.method, request.url.path, request.headers.get("If-Match", ""))
    return hashlib.sha256("\n".join(parts).encode() + b"\n" + said).digest()
