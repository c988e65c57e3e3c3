"""Parents: register the phone that notices are pushed to, say what it is told and when, see which are registered, and forget one."""

from datetime import datetime, time
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, Router, delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta, Struct

from api.caller import APP
from api.media import media_type
from api.validation import FieldErrors, read_body
from reconcile.callers import Parent
from reconcile.reach import Address, register_device, remove_device
from reconcile.rules.notice import Sentence
from reconcile.store.database import Database
from reconcile.store.devices import Device, Locale, Platform, devices_of_parent

# The length keeps out the line break that `$` lets through.
TimeOfDay = Annotated[
    str,
    Meta(max_length=5, pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="Time of day in the Netherlands", examples=["21:00"]),
]
# A list that names one twice is taken; an endless one is not.
_NOTICES_MAX = 10
# Printable ASCII alone, on one line: what a push service makes.
_TOKEN = r"^[!-~](?![\s\S]*[^!-~])"  # noqa: S105  # a form, not a token
_WANTED = "Notices that are pushed, by their sentence; an empty list: none. null or left out: all, also those to come"


class QuietHours(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"from_time": "from", "until_time": "until"}):
    """From this time of day until that one nothing is pushed; it waits until they are over, by the newest word."""

    from_time: TimeOfDay
    until_time: TimeOfDay


class DeviceRegistration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """How a phone is reached, and what it is told when. All of it is said anew each time: what is left out is not kept."""

    platform: Platform
    token: Annotated[str, Meta(min_length=1, max_length=4_096, pattern=_TOKEN, description="Address of the app at the push service (FCM)")]
    locale: Annotated[Locale, Meta(description="Language of the sentence that is shown")]
    quiet_hours: QuietHours | None = None
    notices: Annotated[tuple[Sentence, ...], Meta(max_length=_NOTICES_MAX, description=_WANTED)] | None = None


class DeviceDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """A registered phone; its token is never shown."""

    device_id: UUID
    platform: Platform
    locale: Locale
    quiet_hours: QuietHours | None
    notices: Annotated[list[Sentence] | None, Meta(description=_WANTED)]
    registered_at: datetime


class DeviceList(Struct, frozen=True, kw_only=True):
    """The phones of a parent, newest registration first."""

    devices: list[DeviceDocument]


@get("/", operation_id="listDevices", opt={"scope": APP, "in_person": True})
async def list_devices(request: Request[Parent, None, Any], db: NamedDependency[Database]) -> DeviceList:
    """List the phones that you registered and nobody took over within the household; remove one that is lost by its number."""
    async with db.snapshot(request.user) as conn:
        return DeviceList(devices=[_document(one) for one in await devices_of_parent(conn, request.user)])


@put("/{device_id:uuid}", operation_id="registerDevice", status_code=200, opt={"scope": APP, "in_person": True})
async def put_device(request: Request[Parent, None, Any], db: NamedDependency[Database], device_id: FromPath[UUID]) -> DeviceDocument:
    """Register a phone, or renew it: after each login and when the token changes. Who registers it last owns it; the newest ten stay."""
    media_type(request, "application/json")
    wanted: DeviceRegistration = await read_body(request, DeviceRegistration, between_fields=_no_hour_or_all)
    address = Address(
        platform=wanted.platform,
        token=wanted.token,
        locale=wanted.locale,
        quiet=_quiet(wanted.quiet_hours),
        wanted_notices=None if wanted.notices is None else sorted(set(wanted.notices)),
    )
    async with db.transaction(request.user) as conn:
        return _document(await register_device(conn, request.user, device_id, address))


@delete("/{device_id:uuid}", operation_id="removeDevice", status_code=204, opt={"scope": APP, "in_person": True})
async def delete_device(request: Request[Parent, None, Any], db: NamedDependency[Database], device_id: FromPath[UUID]) -> Response[None]:
    """Push nothing more to a phone of yours, and forget its token; one that is not there is no fault. Do so at logout."""
    async with db.transaction(request.user) as conn:
        await remove_device(conn, request.user, device_id)
    return Response(None, status_code=204)


devices_router = Router("/v1/devices", route_handlers=[list_devices, put_device, delete_device], tags=["devices"])


def _quiet(hours: QuietHours | None) -> tuple[time, time] | None:
    return None if hours is None else (time.fromisoformat(hours.from_time), time.fromisoformat(hours.until_time))


def _no_hour_or_all(body: object) -> FieldErrors:
    hours = body.get("quietHours") if isinstance(body, dict) else None
    if not isinstance(hours, dict) or "from" not in hours or hours["from"] != hours.get("until"):
        return []
    return [{"key": "quietHours.until", "message": "is the same as from, which would be no hour or all of them"}]


def _document(device: Device) -> DeviceDocument:
    quiet = None
    if device.quiet_from is not None and device.quiet_until is not None:
        quiet = QuietHours(from_time=f"{device.quiet_from:%H:%M}", until_time=f"{device.quiet_until:%H:%M}")
    return DeviceDocument(
        device_id=device.device_id,
        platform=device.platform,
        locale=device.locale,
        quiet_hours=quiet,
        notices=None if device.wanted_notices is None else list(device.wanted_notices),
        registered_at=device.registered_at,
    )
