"""Hands a notice to the push service FCM (HTTP v1): one request for each device, all over one HTTP/2 connection.

The message has an opaque number and the name of a sentence that the app knows: nothing about anybody passes the push network. The
service does not know a message that comes twice, so the device must: both carry the notice's number, and the second replaces the first.
"""

import asyncio
import logging
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Literal
from uuid import UUID

import httpx
import msgspec
from msgspec import Struct

from workers.senders import AddressGone, SendLater, SendRefused, Sent
from workers.senders.answers import Answer, asked_wait, exchange
from workers.senders.http2 import Http2Transport
from workers.senders.token import AccessToken, TokenRefused

logger = logging.getLogger(__name__)

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
# Token, connection, request and answer: all together, so that nothing is pushed later than this after it was checked. The lease of a
# push is three times this.
SEND_TIMEOUT_S = 5.0
# A connection on which nothing came for so long is dead, and every message on it is sent again over another.
_SILENCE_S = 4.0
_CONNECT_S = 2.0
# What the service asks of every sender that has no better word from it.
_UNKNOWN_WAIT = timedelta(seconds=10)
_EVERYBODY_WAIT = timedelta(seconds=60)
_TTL_MAX_S = 28 * 24 * 3600
_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
# Our own bug, or a message that was spoilt: it says nothing about the address, and sending the same again changes nothing.
_REFUSED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
# An address is dropped only when status and code both say so.
_GONE = frozenset({(HTTPStatus.NOT_FOUND, "UNREGISTERED"), (HTTPStatus.FORBIDDEN, "SENDER_ID_MISMATCH")})
# Our key for the service behind FCM (APNs) is wrong; messages for Android still pass.
_OTHER_PARTY = (HTTPStatus.UNAUTHORIZED, "THIRD_PARTY_AUTH_ERROR")
_CODES = frozenset(
    {
        *("UNSPECIFIED_ERROR", "INVALID_ARGUMENT", "UNREGISTERED", "SENDER_ID_MISMATCH", "QUOTA_EXCEEDED", "UNAVAILABLE"),
        *("INTERNAL", "THIRD_PARTY_AUTH_ERROR"),
    }
)


class PushMessage(Struct, frozen=True, kw_only=True):
    """One notice for one device. `sentence` is the key of the text in the app; after `expires_at` it need not arrive any more."""

    token: str
    platform: Literal["android", "ios"]
    notice_id: UUID
    sentence: str
    expires_at: datetime


def fcm_client() -> httpx.AsyncClient:
    """Return a client for FcmSender: HTTP/2 and nothing else, which the play's service speaks over plain HTTP as well.

    One connection carries as many messages at a time as the service allows; the others are for those that it is closing.
    """
    limits = httpx.Limits(max_connections=4, max_keepalive_connections=2, keepalive_expiry=60)
    return httpx.AsyncClient(transport=Http2Transport(limits), timeout=httpx.Timeout(_SILENCE_S, connect=_CONNECT_S))


class FcmSender:
    """Sends to the devices of one project."""

    def __init__(self, http: httpx.AsyncClient, token: AccessToken, *, fcm_url: str, project: str) -> None:
        self._http = http
        self._token = token
        self._url = httpx.URL(f"{fcm_url.rstrip('/')}/v1/projects/{project}/messages:send")
        self._extensions = {"timeout": http.timeout.as_dict()}

    async def __call__(self, message: PushMessage, *, now: datetime) -> Sent | SendLater | SendRefused | AddressGone:
        """Send one message; every outcome is an answer, none an exception."""
        life_s = int((message.expires_at - now).total_seconds())
        if life_s < 1:
            return SendRefused(error="expired")
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                return await self._send(_body(message, life_s=life_s))
        except TokenRefused:
            return SendLater(error="TokenRefused", at_least=_EVERYBODY_WAIT, is_service_wide=True)
        except (httpx.HTTPError, TimeoutError) as error:
            return SendLater(error=type(error).__name__, at_least=_UNKNOWN_WAIT)
        except Exception as error:  # noqa: BLE001  # a fault under the client leaves this message unknown, and must not end the others
            logger.error("sending a notice broke", extra={"error": type(error).__name__})
            return SendLater(error=type(error).__name__, at_least=_UNKNOWN_WAIT)

    async def _send(self, body: bytes) -> Sent | SendLater | SendRefused | AddressGone:
        bearer = await self._token.bearer()
        answer = await self._post(body, bearer)
        code = _error_code(answer)
        if answer.status == HTTPStatus.UNAUTHORIZED and (answer.status, code) != _OTHER_PARTY:
            self._token.forget(bearer)
            answer = await self._post(body, await self._token.bearer())
            code = _error_code(answer)
        return _outcome(answer, code)

    async def _post(self, body: bytes, bearer: str) -> Answer:
        # Built by hand: what the client would merge into each request is the same for all of them.
        headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
        return await exchange(self._http, httpx.Request("POST", self._url, headers=headers, content=body, extensions=self._extensions))


def _body(message: PushMessage, *, life_s: int) -> bytes:
    notice_id = str(message.notice_id)
    for_platform = _android(message, notice_id, life_s) if message.platform == "android" else _ios(message, notice_id)
    data = {"noticeId": notice_id, "sentence": message.sentence}
    return msgspec.json.encode({"message": {"token": message.token, "data": data, **for_platform}})


def _android(message: PushMessage, notice_id: str, life_s: int) -> dict[str, Any]:
    """`collapse_key` replaces a message that still waits for the device, `tag` one that it already shows."""
    return {
        "android": {
            "collapse_key": notice_id,
            # A difference of hours can wait until the phone wakes by itself.
            "priority": "NORMAL",
            "ttl": f"{min(life_s, _TTL_MAX_S)}s",
            "notification": {"body_loc_key": message.sentence, "tag": notice_id},
        }
    }


def _ios(message: PushMessage, notice_id: str) -> dict[str, Any]:
    return {
        "apns": {
            "headers": {
                "apns-collapse-id": notice_id,
                "apns-expiration": str(int(message.expires_at.timestamp())),
                "apns-push-type": "alert",
                "apns-priority": "5",
            },
            "payload": {"aps": {"alert": {"loc-key": message.sentence}}},
        }
    }


class _Detail(Struct, frozen=True):
    type: str = msgspec.field(name="@type", default="")
    error_code: str = msgspec.field(name="errorCode", default="")


class _Error(Struct, frozen=True):
    details: tuple[_Detail, ...] = ()


class _ErrorAnswer(Struct, frozen=True):
    error: _Error = _Error()


def _error_code(answer: Answer) -> str:
    """Return FCM's own code from the details of an error, or nothing: then it was not FCM that judged the message."""
    if answer.status == HTTPStatus.OK:
        return ""
    try:
        details = msgspec.json.decode(answer.body, type=_ErrorAnswer).error.details
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return next((one.error_code for one in details if one.type == _FCM_ERROR and one.error_code in _CODES), "")


def _outcome(answer: Answer, code: str) -> Sent | SendLater | SendRefused | AddressGone:
    if answer.status == HTTPStatus.OK:
        return Sent()
    error = f"http-{answer.status}" + (f"-{code}" if code else "")
    asked = asked_wait(answer.headers)
    if (answer.status, code) in _GONE:
        return AddressGone(error=error)
    if answer.status in _REFUSED:
        return SendRefused(error=error)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return SendLater(error=error, at_least=asked or _EVERYBODY_WAIT, is_service_wide=True)
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        # Our own credentials: no other message would fare better until somebody sets them right.
        return SendLater(error=error, at_least=max(asked, _EVERYBODY_WAIT), is_service_wide=(answer.status, code) != _OTHER_PARTY)
    return SendLater(error=error, at_least=max(asked, _UNKNOWN_WAIT))
