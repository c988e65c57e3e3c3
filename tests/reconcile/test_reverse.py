"""A parent undoes what was accepted, at any moment of its change's life: everything is as before, for us and for TVS."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from local.tvs import with_change
from reconcile import forward
from reconcile.callers import Forward, Intake, Parent
from reconcile.forward import ChangeDocument, Processed, Refused
from reconcile.keyring import Keyring
from reconcile.problems import ChangeStands, NotFound, ReceiptContradicts
from reconcile.reverse import reverse_change
from reconcile.rules.declaration import Declaration, read_declaration
from reconcile.rules.facts import PlacementFacts, Segment
from reconcile.rules.segments import effective_segments, merge
from reconcile.store.answers import Answer
from reconcile.store.comparisons import household_facts
from reconcile.store.database import Database
from reconcile.store.differences import ShownDifference
from reconcile.store.outbox import ClaimedMessage
from tests import world
from tests.reconcile.test_answer import accept, shown, with_difference
from tests.reconcile.test_explain import decoded, explain
from tests.reconcile.test_forward import accepted_again, claim, lying, receipt
from tests.reconcile.test_moves import moved
from tests.reconcile.test_verify import verified


class StatedTvs:
    """What TVS does with a change: declares it in the next version of the household's declaration, and sends the receipt."""

    def __init__(self, db: Database, keyring: Keyring) -> None:
        self.db, self.keyring = db, keyring
        self.stands = world.declaration_document()

    async def read(self, change_id: UUID) -> ChangeDocument:
        async with self.db.transaction(world.TVS) as conn:
            return await forward.change_for_tvs(conn, world.TVS, change_id)

    async def declare(self, change_id: UUID) -> None:
        self.stands = with_change(self.stands, msgspec.to_builtins(await self.read(change_id)))
        declared = read_declaration(msgspec.json.encode(self.stands))
        assert isinstance(declared, Declaration), declared
        await world.declared(self.db, self.keyring, declared)

    async def processed(self, change_id: UUID) -> None:
        await receipt(self.db, change_id, Processed(declaration_version=self.stands["version"]))

    async def process(self, change_id: UUID) -> None:
        await self.declare(change_id)
        await self.processed(change_id)


async def reverse(db: Database, parent: Parent, change_id: UUID) -> Answer:
    async with db.transaction(parent) as conn:
        return await reverse_change(conn, parent, change_id, answer_id=uuid4())


async def counted(db: Database, parent: Parent) -> Mapping[str, Sequence[Segment]]:
    """What counts as declared, by location."""
    async with db.snapshot(Intake()) as conn:
        (known,) = await household_facts(conn, [parent.household_id], "2025-01")
    placements: list[PlacementFacts] = [one for child in known.facts.children for one in child.placements]
    return {one.lrk_number: merge(counts) for one in placements if (counts := effective_segments(one))}


async def claimed(db: Database) -> ClaimedMessage:
    (message,) = await claim(db)
    return message


async def sent(db: Database, message: ClaimedMessage | None = None) -> None:
    async with db.transaction(Forward()) as conn:
        assert await forward.settle_sent(conn, message or await claimed(db))


async def life_until(moment: str, db: Database, tvs: StatedTvs, change_id: UUID) -> None:
    """Live a change until a moment."""
    if moment == "staged":
        return
    message = await claimed(db)
    async with db.transaction(Forward()) as conn:
        if moment == "dead":
            await forward.settle_dead(conn, message, error="http-400")
        elif moment == "postponed":
            await forward.postpone_change(conn, message, error="http-503")
        elif moment != "claimed":
            await forward.settle_sent(conn, message)
    match moment:
        case "read":
            await tvs.read(change_id)
        case "declared":
            await tvs.declare(change_id)
        case "processed":
            await receipt(db, change_id, Processed(declaration_version=2))
        case "over":
            await tvs.process(change_id)


MOMENTS = ("staged", "claimed", "postponed", "sent", "read", "declared", "processed", "over", "dead")
UNSENT = ("staged", "dead")


async def begun(db: Database, admin: asyncpg.Connection, keyring: Keyring, kind: str) -> tuple[Parent, ShownDifference]:
    return await (moved if kind == "D10" else with_difference)(db, admin, keyring)


@pytest.mark.parametrize("kind", ["D01", "D10"])
@pytest.mark.parametrize("moment", MOMENTS)
async def test_undone_at_any_moment_everything_is_as_before_and_the_difference_opens_again(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, moment: str, kind: str
) -> None:
    parent, difference = await begun(db, admin, keyring, kind)
    tvs, before = StatedTvs(db, keyring), await counted(db, parent)
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    assert await counted(db, parent) != before
    await life_until(moment, db, tvs, change_id)
    answer = await reverse(db, parent, change_id)
    assert (answer.kind, answer.undone_change_id, answer.change_id is None) == ("reversal", change_id, moment in UNSENT)
    assert await counted(db, parent) == before
    await world.worked(db, keyring)
    (again,) = await shown(db, parent)
    said = (again.difference_id, again.state, again.kind, again.proposal, again.effect)
    assert said == (difference.difference_id, "open", difference.kind, difference.proposal, difference.effect)
    assert again.version == answer.version  # the same facts are no news
    assert not (await verified(db)).findings
    assert await admin.fetchval("SELECT ended_at FROM answer WHERE kind = 'acceptance'") == answer.answered_at


@pytest.mark.parametrize("kind", ["D01", "D10"])
@pytest.mark.parametrize("moment", [one for one in MOMENTS if one not in UNSENT])
async def test_once_tvs_processed_the_reversal_it_declares_what_stood_before(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, moment: str, kind: str
) -> None:
    parent, difference = await begun(db, admin, keyring, kind)
    tvs, before = StatedTvs(db, keyring), await counted(db, parent)
    first = tvs.stands["placements"]
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    await life_until(moment, db, tvs, change_id)
    undoing = (await reverse(db, parent, change_id)).change_id
    assert undoing is not None
    if moment == "declared":
        await tvs.processed(change_id)
    elif moment == "processed":
        await tvs.declare(change_id)
    elif moment != "over":
        await tvs.process(change_id)
    assert await counted(db, parent) == before
    await tvs.process(undoing)
    assert await lying(admin) == []
    assert await counted(db, parent) == before
    assert [{**one, "endDate": one.get("endDate")} for one in tvs.stands["placements"]] == [{**one, "endDate": None} for one in first]
    await world.worked(db, keyring)
    assert [(one.difference_id, one.state) for one in await shown(db, parent)] == [(difference.difference_id, "open")]
    assert not (await verified(db)).findings


async def test_what_was_not_begun_is_never_sent_and_frees_what_comes_after(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    first = await accept(db, parent, difference.difference_id, difference.version)
    second = await accepted_again(db, keyring, parent, "130.00", "2026-05", "2026-06")
    await reverse(db, parent, first)
    assert await lying(admin) == [("2026-05", None, 13_000, second)]
    assert (await claimed(db)).subject_id == second
    assert await admin.fetchrow("SELECT state, settled_at IS NULL FROM change WHERE change_id = $1", first) == ("reversed", False)


async def test_a_dead_change_that_is_undone_blocks_nothing_any_more(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    first = await accept(db, parent, difference.difference_id, difference.version)
    await life_until("dead", db, StatedTvs(db, keyring), first)
    second = await accepted_again(db, keyring, parent, "130.00", "2026-05", "2026-06")
    assert await claim(db) == []
    await reverse(db, parent, first)
    assert (await claimed(db)).subject_id == second
    async with db.transaction(Forward()) as conn:
        with pytest.raises(NotFound):
            await forward.revive_change(conn, first)


async def test_tvs_cannot_process_what_was_undone_before_it_was_sent(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    await reverse(db, parent, change_id)
    assert (await StatedTvs(db, keyring).read(change_id)).state == "reversed"
    with pytest.raises(ReceiptContradicts):
        await receipt(db, change_id, Processed(declaration_version=2))
    assert (await receipt(db, change_id, Refused(reason="Ingetrokken"))).state == "reversed"


async def test_a_reversal_goes_after_everything_that_came_before_it(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    first = await accept(db, parent, difference.difference_id, difference.version)
    message = await claimed(db)
    second = await accepted_again(db, keyring, parent, "130.00", "2026-05", "2026-06")
    undoing = (await reverse(db, parent, first)).change_id
    assert await claim(db) == []
    await sent(db, message)
    for change_id, kind in ((second, "acceptance"), (undoing, "reversal")):
        message = await claimed(db)
        assert (message.subject_id, message.answer_kind) == (change_id, kind)
        await sent(db, message)


async def test_months_that_a_later_acceptance_changed_stay_as_it_says(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    first = await accept(db, parent, difference.difference_id, difference.version)
    await sent(db)
    second = await accepted_again(db, keyring, parent, "130.00", "2026-05", "2026-06")
    undoing = (await reverse(db, parent, first)).change_id
    assert await lying(admin) == [("2026-02", "2026-04", 10_000, undoing), ("2026-05", None, 13_000, second)]


async def test_nothing_is_left_to_undo_when_later_ones_changed_every_month(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    first = await accept(db, parent, difference.difference_id, difference.version)
    await sent(db)
    await accepted_again(db, keyring, parent, "130.00", "2026-02", "2026-03")
    with pytest.raises(ChangeStands):
        await reverse(db, parent, first)
    assert await admin.fetchval("SELECT count(*) FROM answer WHERE kind = 'reversal'") == 0


async def test_below_lies_what_an_earlier_acceptance_says(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    first = await accept(db, parent, difference.difference_id, difference.version)
    await sent(db)
    second = await accepted_again(db, keyring, parent, "130.00", "2026-03", "2026-04", "2026-05", "2026-06")
    await sent(db)
    undoing = (await reverse(db, parent, second)).change_id
    assert await lying(admin) == [("2026-02", "2026-02", 12_000, first), ("2026-03", None, 12_000, undoing)]


async def test_one_after_the_other_all_is_undone(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    tvs = StatedTvs(db, keyring)
    first = await accept(db, parent, difference.difference_id, difference.version)
    await sent(db)
    second = await accepted_again(db, keyring, parent, "130.00", "2026-03", "2026-04", "2026-05", "2026-06")
    await sent(db)
    await tvs.process(first)
    await tvs.process(second)
    undoing = [(await reverse(db, parent, second)).change_id, (await reverse(db, parent, first)).change_id]
    assert [(start, until, hours) for start, until, hours, _ in await lying(admin)] == [("2026-02", None, 10_000)]
    for change_id in undoing:
        assert change_id is not None
        await tvs.process(change_id)
    assert (await lying(admin), (await counted(db, parent))[world.KDV]) == ([], (segment(),))


def segment(**change: Any) -> Segment:
    return Segment(**{"from_month": "2026-01", "until_month": None, "hours_hundredths": 10_000, "hourly_rate_cents": 1_000, **change})


async def test_what_tvs_declares_otherwise_by_now_stays(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    tvs = StatedTvs(db, keyring)
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    await sent(db)
    await tvs.process(change_id)
    own = [world.segment(until="2026-01"), world.segment("2026-02", "2026-03", hours="120.00"), world.segment("2026-04", hours="90.00")]
    await world.declared(db, keyring, world.declaration(version=3, placements=[world.care(segments=own)]))
    undoing = (await reverse(db, parent, change_id)).change_id
    assert await lying(admin) == [("2026-02", "2026-03", 10_000, undoing)]


async def test_a_reversal_that_tvs_refuses_lets_the_acceptance_stand_again(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    await sent(db)
    stood = await lying(admin)
    undoing = (await reverse(db, parent, change_id)).change_id
    assert undoing is not None
    await receipt(db, undoing, Refused(reason="Dat kan niet meer."))
    assert await lying(admin) == stood
    await world.worked(db, keyring)
    assert [(one.difference_id, one.state) for one in await shown(db, parent)] == [(difference.difference_id, "accepted")]
    ended = await admin.fetch("SELECT kind FROM answer WHERE ended_at IS NOT NULL")
    assert [row["kind"] for row in ended] == ["reversal"]
    assert not (await verified(db)).findings


@pytest.mark.parametrize("first", ["acceptance", "reversal"])
async def test_when_tvs_refuses_both_nothing_stands_and_the_difference_is_open(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, first: str
) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    before = await counted(db, parent)
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    await sent(db)
    undoing = (await reverse(db, parent, change_id)).change_id
    assert undoing is not None
    for one in (change_id, undoing) if first == "acceptance" else (undoing, change_id):
        await receipt(db, one, Refused(reason="Dat kan niet."))
    await world.worked(db, keyring)
    assert [(one.difference_id, one.state) for one in await shown(db, parent)] == [(difference.difference_id, "open")]
    assert await counted(db, parent) == before
    assert await admin.fetchval("SELECT count(*) FROM answer WHERE ended_at IS NULL") == 0
    assert not (await verified(db)).findings


async def test_an_acceptance_that_tvs_refuses_after_its_reversal_opens_nothing_twice(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    before = await counted(db, parent)
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    await sent(db)
    version = (await reverse(db, parent, change_id)).version
    again = await accept(db, parent, difference.difference_id, version)
    await receipt(db, change_id, Refused(reason="Dat kan niet."))
    assert [(one.state, one.change_id) for one in await shown(db, parent)] == [("accepted", again)]
    await reverse(db, parent, again)
    assert await counted(db, parent) == before


async def test_where_newer_facts_opened_another_difference_that_one_stays_the_only_open_one(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    await world.delivered(db, keyring, world.line(month="2026-02", hours="140.00"), world.line(month="2026-03", hours="140.00"))
    (newer,) = [one for one in await shown(db, parent) if one.state == "open"]
    assert "corrected-after-acceptance" in newer.explanation
    await reverse(db, parent, change_id)
    await world.worked(db, keyring)
    states = {one.difference_id: one for one in await shown(db, parent)}
    assert states[difference.difference_id].state == "closed"
    # What was undone was never taken over: nothing was corrected after it.
    assert (states[newer.difference_id].state, "corrected-after-acceptance" in states[newer.difference_id].explanation) == ("open", False)
    # And the organisation's first word, heard once more, opens what it opened before.
    await world.delivered(db, keyring, world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00"))
    (open_one,) = [one for one in await shown(db, parent) if one.state == "open"]
    assert open_one.proposal == difference.proposal
    assert not (await verified(db)).findings


async def test_undoing_again_gives_the_reversal_that_is_there_also_to_both_parents_at_once(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    partner = await world.parent(db, keyring, world.PARTNER)
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    await sent(db)
    given = await asyncio.gather(*(reverse(db, one, change_id) for one in (parent, partner, parent, partner)))
    assert len({one.answer_id for one in given}) == 1
    assert await reverse(db, parent, change_id) == given[0]
    assert await admin.fetchval("SELECT count(*) FROM change") == 2


async def test_what_tvs_refused_and_what_undoes_cannot_be_undone(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    refused = await accept(db, parent, difference.difference_id, difference.version)
    await sent(db)
    await receipt(db, refused, Refused(reason="Dat kan niet."))
    with pytest.raises(ChangeStands):
        await reverse(db, parent, refused)
    again = await accept(db, parent, difference.difference_id, (await shown(db, parent))[0].version)
    await sent(db)
    undoing = (await reverse(db, parent, again)).change_id
    assert undoing is not None
    with pytest.raises(ChangeStands):
        await reverse(db, parent, undoing)


async def test_of_a_settled_year_nothing_that_may_be_on_its_way_is_undone(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    await sent(db)
    await world.declared(db, keyring, world.declaration(version=2, awardedYears=[2026]))
    with pytest.raises(ChangeStands):
        await reverse(db, parent, change_id)


async def test_a_foreign_and_a_missing_change_look_the_same(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    await world.declared(
        db, keyring, world.declaration(householdRef="H2", members=[world.member(world.STRANGER, "applicant")], placements=[])
    )
    stranger = await world.parent(db, keyring, world.STRANGER)
    details = []
    for one in (change_id, uuid4()):
        with pytest.raises(NotFound) as refusal:
            await reverse(db, stranger, one)
        details.append(refusal.value.detail)
    assert details[0] == details[1]


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_claim_and_a_reversal_at_one_moment_never_both_win(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, is_first: bool
) -> None:
    """Whoever has the row of the outbox first decides: the other one waits, or passes it by."""
    parent, difference = await with_difference(db, admin, keyring)
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    if is_first:
        async with db.transaction(parent) as conn:
            undone = await reverse_change(conn, parent, change_id, answer_id=uuid4())
            assert await claim(db) == []
        assert (undone.change_id, await claim(db)) == (None, [])
        return
    async with db.transaction(Forward()) as conn:
        assert len(await forward.claim_changes(conn, lease=forward.CHANGE_AGE_MAX, changes_max=1)) == 1
        undoing = asyncio.create_task(reverse(db, parent, change_id))
        waits = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'kot_parent' AND wait_event_type = 'Lock'"
        while not await admin.fetchval(waits):
            assert not undoing.done()
            await asyncio.sleep(0.01)
    assert (await undoing).change_id is not None
    assert await admin.fetchval("SELECT state FROM change WHERE change_id = $1", change_id) == "staged"


async def test_a_parent_s_login_takes_no_obligation_away_that_was_claimed(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    await accept(db, parent, difference.difference_id, difference.version)
    await claimed(db)
    async with db.transaction(parent) as conn:
        assert await conn.fetch("UPDATE outbox SET state = 'cancelled', done_at = now() RETURNING subject_id") == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.transaction(parent) as conn:
            await conn.execute("UPDATE change SET state = 'sent'")


@pytest.mark.parametrize("moment", ["staged", "over"])
async def test_nobody_is_told_of_what_opens_again(db: Database, admin: asyncpg.Connection, keyring: Keyring, moment: str) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    await world.with_device(db, parent)
    await world.released(db, await world.piloted(db))
    told = await admin.fetch("SELECT notice_id FROM notice")
    assert len(told) == 1
    await admin.execute("UPDATE outbox SET state = 'done', done_at = now() WHERE kind = 'push'")
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    await life_until(moment, db, StatedTvs(db, keyring), change_id)
    await reverse(db, parent, change_id)
    await world.worked(db, keyring)
    assert [one.state for one in await shown(db, parent)] == ["open"]
    assert await admin.fetch("SELECT notice_id FROM notice") == told
    assert await admin.fetchval("SELECT count(*) FROM outbox WHERE kind = 'push'") == 1


async def test_it_stands_in_the_audit(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    await reverse(db, parent, change_id)
    event = msgspec.json.decode(await admin.fetchval("SELECT event::text FROM household_audit ORDER BY number DESC LIMIT 1"))
    assert event == {
        "action": "reversed",
        "actor": str(parent.person_id),
        "differenceId": str(difference.difference_id),
        "undoneChangeId": str(change_id),
        "changeId": None,
    }


async def test_what_was_undone_is_told_with_what_followed(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await with_difference(db, admin, keyring)
    first = await accept(db, parent, difference.difference_id, difference.version)
    opened = (await reverse(db, parent, first)).version
    second = await accept(db, parent, difference.difference_id, opened)
    await sent(db)
    undoing = (await reverse(db, parent, second)).change_id
    assert undoing is not None
    await receipt(db, second, Processed(declaration_version=2))
    await receipt(db, undoing, Refused(reason="Te laat"))
    found = await explain(db, difference.difference_id)
    assert [(one.what, one.note) for one in found.life] == [
        ("version", "open, D01"),
        ("accepted", "by applicant"),
        ("version", "accepted, D01"),
        ("change", "reversed, not sent any more"),
        ("reversed", "by applicant"),
        ("version", "open, D01"),
        ("accepted", "by applicant"),
        ("version", "accepted, D01"),
        ("change", "sent to TVS"),
        ("reversed", "by applicant"),
        ("version", "open, D01"),
        ("change", "processed, in declaration 2"),
        ("change", "refused, Te laat, to undo it"),
        ("version", "accepted, D01"),
    ]


async def test_as_of_an_instant_what_was_undone_later_was_taken_over(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """What was accepted before is told with a correction that came after; not any more once it is undone."""
    parent, first = await with_difference(db, admin, keyring)
    change_id = await accept(db, parent, first.difference_id, first.version)
    await world.delivered(db, keyring, world.line(month="2026-02", hours="140.00"), world.line(month="2026-03", hours="140.00"))
    (second,) = [one for one in await shown(db, parent) if one.state == "open"]
    before = await admin.fetchval("SELECT clock_timestamp()")
    await reverse(db, parent, change_id)
    await world.worked(db, keyring)
    then, now = await explain(db, second.difference_id, version=second.version), await explain(db, second.difference_id)
    assert (then.recomputation.is_equal, len(decoded(then.said.explanation)["acceptedBefore"])) == (True, 1)
    assert (now.recomputation.is_equal, decoded(now.said.explanation)["acceptedBefore"]) == (True, [])
    as_of_then = (await explain(db, second.difference_id, instant=before)).as_of
    as_of_now = (await explain(db, second.difference_id, instant=await admin.fetchval("SELECT clock_timestamp()"))).as_of
    assert as_of_then is not None
    assert as_of_now is not None
    assert [len(decoded(one.explanation)["acceptedBefore"]) for one in (*as_of_then.judged, *as_of_now.judged)] == [1, 0]


async def test_new_care_that_is_undone_is_shown_as_nothing_declared(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await moved(db, admin, keyring)
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    await sent(db)
    await StatedTvs(db, keyring).process(change_id)
    await reverse(db, parent, change_id)
    await admin.execute("UPDATE difference SET content_hash = '' WHERE state = 'open'")
    await admin.execute("INSERT INTO comparison_due SELECT household_id, child_id, year FROM difference ON CONFLICT DO NOTHING")
    await world.worked(db, keyring)
    found = await explain(db, difference.difference_id)
    assert found.recomputation.is_equal
    (new,) = [one for one in found.declared if one.lrk_number == world.ELSEWHERE]
    assert ([one.hours for one in new.declared], list(new.accepted)) == (["110.00"], [])
    assert [(one.from_month, one.until_month) for one in new.undeclared] == [("2026-05", None)]
