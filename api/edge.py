"""The edge of the application: what holds for every request and answer, also where no route was found.

Trailing slashes are other addresses (404), HEAD is GET without a body, OPTIONS tells the methods, every answer carries the
version and the security headers of the NL GOV REST API Design Rules, and a body that stalls is ended.
"""

import asyncio
import logging
from collections.abc import Iterable
from random import getrandbits
from time import monotonic

from litestar import Litestar, Response
from litestar.enums import HttpMethod, ScopeType
from litestar.exceptions import HTTPException
from litestar.types import HTTPReceiveMessage, Message, Receive, Scope, Send, WebSocketReceiveMessage

from api.problems import PROBLEM_JSON, http_problem

logger = logging.getLogger(__name__)

API_VERSION = "1.0.0"
# A sender that pauses this long in the middle of a body is gone or means harm.
BODY_PAUSE_S = 10.0

_HEADERS = (
    (b"api-version", API_VERSION.encode()),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
_NAMES = frozenset(name for name, _ in _HEADERS)
_Piece = HTTPReceiveMessage | WebSocketReceiveMessage


class BodyStalled(HTTPException):
    """The body did not arrive in time."""

    status_code = 408


class Edge:
    """Wraps the application; `app` is what it wraps."""

    def __init__(self, app: Litestar) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        # A number to find a request by, not a secret.
        request_id = f"{getrandbits(64):016x}"
        scope.setdefault("state", {})["request_id"] = request_id
        answer = _Answer(send, request_id, is_head=method == "HEAD")
        if path != "/" and path.endswith("/"):
            await _send_problem(http_problem(404, "An address never ends in a slash here. Leave it out."), answer)
            return
        if method == "OPTIONS":
            answer.is_options = True
            # No route knows TRACE, so that the refusal names all methods of this address.
            scope["method"] = HttpMethod.TRACE
        elif method == "HEAD":
            scope["method"] = HttpMethod.GET
            scope["state"]["is_head"] = True
        began = monotonic()
        await self.app(scope, _unstalled(receive), answer)
        if logger.isEnabledFor(logging.INFO):
            took = {"request_id": request_id, "method": method, "status": answer.status, "ms": round((monotonic() - began) * 1000)}
            logger.info("request", extra=took)


async def _send_problem(problem: Response[bytes], send: Send) -> None:
    headers = [(b"content-type", PROBLEM_JSON.encode()), (b"content-length", str(len(problem.content)).encode())]
    await send({"type": "http.response.start", "status": problem.status_code or 500, "headers": headers})
    await send({"type": "http.response.body", "body": problem.content, "more_body": False})


class _Answer:
    """Sends an answer with what every answer carries."""

    def __init__(self, send: Send, request_id: str, *, is_head: bool) -> None:
        self._send = send
        self._request_id = request_id
        self._is_head = is_head
        self.is_options = False
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = _NAMES.intersection([name for name, _ in message["headers"]])
            added = [(name, value) for name, value in _HEADERS if name not in own] if own else _HEADERS
            message["headers"] = [*message["headers"], *added, (b"request-id", self._request_id.encode())]
            if self.is_options and message["status"] == 405:
                self.status = message["status"] = 204
                message["headers"] = _allow_only(message["headers"])
        elif message["type"] == "http.response.body" and (self._is_head or (self.is_options and self.status == 204)):
            message["body"] = b""
        await self._send(message)


def _allow_only(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Keep what every answer carries, and name every method that the refusal named."""
    named = next((value for name, value in headers if name.lower() == b"allow"), b"")
    methods = {one.strip() for one in named.decode().split(",") if one.strip()} | {"OPTIONS"}
    if "GET" in methods:
        methods.add("HEAD")
    kept = [(name, value) for name, value in headers if name.lower() not in (b"allow", b"content-type", b"content-length")]
    return [*kept, (b"allow", ", ".join(sorted(methods)).encode())]


def _unstalled(receive: Receive) -> Receive:
    is_whole = False

    async def pieces() -> _Piece:
        nonlocal is_whole
        if is_whole:
            return await receive()  # waits for the disconnect, which may take as long as it likes
        try:
            async with asyncio.timeout(BODY_PAUSE_S):
                message = await receive()
        except TimeoutError:
            raise BodyStalled("Nothing arrived for ten seconds in the middle of the body. Send it again.") from None
        is_whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    return pieces
