"""The chain itself, with real processes: it finds exactly what was planted, whatever is killed or wiped on the way."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from datetime import date
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from local.__main__ import SEED
from local.chain import Chain, ChainBroken
from local.lrk_file import register_file
from local.other_answers import answer_otherwise, who_answers_otherwise
from local.processes import Process
from local.region import Region, sample_region
from local.region_files import DeliveryFile, declarations_file, delivery_files, probe_file, undisputed_household
from local.run import Run

pytestmark = [pytest.mark.chain, pytest.mark.xdist_group("chain"), pytest.mark.timeout(180)]


class Play:
    """A small region with everything running."""

    def __init__(
        self, run: Run, region: Region, chain: Chain, product: tuple[Process, Process], files: Sequence[Sequence[DeliveryFile]]
    ) -> None:
        self.run, self.region, self.chain, self.files = run, region, chain, files
        self.api, self.worker = product


@pytest_asyncio.fixture
async def play() -> AsyncIterator[Play]:
    region = sample_region(SEED, date(2026, 11, 24), households=120, organisations=12)
    folder = Path(__file__).parents[2] / ".local" / f"chain-{os.getpid()}" / "run"
    with Run(folder, environ={"PG_BIN": os.environ.get("PG_BIN", "")}) as run:
        run.start_servers()
        for name, content in (("lrk.csv", register_file(region)), ("declarations.ndjson", declarations_file(region))):
            (folder / name).write_bytes(content)
        run.prepare(region, folder / "declarations.ndjson")
        run.kot("keyring", "create", str(folder / "keyring.json"))
        run.kot("migrate")
        run.kot("register", "import", str(folder / "lrk.csv"), "--oin-prefix", "00000099")
        run.start_counterparties()
        product = run.start_product()
        async with httpx.AsyncClient(timeout=30) as http:
            yield Play(run, region, Chain(run, region, http), product, delivery_files(region, SEED))
    shutil.rmtree(folder.parent)


async def sent(play: Play, file: DeliveryFile) -> None:
    """Send a file as a sender does: again, as long as nobody answers or the answer is that the service is busy."""
    while True:
        is_done = False
        try:
            await play.chain.deliver([file], silent)
            is_done = True
        except* httpx.HTTPError:
            pass
        except* ChainBroken as broken:
            if " answered 503: " not in str(broken.exceptions[0]):
                raise
        if is_done:
            return
        await asyncio.sleep(0.2)


def silent(_: int) -> None:
    """A step that nobody watches."""


async def wipe(redis_url: str) -> None:
    """Wipe Redis over and over."""
    redis = Redis.from_url(redis_url)
    try:
        while True:
            await redis.flushall()
            await asyncio.sleep(0.1)
    finally:
        await redis.aclose()


async def test_the_chain_finds_exactly_what_was_planted_while_redis_is_wiped_and_the_worker_killed(play: Play) -> None:
    chain, region = play.chain, play.region
    wiping = asyncio.create_task(wipe(play.run.redis_url))
    await chain.declare(declarations_file(region).splitlines(), silent)
    await chain.install(silent)
    await chain.deliver(play.files[0], silent)
    play.worker.kill()
    second = asyncio.create_task(chain.deliver(play.files[1], silent))
    await asyncio.sleep(0.5)
    assert not second.done()  # the deliveries landed, and nobody works on them
    play.worker.start()
    await second
    wiping.cancel()
    await chain.look(silent)
    assert dict(chain.findings.differences) == dict(region.planted())

    await chain.pilot((len(region.households) // 4, len(region.households)), silent)
    await chain.hear(silent)
    assert chain.findings.notices == sum(bool(one.differs) for one in region.households)
    household = undisputed_household(region)
    await chain.probe(household, probe_file(region, household))

    # Killed after the commit and before any hint can be heard; Redis is gone as well.
    play.worker.kill()
    assert play.run.valkey is not None
    play.run.valkey.kill()
    disputes, postpones, _ = who_answers_otherwise(region)
    others = (disputes, postpones)
    changes = await chain.answer([one for one in region.households if one.differs and one not in others], silent)
    assert len(changes) == sum(region.planted().values()) - sum(len(one.differs) for one in others)
    play.worker.start()
    await chain.settle(changes, silent)
    play.run.valkey.start()
    assert chain.findings.processed == len(changes)
    await answer_otherwise(chain, region, silent)
    assert (chain.findings.disputed_lines > 0, chain.findings.postponed, chain.findings.undone) == (True, 1, 1)
    assert chain.findings.processed == len(changes) + 1
    await chain.count_outcomes()
    counts = chain.findings.outcomes
    assert counts["received"] == sum(counts[name] for name in ("applied", "unchanged", "superseded", "parked", "rejected"))
    play.run.kot("audit", "verify")
    play.run.kot("verify")


async def test_the_chain_comes_to_the_same_when_api_worker_and_database_crash_on_the_way(play: Play) -> None:
    chain, region, postgres = play.chain, play.region, play.run.postgres
    assert postgres is not None
    await chain.declare(declarations_file(region).splitlines(), silent)
    sending = asyncio.gather(*(sent(play, file) for file in play.files[0]))
    for _ in range(2):
        await asyncio.sleep(0.6)
        play.api.kill()
        play.api.start()
        await asyncio.sleep(0.6)
        play.worker.kill()
        play.worker.start()
        await asyncio.sleep(0.6)
        postgres.kill()  # the stage, unlogged, is empty afterwards
        await asyncio.to_thread(postgres.start)
    await asyncio.wait_for(sending, 100)
    for file in play.files[1]:
        await sent(play, file)
    await chain.look(silent)
    assert dict(chain.findings.differences) == dict(region.planted())
    play.run.kot("audit", "verify")
    play.run.kot("verify")
