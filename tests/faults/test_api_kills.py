"""The API is killed over and over while phones answer: what was acknowledged stands, once, and every phone sees it.

Real processes of `kot serve`, PostgreSQL as durable as it is by itself, Valkey. Two phones of one parent in each household tap whatever is
open; TVS refuses every change, so that each difference opens again under another version. A phone does what the guide for apps says: a key
made before the first try, the same key until somebody answered, another process when one is gone. KOT_KILLS=1000 kills a thousand times;
every day it is some. Every random choice comes from one seed, which a failure prints.
"""

import asyncio
import os
import random
import secrets
import shutil
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
import pytest_asyncio

from bench.service import Place, all_deviate, fill, new_place, python, running, settings_beside
from local.binaries import postgres_folder, valkey_binary
from local.clients import person_token
from local.phone import Phone
from local.privileges import end_with_parent
from local.servers import Postgres, Valkey, free_port
from reconcile import forward
from reconcile.forward import Refused
from reconcile.rulebook import shipped_books
from reconcile.store.audit import broken_links
from reconcile.store.connections import StoreAway
from reconcile.store.database import Connection
from reconcile.verify import verify_households
from tests import world
from tests.reconcile.test_explain import EXPLAINER
from workers.comparisons import ComparisonDrain

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("KOT_KILLS", "20"))
HOUSEHOLDS = 8
PHONES_OF_EACH = 2
APIS = 3
# So long a process is left alone at most after it was ready.
ALIVE_S = 0.6
TRY_AGAIN_S = (0.05, 0.5)
READY_S = 60.0

pytestmark = [pytest.mark.chain, pytest.mark.xdist_group("chain"), pytest.mark.timeout(180 + 5 * KILLS)]


class Forked:
    """Starts processes by tests/faults/forked.py."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._one = asyncio.Lock()

    async def start(self, settings: dict[str, str]) -> int:
        """Start one, and return its number."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._one:
            self._process.stdin.write(msgspec.json.encode(settings) + b"\n")
            return int(await self._process.stdout.readline())


class Api:
    """One process of the API, started as often as it is killed."""

    def __init__(self, forked: Forked, settings: dict[str, str]) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._forked = forked
        self._settings = {**settings, "PORT": str(port)}
        self._pid = 0

    async def begin(self, http: httpx.AsyncClient) -> None:
        """Start it, and wait until it takes requests."""
        self._pid = await self._forked.start(self._settings)
        async with asyncio.timeout(READY_S):
            while True:
                try:
                    if (await http.get(f"{self.url}/health/live")).status_code == 200:
                        return
                except httpx.TransportError:
                    await asyncio.sleep(0.02)

    def end(self, number: signal.Signals) -> None:
        """Tell it to end."""
        os.kill(self._pid, number)

    async def gone(self) -> None:
        """Wait until it has ended."""
        while Path(f"/proc/{self._pid}").exists():
            await asyncio.sleep(0.02)


class Tapping:
    """A phone in a hand that taps whatever is open, and does not give up."""

    def __init__(self, play: "Play", number: int, dice: random.Random) -> None:
        self._play, self.number, self._dice = play, number, dice
        self._token = ""
        self._last: dict[str, tuple[int, str]] = {}
        self.copy = Phone(f"phone-{number}")
        self.acknowledged: dict[str, tuple[str, int, bytes]] = {}
        self.counts: Counter[str] = Counter()

    async def live(self) -> None:
        """Pull and tap until nobody taps any more."""
        while self._play.goes_on:
            await self.copy.pull(self.call)
            for difference in self.copy.open_differences():
                await self.tap(difference)
            await asyncio.sleep(self._dice.uniform(0.0, 0.05))

    async def tap(self, difference: dict[str, Any]) -> None:
        """Take one over; a repeat of what was acknowledged is answered with the same bytes."""
        number, version = difference["differenceId"], difference["version"]
        key = secrets.token_urlsafe(18)
        headers = {"If-Match": f'"d{number}-v{version}"', "Idempotency-Key": key}
        path = f"/v1/differences/{number}/acceptance"
        answer = await self.sent("POST", path, headers=headers)
        self.counts[f"{answer.status_code}"] += 1
        if answer.status_code != 201:
            # The other phone was first, and TVS perhaps as well: nothing was written for this one.
            assert answer.status_code in (409, 412), answer.text
            return
        self.counts["told by a repeat"] += "Idempotency-Replayed" in answer.headers
        self.acknowledged[key] = number, version, answer.content
        if self._dice.random() < 0.3:
            again = await self.sent("POST", path, headers=headers)
            assert (again.status_code, again.content, again.headers["Idempotency-Replayed"]) == (201, answer.content, "true")

    async def call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Pull a page: each document comes once, in order, whichever process answers."""
        page: dict[str, Any] = (await self.sent(method, path, **options)).raise_for_status().json()
        for one in page["documents"]:
            place = one["version"], next(str(one[name]) for name in ("placementId", "noticeId", "changeId", "differenceId") if name in one)
            assert place > self._last.get(path, (0, "")), (path, place)
            self._last[path] = place
        return page

    async def bearer(self) -> dict[str, str]:
        """Return the header that says who asks."""
        if not self._token:
            self._token = await person_token(self._play.http, self._play.issuer, f"parent-{self.number}")
        return {"Authorization": f"Bearer {self._token}"}

    async def sent(self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any) -> httpx.Response:
        """Send until somebody answers; an answer that nothing was done at this moment is none."""
        while True:
            url = self._dice.choice(self._play.apis).url
            bearer = await self.bearer()
            try:
                answer = await self._play.http.request(method, url + path, headers={**bearer, **(headers or {})}, **options)
                assert answer.status_code < 500 or answer.status_code == 503, answer.text
                if answer.status_code == 401:
                    self._token = ""
                    continue
                if answer.status_code != 503 and not answer.text.startswith('{"type":"/v1/problems/request-in-progress"'):
                    return answer
                self.counts["busy"] += 1
            except (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError):
                self.counts["nobody answered"] += 1
            await asyncio.sleep(self._dice.uniform(*TRY_AGAIN_S))


class Play:
    """Everything that runs."""

    def __init__(self, http: httpx.AsyncClient, place: Place, valkey: Valkey, issuer: str, apis: list[Api]) -> None:
        self.http, self.place, self.valkey, self.issuer, self.apis = http, place, valkey, issuer, apis
        self.goes_on = True

    async def refuse(self) -> None:
        """TVS refuses whatever was accepted, so that it can be accepted again; it comes back when the database does."""
        while self.goes_on:
            try:
                await self._refuse_all()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, StoreAway):
                await asyncio.sleep(0.5)

    async def _refuse_all(self) -> None:
        db, admin = await self.place.doors(), await self.place.admin()
        try:
            while self.goes_on:
                for row in await admin.fetch("SELECT change_id FROM change WHERE state = 'staged'"):
                    async with db.transaction(world.TVS) as conn:
                        await forward.record_receipt(conn, world.TVS, row["change_id"], Refused(reason="other"))
                await asyncio.sleep(0.05)
        finally:
            admin.terminate()
            await db.close()


@pytest_asyncio.fixture
async def play() -> AsyncIterator[Play]:
    folder = ROOT / ".local" / f"kills-{os.getpid()}"
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    postgres = Postgres(folder / "postgres", postgres_folder(os.environ.get("PG_BIN")))
    valkey = Valkey(folder / "valkey", valkey_binary(os.environ.get("VALKEY_BIN")))
    try:
        postgres.start()
        valkey.start()
        place = await new_place(postgres, folder, "kills")
        await fill(place, HOUSEHOLDS, all_deviate(HOUSEHOLDS))
        issuer = f"http://127.0.0.1:{free_port()}"
        settings = {**settings_beside(place, issuer, parents=HOUSEHOLDS), "REDIS_URL": valkey.url()}
        with running((python("issuer", place.folder, {}, "local.issuer", str(place.folder)), f"{issuer}/jwks")):
            async with forking(place.folder) as forked, httpx.AsyncClient(timeout=10) as http:
                apis = [Api(forked, settings) for _ in range(APIS)]
                await asyncio.gather(*(api.begin(http) for api in apis))
                yield Play(http, place, valkey, issuer, apis)
    finally:
        valkey.stop()
        postgres.stop()
    shutil.rmtree(folder)


@asynccontextmanager
async def forking(folder: Path) -> AsyncIterator[Forked]:
    """Start processes while the block runs; all end with it."""
    log = (folder / "apis.log").open("ab")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.faults.forked",
        stdin=pipe,
        stdout=pipe,
        stderr=log,
        cwd=ROOT,
        preexec_fn=end_with_parent(signal.SIGKILL),
    )
    try:
        yield Forked(process)
    finally:
        process.kill()
        await process.wait()
        log.close()


@asynccontextmanager
async def tapping(play: Play, dice: random.Random) -> AsyncIterator[list[Tapping]]:
    """Phones tap while the block runs; when it ends each waits for the answers that it has not had yet."""
    phones = [Tapping(play, number, random.Random(dice.random())) for number in range(HOUSEHOLDS) for _ in range(PHONES_OF_EACH)]
    async with asyncio.TaskGroup() as group:
        for phone in phones:
            group.create_task(phone.live())
        group.create_task(play.refuse())
        yield phones
        play.goes_on = False


async def test_no_acknowledged_answer_is_lost_and_none_doubled_while_the_api_is_killed(play: Play) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201  # shown when the test fails
    dice = random.Random(seed)
    began = monotonic()
    async with tapping(play, dice) as phones:
        await kill(play, dice)
    took = monotonic() - began
    await check(play, phones)
    assert all(phone.counts["nobody answered"] for phone in phones)
    counts = sum((phone.counts for phone in phones), Counter())
    print(f"{KILLS} kills in {took:.0f} s: {dict(counts)}")  # noqa: T201


async def test_a_killed_database_and_a_wiped_redis_cost_no_answer(play: Play) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201
    dice = random.Random(seed)
    async with tapping(play, dice) as phones:
        for _ in range(3):
            await asyncio.sleep(dice.uniform(1.0, 2.0))
            play.valkey.kill()
            play.place.postgres.kill()
            await asyncio.to_thread(play.place.postgres.start)
            await asyncio.to_thread(play.valkey.start)
        await asyncio.sleep(1.0)
    await check(play, phones)


async def test_a_process_that_is_told_to_stop_ends_its_streams_and_answers_what_it_was_asked(play: Play) -> None:
    api, admin = play.apis[0], await play.place.admin()
    play.apis = [api]
    phone = Tapping(play, 0, random.Random(0))
    await phone.copy.pull(phone.call)
    (difference,) = phone.copy.open_differences()
    async with play.http.stream("GET", f"{api.url}/v1/sync/stream", headers=await phone.bearer(), timeout=30) as stream:
        async with admin.transaction():
            await admin.execute("SELECT FROM household FOR UPDATE")
            tap = asyncio.create_task(phone.tap(difference))
            while not await admin.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.01)
            api.end(signal.SIGTERM)
            assert "RESYNC" in (await stream.aread()).decode()
            assert not tap.done()
        await tap
    assert phone.counts == Counter({"201": 1})
    async with asyncio.timeout(20):
        await api.gone()
    with pytest.raises(httpx.ConnectError):
        await play.http.get(f"{api.url}/health/live")
    await admin.close()


async def kill(play: Play, dice: random.Random) -> None:
    """Kill one process after the other, while another one is there for the phones; each is started again at once."""
    alive = asyncio.Queue[Api]()
    for api in play.apis:
        alive.put_nowait(api)

    async def again(api: Api) -> None:
        await api.gone()
        await api.begin(play.http)
        alive.put_nowait(api)

    async with asyncio.TaskGroup() as group:
        for _ in range(KILLS):
            victim = await alive.get()
            while alive.empty():
                await asyncio.sleep(0.01)
            await asyncio.sleep(dice.uniform(0.0, ALIVE_S))
            victim.end(signal.SIGKILL)
            group.create_task(again(victim))


async def check(play: Play, phones: list[Tapping]) -> None:
    """What phones were told is what stands, and nothing else does; what stands follows from the facts."""
    admin, db = await play.place.admin(), await play.place.doors()
    try:
        await check_told(admin, phones)
        for phone in phones:
            other = Tapping(play, phone.number, random.Random(0))
            for one in (phone, other):
                await one.copy.pull(one.call)
            assert phone.copy.copies == other.copy.copies
        await ComparisonDrain(db, shipped_books(), world.nobody, clock=lambda: world.NOW)()
        async with db.snapshot(EXPLAINER) as conn:
            page = await verify_households(conn, shipped_books(), as_of=world.NOW, after=None, households_max=HOUSEHOLDS)
        assert (page.households, page.waiting, list(page.findings)) == (HOUSEHOLDS, 0, [])
    finally:
        await admin.close()
        await db.close()


async def check_told(admin: Connection, phones: list[Tapping]) -> None:
    told = {key: answer for phone in phones for key, answer in phone.acknowledged.items()}
    documents = {key: msgspec.json.decode(content) for key, (_, _, content) in told.items()}
    for key, (number, version, _) in told.items():
        assert (documents[key]["differenceId"], documents[key]["differenceVersion"]) == (number, version)
    # Two phones that tapped the same version were told of one acceptance.
    acknowledged = {(one["differenceId"], one["differenceVersion"], one["changeId"]) for one in documents.values()}
    rows = await admin.fetch(
        "SELECT difference_id::text, difference_version, answer.change_id::text, change.change_id IS NOT NULL,"
        " outbox.subject_id IS NOT NULL, (SELECT count(*) FROM household_audit AS link WHERE link.household_id = answer.household_id"
        " AND event ->> 'action' = 'accepted' AND event ->> 'changeId' = answer.change_id::text) AS links"
        " FROM answer LEFT JOIN change USING (household_id, change_id)"
        " LEFT JOIN outbox ON outbox.household_id = answer.household_id AND outbox.kind = 'change' AND outbox.subject_id = answer.change_id"
    )
    assert sorted(tuple(row) for row in rows) == sorted((*one, True, True, 1) for one in acknowledged)
    assert len({(difference, version) for difference, version, _ in acknowledged}) == len(acknowledged) > 0
    for table in ("change", "outbox"):
        assert await admin.fetchval(f"SELECT count(*) FROM {table}") == len(acknowledged)
    kept = {row["key"]: bytes(row["body"]) for row in await admin.fetch("SELECT key, body FROM idempotency_key")}
    assert kept == {key: content for key, (_, _, content) in told.items()}
    assert await admin.fetchval("SELECT count(*) FROM household_audit WHERE event ->> 'action' = 'accepted'") == len(acknowledged)
    assert await broken_links(admin, 10) == []
