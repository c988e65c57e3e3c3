"""So many pieces at a time, in order; the first error ends them all."""

import asyncio

import pytest

from workers.ahead import Ahead


async def test_no_more_run_at_a_time_than_may_and_all_are_awaited() -> None:
    running = most = done = 0

    async def piece() -> None:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        done += 1

    async with Ahead(2) as ahead:
        for _ in range(7):
            await ahead.start(piece())
    assert (most, running, done) == (2, 0, 7)


async def test_a_piece_can_wait_for_the_one_before() -> None:
    ended: list[int] = []

    async def piece(number: int, before: "asyncio.Task[None] | None") -> None:
        # Each is quicker than the one before it.
        await asyncio.sleep(0.01 / (number + 1))
        if before is not None:
            await before
        ended.append(number)

    async with Ahead(2) as ahead:
        for number in range(5):
            await ahead.start(piece(number, ahead.latest))
    assert ended == [0, 1, 2, 3, 4]


async def test_the_first_error_ends_the_others() -> None:
    cancelled = asyncio.Event()

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError

    async def lasts() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(ValueError):
        async with Ahead(2) as ahead:
            await ahead.start(fails())
            await ahead.start(lasts())
            await ahead.start(lasts())
    assert cancelled.is_set()


async def test_an_error_of_the_block_ends_what_runs() -> None:
    async def lasts() -> None:
        await asyncio.sleep(60)

    with pytest.raises(KeyError):
        async with Ahead(1) as ahead:
            await ahead.start(lasts())
            task = ahead.latest
            raise KeyError
    assert task is not None
    assert task.cancelled()
