"""Verb: draw households into the stages of a pilot, and let a stage be told or not."""

import secrets
from collections.abc import Sequence
from uuid import UUID

import msgspec
from msgspec import Struct

from reconcile.callers import Manager
from reconcile.problems import NotFound, PilotExists, StageNotLarger, StageOutOfOrder, TooFewHouseholds
from reconcile.store import pilots as store
from reconcile.store.database import Connection
from reconcile.store.pilots import Mode, Pilot, Stage, StagePlace

_SEED_BYTES = 16


class PilotWithStages(Struct, frozen=True, kw_only=True):
    """A pilot and its stages in order."""

    pilot: Pilot
    stages: tuple[Stage, ...]


async def create_pilot(conn: Connection, manager: Manager, *, name: str) -> PilotWithStages:
    """Make a pilot with a random seed, so that nobody chooses who is drawn. Raises PilotExists."""
    pilot = await store.insert_pilot(conn, name, secrets.token_hex(_SEED_BYTES))
    if pilot is None:
        raise PilotExists(f"There is a pilot with the name {name!r} already. Choose another name, or use that pilot.")
    await _record(conn, manager, pilot.pilot_id, action="created", seed=pilot.seed)
    return PilotWithStages(pilot=pilot, stages=())


async def draw_stage(conn: Connection, manager: Manager, pilot_id: UUID, *, size: int, mode: Mode) -> Stage:
    """Draw the next stage: everybody of the earlier ones, and so many more that there are exactly `size`.

    Raises NotFound, StageNotLarger or TooFewHouseholds, and then nobody is drawn.
    """
    pilot = await _locked(conn, pilot_id)
    await store.lock_drawing(conn)
    earlier = await store.stage_states(conn, pilot_id)
    size_before = earlier[-1].size if earlier else 0
    if size <= size_before:
        raise StageNotLarger(size=size, size_before=size_before)
    place = StagePlace(stage_number=len(earlier) + 1, size=size, state="drawn")
    drawn = await store.draw_stage(conn, pilot, place, mode=mode, count=size - size_before)
    if drawn < size - size_before:
        raise TooFewHouseholds(size=size, size_max=size_before + drawn)
    stage = await _stage(conn, pilot_id, place.stage_number)
    await _record(
        conn,
        manager,
        pilot_id,
        action="drawn",
        stageNumber=stage.stage_number,
        size=size,
        candidatesSha256=stage.candidates_sha256.hex(),
    )
    return stage


async def release_stage(conn: Connection, manager: Manager, pilot_id: UUID, stage_number: int) -> Stage:
    """Let the households of a stage be told, also of what is open already; a released one stays as it is.

    Raises NotFound, or StageOutOfOrder while an earlier stage was never released.
    """
    place, earlier = await _place(conn, pilot_id, stage_number)
    if any(one.state == "drawn" for one in earlier):
        raise StageOutOfOrder("An earlier stage was never released. Release the stages in their order.")
    if place.state != "released":
        await store.release_stage(conn, pilot_id, stage_number)
        await _record(conn, manager, pilot_id, action="released", stageNumber=stage_number)
    return await _stage(conn, pilot_id, stage_number)


async def pause_stage(conn: Connection, manager: Manager, pilot_id: UUID, stage_number: int) -> Stage:
    """Let nobody whom this stage drew be told from now on; a paused one stays as it is, and releasing it again goes on.

    Raises NotFound, or StageOutOfOrder for a stage that was not released.
    """
    place, _ = await _place(conn, pilot_id, stage_number)
    if place.state == "drawn":
        raise StageOutOfOrder("This stage was never released, so nobody of it is told. There is nothing to pause.")
    if place.state != "paused":
        await store.pause_stage(conn, pilot_id, stage_number)
        await _record(conn, manager, pilot_id, action="paused", stageNumber=stage_number)
    return await _stage(conn, pilot_id, stage_number)


async def all_pilots(conn: Connection) -> Sequence[PilotWithStages]:
    """Return every pilot with its stages, oldest first."""
    stages = await store.stages(conn)
    return [
        PilotWithStages(pilot=one, stages=tuple(stage for stage in stages if stage.pilot_id == one.pilot_id))
        for one in await store.pilots(conn)
    ]


async def pilot_with_stages(conn: Connection, pilot_id: UUID) -> PilotWithStages:
    """Return one pilot with its stages. Raises NotFound."""
    for pilot in await store.pilots(conn, pilot_id):
        return PilotWithStages(pilot=pilot, stages=tuple(await store.stages(conn, pilot_id)))
    raise NotFound("There is no such pilot.")


async def _locked(conn: Connection, pilot_id: UUID) -> Pilot:
    pilot = await store.lock_pilot(conn, pilot_id)
    if pilot is None:
        raise NotFound("There is no such pilot.")
    return pilot


async def _place(conn: Connection, pilot_id: UUID, stage_number: int) -> tuple[StagePlace, Sequence[StagePlace]]:
    await _locked(conn, pilot_id)
    places = await store.stage_states(conn, pilot_id)
    for place in places:
        if place.stage_number == stage_number:
            return place, [one for one in places if one.stage_number < stage_number]
    raise NotFound("This pilot has no such stage.")


async def _stage(conn: Connection, pilot_id: UUID, stage_number: int) -> Stage:
    return next(one for one in await store.stages(conn, pilot_id) if one.stage_number == stage_number)


async def _record(conn: Connection, manager: Manager, pilot_id: UUID, **event: str | int) -> None:
    await store.record_pilot_event(conn, pilot_id, msgspec.json.encode({**event, "actor": manager.actor}).decode())
