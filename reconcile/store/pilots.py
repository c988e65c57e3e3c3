"""Queries of `pilots.sql`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("pilots")

StageState = Literal["drawn", "released", "paused"]
Mode = Literal["immediate"]


class Pilot(Struct, frozen=True, kw_only=True):
    """A rollout; with its public seed anybody can draw again."""

    pilot_id: UUID
    name: str
    seed: str
    recorded_at: datetime


class StagePlace(Struct, frozen=True, kw_only=True):
    """A stage by its place, size and state."""

    stage_number: int
    size: int
    state: StageState


class Stage(Struct, frozen=True, kw_only=True):
    """A stage with its counts: households that it added, notices of theirs, and pushes by what became of them."""

    pilot_id: UUID
    stage_number: int
    size: int
    mode: Mode
    state: StageState
    candidate_count: int
    candidates_sha256: bytes
    drawn_at: datetime
    released_at: datetime | None
    paused_at: datetime | None
    announced_at: datetime | None
    added: int
    notices: int
    waiting: int
    sent: int
    cancelled: int
    failed: int


async def insert_pilot(conn: Connection, name: str, seed: str) -> Pilot | None:
    """Make a pilot; None when one has that name."""
    row = await conn.fetchrow(SQL["insert_pilot"], name, seed)
    return None if row is None else Pilot(**row)


async def pilots(conn: Connection, pilot_id: UUID | None = None) -> Sequence[Pilot]:
    """Return all pilots, oldest first, or one."""
    return [Pilot(**row) for row in await conn.fetch(SQL["pilots"], pilot_id)]


async def lock_pilot(conn: Connection, pilot_id: UUID) -> Pilot | None:
    """Lock a pilot, so that its steps follow each other; None when there is none."""
    row = await conn.fetchrow(SQL["lock_pilot"], pilot_id)
    return None if row is None else Pilot(**row)


async def lock_drawing(conn: Connection) -> None:
    """Until this transaction ends nobody else draws."""
    await conn.execute(SQL["lock_drawing"])


async def draw_stage(conn: Connection, pilot: Pilot, stage: StagePlace, *, mode: Mode, count: int) -> int:
    """Make a stage and enrol the first so many candidates by the pilot's seed; return how many there were."""
    arguments = (pilot.pilot_id, stage.stage_number, stage.size, mode, pilot.seed, count)
    return await conn.fetchval(SQL["draw_stage"], *arguments)


async def stages(conn: Connection, pilot_id: UUID | None = None) -> Sequence[Stage]:
    """Return the stages of all pilots, or of one, with their counts."""
    return [Stage(**row) for row in await conn.fetch(SQL["stages"], pilot_id)]


async def stage_states(conn: Connection, pilot_id: UUID) -> Sequence[StagePlace]:
    """Return the stages of a pilot in order, without counts."""
    return [StagePlace(**row) for row in await conn.fetch(SQL["stage_states"], pilot_id)]


async def release_stage(conn: Connection, pilot_id: UUID, stage_number: int) -> None:
    """Let the households of a stage be told, and have what is open for them looked at from the first on."""
    await conn.execute(SQL["release_stage"], pilot_id, stage_number)


async def pause_stage(conn: Connection, pilot_id: UUID, stage_number: int) -> None:
    """Let nobody of a stage be told."""
    await conn.execute(SQL["pause_stage"], pilot_id, stage_number)


async def record_pilot_event(conn: Connection, pilot_id: UUID, event: str) -> None:
    """Chain what a manager did (JSON text); the pilot is locked."""
    await conn.execute(SQL["record_pilot_event"], pilot_id, event)
