"""A postponement: not asked until a day, judged on meanwhile, answered any moment."""

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from reconcile.callers import Parent
from reconcile.forward import Refused
from reconcile.keyring import Keyring
from reconcile.postpone import postpone_difference
from reconcile.problems import AnswerEnded, DayRefused, DifferenceClosed, StaleDifference
from reconcile.remind import reopen_postponed
from reconcile.reverse import reverse_change
from reconcile.rules.months import day_at
from reconcile.store.answers import Answer
from reconcile.store.database import Database
from reconcile.store.differences import ShownDifference
from tests import world
from tests.reconcile.test_announce import notices, outbox_states, verdicts, with_stage
from tests.reconcile.test_answer import accept, shown, with_difference
from tests.reconcile.test_compare import begun, complete
from tests.reconcile.test_dispute import disputed, taken_back
from tests.reconcile.test_forward import receipt
from tests.tables import contents

TODAY = day_at(world.NOW)
NEXT_WEEK = TODAY + timedelta(days=7)


async def postponed(db: Database, parent: Parent, seen: ShownDifference, **change: Any) -> Answer:
    said = {"seen_version": seen.version, "answer_id": uuid4(), "until": NEXT_WEEK, "today": TODAY, **change}
    async with db.transaction(parent) as conn:
        return await postpone_difference(conn, parent, seen.difference_id, **said)


async def answers(admin: asyncpg.Connection) -> list[tuple[str, bool, bool]]:
    """Kind of each answer, whether it stands, whether it is a tombstone; in the order in which they were given."""
    rows = await admin.fetch("SELECT kind, ended_at IS NULL, deleted FROM answer ORDER BY answered_at")
    return [tuple(row) for row in rows]


async def test_what_is_postponed_is_not_open_and_not_closed(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    answer = await postponed(db, parent, difference)
    assert (answer.kind, answer.until, answer.difference_version, answer.ended_at) == ("postponement", NEXT_WEEK, difference.version, None)
    (after,) = await shown(db, parent)
    assert (after.state, after.closed_at, after.version > difference.version) == ("postponed", None, True)
    assert after.proposal == difference.proposal
    await world.worked(db, keyring)
    assert await shown(db, parent) == [after]


async def test_the_same_again_writes_nothing_and_another_day_moves_it(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    first = await postponed(db, parent, difference)
    before = await contents(admin)
    assert await postponed(db, parent, difference, answer_id=first.answer_id) == first
    # Sent again when the day has come: no new postponement, and no fault.
    assert await postponed(db, parent, difference, answer_id=first.answer_id, today=NEXT_WEEK) == first
    assert await contents(admin) == before
    moved = await postponed(db, parent, difference, answer_id=first.answer_id, until=TODAY + timedelta(days=1))
    assert (moved.until, moved.version > first.version) == (TODAY + timedelta(days=1), True)
    (now,) = await shown(db, parent)
    again = await postponed(db, parent, now)
    assert again.answer_id != first.answer_id
    assert await answers(admin) == [("postponement", False, False), ("postponement", True, False)]
    with pytest.raises(AnswerEnded):
        await postponed(db, parent, difference, answer_id=first.answer_id, until=TODAY + timedelta(days=2))


@pytest.mark.parametrize("until", [TODAY, TODAY - timedelta(days=1), date(2026, 10, 11)])
async def test_other_days_are_refused_and_nothing_is_written(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, until: date
) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    before = await contents(admin)
    with pytest.raises(DayRefused) as refusal:
        await postponed(db, parent, difference, until=until)
    assert (refusal.value.first, refusal.value.last) == (date(2026, 7, 11), date(2026, 10, 10))
    assert await contents(admin) == before
    with pytest.raises(StaleDifference):
        await postponed(db, parent, difference, seen_version=difference.version - 1)


async def test_what_is_answered_is_not_postponed(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    await accept(db, parent, difference.difference_id, difference.version)
    (answered,) = await shown(db, parent)
    with pytest.raises(DifferenceClosed):
        await postponed(db, parent, answered)


async def acceptances(admin: asyncpg.Connection) -> list[int]:
    """The version of each acceptance, as the parent named it."""
    rows = await admin.fetch("SELECT difference_version FROM answer WHERE kind = 'acceptance' ORDER BY answered_at")
    return [row["difference_version"] for row in rows]


async def test_what_is_postponed_can_be_accepted(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    await postponed(db, parent, difference)
    (now,) = await shown(db, parent)
    change_id = await accept(db, parent, now.difference_id, now.version)
    assert [(one.state, one.change_id) for one in await shown(db, parent)] == [("accepted", change_id)]
    assert await answers(admin) == [("postponement", False, False), ("acceptance", True, False)]
    assert await acceptances(admin) == [now.version]


@pytest.mark.parametrize("since", ["postponed", "postponed twice", "taken back", "its day came"])
async def test_what_was_seen_before_it_was_postponed_can_be_accepted(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, since: str
) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    answer = await postponed(db, parent, difference)
    (waiting,) = await shown(db, parent)
    if since == "postponed twice":
        await postponed(db, parent, waiting, until=TODAY + timedelta(days=2))
    elif since == "taken back":
        await taken_back(db, parent, answer)
    elif since == "its day came":
        async with db.transaction(world.INTAKE) as conn:
            await reopen_postponed(conn, as_of=world.NOW + timedelta(days=7), households_max=1)
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    # The receipt names what was on the screen, and every version that showed the same is answered with it.
    assert await acceptances(admin) == [difference.version]
    for version in (difference.version, waiting.version):
        assert await accept(db, parent, difference.difference_id, version) == change_id
    assert await admin.fetchval("SELECT count(*) FROM change") == 1
    (after,) = await shown(db, parent)
    assert (after.state, after.change_id) == ("accepted", change_id)
    assert await admin.fetchval("SELECT count(*) FROM answer WHERE kind = 'postponement' AND ended_at IS NULL") == 0
    with pytest.raises(DifferenceClosed):
        await accept(db, parent, difference.difference_id, after.version)


async def test_what_was_seen_before_it_was_postponed_can_be_disputed_or_postponed_otherwise(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    first = await postponed(db, parent, difference)
    second = await postponed(db, parent, difference, until=TODAY + timedelta(days=2))
    assert (first.answer_id != second.answer_id, second.difference_version) == (True, difference.version)
    given = await disputed(db, parent, difference)
    assert given.difference_version == difference.version
    assert [one.state for one in await shown(db, parent)] == ["disputed"]
    assert await answers(admin) == [("postponement", False, False)] * 2 + [("dispute", True, False)]
    # It is answered by now: whoever saw it before is shown so.
    with pytest.raises(StaleDifference):
        await accept(db, parent, difference.difference_id, difference.version)


async def test_a_version_that_was_never_shown_is_stale(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """The version is the household's: another document may have been the reason that it rose."""
    parent, difference = await with_difference(db, admin, keyring)
    await world.with_device(db, parent)
    await postponed(db, parent, difference)
    (waiting,) = await shown(db, parent)
    assert waiting.version == difference.version + 2
    before = await contents(admin)
    for version in (difference.version - 1, difference.version + 1, waiting.version + 1, -1):
        with pytest.raises(StaleDifference):
            await accept(db, parent, difference.difference_id, version)
    assert await contents(admin) == before


@pytest.mark.parametrize("moved", ["hours", "hours and back", "income", "name"])
async def test_what_became_another_since_is_stale_though_it_was_postponed(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, moved: str
) -> None:
    """Values, effect and name: whichever of them moved, before or after the household postponed it."""
    parent, difference = await with_difference(db, admin, keyring)
    await postponed(db, parent, difference)
    (waiting,) = await shown(db, parent)
    for hours in {"hours": ("130.00",), "hours and back": ("130.00", "120.00")}.get(moved, ()):
        await world.delivered(db, keyring, *(world.line(month=month, hours=hours) for month in ("2026-02", "2026-03")))
    if moved == "income":
        await world.declared(db, keyring, world.declaration(version=2, incomes=[{"year": 2026, "amount": 130_000}]))
    elif moved == "name":
        names = {world.CHILD: "Nora"}
        members = [{**one, "givenName": names.get(one["bsn"], one["givenName"])} for one in world.declaration_document()["members"]]
        await world.declared(db, keyring, world.declaration(version=2, members=members))
    await world.worked(db, keyring)
    (now,) = await shown(db, parent)
    assert now.version > waiting.version
    if now.state == "open":
        await postponed(db, parent, now)
    for seen in (difference, waiting):
        with pytest.raises(StaleDifference):
            await accept(db, parent, seen.difference_id, seen.version)
        with pytest.raises(StaleDifference):
            await disputed(db, parent, seen)
    # What it shows by now can be answered, also as it was before it was postponed again.
    await accept(db, parent, now.difference_id, now.version)
    assert await acceptances(admin) == [now.version]


async def test_what_opens_again_after_it_was_undone_is_shown_anew(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """A tap that was late is not taken for a word about what happened since."""
    parent, difference = await with_difference(db, admin, keyring)
    await postponed(db, parent, difference)
    (waiting,) = await shown(db, parent)
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    async with db.transaction(parent) as conn:
        await reverse_change(conn, parent, change_id, answer_id=uuid4())
    (again,) = await shown(db, parent)
    with pytest.raises(StaleDifference):
        await accept(db, parent, waiting.difference_id, waiting.version)
    await postponed(db, parent, again)
    assert await accept(db, parent, again.difference_id, again.version) != change_id
    assert await acceptances(admin) == [difference.version, again.version]


async def test_what_tvs_refused_is_postponed_with_its_change_beside_it(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    await receipt(db, change_id, Refused(reason="Anders"))
    (again,) = await shown(db, parent)
    await postponed(db, parent, again)
    assert [(one.state, one.change_id) for one in await shown(db, parent)] == [("postponed", change_id)]


async def test_what_is_postponed_can_be_disputed(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    await postponed(db, parent, difference)
    (now,) = await shown(db, parent)
    await disputed(db, parent, now)
    assert [one.state for one in await shown(db, parent)] == ["disputed"]
    assert await answers(admin) == [("postponement", False, False), ("dispute", True, False)]


async def test_new_facts_open_it_in_a_new_version(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    await postponed(db, parent, difference)
    (waiting,) = await shown(db, parent)
    await world.delivered(db, keyring, world.line(month="2026-03", hours="130.00"))
    (after,) = await shown(db, parent)
    assert (after.difference_id, after.state, after.version > waiting.version) == (difference.difference_id, "open", True)
    assert await answers(admin) == [("postponement", False, False)]
    kept = await admin.fetch("SELECT state FROM difference_version ORDER BY version")
    assert [row["state"] for row in kept] == ["open", "postponed", "open"]


async def test_another_income_shows_other_euros_and_it_stays_postponed(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    await postponed(db, parent, difference)
    (waiting,) = await shown(db, parent)
    await world.declared(db, keyring, world.declaration(version=2, incomes=[{"year": 2026, "amount": 130_000}]))
    await world.worked(db, keyring)
    (after,) = await shown(db, parent)
    assert (after.state, after.effect != waiting.effect, after.version > waiting.version) == ("postponed", True, True)
    assert await answers(admin) == [("postponement", True, False)]


async def test_facts_that_settle_it_close_it_silently(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    await postponed(db, parent, difference)
    await world.delivered(db, keyring, world.line(month="2026-02"), world.line(month="2026-03"))
    assert [one.state for one in await shown(db, parent)] == ["closed"]
    assert await answers(admin) == [("postponement", False, False)]


async def test_a_declaration_that_settles_it_closes_it(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """Nothing is unequal any more: it is judged anew because it is postponed, and for no other reason."""
    parent, difference = await with_difference(db, admin, keyring)
    await postponed(db, parent, difference)
    placements = [world.care(segments=[world.segment(until="2026-01"), world.segment("2026-02", hours="120.00")])]
    await world.declared(db, keyring, world.declaration(version=2, placements=placements))
    await world.worked(db, keyring)
    assert [one.state for one in await shown(db, parent)] == ["closed"]


async def test_a_missing_line_that_is_postponed_is_settled_by_a_declaration_alone(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    """Nothing is reported of the child: it is judged anew because something is postponed."""
    parent = await begun(db, admin, keyring)
    await world.landed(db, keyring, world.delivery_body([world.line(childBsn=world.STRANGER)], complete=complete("2026-03")))
    await world.worked(db, keyring)
    (difference,) = await shown(db, parent)
    assert difference.kind == "D15"
    await postponed(db, parent, difference)
    placements = [world.care(segments=[world.segment("2026-05")])]
    await world.declared(db, keyring, world.declaration(version=2, placements=placements))
    await world.worked(db, keyring)
    assert [one.state for one in await shown(db, parent)] == ["closed"]
    assert await answers(admin) == [("postponement", False, False)]


async def test_what_is_postponed_is_never_pushed(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, _ = await with_stage(db, admin, keyring)
    await world.delivered(db, keyring, world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00"))
    (difference,) = await shown(db, parent)
    # A push that a worker has begun: its notice counts as told, and what is left of it is moot.
    await admin.execute("UPDATE outbox SET lease_until = now() + interval '1 minute', attempts = 1 WHERE kind = 'push'")
    await postponed(db, parent, difference)
    assert await notices(admin) == [("difference-new", False)]
    await admin.execute("UPDATE outbox SET lease_until = now() - interval '1 minute' WHERE kind = 'push'")
    assert await verdicts(db) == ["moot"]
    assert await outbox_states(admin) == ["cancelled"]


async def test_a_release_tells_nobody_of_what_is_postponed(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    await postponed(db, parent, difference)
    await world.with_device(db, parent)
    await world.released(db, await world.piloted(db))
    assert await notices(admin) == []


async def test_taken_back_it_is_open_again_and_nobody_is_told(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, _ = await with_stage(db, admin, keyring)
    await world.delivered(db, keyring, world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00"))
    (difference,) = await shown(db, parent)
    answer = await postponed(db, parent, difference)
    await taken_back(db, parent, answer)
    (after,) = await shown(db, parent)
    assert (after.state, after.proposal) == ("open", difference.proposal)
    assert await answers(admin) == [("postponement", False, True)]
    await world.worked(db, keyring)
    assert await notices(admin) == [("difference-new", True)]
