"""A dispute: bound to what was seen, history afterwards, and passed on only when the parent says so."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from reconcile.callers import Organisation, Parent
from reconcile.dispute import dispute_difference, read_disputed_lines
from reconcile.keyring import Keyring
from reconcile.postpone import postpone_difference
from reconcile.problems import AnswerEnded, AnswerReused, DifferenceClosed, NoteRefused, NotFound, StaleDifference
from reconcile.retract import take_back_answer
from reconcile.rules.bsn import marked_bsn
from reconcile.rules.months import day_at
from reconcile.store.answers import Answer
from reconcile.store.database import Database
from reconcile.store.differences import ShownDifference
from reconcile.store.disputes import DisputedLine
from tests import world
from tests.reconcile.test_announce import notices, with_stage
from tests.reconcile.test_answer import accept, shown, with_difference
from tests.tables import contents


async def disputed(db: Database, parent: Parent, seen: ShownDifference, **change: Any) -> Answer:
    said = {"seen_version": seen.version, "answer_id": uuid4(), "reason": "hours-wrong", "note": None, "pass_on": False, **change}
    async with db.transaction(parent) as conn:
        return await dispute_difference(conn, parent, seen.difference_id, **said)


async def taken_back(db: Database, parent: Parent, answer: Answer) -> None:
    async with db.transaction(parent) as conn:
        await take_back_answer(conn, parent, answer.answer_id)


async def passed_on(db: Database, organisation: Organisation) -> list[DisputedLine]:
    async with db.transaction(organisation) as conn:
        return list(await read_disputed_lines(conn, organisation, before=None, limit=100))


async def test_a_dispute_is_history_and_the_same_facts_never_open_again(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    answer = await disputed(db, parent, difference, reason="care-not-taken", note="Wij waren op vakantie.\nTwee weken.")
    assert (answer.kind, answer.reason, answer.note, answer.pass_on) == (
        "dispute",
        "care-not-taken",
        "Wij waren op vakantie.\nTwee weken.",
        False,
    )
    assert (answer.difference_id, answer.difference_version, answer.answered_by) == (
        difference.difference_id,
        difference.version,
        "applicant",
    )
    assert (answer.change_id, answer.until, answer.ended_at) == (None, None, None)
    (after,) = await shown(db, parent)
    assert (after.state, after.change_id, after.version > difference.version) == ("disputed", None, True)
    assert after.closed_at is not None
    assert answer.version == after.version
    await world.delivered(db, keyring, world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00"))
    assert [one.state for one in await shown(db, parent)] == ["disputed"]
    await world.delivered(db, keyring, world.line(month="2026-03", hours="130.00"))
    assert sorted(one.state for one in await shown(db, parent)) == ["disputed", "open"]


async def test_a_dispute_changes_no_hours_and_sends_nothing_to_tvs(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    before = await contents(admin)
    await disputed(db, parent, difference, pass_on=True)
    after = await contents(admin)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {
        *("answer", "difference", "difference_placement", "difference_version", "disputed_line", "household", "household_audit"),
    }


async def test_a_difference_without_a_tap_can_be_disputed(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring, world.declaration(awardedYears=[2026]))
    await world.delivered(db, keyring, world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00"))
    parent = await world.parent(db, keyring)
    (difference,) = await shown(db, parent)
    assert difference.proposal is None
    await disputed(db, parent, difference)
    assert [one.state for one in await shown(db, parent)] == ["disputed"]


async def test_the_same_answer_again_writes_nothing_and_another_content_edits_it(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    partner = await world.parent(db, keyring, world.PARTNER)
    first = await disputed(db, parent, difference)
    before = await contents(admin)
    assert await disputed(db, parent, difference, answer_id=first.answer_id) == first
    assert await disputed(db, partner, difference, answer_id=first.answer_id) == first
    # Somebody else of the household who says the same of the same version.
    assert await disputed(db, partner, difference) == first
    assert await contents(admin) == before
    edited = await disputed(db, partner, difference, answer_id=first.answer_id, reason="other", note="Anders")
    assert (edited.reason, edited.note, edited.answered_at, edited.answered_by) == ("other", "Anders", first.answered_at, "applicant")
    assert edited.version > first.version
    # An app that read the difference again names the version of now.
    (now,) = await shown(db, parent)
    again = await disputed(db, parent, now, answer_id=first.answer_id, reason="rate-wrong")
    assert (again.reason, again.note, again.difference_version) == ("rate-wrong", None, difference.version)
    assert await admin.fetchval("SELECT count(*) FROM answer") == 1
    events = [
        msgspec.json.decode(row["event"]) for row in await admin.fetch("SELECT event FROM household_audit ORDER BY number DESC LIMIT 3")
    ]
    assert [one["action"] for one in events] == ["answer-edited", "answer-edited", "disputed"]


async def test_what_cannot_be_disputed_is_refused_and_nothing_is_written(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    await world.delivered(db, keyring, world.line(month="2026-03", hours="121.50"))
    (now,) = await shown(db, parent)
    before = await contents(admin)
    with pytest.raises(StaleDifference) as refusal:
        await disputed(db, parent, difference)
    assert refusal.value.current_version == now.version
    for note in (f"mijn bsn is {world.APPLICANT}", "x" * 501, "a\x00b", ""):
        with pytest.raises(NoteRefused) as refused:
            await disputed(db, parent, now, note=note)
        assert world.APPLICANT not in refused.value.detail
    assert await contents(admin) == before
    await accept(db, parent, now.difference_id, now.version)
    (answered,) = await shown(db, parent)
    with pytest.raises(DifferenceClosed):
        await disputed(db, parent, answered)


async def test_a_number_is_of_one_answer(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    first = await disputed(db, parent, difference)
    await world.delivered(db, keyring, world.line(month="2026-03", hours="130.00"))
    other = next(one for one in await shown(db, parent) if one.state == "open")
    with pytest.raises(AnswerReused):
        await disputed(db, parent, other, answer_id=first.answer_id)
    with pytest.raises(AnswerReused):
        async with db.transaction(parent) as conn:
            today = day_at(world.NOW)
            until = today.replace(day=today.day + 1)
            await postpone_difference(
                conn, parent, difference.difference_id, seen_version=difference.version, answer_id=first.answer_id, until=until, today=today
            )
    await taken_back(db, parent, first)
    with pytest.raises(AnswerEnded):
        await disputed(db, parent, difference, answer_id=first.answer_id, reason="other")
    # What a phone sends again after it was taken back is what is there.
    assert (await disputed(db, parent, difference, answer_id=first.answer_id)).ended_at is not None


async def test_a_foreign_and_a_missing_difference_look_the_same(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    _, difference = await with_difference(db, admin, keyring)
    await world.declared(
        db, keyring, world.declaration(householdRef="H2", members=[world.member(world.STRANGER, "applicant")], placements=[])
    )
    stranger = await world.parent(db, keyring, world.STRANGER)
    messages = []
    for difference_id in (difference.difference_id, uuid4()):
        with pytest.raises(NotFound) as refusal:
            async with db.transaction(stranger) as conn:
                await dispute_difference(
                    conn,
                    stranger,
                    difference_id,
                    seen_version=difference.version,
                    answer_id=uuid4(),
                    reason="other",
                    note=None,
                    pass_on=True,
                )
        messages.append(refusal.value.detail)
    assert messages[0] == messages[1]


async def test_both_parents_at_once_and_a_tap_make_one_answer(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    partner = await world.parent(db, keyring, world.PARTNER)
    done = await asyncio.gather(
        disputed(db, parent, difference),
        accept(db, partner, difference.difference_id, difference.version),
        disputed(db, partner, difference, reason="rate-wrong"),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in done if isinstance(one, Exception)) == ["StaleDifference"] * 2
    assert await admin.fetchval("SELECT count(*) FROM answer") == 1


async def test_a_dispute_withdraws_what_nobody_was_told_yet(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, _ = await with_stage(db, admin, keyring)
    await world.delivered(db, keyring, world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00"))
    assert await notices(admin) == [("difference-new", False)]
    (difference,) = await shown(db, parent)
    await disputed(db, parent, difference)
    assert await notices(admin) == [("difference-new", True)]


async def test_what_a_parent_writes_is_in_no_audit_and_no_worker_can_read_it(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    answer = await disputed(db, parent, difference, note="een geheim")
    await disputed(db, parent, difference, answer_id=answer.answer_id, note="een ander geheim")
    await taken_back(db, parent, answer)
    assert not [row for row in await admin.fetch("SELECT event::text FROM household_audit") if "geheim" in row["event"]]
    may = await admin.fetch(
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'kot\\_%' AND has_column_privilege(rolname, 'kot.answer', 'note', 'SELECT')"
    )
    assert {row["rolname"] for row in may} == {"kot_owner", "kot_parent"}


async def test_nothing_reaches_an_organisation_that_is_not_passed_on(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    await disputed(db, parent, difference, note="alleen voor mijzelf")
    assert await admin.fetchval("SELECT count(*) FROM disputed_line") == 0
    own = await world.organisation(db)
    before = await contents(admin)
    assert await passed_on(db, own) == []
    assert await contents(admin) == before


async def test_what_is_passed_on_says_which_lines_and_why_and_nothing_else(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)
    delivery_id = await world.delivered(
        db,
        keyring,
        world.line(month="2026-01", hours="100.00"),
        *(world.line(month=f"2026-0{month}", hours="120.00", lineRef=f"contract-{month}") for month in (2, 3)),
    )
    parent = await world.parent(db, keyring)
    (difference,) = await shown(db, parent)
    answer = await disputed(db, parent, difference, note="Drie weken ziek", pass_on=True)
    own = await world.organisation(db)
    found = await passed_on(db, own)
    # January is equal: of that line nobody says that it is wrong.
    assert sorted((one.month, one.line_number, one.line_ref) for one in found) == [
        ("2026-02", 2, "contract-2"),
        ("2026-03", 3, "contract-3"),
    ]
    assert {(one.delivery_id, one.lrk_number, one.reason, one.note, one.taken_back_at) for one in found} == {
        (delivery_id, world.KDV, "hours-wrong", "Drie weken ziek", None)
    }
    assert await passed_on(db, await world.organisation(db, world.OTHER_OIN)) == []
    events = [
        msgspec.json.decode(row["event"]) for row in await admin.fetch("SELECT event FROM organisation_audit ORDER BY number DESC LIMIT 1")
    ]
    assert [(one["action"], one["lines"]) for one in events] == [("disputes-read", 2)]
    async with db.snapshot(own) as conn:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.fetch("SELECT answer_id FROM disputed_line")
    await disputed(db, parent, difference, answer_id=answer.answer_id, reason="rate-wrong", note="Tarief", pass_on=True)
    changed = await passed_on(db, own)
    assert {(one.disputed_line_id, one.reason, one.note) for one in changed} == {
        (one.disputed_line_id, "rate-wrong", "Tarief") for one in found
    }
    assert min(one.changed_at for one in changed) > max(one.changed_at for one in found)


async def test_a_word_that_is_no_longer_passed_on_is_forgotten(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    own = await world.organisation(db)
    answer = await disputed(db, parent, difference, note="Toch niet", pass_on=True)
    await disputed(db, parent, difference, answer_id=answer.answer_id, note="Toch niet", pass_on=False)
    assert {(one.note, one.taken_back_at is None) for one in await passed_on(db, own)} == {(None, False)}
    await disputed(db, parent, difference, answer_id=answer.answer_id, note="Toch wel", pass_on=True)
    assert {(one.note, one.taken_back_at is None) for one in await passed_on(db, own)} == {("Toch wel", True)}
    await taken_back(db, parent, answer)
    assert {(one.note, one.taken_back_at is None) for one in await passed_on(db, own)} == {(None, False)}
    assert await admin.fetchval("SELECT count(*) FROM disputed_line") == 2


async def test_of_a_move_each_organisation_sees_its_own_lines(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)
    old = await world.delivered(
        db, keyring, world.line(month="2026-02", endDate="2026-03-15"), world.line(month="2026-03", endDate="2026-03-15", hours="50.00")
    )
    new = await world.delivered(
        db, keyring, *(world.line(month=month, lrkNumber=world.ELSEWHERE) for month in ("2026-04", "2026-05")), oin=world.OTHER_OIN
    )
    parent = await world.parent(db, keyring)
    (difference,) = [one for one in await shown(db, parent) if one.state == "open"]
    assert difference.kind == "D10"
    await disputed(db, parent, difference, reason="unknown-organisation", pass_on=True)
    seen = {
        oin: {one.delivery_id for one in await passed_on(db, await world.organisation(db, oin))} for oin in (world.OIN, world.OTHER_OIN)
    }
    assert seen == {world.OIN: {old}, world.OTHER_OIN: {new}}


async def test_a_vendor_sees_what_it_sent_while_it_has_the_mandate(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)
    vendor = await world.mandated(db)
    sent = await world.delivered(db, keyring, world.line(month="2026-02", hours="120.00"), sender=vendor)
    await world.delivered(db, keyring, world.line(month="2026-03", hours="120.00"))
    parent = await world.parent(db, keyring)
    (difference,) = await shown(db, parent)
    await disputed(db, parent, difference, pass_on=True)
    assert {one.delivery_id for one in await passed_on(db, vendor)} == {sent}
    assert len(await passed_on(db, await world.organisation(db))) == 2
    await admin.execute("UPDATE mandate SET superseded_at = now()")
    assert await passed_on(db, vendor) == []


async def test_a_household_writes_of_its_own_disputes_and_lines_alone(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    answer = await disputed(db, parent, difference, pass_on=True)
    stranger_bsn = marked_bsn(77)
    await world.declared(
        db, keyring, world.declaration(householdRef="H2", members=[world.member(stranger_bsn, "applicant")], placements=[])
    )
    stranger = await world.parent(db, keyring, stranger_bsn)
    async with db.transaction(stranger) as conn:
        assert await conn.fetchval("SELECT count(*) FROM disputed_line") == 0
        assert await conn.execute("UPDATE disputed_line SET note = 'x'") == "UPDATE 0"
    line = await admin.fetchrow("SELECT organisation_id, delivery_id, line_number FROM line LIMIT 1")
    for writer, number in ((stranger, answer.answer_id), (parent, uuid4())):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with db.transaction(writer) as conn:
                await insert_line(conn, line, number)
    elsewhere = await world.delivered(db, keyring, world.line(childBsn=world.STRANGER))
    foreign = await admin.fetchrow("SELECT organisation_id, delivery_id, line_number FROM line WHERE delivery_id = $1", elsewhere)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.transaction(parent) as conn:
            await insert_line(conn, foreign, answer.answer_id)


async def insert_line(conn: Any, line: Any, answer_id: UUID) -> None:
    await conn.execute(
        "INSERT INTO disputed_line (organisation_id, delivery_id, line_number, answer_id, reason) VALUES ($1, $2, $3, $4, 'other')",
        *(line[name] for name in ("organisation_id", "delivery_id", "line_number")),
        answer_id,
    )
