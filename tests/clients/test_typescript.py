"""A TypeScript client: the types of the contract compile, and the app of app.ts drives the running API through every refusal."""

import re
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import msgspec
import pytest
import pytest_asyncio

from api.app import create_app
from api.stream import Pace
from reconcile.keyring import Keyring
from reconcile.settings import Settings
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import OneKey, parent
from tests.clients.serving import playing, reached
from tests.node import CLIENTS, NODE

Play = Callable[..., Awaitable[str]]
CONTRACT = Path(__file__).parents[2] / "openapi" / "openapi.json"
MONTHS = ("2026-02", "2026-03")
QUICK = Pace(look_s=0.2, pause_s=0.01)
SCENES = ("firstSync", "oneTap", "moved", "settled", "lostAnswer", "offline", "stream")
SCENES += ("tokens", "restored", "spoilt", "tooOld", "left", "faultsOfAnApp")


def installed(package: str, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command of an npm package."""
    return subprocess.run([str(NODE), str(CLIENTS / "node_modules" / package / script), *arguments], capture_output=True, text=True)


def test_the_types_of_the_contract_compile_and_fit_the_app() -> None:
    made = installed("openapi-typescript", "bin/cli.js", str(CONTRACT), "-o", str(CLIENTS / "contract.d.ts"))
    assert made.returncode == 0, made.stderr
    of_anything = re.findall(r"^ *(\w+\??: (?:unknown|any)\b.*)$", (CLIENTS / "contract.d.ts").read_text(), re.MULTILINE)
    assert of_anything == []
    compiled = installed("typescript", "bin/tsc", "-p", str(CLIENTS))
    assert compiled.returncode == 0, compiled.stdout


@pytest_asyncio.fixture
async def play(settings: Settings, db: Database, admin: asyncpg.Connection, api_keyring: Keyring) -> AsyncIterator[Play]:
    """A household with two placements and an open difference, and an app that plays a scene with it."""
    await world.with_register(admin)
    await world.declared(db, api_keyring)

    async def deliver(hours: str) -> None:
        await world.delivered(db, api_keyring, *(world.line(month=month, hours=hours) for month in MONTHS))

    async def leave() -> None:
        members = [world.member(world.APPLICANT, "applicant"), world.member(world.CHILD, "child"), world.member(world.SIBLING, "child")]
        await world.declared(db, api_keyring, world.declaration(version=2, members=members))

    async def token(bsn: str = world.APPLICANT, seconds: int = 600) -> str:
        return parent(bsn, exp=int(time.time()) + seconds)["Authorization"].removeprefix("Bearer ")

    async def partner() -> str:
        return world.PARTNER

    async def acceptances() -> int:
        return int(await admin.fetchval("SELECT count(*) FROM answer"))

    await deliver("120.00")
    async with AsyncExitStack() as stack:

        async def restored() -> str:
            anew = msgspec.structs.replace(settings, restore_number=2)
            app = create_app(anew, db, world.nobody, keys=OneKey(), clock=lambda: world.NOW, pace=QUICK)
            return (await stack.enter_async_context(reached(app)))[0] + "/v1"

        app = create_app(settings, db, world.nobody, keys=OneKey(), clock=lambda: world.NOW, pace=QUICK)
        actions = {one.__name__: one for one in (deliver, leave, token, partner, acceptances, restored)}
        yield await stack.enter_async_context(playing(app, actions))


@pytest.mark.parametrize("scene", SCENES)
async def test_the_app(play: Play, scene: str) -> None:
    await play("app_scenes.ts", scene)
