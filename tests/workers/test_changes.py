"""Forwarding: every outcome of a send leads where the rules say, and a crash in between loses nothing."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from reconcile.keyring import Keyring
from reconcile.store.database import Database
from reconcile.store.outbox import ClaimedMessage
from tests import world
from tests.reconcile.test_forward import accepted
from workers.changes import ChangeDrain
from workers.senders import SendLater, SendRefused, Sent

Outcome = Sent | SendLater | SendRefused


class Scripted:
    """A receiver that answers by a script and remembers what it was sent."""

    def __init__(self, *outcomes: Outcome | Exception) -> None:
        self._outcomes = list(outcomes)
        self.messages: list[ClaimedMessage] = []

    async def __call__(self, message: ClaimedMessage) -> Outcome:
        self.messages.append(message)
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def state(admin: asyncpg.Connection) -> tuple[str, str]:
    return (await admin.fetchval("SELECT state FROM outbox"), await admin.fetchval("SELECT state FROM change"))


async def test_a_change_that_was_taken_is_sent(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    _, change_id = await accepted(db, admin, keyring)
    sender = Scripted(Sent())
    await ChangeDrain(db, sender)()
    assert [one.subject_id for one in sender.messages] == [change_id]
    assert await state(admin) == ("done", "sent")


async def test_what_was_put_off_is_sent_later_under_the_same_key(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await accepted(db, admin, keyring)
    sender = Scripted(SendLater(error="http-503"), Sent())
    drain = ChangeDrain(db, sender)
    await drain()
    assert await state(admin) == ("open", "staged")
    await admin.execute("UPDATE outbox SET due_at = now()")
    await drain()
    assert await state(admin) == ("done", "sent")
    assert len({one.subject_id for one in sender.messages}) == 1
    assert [one.attempts for one in sender.messages] == [1, 2]


async def test_what_the_receiver_never_takes_is_dead_and_visible(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await accepted(db, admin, keyring)
    await ChangeDrain(db, Scripted(SendRefused(error="http-400")))()
    assert await state(admin) == ("dead", "dead")
    assert await admin.fetchval("SELECT last_error FROM outbox") == "http-400"


async def test_after_three_days_a_change_is_dead(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await accepted(db, admin, keyring)
    drain = ChangeDrain(db, Scripted(SendLater(error="http-503")), clock=lambda: datetime.now(UTC) + timedelta(hours=73))
    await drain()
    assert await state(admin) == ("dead", "dead")


async def test_a_worker_that_dies_after_the_send_sends_again_when_its_lease_is_over(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    await accepted(db, admin, keyring)
    dying = Scripted(RuntimeError("killed after TVS took it"))
    with pytest.raises(ExceptionGroup):
        await ChangeDrain(db, dying)()
    assert await state(admin) == ("open", "staged")
    next_worker = Scripted(Sent())
    await ChangeDrain(db, next_worker)()
    assert next_worker.messages == []  # the lease still runs
    await admin.execute("UPDATE outbox SET lease_until = now() - interval '1 second'")
    await ChangeDrain(db, next_worker)()
    assert [one.subject_id for one in next_worker.messages] == [one.subject_id for one in dying.messages]
    assert await state(admin) == ("done", "sent")


async def test_nothing_reaches_tvs_without_an_acceptance(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)
    await world.delivered(db, keyring, world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00"))
    sender = Scripted()
    await ChangeDrain(db, sender)()
    assert sender.messages == []
