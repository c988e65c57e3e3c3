"""Parents: what is held of their household, at a glance and whole, with who looked at it.

An export is read in one moment into a file without a name, and sent when the reading is over: a slow reader holds no connection, and
memory stays the same for a household of any size.
"""

import tempfile
from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import IO, Annotated, Any, Literal, Protocol
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, get
from litestar.di import NamedDependency
from litestar.response import Stream
from msgspec import Meta, Struct

from api.caller import APP
from api.devices import DeviceDocument
from api.household_page import PAGE_POLICY, Page
from api.media import accepted
from api.services import Services, seat
from api.sync_documents import FollowedLocationDocument
from reconcile.callers import Parent
from reconcile.disclose import SECTIONS, WITHHELD, Form, held_rows, overview, record_export
from reconcile.rules.documents import SegmentDocument
from reconcile.rules.months import Month
from reconcile.rules.replicated import AnswerKind
from reconcile.store.database import Database
from reconcile.store.disclosed import HeldRow

_SPOOLED_IN_MEMORY = 262_144
_SENT_AT_ONCE = 65_536
_FILE = "kinderopvangtoeslag-gegevens"
_MEDIA_TYPES: dict[str, Form] = {"application/json": "json", "text/html": "html"}


class MemberDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """Somebody who belongs to the household by what TVS declared last."""

    person_id: UUID
    role: Literal["applicant", "partner", "child"]
    given_name: str
    from_month: Month = msgspec.field(name="from")
    until_month: Month | None = msgspec.field(name="until")


class HeldPlacementDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """One child at one location: what is declared, and what was accepted over it and not yet processed."""

    placement_id: UUID
    child_id: UUID
    child_given_name: str | None
    location: FollowedLocationDocument
    start_date: date | None
    end_date: date | None
    declared: tuple[SegmentDocument, ...]
    accepted: tuple[SegmentDocument, ...]


class TitleDocument(Struct, frozen=True, kw_only=True):
    """What a difference is called."""

    nl: str
    en: str


class OpenDifferenceDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """An open difference in short; `/v1/differences/{id}` has the rest."""

    difference_id: UUID
    version: int
    kind: str
    year: int
    child_id: UUID
    child_given_name: str | None
    has_tap: bool
    title: Annotated[TitleDocument | None, Meta(description="null: judged before texts were kept")]


class ChangeUnderwayDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """A change that TVS has not processed or refused."""

    change_id: UUID
    state: Literal["staged", "sent", "dead"]
    recorded_at: datetime
    sent_at: datetime | None


class GivenAnswerDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """An answer that a parent of the household gave, in short; the collection `answers` has the rest."""

    answer_id: UUID
    kind: AnswerKind
    state: Literal["given", "ended", "refused"]
    difference_id: UUID | None
    difference_version: int | None
    answered_by: str | None
    answered_at: datetime
    until: date | None
    change_id: UUID | None


class NoticesDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """Whether the household is told of new differences, and the stage of the pilot that says so; null: in no pilot."""

    are_on: bool
    pilot: str | None
    stage_number: int | None
    stage_state: Literal["drawn", "released", "paused"] | None


class LookedAtDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """Somebody looked at data of the household: who it was by kind; which parent it was, or whom a proxy represented."""

    looked_at: datetime
    action: Literal["read", "explained", "sampled", "exported"]
    who: Annotated[str, Meta(description="tvs, operator, proxy or parent")]
    person_id: UUID | None
    difference_id: UUID | None
    change_id: UUID | None


class HouseholdDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """The household at a glance, read in one moment. Of answers and lookings the newest fifty; the export has all."""

    household_ref: str
    version: int
    as_of: datetime
    members: tuple[MemberDocument, ...]
    placements: tuple[HeldPlacementDocument, ...]
    open_differences: tuple[OpenDifferenceDocument, ...]
    changes_underway: tuple[ChangeUnderwayDocument, ...]
    answers: tuple[GivenAnswerDocument, ...]
    devices: tuple[DeviceDocument, ...]
    notices: NoticesDocument
    looked_at: tuple[LookedAtDocument, ...]


class ExportWriter(Protocol):
    """Writes an export, row by row in the order of SECTIONS."""

    def begin(self) -> bytes:
        """Write what comes before the first row."""
        ...

    def row(self, held: HeldRow) -> bytes:
        """Write one row."""
        ...

    def end(self) -> bytes:
        """Write what comes after the last row."""
        ...


class _JsonFile:
    """An export as one JSON object (HouseholdExport), a row a line."""

    def __init__(self, exported_at: datetime) -> None:
        self._exported_at = exported_at
        self._left = list(SECTIONS)
        self._is_first = True

    def begin(self) -> bytes:
        return b'{"exportedAt":' + msgspec.json.encode(self._exported_at)

    def row(self, held: HeldRow) -> bytes:
        if held.section == "household":
            self._left.remove("household")
            return b',\n"household":' + held.document.encode()
        begun = self._begun(held.section)
        separator, self._is_first = b"\n" if self._is_first else b",\n", False
        return begun + separator + held.document.encode()

    def end(self) -> bytes:
        return self._begun("") + b'],\n"withheld":' + msgspec.json.encode(WITHHELD) + b"}\n"

    def _begun(self, section: str) -> bytes:
        """Begin every part up to this one; those without a row are empty."""
        out = b""
        while self._left and (section not in SECTIONS or section in self._left):
            name = self._left.pop(0)
            out += (b"" if name == "members" else b"]") + f',\n"{name}":['.encode()
            self._is_first = True
            if name == section:
                break
        return out


@get("/", operation_id="readHousehold", opt={"scope": APP})
async def read_household(request: Request[Parent, None, Any], db: NamedDependency[Database]) -> Response[bytes]:
    """Read the household at a glance: members, care, open differences, answers, phones, notices, and who looked at it."""
    async with db.snapshot(request.user) as conn:
        document = await overview(conn, request.user)
    return Response(document, media_type="application/json")


@get("/export", operation_id="exportHousehold", opt={"scope": APP})
async def export_household(
    request: Request[Parent, None, Any], db: NamedDependency[Database], services: NamedDependency[Services]
) -> Stream:
    """Take along everything that is held of the household, as JSON, or as a page to read when Accept prefers text/html. It is recorded."""
    media_type = accepted(request, *_MEDIA_TYPES)
    form = _MEDIA_TYPES[media_type]
    exported_at = services.clock()
    writer: ExportWriter = _JsonFile(exported_at) if form == "json" else Page(exported_at)
    async with seat(services.exports, others="Other exports are being answered."):
        async with db.transaction(request.user) as conn:
            await record_export(conn, request.user, form)
        spool = await _spooled(db, request.user, writer)
    headers = {"Content-Disposition": f'attachment; filename="{_FILE}.{form}"', "Vary": "Accept"}
    if form == "html":
        headers |= {"Content-Disposition": "inline", "Content-Security-Policy": PAGE_POLICY, "Referrer-Policy": "no-referrer"}
    return Stream(_sent(spool), media_type=media_type, headers=headers)


household_router = Router("/v1/household", route_handlers=[read_household, export_household], tags=["household"])


async def _spooled(db: Database, parent: Parent, writer: ExportWriter) -> IO[bytes]:
    """Read everything in one moment; the file has no name, and is gone with the answer."""
    spool = tempfile.SpooledTemporaryFile(max_size=_SPOOLED_IN_MEMORY)  # noqa: SIM115  # closed when it is sent
    try:
        async with db.snapshot(parent) as conn:
            spool.write(writer.begin())
            async for held in held_rows(conn, parent):
                spool.write(writer.row(held))
        spool.write(writer.end())
        spool.seek(0)
    except BaseException:
        spool.close()
        raise
    return spool


async def _sent(spool: IO[bytes]) -> AsyncIterator[bytes]:
    with spool:
        while piece := spool.read(_SENT_AT_ONCE):
            yield piece
