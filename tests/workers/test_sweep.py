"""The sweeper looks without being told, and one failed look does not end the looking."""

import asyncio

from workers.kinds import Work
from workers.sweep import Sweeper


async def run_for(sweeper: Sweeper, seconds: float) -> None:
    task = asyncio.create_task(sweeper.run())
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_it_looks_again_and_again() -> None:
    looks = 0

    async def drain() -> None:
        nonlocal looks
        looks += 1

    await run_for(Sweeper({Work.DELIVERY: drain}, interval_s=0.02), 0.5)
    assert looks >= 5


async def test_a_failed_look_is_followed_by_another() -> None:
    looks = 0

    async def drain() -> None:
        nonlocal looks
        looks += 1
        raise RuntimeError

    await run_for(Sweeper({Work.DELIVERY: drain}, interval_s=0.02), 0.3)
    assert looks >= 3


async def test_a_hint_that_comes_during_a_look_is_not_lost() -> None:
    began, looks = asyncio.Event(), 0
    sweeper: Sweeper

    async def drain() -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            sweeper.look("change")
            began.set()

    sweeper = Sweeper({Work.CHANGE: drain}, interval_s=60)
    await run_for(sweeper, 0.2)
    assert looks == 2


async def test_an_unknown_kind_is_nothing_to_do() -> None:
    Sweeper({}, interval_s=60).look("from-a-newer-release")
