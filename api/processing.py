"""The processing log of requests: around the whole application when one is kept, and not there at all when none is.

A request is a processing when its caller was let in and its operation belongs to an activity. The caller's trace (`traceparent`) goes on.
"""

from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from api.caller import sent_header
from logbook.log import SpanLog, under_way
from reconcile.callers import Organisation, Parent, Sender, Tvs


class Processed:
    """Wraps an application, and logs what it processes."""

    def __init__(self, app: ASGIApp, log: SpanLog) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, and log it when it has ended."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        processing = self._log.begin(lambda: _operation(scope), traceparent=sent_header(scope, b"traceparent"))
        status = 500

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            with under_way(processing):
                await self._app(scope, receive, seen)
        finally:
            caller = scope.get("user")
            if isinstance(caller, Parent):
                processing.touch([caller.household_id])
            if caller is not None:
                processing.end(is_ok=_is_ok(status), processor=_processor(caller))


def _operation(scope: Scope) -> str:
    """Return the operation that a request was routed to; empty when to none."""
    return getattr(scope.get("route_handler"), "operation_id", None) or ""


def _is_ok(status: int) -> bool | None:
    """Tell whether it was done; a refusal is neither done nor failed."""
    return None if 400 <= status < 500 else status < 400


def _processor(caller: Any) -> str:  # noqa: ANN401  # whoever the route let in
    """Return who called, when it is another organisation's system."""
    oin = caller.sender_oin if isinstance(caller, Organisation) else caller.oin if isinstance(caller, (Sender, Tvs)) else ""
    return f"urn:nld:oin:{oin}" if oin else ""
