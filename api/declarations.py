"""TVS: hand over what parents declared, one household a line."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from litestar import Request, Router, post
from litestar.di import NamedDependency
from msgspec import Struct

from api.caller import DECLARE
from api.media import BodyTooLarge, content, media_type
from api.services import Services
from reconcile.callers import Tvs
from reconcile.declare import declare
from reconcile.rules.declaration import Declaration, read_declaration
from reconcile.rules.faults import Fault, fault
from reconcile.store.database import Database

DECLARATIONS_BYTES_MAX = 67_108_864
LINE_BYTES_MAX = 262_144
# Applied together under the matching lock: so few that deliveries hardly notice.
BATCH_LINES = 100
FAULTS_MAX = 1_000


class DeclarationFault(Struct, frozen=True, kw_only=True, rename="camel"):
    """A fault of one line of the body, from 1."""

    line: int
    code: str
    field: str | None
    shape: str | None


class DeclarationsReceipt(Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of the declarations: received is the sum of the others. At most a thousand faults are told."""

    received: int
    applied: int
    unchanged: int
    ignored: int
    rejected: int
    faults: list[DeclarationFault]


class _Tally:
    """Counts outcomes and keeps the first faults."""

    def __init__(self) -> None:
        self.outcomes = {"applied": 0, "unchanged": 0, "ignored": 0, "rejected": 0}
        self.faults: list[DeclarationFault] = []

    def reject(self, line: int, faults: Sequence[Fault]) -> None:
        self.outcomes["rejected"] += 1
        room = FAULTS_MAX - len(self.faults)
        self.faults += [DeclarationFault(line=line, code=one.code, field=one.field, shape=one.shape) for one in faults[:room]]

    def receipt(self) -> DeclarationsReceipt:
        return DeclarationsReceipt(received=sum(self.outcomes.values()), faults=self.faults, **self.outcomes)


@post("/", operation_id="createDeclarations", status_code=200, opt={"scope": DECLARE}, request_max_body_size=DECLARATIONS_BYTES_MAX)
async def create_declarations(
    request: Request[Tvs, None, Any], db: NamedDependency[Database], services: NamedDependency[Services]
) -> DeclarationsReceipt:
    """Hand over declarations as NDJSON. Each line stands by itself: a wrong one is told and the others are applied."""
    media_type(request, "application/x-ndjson")
    tally = _Tally()
    async for batch in _batches(_lines(content(request))):
        await _apply(request.user, db, services, batch, tally)
        await services.wake("comparison")
    return tally.receipt()


declarations_router = Router("/v1/declarations", route_handlers=[create_declarations], tags=["declarations"])


async def _apply(tvs: Tvs, db: Database, services: Services, batch: Sequence[tuple[int, bytes]], tally: _Tally) -> None:
    read: list[tuple[int, Declaration]] = []
    for number, line in batch:
        declaration = read_declaration(line)
        if isinstance(declaration, Declaration):
            read.append((number, declaration))
        else:
            tally.reject(number, declaration)
    if not read:
        return
    async with db.transaction(tvs) as conn:
        results = await declare(conn, [declaration for _, declaration in read], services.keyring)
    for (number, _), result in zip(read, results, strict=True):
        if result.outcome == "rejected":
            tally.reject(number, [fault("declaration-location-unknown", "placements", one) for one in result.unknown_lrk_numbers])
        else:
            tally.outcomes[result.outcome] += 1


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    pending = b""
    async for piece in pieces:
        *whole, pending = (pending + piece).split(b"\n")
        for line in whole:
            yield line
        if len(pending) > LINE_BYTES_MAX:
            raise BodyTooLarge(f"A line has more than {LINE_BYTES_MAX} bytes. Send one household a line.", bytes_max=LINE_BYTES_MAX)
    yield pending


async def _batches(lines: AsyncIterator[bytes]) -> AsyncIterator[list[tuple[int, bytes]]]:
    batch: list[tuple[int, bytes]] = []
    number = 0
    async for line in lines:
        number += 1
        if line.strip():
            batch.append((number, line))
        if len(batch) == BATCH_LINES:
            yield batch
            batch = []
    if batch:
        yield batch
