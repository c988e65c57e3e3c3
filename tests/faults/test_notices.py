"""Five thousand notices while everything around them dies: each household hears exactly once, and a paused stage is silent.

Real processes: the API, two workers, PostgreSQL, Valkey and the push service. Households, phones and differences are made with the
product's own verbs before the workers start. Every random choice comes from one seed, which a failure prints.
"""

import asyncio
import os
import random
import secrets
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
import pytest_asyncio
from redis.asyncio import Redis
from redis.exceptions import RedisError

from local.clients import person_token
from local.processes import Process
from local.region import sample_region
from local.run import MANAGER_LOGIN, Run
from reconcile.keyring import Keyring
from reconcile.store.database import Database, Role
from tests import world

pytestmark = [pytest.mark.chain, pytest.mark.xdist_group("chain"), pytest.mark.timeout(300)]

HOUSEHOLDS = 5_000
KILLS = 16
SILENT_WITHIN_S = 5.0


class Push:
    """What the push service saw."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self._url, self._http = url, http
        self._read = 0
        self.received_at: list[datetime] = []
        self.notices: dict[str, set[str]] = {}

    async def read(self) -> int:
        """Read what was taken since the last time; return how many devices heard something so far."""
        while page := (await self._http.get(f"{self._url}/received", params={"after": self._read, "wait": 0})).json():
            for one in page:
                self.received_at.append(datetime.fromisoformat(one["receivedAt"]))
                self.notices.setdefault(one["token"], set()).add(one["noticeId"])
                self._read = one["sequence"]
        return len(self.notices)

    async def visible(self) -> dict[str, int]:
        """Return how many notices each device shows."""
        state = (await self._http.get(f"{self._url}/state")).json()
        return {token: len(device["visible"]) for token, device in state["devices"].items()}


class Manager:
    """A pilot manager who does not give up while the API is down."""

    def __init__(self, run: Run, http: httpx.AsyncClient, pilot_id: UUID) -> None:
        self._run, self._http, self._pilot_id = run, http, pilot_id

    async def step(self, name: str) -> None:
        token = await person_token(self._http, self._run.issuer_url, MANAGER_LOGIN)
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": secrets.token_urlsafe(24)}
        url = f"{self._run.api_url}/v1/pilots/{self._pilot_id}/stages/1/{name}"
        async with asyncio.timeout(30):
            while True:
                try:
                    answer = await self._http.post(url, headers=headers)
                    if answer.status_code == 200:
                        return
                    assert answer.status_code == 503, answer.text
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.2)


class Play:
    """Everything that runs, and what is to be killed."""

    def __init__(self, run: Run, processes: list[Process], push: Push, manager: Manager, admin: asyncpg.Connection) -> None:
        self.run, self.processes, self.push, self.manager, self.admin = run, processes, push, manager, admin

    async def open_pushes(self) -> int:
        count: int = await self.admin.fetchval("SELECT count(*) FROM outbox WHERE kind = 'push' AND state = 'open'")
        return count

    async def until_heard(self, devices: int, seconds: float) -> None:
        async with asyncio.timeout(seconds):
            while await self.push.read() < devices:
                await asyncio.sleep(0.1)


@pytest_asyncio.fixture
async def play() -> AsyncIterator[Play]:
    folder = Path(__file__).parents[2] / ".local" / f"notices-{os.getpid()}" / "run"
    region = sample_region(1, date(2026, 11, 24), households=2, organisations=12)
    with Run(folder, environ={"PG_BIN": os.environ.get("PG_BIN", "")}) as run:
        run.start_servers()
        run.prepare(region, folder / "declarations.ndjson")
        (folder / "declarations.ndjson").write_bytes(b"")
        run.kot("keyring", "create", str(folder / "keyring.json"))
        run.kot("migrate")
        run.start_counterparties()
        admin = await asyncpg.connect(run.database_url, server_settings={"search_path": "kot, public", "timezone": "UTC"})
        db = await Database.connect({role: run.login_url(role.value) for role in Role})
        keyring = Keyring((folder / "keyring.json").read_bytes())
        pilot_id = await world.with_crowd(db, admin, keyring, HOUSEHOLDS, is_released=False)
        await db.close()
        await admin.execute("ANALYZE")
        processes = [*run.start_product(), run.start_worker("worker-2")]
        async with httpx.AsyncClient(timeout=10) as http:
            yield Play(run, processes, Push(run.fcm_url, http), Manager(run, http, pilot_id), admin)
        await admin.close()
    shutil.rmtree(folder.parent)


async def torment(play: Play, dice: random.Random) -> None:
    """Kill a worker or the API at random moments, and start it again; wipe Redis all the time, and kill it once."""
    for kill in range(KILLS):
        await asyncio.sleep(dice.uniform(0.2, 1.5))
        victim = dice.choice(play.processes)
        victim.kill()
        await asyncio.sleep(dice.uniform(0.0, 0.5))
        victim.start()
        if kill == KILLS // 2:
            assert play.run.valkey is not None
            play.run.valkey.kill()
            await asyncio.sleep(1)
            play.run.valkey.start()


async def wipe(redis_url: str) -> None:
    while True:
        redis: Any = Redis.from_url(redis_url)
        try:
            await redis.flushall()
        except RedisError:
            pass  # it is dead at this moment, which is the point
        finally:
            await redis.aclose()
        await asyncio.sleep(0.2)


async def test_five_thousand_households_hear_exactly_once(play: Play) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201  # shown when the test fails
    assert await play.push.read() == 0
    await play.manager.step("release")
    await play.until_heard(300, 60)

    # Paused in the middle: nothing begins later than five seconds after the answer.
    await play.manager.step("pause")
    paused_at = datetime.now(UTC)
    await asyncio.sleep(SILENT_WITHIN_S + 3)
    heard = await play.push.read()
    late = [one for one in play.push.received_at if one > paused_at + timedelta(seconds=SILENT_WITHIN_S)]
    assert late == []
    assert heard < HOUSEHOLDS

    await play.manager.step("release")
    wiping = asyncio.create_task(wipe(play.run.redis_url))
    began = monotonic()
    await torment(play, random.Random(seed))
    wiping.cancel()
    await play.until_heard(HOUSEHOLDS, 150)
    async with asyncio.timeout(60):
        while await play.open_pushes():
            await asyncio.sleep(0.2)
    await play.push.read()
    assert len(play.push.notices) == HOUSEHOLDS
    assert {len(heard) for heard in play.push.notices.values()} == {1}
    assert set((await play.push.visible()).values()) == {1}
    states = await play.admin.fetch("SELECT state, count(*) FROM outbox WHERE kind = 'push' GROUP BY state")
    assert [tuple(row) for row in states] == [("done", HOUSEHOLDS)]
    again = len(play.push.received_at) - HOUSEHOLDS
    print(f"{KILLS} kills in {monotonic() - began:.0f} s; {again} pushes were sent again, and replaced themselves")  # noqa: T201
