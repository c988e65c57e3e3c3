"""Taking an answer back: what was postponed is open, what was disputed is judged by the facts of now."""

from uuid import uuid4

import asyncpg
import msgspec
import pytest

from reconcile.keyring import Keyring
from reconcile.problems import AnswerFinal, NotFound
from reconcile.retract import take_back_answer
from reconcile.store.database import Database
from tests import world
from tests.reconcile.test_answer import accept, shown, with_difference
from tests.reconcile.test_compare import begun, complete
from tests.reconcile.test_dispute import disputed, taken_back
from tests.reconcile.test_postpone import answers, postponed
from tests.tables import contents


async def test_what_was_disputed_opens_as_a_new_difference_of_the_same_facts(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    answer = await disputed(db, parent, difference)
    await taken_back(db, parent, answer)
    assert [one.state for one in await shown(db, parent)] == ["closed"]
    assert await answers(admin) == [("dispute", False, True)]
    await world.worked(db, keyring)
    opened = next(one for one in await shown(db, parent) if one.state == "open")
    assert opened.difference_id != difference.difference_id
    assert (opened.kind, opened.proposal) == (difference.kind, difference.proposal)
    # It can be disputed once more, and taken back once more.
    again = await disputed(db, parent, opened)
    await taken_back(db, parent, again)
    await world.worked(db, keyring)
    assert sorted(one.state for one in await shown(db, parent)) == ["closed", "closed", "open"]


async def test_what_changed_meanwhile_is_judged_as_it_is_now(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    answer = await disputed(db, parent, difference)
    await world.delivered(db, keyring, world.line(month="2026-02"), world.line(month="2026-03"))
    await taken_back(db, parent, answer)
    await world.worked(db, keyring)
    assert [one.state for one in await shown(db, parent)] == ["closed"]


async def test_what_opened_after_the_dispute_stays(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    answer = await disputed(db, parent, difference)
    await world.delivered(db, keyring, world.line(month="2026-03", hours="130.00"))
    newer = next(one for one in await shown(db, parent) if one.state == "open")
    await taken_back(db, parent, answer)
    await world.worked(db, keyring)
    assert [one for one in await shown(db, parent) if one.state == "open"] == [newer]


async def test_a_missing_line_that_was_disputed_is_asked_about_again(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """Nothing is reported that could be unequal: it is judged anew because the answer was taken back, and for no other reason."""
    parent = await begun(db, admin, keyring)
    await world.landed(db, keyring, world.delivery_body([world.line(childBsn=world.STRANGER)], complete=complete("2026-03")))
    await world.worked(db, keyring)
    (difference,) = await shown(db, parent)
    assert difference.kind == "D15"
    answer = await disputed(db, parent, difference, reason="care-ended", pass_on=True)
    assert await admin.fetchval("SELECT count(*) FROM disputed_line") == 0
    await taken_back(db, parent, answer)
    await world.worked(db, keyring)
    assert sorted(one.state for one in await shown(db, parent)) == ["closed", "open"]


async def test_again_changes_nothing_and_it_is_in_the_audit(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    answer = await postponed(db, parent, difference)
    partner = await world.parent(db, keyring, world.PARTNER)
    await taken_back(db, partner, answer)
    event = msgspec.json.decode(await admin.fetchval("SELECT event FROM household_audit ORDER BY number DESC LIMIT 1"))
    assert (event["action"], event["actor"], event["answerId"]) == ("answer-taken-back", str(partner.person_id), str(answer.answer_id))
    before = await contents(admin)
    await taken_back(db, parent, answer)
    assert await contents(admin) == before


async def test_what_is_over_stays_over(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    answer = await postponed(db, parent, difference)
    (now,) = await shown(db, parent)
    await accept(db, parent, now.difference_id, now.version)
    before = await contents(admin)
    await taken_back(db, parent, answer)
    assert await contents(admin) == before


async def test_an_acceptance_and_what_is_not_there_are_not_taken_back(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    await accept(db, parent, difference.difference_id, difference.version)
    number = await admin.fetchval("SELECT answer_id FROM answer")
    before = await contents(admin)
    for answer_id, refusal in ((number, AnswerFinal), (uuid4(), NotFound)):
        with pytest.raises(refusal):
            async with db.transaction(parent) as conn:
                await take_back_answer(conn, parent, answer_id)
    assert await contents(admin) == before
