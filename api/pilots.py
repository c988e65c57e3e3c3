"""Pilot managers: make a pilot, draw its stages, let a stage be told or not, read the counts. Counts alone: never who."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta, Struct

from api.caller import PILOT_MANAGE, PILOT_READ
from api.idempotency import answered_once
from api.media import media_type
from api.services import Services
from api.validation import read_body
from reconcile.callers import Manager
from reconcile.enrol import PilotWithStages, all_pilots, create_pilot, draw_stage, pause_stage, pilot_with_stages, release_stage
from reconcile.store.database import Connection, Database
from reconcile.store.pilots import Mode, Stage, StageState

# Begins with no space, and has no control character anywhere.
_NAME = r"^[^\x00-\x20\x7f](?![\s\S]*[\x00-\x1f\x7f])"
Step = Callable[[Connection, Manager, UUID, int], Awaitable[Stage]]


class PilotRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pilot to make."""

    name: Annotated[str, Meta(min_length=1, max_length=100, pattern=_NAME, description="Name, for managers, on one line")]


class StageRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stage to draw."""

    size: Annotated[int, Meta(ge=1, le=10_000_000, description="Households in all, those of earlier stages among them")]
    mode: Annotated[Mode, Meta(description="immediate: a difference is told as soon as it is found")]


class PushCounts(Struct, frozen=True, kw_only=True):
    """Pushes of notices to devices, by what became of them."""

    waiting: int
    sent: int
    cancelled: int
    failed: int


class StageDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """A stage and its counts. `candidatesSha256` is over the numbers of all candidates in order, one a line."""

    stage_number: int
    size: int
    mode: Mode
    state: StageState
    candidate_count: int
    candidates_sha256: str
    drawn_at: datetime
    released_at: datetime | None
    paused_at: datetime | None
    announced_at: Annotated[datetime | None, Meta(description="When what was open at the release had been staged for all households")]
    added: Annotated[int, Meta(description="Households that this stage added")]
    notices: Annotated[int, Meta(description="Notices of the households that this stage added")]
    pushes: PushCounts


class PilotDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """A pilot. Its seed is public: drawn are the first candidates by SHA-256 of seed, slash and number of the household."""

    pilot_id: UUID
    name: str
    seed: str
    recorded_at: datetime
    stages: list[StageDocument]


class PilotList(Struct, frozen=True, kw_only=True):
    """All pilots, oldest first."""

    pilots: list[PilotDocument]


@get("/", operation_id="listPilots", opt={"scope": PILOT_READ})
async def list_pilots(request: Request[Manager, None, Any], db: NamedDependency[Database]) -> PilotList:
    """List the pilots with their stages."""
    async with db.snapshot(request.user) as conn:
        return PilotList(pilots=[_pilot(one) for one in await all_pilots(conn)])


@get("/{pilot_id:uuid}", operation_id="readPilot", opt={"scope": PILOT_READ})
async def read_pilot(request: Request[Manager, None, Any], db: NamedDependency[Database], pilot_id: FromPath[UUID]) -> PilotDocument:
    """Read a pilot with its stages and their counts."""
    async with db.snapshot(request.user) as conn:
        return _pilot(await pilot_with_stages(conn, pilot_id))


@post("/", operation_id="createPilot", status_code=201, opt={"scope": PILOT_MANAGE})
async def post_pilot(request: Request[Manager, None, Any], db: NamedDependency[Database]) -> Response[bytes]:
    """Make a pilot; its seed is drawn here, so that nobody chooses who is in it. Needs an Idempotency-Key."""
    media_type(request, "application/json")
    wanted: PilotRequest = await read_body(request, PilotRequest)

    async def create(conn: Connection) -> Response[bytes]:
        made = _pilot(await create_pilot(conn, request.user, name=wanted.name))
        return _answer(made, 201, location=f"/v1/pilots/{made.pilot_id}")

    return await answered_once(request, db, create)


@post("/{pilot_id:uuid}/stages", operation_id="drawStage", status_code=201, opt={"scope": PILOT_MANAGE})
async def post_stage(request: Request[Manager, None, Any], db: NamedDependency[Database], pilot_id: FromPath[UUID]) -> Response[bytes]:
    """Draw the next stage to an exact size. Nobody is told before it is released. Needs an Idempotency-Key."""
    media_type(request, "application/json")
    wanted: StageRequest = await read_body(request, StageRequest)

    async def draw(conn: Connection) -> Response[bytes]:
        stage = await draw_stage(conn, request.user, pilot_id, size=wanted.size, mode=wanted.mode)
        return _answer(_stage(stage), 201, location=f"/v1/pilots/{pilot_id}")

    return await answered_once(request, db, draw)


@post("/{pilot_id:uuid}/stages/{stage_number:int}/release", operation_id="releaseStage", status_code=200, opt={"scope": PILOT_MANAGE})
async def post_release(
    request: Request[Manager, None, Any],
    db: NamedDependency[Database],
    services: NamedDependency[Services],
    pilot_id: FromPath[UUID],
    stage_number: FromPath[int],
) -> Response[bytes]:
    """Let the households of a stage be told, from what is open already. Needs an Idempotency-Key."""
    answer = await _step(request, db, release_stage, pilot_id, stage_number)
    await services.wake("stage")
    return answer


@post("/{pilot_id:uuid}/stages/{stage_number:int}/pause", operation_id="pauseStage", status_code=200, opt={"scope": PILOT_MANAGE})
async def post_pause(
    request: Request[Manager, None, Any], db: NamedDependency[Database], pilot_id: FromPath[UUID], stage_number: FromPath[int]
) -> Response[bytes]:
    """Let nobody whom this stage added be told: silent within five seconds, until it is released again. Needs an Idempotency-Key."""
    return await _step(request, db, pause_stage, pilot_id, stage_number)


pilots_router = Router(
    "/v1/pilots", route_handlers=[list_pilots, read_pilot, post_pilot, post_stage, post_release, post_pause], tags=["pilots"]
)


async def _step(request: Request[Manager, None, Any], db: Database, step: Step, pilot_id: UUID, stage_number: int) -> Response[bytes]:
    async def take(conn: Connection) -> Response[bytes]:
        return _answer(_stage(await step(conn, request.user, pilot_id, stage_number)), 200)

    return await answered_once(request, db, take)


def _answer(document: Struct, status: int, *, location: str = "") -> Response[bytes]:
    headers = {"Location": location} if location else {}
    return Response(msgspec.json.encode(document), status_code=status, media_type="application/json", headers=headers)


def _pilot(found: PilotWithStages) -> PilotDocument:
    return PilotDocument(
        pilot_id=found.pilot.pilot_id,
        name=found.pilot.name,
        seed=found.pilot.seed,
        recorded_at=found.pilot.recorded_at,
        stages=[_stage(one) for one in found.stages],
    )


def _stage(stage: Stage) -> StageDocument:
    return StageDocument(
        stage_number=stage.stage_number,
        size=stage.size,
        mode=stage.mode,
        state=stage.state,
        candidate_count=stage.candidate_count,
        candidates_sha256=stage.candidates_sha256.hex(),
        drawn_at=stage.drawn_at,
        released_at=stage.released_at,
        paused_at=stage.paused_at,
        announced_at=stage.announced_at,
        added=stage.added,
        notices=stage.notices,
        pushes=PushCounts(waiting=stage.waiting, sent=stage.sent, cancelled=stage.cancelled, failed=stage.failed),
    )
