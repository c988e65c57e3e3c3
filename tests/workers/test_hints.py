"""Hints: heard when Redis is there, silent when it is not, never in the way."""

import asyncio
from pathlib import Path
from time import monotonic
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from local.binaries import valkey_binary
from local.servers import Valkey
from workers.hints import CHANGES, HOUSEHOLDS_MAX, QUEUE, Hints, hear_changes
from workers.kinds import Work
from workers.main import hear_hints
from workers.sweep import Sweeper

# One queue for the whole run: these tests do not run beside each other.
pytestmark = pytest.mark.xdist_group("valkey")


async def heard(sweeper_ran: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(5):
            await sweeper_ran.wait()
    except TimeoutError:
        return False
    return True


async def test_a_hint_makes_the_worker_look_at_once(redis_url: str) -> None:
    ran, looks = asyncio.Event(), 0

    async def drain() -> None:
        nonlocal looks
        looks += 1
        if looks > 1:
            ran.set()

    sweeper = Sweeper({Work.CHANGE: drain}, interval_s=60)
    tasks = [asyncio.create_task(sweeper.run()), asyncio.create_task(hear_hints(redis_url, sweeper))]
    hints = Hints(redis_url)
    await asyncio.sleep(0.3)
    await hints.wake("change")
    assert await heard(ran)
    await hints.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def connected(hints: Hints, redis: Redis) -> None:
    """Wait until a first hint arrived: on a busy machine connecting can take longer than a hint is worth."""
    for _ in range(50):
        await hints.wake("delivery")
        await asyncio.sleep(0.15)
        if await redis.zcard(QUEUE):
            return
    raise AssertionError("no hint arrived")


async def test_many_hints_become_few(redis_url: str) -> None:
    redis = Redis.from_url(redis_url)
    await redis.delete(QUEUE)
    hints = Hints(redis_url)
    await connected(hints, redis)
    await redis.delete(QUEUE)
    for _ in range(500):
        await hints.wake("delivery")
    await asyncio.sleep(0.3)
    assert 1 <= await redis.zcard(QUEUE) <= 4
    await hints.close()
    await redis.delete(QUEUE)
    await redis.aclose()


async def test_without_redis_a_hint_costs_next_to_nothing(caplog: pytest.LogCaptureFixture) -> None:
    hints = Hints("redis://127.0.0.1:9/0")
    began = monotonic()
    for _ in range(20):
        await hints.wake("change")
        await hints.wake("delivery")
    assert monotonic() - began < 1
    await hints.close()


async def test_the_worker_outlives_redis(tmp_path: Path) -> None:
    valkey = Valkey(tmp_path / "valkey", valkey_binary(None))
    valkey.start()
    ran = asyncio.Event()
    sweeper = Sweeper({}, interval_s=60)
    sweeper.look = lambda _: ran.set()  # type: ignore[method-assign]
    listening = asyncio.create_task(hear_hints(valkey.url(), sweeper))
    await asyncio.sleep(0.3)
    valkey.kill()
    await asyncio.sleep(0.5)
    assert not listening.done()
    valkey.start()
    hints = Hints(valkey.url())
    for _ in range(30):
        await hints.wake("change")
        await asyncio.sleep(0.2)
        if ran.is_set():
            break
    assert ran.is_set()
    await hints.close()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    valkey.stop()


async def test_many_changes_become_few_messages(redis_url: str) -> None:
    heard: list[list[UUID]] = []
    hearing = asyncio.create_task(hear_changes(redis_url, lambda ids: heard.append(list(ids))))
    hints, rung = Hints(redis_url), [uuid4() for _ in range(1_000)]
    first = uuid4()
    for _ in range(50):
        hints.ring({first})
        await asyncio.sleep(0.15)
        if heard:
            break
    heard.clear()
    for _ in range(20):  # best effort: on a busy machine a message can take longer than it is worth
        heard.clear()
        for one in rung:
            hints.ring({one, rung[0]})
        await asyncio.sleep(0.5)
        if set(rung) <= {one for ids in heard for one in ids}:
            break
    assert set(rung) <= {one for ids in heard for one in ids}
    assert len(heard) <= 4
    await hints.close()
    hearing.cancel()
    await asyncio.gather(hearing, return_exceptions=True)


async def test_more_changes_than_the_bound_are_left_to_the_streams_themselves() -> None:
    hints = Hints("redis://127.0.0.1:9/0")
    hints.ring({uuid4() for _ in range(HOUSEHOLDS_MAX)})
    hints.ring({uuid4()})
    assert len(hints._changed) == HOUSEHOLDS_MAX
    await hints.close()


async def test_what_is_no_list_of_households_is_no_harm(redis_url: str) -> None:
    heard: list[UUID] = []
    hearing = asyncio.create_task(hear_changes(redis_url, heard.extend))
    redis, one = Redis.from_url(redis_url), uuid4()
    for _ in range(50):
        await redis.publish(CHANGES, b"short")
        await redis.publish(CHANGES, one.bytes + b"rest")
        await asyncio.sleep(0.1)
        if one in heard:
            break
    assert one in heard
    assert not hearing.done()
    hearing.cancel()
    await asyncio.gather(hearing, return_exceptions=True)
    await redis.aclose()
