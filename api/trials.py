"""A trial: `POST /v1/deliveries?dryRun=true` answers at once what would become of every line, and keeps nothing.

The body is read as it streams in, in slices that leave the loop free, and a trial is bounded in lines, bytes, time and number.
"""

import asyncio
import hashlib
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response
from msgspec import Meta, Struct
from msgspec.structs import replace

from api.delivery_documents import LineDocument, OutcomeCounts, line_document, lines_csv
from api.edge import BodyStalled
from api.fault_documents import FaultFinding, finding_documents
from api.media import content, content_digest
from api.services import Services, seat
from api.spreadsheet import wants_csv
from reconcile import callers
from reconcile.apply import DeliveryProblem, problem_of, reader_for
from reconcile.callers import Organisation, Sender
from reconcile.problems import TrialTooLarge, UnknownOrganisation
from reconcile.receive import DeliveryHeader
from reconcile.rehearse import Rehearsal, TrialFile, rehearse_delivery, unlanded_delivery
from reconcile.rules.delivery_file import DeliveryReader
from reconcile.rules.delivery_line import DeliveryLine
from reconcile.rules.faults import UnreadableDelivery
from reconcile.rules.months import month_at
from reconcile.rules.sandbox import SANDBOX_OIN
from reconcile.store.register import organisation_by_oin

LINES_MAX = 10_000
BYTES_MAX = 16_777_216
BODY_S = 60.0
_SLICE_BYTES = 16_384


class Trial(Struct, frozen=True, kw_only=True, rename="camel"):
    """What would become of this file if it were delivered now. Nothing of it was kept."""

    state: Annotated[str, Meta(description="applied or unreadable, as the delivery would end")]
    format: str
    created_at: datetime | None
    content_sha256: str
    byte_count: int
    counts: OutcomeCounts
    problem: Annotated[DeliveryProblem | None, Meta(description="Why it could not be read")]
    duplicate_of: Annotated[UUID | None, Meta(description="You delivered this content before: sending it again gives that receipt")]
    findings: tuple[FaultFinding, ...]
    lines: tuple[LineDocument, ...]


class _Read(Struct):
    """What was read so far; `reason` says why the rest is not."""

    lines: list[DeliveryLine]
    digest: Any
    byte_count: int = 0
    reason: UnreadableDelivery | None = None


async def try_delivery(
    request: Request[Organisation, None, Any], services: Services, header: DeliveryHeader, *, in_sandbox: bool
) -> Response[Any]:
    """Answer a trial, as the organisation that asks or as the one of the sandbox. Raises TrialTooLarge, Busy, ReferenceReused."""
    organisation = await _sandbox(services) if in_sandbox else request.user
    async with seat(services.trials, others="Other trials are being answered."):
        reader = reader_for(unlanded_delivery(organisation, header, received_at=services.clock()), this_month=month_at(services.clock()))
        read = await _read_in_time(request, reader)
        try:
            if read.reason is not None:
                raise read.reason
            file = TrialFile(envelope=reader.envelope(), lines=read.lines, content_sha256=read.digest.digest())
            async with services.db.rehearsal(callers.Trial(organisation_id=organisation.organisation_id)) as conn:
                rehearsal = await rehearse_delivery(conn, services.keyring, organisation, header, file)
        except UnreadableDelivery as reason:
            trial = _trial(header, read, problem=problem_of(reason))
        else:
            trial = _trial(header, read, rehearsal)
        # Still in the seat: writing ten thousand lines is the larger part of the memory.
        body = lines_csv(trial.lines) if wants_csv(request) else msgspec.json.encode(trial)
    return Response(body, status_code=200, media_type="text/csv" if wants_csv(request) else "application/json")


async def _sandbox(services: Services) -> Organisation:
    async with services.db.snapshot(Sender(oin=SANDBOX_OIN)) as conn:
        organisation = await organisation_by_oin(conn, SANDBOX_OIN)
    if organisation is None or not organisation.is_sandbox:
        raise UnknownOrganisation("This service has no sandbox organisation. Leave sandbox out to try the file as your own organisation.")
    return organisation


async def _read_in_time(request: Request[Organisation, None, Any], reader: DeliveryReader) -> _Read:
    try:
        async with asyncio.timeout(BODY_S):
            return await _read(request, reader)
    except TimeoutError:
        raise BodyStalled("The body of a trial must arrive within a minute. Nothing was kept.") from None


async def _read(request: Request[Organisation, None, Any], reader: DeliveryReader) -> _Read:
    """Read all of the body, and its lines as far as they can be read. Raises TrialTooLarge at the first line or byte too many."""
    read = _Read(lines=[], digest=hashlib.sha256())
    async for piece in content(request, expected_sha256=content_digest(request)):
        read.byte_count += len(piece)
        read.digest.update(piece)
        for start in range(0, len(piece), _SLICE_BYTES):
            _take(read, reader, piece[start : start + _SLICE_BYTES])
            await asyncio.sleep(0)
    _take(read, reader, None)
    return read


def _take(read: _Read, reader: DeliveryReader, data: bytes | None) -> None:
    """Take the next bytes, or the end (None)."""
    if read.reason is None:
        try:
            for line in reader.close() if data is None else reader.feed(data):
                read.lines.append(line)
                if len(read.lines) > LINES_MAX:
                    break
        except UnreadableDelivery as reason:
            read.reason = reason
    if len(read.lines) > LINES_MAX or read.byte_count > BYTES_MAX:
        raise TrialTooLarge(lines_max=LINES_MAX, bytes_max=BYTES_MAX)


def _trial(header: DeliveryHeader, read: _Read, rehearsal: Rehearsal | None = None, *, problem: DeliveryProblem | None = None) -> Trial:
    # Nothing is kept, so nothing waits or wakes at an instant.
    lines = tuple(replace(line_document(one), waiting_since=None, woken_at=None) for one in rehearsal.lines) if rehearsal else ()
    outcomes = [one.outcome for one in lines]
    return Trial(
        state="unreadable" if rehearsal is None else "applied",
        format=header.format,
        created_at=rehearsal.sent_at if rehearsal else None,
        content_sha256=read.digest.hexdigest(),
        byte_count=read.byte_count,
        counts=OutcomeCounts(
            received=len(lines),
            applied=outcomes.count("applied"),
            unchanged=outcomes.count("unchanged"),
            superseded=outcomes.count("superseded"),
            parked=outcomes.count("parked"),
            rejected=outcomes.count("rejected"),
            withdrawn=0,
        ),
        problem=problem,
        duplicate_of=rehearsal.duplicate_of if rehearsal else None,
        findings=finding_documents(rehearsal.findings, len(lines)) if rehearsal else (),
        lines=lines,
    )
