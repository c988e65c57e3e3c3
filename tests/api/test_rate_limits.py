"""Requests of organisations are counted by sender and organisation, reading and writing apart; those of parents are not."""

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from api import rate_limits
from api.app import create_app
from api.rate_limits import WINDOW_S, Bucket
from reconcile.keyring import Keyring
from reconcile.settings import Settings
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import OneKey, Problem, organisation, parent

LIST = "/v1/deliveries"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_of_the_whole_quota_is_let_through_and_then_one_after_the_other() -> None:
    clock = Clock()
    bucket = Bucket(6, clock)
    taken = [bucket.take("a") for _ in range(7)]
    assert [(one.remaining, one.retry_after_s) for one in taken] == [(5, 0), (4, 0), (3, 0), (2, 0), (1, 0), (0, 0), (0, 10)]
    assert taken[-1].full_in_s == WINDOW_S
    assert bucket.take("b").remaining == 5
    clock.now += 10
    assert [bucket.take("a").retry_after_s for _ in range(2)] == [0, 10]
    clock.now += WINDOW_S
    assert bucket.take("a").remaining == 5


@given(st.integers(1, 5_000), st.lists(st.floats(0, 70), max_size=40))
def test_no_window_lets_more_than_twice_the_quota_through_and_no_wait_is_longer_than_the_window(quota: int, pauses: list[float]) -> None:
    clock = Clock()
    bucket = Bucket(quota, clock)
    passed: list[float] = []
    for pause in pauses:
        clock.now += pause
        for _ in range(quota // 10 + 1):
            taken = bucket.take("a")
            assert 0 <= taken.remaining < quota
            assert 0 <= taken.retry_after_s <= WINDOW_S
            assert 0 <= taken.full_in_s <= WINDOW_S + 1
            passed += [] if taken.retry_after_s else [clock.now]
        assert sum(at > clock.now - WINDOW_S for at in passed) <= 2 * quota


def test_who_waits_as_told_is_let_through() -> None:
    for quota in (1, 7, 3_000):
        clock = Clock()
        bucket = Bucket(quota, clock)
        for _ in range(quota * 2):
            while (wait := bucket.take("a").retry_after_s) > 0:
                clock.now += wait


def test_memory_is_bounded_by_forgetting_who_has_all_requests_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "_SENDERS_MAX", 10)
    clock = Clock()
    bucket = Bucket(2, clock)
    for number in range(100):
        clock.now += 10
        bucket.take(number)
        assert len(bucket._full_at) <= 10
    for number in range(100, 200):
        bucket.take(number)
        assert len(bucket._full_at) <= 10


@pytest_asyncio.fixture
async def limited(settings: Settings, db: Database, admin: asyncpg.Connection) -> AsyncIterator[httpx.AsyncClient]:
    async def wake(_: str) -> None: ...

    await world.with_register(admin)
    few = structs.replace(settings, rate_limit_reads=2, rate_limit_writes=1)
    transport = httpx.ASGITransport(app=create_app(few, db, wake, keys=OneKey(), clock=lambda: world.NOW), raise_app_exceptions=False)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as http:
        yield http


async def write(client: httpx.AsyncClient, oin: str = world.OIN) -> httpx.Response:
    return await client.delete(f"/v1/mandates/{world.OTHER_VENDOR_OIN}", headers=organisation(oin))


async def test_reads_and_writes_are_counted_apart_and_every_answer_says_what_is_left(limited: httpx.AsyncClient, problem: Problem) -> None:
    first = await limited.get(LIST, headers=organisation())
    assert (first.status_code, first.headers["ratelimit-policy"]) == (200, '"read";q=2;w=60')
    assert first.headers["ratelimit"].startswith('"read";r=1;t=')
    refused = await limited.get("/v1/expected-deliveries", headers=organisation())  # a problem tells it as well, and HEAD reads
    assert (refused.status_code, refused.headers["ratelimit"][:10]) == (400, '"read";r=0')
    too_many = await limited.head(LIST, headers=organisation())
    assert (too_many.status_code, too_many.content) == (429, b"")
    told = await limited.get(LIST, headers=organisation())
    problem(told, 429, "rate-limited")
    assert 1 <= int(told.headers["retry-after"]) <= 30
    assert told.headers["ratelimit"].startswith('"read";r=0;t=')
    written = await write(limited)
    assert (written.status_code, written.headers["ratelimit-policy"]) == (204, '"write";q=1;w=60')
    problem(await write(limited), 429, "rate-limited")


async def test_another_organisation_and_another_sender_have_their_own(limited: httpx.AsyncClient, db: Database) -> None:
    await world.mandated(db)
    await world.mandated(db, world.OTHER_OIN)
    for _ in range(2):
        await limited.get(LIST, headers=organisation())
    assert (await limited.get(LIST, headers=organisation(world.OTHER_OIN))).status_code == 200
    for oin in (world.OIN, world.OTHER_OIN):
        answers = [await limited.get(LIST, params={"organisationOin": oin}, headers=organisation(world.VENDOR_OIN)) for _ in range(3)]
        assert [one.status_code for one in answers] == [200, 200, 429]
    across = await limited.get("/v1/mandated-organisations", params={"month": "2026-03"}, headers=organisation(world.VENDOR_OIN))
    assert across.status_code == 200


async def test_parents_are_not_counted(limited: httpx.AsyncClient, db: Database, api_keyring: Keyring) -> None:
    await world.declared(db, api_keyring)
    answers = [await limited.get("/v1/differences", headers=parent()) for _ in range(4)]
    assert [(one.status_code, "ratelimit" in one.headers) for one in answers] == [(200, False)] * 4
