"""Pushing: every outcome of a send leads where the rules say; what hangs, fails or dies takes nothing and nobody else with it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from time import monotonic
from uuid import UUID

import asyncpg
import httpx
import pytest

from reconcile.announce import PUSH_ATTEMPTS_MAX
from reconcile.keyring import Keyring
from reconcile.reach import remove_device
from reconcile.store.database import Database
from tests import world
from tests.push import PushService
from tests.reconcile.test_announce import awake, quiet_now, with_stage
from tests.reconcile.test_compare import more_hours
from workers.pushes import AT_ONCE, PushDrain
from workers.senders import AddressGone, SendLater, SendRefused, Sent
from workers.senders.fcm import PushMessage, fcm_client

Outcome = Sent | SendLater | SendRefused | AddressGone


class Service:
    """A push service that answers as told and remembers when each send began."""

    def __init__(self, answer: Callable[[PushMessage], Awaitable[Outcome]]) -> None:
        self._answer = answer
        self.began: list[tuple[float, PushMessage]] = []
        self.under_way = self.most_under_way = 0

    @property
    def messages(self) -> list[PushMessage]:
        return [message for _, message in self.began]

    async def __call__(self, message: PushMessage, *, now: datetime) -> Outcome:
        self.began.append((monotonic(), message))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return await self._answer(message)
        finally:
            self.under_way -= 1


def scripted(*outcomes: Outcome | Exception) -> Service:
    left = list(outcomes)

    async def answer(_: PushMessage) -> Outcome:
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return Service(answer)


def slow(seconds: float) -> Service:
    async def answer(_: PushMessage) -> Outcome:
        await asyncio.sleep(seconds)
        return Sent()

    return Service(answer)


async def states(admin: asyncpg.Connection) -> Counter[str]:
    return Counter(row["state"] for row in await admin.fetch("SELECT state FROM outbox WHERE kind = 'push'"))


async def one_push(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await with_stage(db, admin, keyring)
    await more_hours(db, keyring)


async def test_every_household_is_told_once_and_many_at_once(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_crowd(db, admin, keyring, 150)
    service = slow(0.01)
    await PushDrain(db, service)()
    assert Counter(message.token for message in service.messages).most_common(1)[0][1] == 1
    assert len(service.messages) == 150
    assert AT_ONCE // 2 < service.most_under_way <= AT_ONCE
    assert await states(admin) == {"done": 150}


async def test_two_workers_share_the_work(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_crowd(db, admin, keyring, 150)
    services = slow(0.01), slow(0.01)
    await asyncio.gather(*(PushDrain(db, service)() for service in services))
    tokens = [message.token for service in services for message in service.messages]
    assert len(tokens) == len(set(tokens)) == 150
    assert all(service.messages for service in services)


async def test_a_message_has_a_number_and_the_key_of_a_sentence(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await one_push(db, admin, keyring)
    service = scripted(Sent())
    now = datetime(2026, 7, 10, 9, tzinfo=UTC)
    await PushDrain(db, service, clock=lambda: now)()
    assert service.messages == [
        PushMessage(
            token="token-1",
            platform="android",
            notice_id=await admin.fetchval("SELECT notice_id FROM notice"),
            sentence="difference-new.nl",
            expires_at=now + timedelta(hours=72),
        )
    ]


async def test_what_was_put_off_is_sent_later_as_the_same_notice(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await one_push(db, admin, keyring)
    service = scripted(SendLater(error="http-503", at_least=timedelta(seconds=10)), Sent())
    drain = PushDrain(db, service)
    await drain()
    assert await states(admin) == {"open": 1}
    assert await admin.fetchval("SELECT due_at - now() FROM outbox") > timedelta(seconds=8)
    await admin.execute("UPDATE outbox SET due_at = now()")
    await drain()
    assert await states(admin) == {"done": 1}
    assert len({message.notice_id for message in service.messages}) == 1


async def test_a_service_that_asks_everybody_to_wait_is_left_alone(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_crowd(db, admin, keyring, AT_ONCE * 2)
    now = datetime(2026, 7, 10, 9, tzinfo=UTC)

    async def answer(_: PushMessage) -> Outcome:
        return SendLater(error="http-429", at_least=timedelta(seconds=60), is_service_wide=True)

    service = Service(answer)
    drain = PushDrain(db, service, clock=lambda: now)
    await drain()
    sent = len(service.messages)
    assert sent <= AT_ONCE
    await drain()
    assert len(service.messages) == sent
    now += timedelta(seconds=61)
    await drain()
    assert len(service.messages) > sent


async def test_a_dead_address_is_dropped_with_everything_that_was_for_it(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await one_push(db, admin, keyring)
    service = scripted(AddressGone(error="UNREGISTERED"))
    await PushDrain(db, service)()
    assert await states(admin) == {"refused": 1}
    assert tuple(await admin.fetchrow("SELECT token, retired_for FROM device")) == (None, "unregistered")
    await more_hours(db, keyring, "130.00")
    await PushDrain(db, service)()
    assert len(service.messages) == 1


async def test_what_the_service_never_takes_is_dead_and_keeps_the_device(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await one_push(db, admin, keyring)
    await PushDrain(db, scripted(SendRefused(error="INVALID_ARGUMENT")))()
    assert tuple(await admin.fetchrow("SELECT state, last_error FROM outbox")) == ("dead", "INVALID_ARGUMENT")
    assert await admin.fetchval("SELECT token FROM device") == "token-1"


async def test_after_days_of_trying_a_push_is_dead(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await one_push(db, admin, keyring)
    await admin.execute("UPDATE outbox SET attempts = $1", PUSH_ATTEMPTS_MAX - 1)
    await PushDrain(db, scripted(SendLater(error="http-503")))()
    assert await states(admin) == {"dead": 1}


async def test_a_worker_that_dies_after_the_send_sends_the_same_notice_again(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    """The phone shows a notice under its number, so that the second one replaces the first."""
    await one_push(db, admin, keyring)
    dying = scripted(RuntimeError("killed after the service took it"))
    with pytest.raises(ExceptionGroup):
        await PushDrain(db, dying)()
    following = scripted(Sent())
    await PushDrain(db, following)()
    assert following.messages == []  # the lease still runs
    await admin.execute("UPDATE outbox SET lease_until = now() - interval '1 second'")
    await PushDrain(db, following)()
    assert [one.notice_id for one in following.messages] == [one.notice_id for one in dying.messages]
    assert await states(admin) == {"done": 1}


async def test_one_that_hangs_does_not_hold_up_what_falls_due(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_crowd(db, admin, keyring, 2)
    let_go = asyncio.Event()
    second = await admin.fetchrow("SELECT household_id, subject_id FROM outbox ORDER BY subject_id LIMIT 1")
    await admin.execute("UPDATE outbox SET due_at = now() + interval '1 hour' WHERE subject_id = $1", second["subject_id"])

    async def answer(message: PushMessage) -> Outcome:
        if not answered:
            answered.append(message)
            await let_go.wait()
        return Sent()

    answered: list[PushMessage] = []
    service = Service(answer)
    drain = asyncio.create_task(PushDrain(db, service)())
    while not answered:
        await asyncio.sleep(0.01)
    await admin.execute("UPDATE outbox SET due_at = now() WHERE subject_id = $1", second["subject_id"])
    async with asyncio.timeout(5):
        while await admin.fetchval("SELECT state FROM outbox WHERE subject_id = $1", second["subject_id"]) != "done":
            await asyncio.sleep(0.05)
    assert not drain.done()
    let_go.set()
    await drain
    assert await states(admin) == {"done": 2}


async def test_a_paused_stage_is_silent_at_once(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """Nothing begins later than what was claimed in the moment of the pause; the promise is five seconds."""
    pilot_id = await world.with_crowd(db, admin, keyring, 400)
    service = slow(0.05)
    drain = asyncio.create_task(PushDrain(db, service)())
    while len(service.messages) < AT_ONCE:
        await asyncio.sleep(0.005)
    await world.paused(db, pilot_id)
    paused_at = monotonic()
    await drain
    assert [began for began, _ in service.began if began > paused_at + 1] == []
    counts = await states(admin)
    assert counts["done"] == len(service.messages) < 400
    assert counts["open"] == 400 - counts["done"]
    await world.released(db, pilot_id)
    await PushDrain(db, service)()
    assert await states(admin) == {"done": 400}
    assert len({message.notice_id for message in service.messages}) == len(service.messages) == 400


async def test_a_pause_between_check_and_send_is_bounded_by_one_claim(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """What was claimed is sent at once: no push waits behind another that hangs."""
    await world.with_crowd(db, admin, keyring, AT_ONCE)
    service = slow(0.5)
    await PushDrain(db, service)()
    first = service.began[0][0]
    assert max(began for began, _ in service.began) - first < 2


async def test_phones_show_what_is_theirs_when_and_how_they_want_it(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """Through the sender to the push service: addresses that changed, phones that went to somebody else, languages, wishes, hours."""
    applicant, _ = await with_stage(db, admin, keyring)
    partner = await world.parent(db, keyring, world.PARTNER)
    stranger = [world.member(world.STRANGER, "applicant")]
    await world.declared(db, keyring, world.declaration(householdRef="H2", members=stranger, placements=[]))
    other = await world.parent(db, keyring, world.STRANGER)
    await world.with_device(db, applicant, token="renewed")
    await world.with_device(db, partner, 2, token="english", locale="en", platform="ios")
    await world.with_device(db, partner, 3, token="silent", wanted_notices=[])
    await world.with_device(db, applicant, 4, token="asleep", quiet=await quiet_now(admin))
    await world.with_device(db, applicant, 5, token="handed-over")
    await world.with_device(db, other, 6, token="handed-over")
    await world.with_device(db, partner, 7, token="forgotten")
    async with db.transaction(partner) as conn:
        await remove_device(conn, partner, UUID(int=7))
    await more_hours(db, keyring)
    push_service = PushService()
    async with push_service.served(), fcm_client() as http:
        drain = PushDrain(db, push_service.sender(http))
        await drain()
        assert await heard(http, push_service) == {"renewed": "difference-new.nl", "english": "difference-new.en"}
        assert {len(one["visible"]) for one in (await push_service.state())["devices"].values()} == {1}
        # In the morning, the difference is settled: the phone that slept stays dark.
        await more_hours(db, keyring, "100.00")
        await awake(admin)
        await drain()
        assert set(await heard(http, push_service)) == {"renewed", "english"}
    assert await states(admin) == {"done": 2, "cancelled": 3}


async def heard(http: httpx.AsyncClient, service: PushService) -> dict[str, str]:
    """Return the sentence that each phone got last."""
    return {one["token"]: one["sentence"] for one in (await http.get(f"{service.url}/received")).json()}
