"""A stub of the push service FCM, as a process of its own: `python -m local.fcm FOLDER`.

It speaks the protocol of the real one (HTTP v1 over HTTP/2, here without TLS; a service account's token first) and knows what each
device shows. What it answers goes by how a device's token begins, so that a test can plan it:

    gone-      the app was removed (404 UNREGISTERED)
    mismatch-  the token belongs to another sender (403 SENDER_ID_MISMATCH)
    quota-     too many messages, the first time (429, come back in 1 s)
    busy-      unavailable, the first time (503)
    hang-      no answer, the first time
"""

import asyncio
import contextlib
import secrets
import sys
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit

import hypercorn.asyncio
import hypercorn.config
import msgspec
import uvloop
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from litestar import Litestar, Request, Response, get, post
from litestar.params import FromPath, QueryParameter

from local.fcm_message import Message, MessageRefused, error_body, read_message

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTION_AGE_MAX_S = 3600
_PAGE = 1000


class FcmFolder(msgspec.Struct, frozen=True, rename="camel"):
    """What the push service knows: its address, the project, and who may send for it with which key."""

    url: str
    project: str
    client_email: str
    public_key: dict[str, Any]
    token_age_s: int = 3600


class Received(msgspec.Struct, frozen=True, rename="camel"):
    """One message that was taken, as the phone gets it; `sequence` counts from 1."""

    sequence: int
    token: str
    notice_id: str
    sentence: str
    received_at: datetime


class Device(msgspec.Struct):
    """What one device shows, by the slot that a later message replaces, and how often each slot was sent."""

    visible: dict[str, str]
    sends: Counter[str]


class _Planned(Exception):
    """An answer that the token asked for."""

    def __init__(self, status: int, name: str, code: str, text: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status, self.name, self.code, self.headers = status, name, code, headers


class _Hang(Exception):
    """No answer, for as long as the sender waits for one."""


class Fcm:
    """Tokens that are out, devices, and everything that was taken."""

    def __init__(self, known: FcmFolder) -> None:
        self._known = known
        self._key = RSAKey.import_key(known.public_key)
        self._bearers: dict[str, float] = {}
        self._tries: Counter[str] = Counter()
        self._arrived = asyncio.Event()
        self.answers: Counter[str] = Counter()
        self.devices: dict[str, Device] = defaultdict(lambda: Device({}, Counter()))
        self.received: list[Received] = []

    def grant(self, form: dict[str, str]) -> dict[str, Any] | None:
        """Answer the token endpoint; None when the assertion proves nothing."""
        try:
            claims = jwt.decode(form.get("assertion", ""), self._key, algorithms=["RS256"]).claims
        except (JoseError, ValueError):
            return None
        now = time.time()
        issued, until = claims.get("iat"), claims.get("exp")
        if form.get("grant_type") != _GRANT or not isinstance(issued, int) or not isinstance(until, int):
            return None
        is_ours = (claims.get("iss"), claims.get("aud")) == (self._known.client_email, f"{self._known.url}/token")
        if not is_ours or SCOPE not in str(claims.get("scope")).split() or not now < until <= issued + _ASSERTION_AGE_MAX_S:
            return None
        bearer = secrets.token_urlsafe(48)
        self._bearers[f"Bearer {bearer}"] = now + self._known.token_age_s
        return {"access_token": bearer, "expires_in": self._known.token_age_s, "token_type": "Bearer"}

    def answer(self, project: str, authorization: str, body: bytes) -> Response[dict[str, Any]]:
        """Answer one request to send. Raises _Hang."""
        try:
            name = self._take(project, authorization, body)
        except MessageRefused as refused:
            return self._error(_Planned(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", str(refused)), refused.field)
        except _Planned as planned:
            return self._error(planned)
        except _Hang:
            self.answers["none"] += 1
            raise
        self.answers["200"] += 1
        return Response({"name": name})

    def _take(self, project: str, authorization: str, body: bytes) -> str:
        if self._bearers.get(authorization, 0.0) < time.time():
            raise _Planned(401, "UNAUTHENTICATED", "", "Request had invalid authentication credentials.")
        if project != self._known.project:
            text = f"Permission 'cloudmessaging.messages.create' denied on resource 'projects/{project}' (or it may not exist)."
            raise _Planned(403, "PERMISSION_DENIED", "", text)
        message = read_message(body)
        self._plan(message.token)
        self._show(message)
        return f"projects/{project}/messages/{secrets.token_hex(8)}"

    def _error(self, planned: _Planned, field: str | None = None) -> Response[dict[str, Any]]:
        self.answers[f"{planned.status}{planned.code and ' ' + planned.code}"] += 1
        body = error_body(planned.status, planned.name, str(planned), code=planned.code, field=field)
        return Response(body, status_code=planned.status, headers=planned.headers or {})

    def _plan(self, token: str) -> None:
        self._tries[token] += 1
        match token.partition("-")[0], self._tries[token]:
            case "gone", _:
                raise _Planned(404, "NOT_FOUND", "UNREGISTERED", "Requested entity was not found.")
            case "mismatch", _:
                raise _Planned(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH", "SenderId mismatch")
            case "quota", 1:
                text = "Quota exceeded for quota metric 'Send requests' and limit 'Send requests per minute'."
                raise _Planned(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", text, {"Retry-After": "1"})
            case "busy", 1:
                raise _Planned(503, "UNAVAILABLE", "UNAVAILABLE", "The service is currently unavailable.")
            case "hang", 1:
                raise _Hang

    def _show(self, message: Message) -> None:
        """The device is always there: what it is sent, it shows."""
        device = self.devices[message.token]
        notice_id = message.data.get("noticeId", "")
        slot = message.slot or secrets.token_hex(8)
        device.visible[slot] = notice_id
        device.sends[slot] += 1
        now = datetime.now(UTC)
        self.received.append(Received(len(self.received) + 1, message.token, notice_id, message.data.get("sentence", ""), now))
        self._arrived.set()

    async def after(self, sequence: int, wait_s: float) -> list[Received]:
        """Return what was taken after `sequence`, in order, waiting a while for the first."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while len(self.received) <= sequence:
                    self._arrived.clear()
                    await self._arrived.wait()
        return self.received[sequence : sequence + _PAGE]


def create_app(known: FcmFolder) -> Litestar:
    """Wire the push service."""
    fcm = Fcm(known)

    @post("/token", status_code=200)
    async def token(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        granted = fcm.grant(form)
        if granted is None:
            return Response({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, status_code=400)
        fcm.answers["token"] += 1
        return Response(granted)

    @post("/v1/projects/{project:str}/messages:send", status_code=200)
    async def send(request: Request[Any, Any, Any], project: FromPath[str]) -> Response[dict[str, Any]]:
        body = await request.body()  # whole, also when it is refused: the server loses the connection on an answer before the end
        try:
            return fcm.answer(project, request.headers.get("Authorization", ""), body)
        except _Hang:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            # Whoever asked is gone; an answer would wait for ever to be read.
            raise asyncio.CancelledError from None

    @get("/state", sync_to_thread=False)
    def state() -> dict[str, Any]:
        devices = {token: {"visible": list(device.visible.values()), "sends": dict(device.sends)} for token, device in fcm.devices.items()}
        return {"answers": dict(fcm.answers), "devices": devices}

    @get("/received")
    async def received(
        after: Annotated[int, QueryParameter(name="after", ge=0)] = 0,
        wait: Annotated[float, QueryParameter(name="wait", ge=0, le=30)] = 0.0,
    ) -> list[Received]:
        return await fcm.after(after, wait)

    return Litestar([token, send, state, received], openapi_config=None)


def server_config(host: str, port: int) -> hypercorn.config.Config:
    """Return how the service is served: HTTP/2 with prior knowledge, on a connection that is not closed for having been used a lot."""
    config = hypercorn.config.Config()
    config.bind = [f"{host}:{port}"]
    config.keep_alive_max_requests = 10**9
    config.keep_alive_timeout = 600
    config.graceful_timeout = 0.5
    config.loglevel = "WARNING"
    return config


def main() -> None:
    """Serve what the folder says until stopped."""
    known = msgspec.json.decode(Path(sys.argv[1], "fcm.json").read_bytes(), type=FcmFolder)
    place = urlsplit(known.url)
    config = server_config(place.hostname or "127.0.0.1", place.port or 80)
    uvloop.run(hypercorn.asyncio.serve(create_app(known), config))  # type: ignore[arg-type]  # two names for one ASGI application


if __name__ == "__main__":
    main()
