"""What the stub of the push service takes for a message, and the errors that it answers, both in the words of the real one."""

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

MESSAGE_BYTES_MAX = 4096
TTL_MAX_S = 2_419_200
_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_TOKEN = re.compile(r"[A-Za-z0-9_:-]{1,1024}")

Texts = dict[str, str]


class AndroidNotification(Struct, frozen=True, forbid_unknown_fields=True):
    """What Android shows: `tag` says which notice it replaces."""

    title_loc_key: str = ""
    body_loc_key: str = ""
    tag: str = ""
    channel_id: str = ""


class Android(Struct, frozen=True, forbid_unknown_fields=True):
    """How a message reaches an Android device."""

    collapse_key: str = ""
    priority: Annotated[str, Meta(pattern="^(?i:normal|high)$")] = "NORMAL"
    ttl: Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?s$")] = f"{TTL_MAX_S}s"
    notification: AndroidNotification = AndroidNotification()


class Apns(Struct, frozen=True, forbid_unknown_fields=True):
    """What is handed on to Apple."""

    headers: Texts = {}
    payload: dict[str, Any] = {}


class Message(Struct, frozen=True, forbid_unknown_fields=True):
    """One message to one device."""

    token: str
    data: Texts = {}
    notification: dict[str, Any] = {}
    android: Android = Android()
    apns: Apns = Apns()

    @property
    def slot(self) -> str:
        """What the device shows the notice under: a later one of the same slot replaces it. Nothing: each stands by itself."""
        return self.android.notification.tag or self.apns.headers.get("apns-collapse-id", "")


class _SendRequest(Struct, frozen=True, forbid_unknown_fields=True):
    message: Message
    validate_only: bool = False


class MessageRefused(Exception):
    """An answer of status 400 with the field that is wrong."""

    def __init__(self, field: str, description: str) -> None:
        super().__init__(description)
        self.field = field


def read_message(body: bytes) -> Message:
    """Read and judge a request. Raises MessageRefused."""
    try:
        message = msgspec.json.decode(body, type=_SendRequest).message
    except msgspec.ValidationError as error:
        description, _, path = str(error).partition(" - at `$.")
        raise MessageRefused(path.rstrip("`") or "message", description) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MessageRefused("", "Invalid JSON payload received.") from None
    if not _TOKEN.fullmatch(message.token):
        raise MessageRefused("message.token", "The registration token is not a valid FCM registration token")
    if len(msgspec.json.encode([message.data, message.notification, message.android, message.apns])) > MESSAGE_BYTES_MAX:
        raise MessageRefused("message", "Android message is too big")
    if float(message.android.ttl[:-1]) > TTL_MAX_S:
        raise MessageRefused("message.android.ttl", "Invalid time to live duration")
    if reserved := [name for name in message.data if name in ("from", "message_type") or name.startswith(("google.", "gcm."))]:
        raise MessageRefused(f"message.data[{reserved[0]}]", "Invalid data payload key")
    _check_apns(message.apns)
    return message


def _check_apns(apns: Apns) -> None:
    if not isinstance(apns.payload.get("aps", {}), dict):
        raise MessageRefused("message.apns.payload.aps", "Invalid APNs payload")
    if len(apns.headers.get("apns-collapse-id", "").encode()) > 64:
        raise MessageRefused("message.apns.headers", "apns-collapse-id is too long")
    for name, pattern in (("apns-expiration", "[0-9]+"), ("apns-priority", "10|5|1"), ("apns-push-type", "alert|background")):
        if name in apns.headers and not re.fullmatch(pattern, apns.headers[name]):
            raise MessageRefused("message.apns.headers", f"{name} is not valid")


def error_body(status: int, name: str, text: str, *, code: str = "", field: str | None = None) -> dict[str, Any]:
    """Return the body of an error; `code` is that of FCM itself, and is absent when the message was not judged at all."""
    details: list[dict[str, Any]] = []
    if code:
        details.append({"@type": _FCM_ERROR, "errorCode": code})
    if field is not None:
        details.append({"@type": _BAD_REQUEST, "fieldViolations": [{"field": field, "description": text}]})
    return {"error": {"code": status, "message": text, "status": name, "details": details}}
