"""A move until the declaration that settles it: one difference over two placements, one tap, one change with both sides."""

import asyncpg
import msgspec
import pytest

from reconcile import forward
from reconcile.callers import Parent
from reconcile.forward import Processed, Refused
from reconcile.keyring import Keyring
from reconcile.rules.documents import ProposalDocument
from reconcile.rules.explanation_document import ExplanationDocument
from reconcile.store.database import Database
from reconcile.store.differences import ShownDifference
from tests import world
from tests.reconcile.test_answer import accept, shown
from tests.reconcile.test_forward import receipt


async def begun(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> Parent:
    await world.with_register(admin)
    await world.declared(db, keyring)
    return await world.parent(db, keyring)


async def old_place_ends(db: Database, keyring: Keyring) -> None:
    await world.delivered(db, keyring, world.line(month="2026-03"), world.line(month="2026-04", endDate="2026-04-30"))


async def new_place_begins(db: Database, keyring: Keyring) -> None:
    lines = [world.line(month=month, lrkNumber=world.ELSEWHERE, hours="110.00", hourlyRate="10.50") for month in ("2026-05", "2026-06")]
    await world.delivered(db, keyring, *lines, oin=world.OTHER_OIN)


async def moved(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> tuple[Parent, ShownDifference]:
    parent = await begun(db, admin, keyring)
    await new_place_begins(db, keyring)
    await old_place_ends(db, keyring)
    return parent, await the_open_one(db, parent)


async def the_open_one(db: Database, parent: Parent) -> ShownDifference:
    (found,) = [one for one in await shown(db, parent) if one.state == "open"]
    return found


async def open_kinds(db: Database, parent: Parent) -> list[tuple[str, str | None]]:
    return sorted((one.kind, one.route) for one in await shown(db, parent) if one.state == "open")


def explained(difference: ShownDifference) -> ExplanationDocument:
    return msgspec.json.decode(difference.explanation, type=ExplanationDocument)


async def test_a_move_is_one_difference_with_both_places_and_both_sides_of_each_month(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent, difference = await moved(db, admin, keyring)
    assert difference.kind == "D10"
    assert await admin.fetchval("SELECT count(*) FROM difference_placement WHERE is_open") == 2
    assert difference.proposal is not None
    ended, new = msgspec.json.decode(difference.proposal, type=ProposalDocument).placements
    assert (ended.lrk_number, str(ended.end_on), ended.hours_standing_from) == (world.KDV, "2026-04-30", "2026-05")
    assert (new.lrk_number, new.end_on, new.hours_standing_from, new.rate_standing_from) == (world.ELSEWHERE, None, "2026-05", "2026-05")
    explanation = explained(difference)
    assert (explanation.lrk_number, [one.month for one in explanation.months]) == (world.ELSEWHERE, ["2026-05", "2026-06"])
    assert (explanation.begins_in, str(explanation.report_by)) == ("2026-05", "2026-08-31")
    assert explanation.moved_from is not None
    assert explanation.moved_from.lrk_number == world.KDV
    assert [one.month for one in explanation.moved_from.months] == ["2026-03", "2026-04"]
    assert "direct-payment-may-stop" in [one.code for one in explanation.circumstances]


async def test_one_tap_sends_both_sides_and_the_declaration_that_holds_them_settles_it(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent, difference = await moved(db, admin, keyring)
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    await world.worked(db, keyring)
    assert await open_kinds(db, parent) == []
    async with db.transaction(world.TVS) as conn:
        change = await forward.change_for_tvs(conn, world.TVS, change_id)
    sides = {
        one.lrk_number: [(each.from_month, each.until_month, each.hours, each.hourly_rate) for each in one.segments]
        for one in change.placements
    }
    assert sides == {
        world.KDV: [("2026-05", None, "0.00", "10.00")],
        world.ELSEWHERE: [("2026-05", None, "110.00", "10.50")],
    }
    assert {one.child_ref for one in change.placements} == {f"p-{world.CHILD}"}
    await receipt(db, change_id, Processed(declaration_version=2))
    places = [
        world.care(segments=[world.segment(until="2026-04"), world.segment("2026-05", hours="0.00")], endDate="2026-04-30"),
        world.care(lrk_number=world.ELSEWHERE, segments=[world.segment("2026-05", hours="110.00", rate="10.50")]),
        world.care(world.SIBLING, world.BSO, [world.segment(hours="40.00", rate="9.00")]),
    ]
    await world.declared(db, keyring, world.declaration(version=2, placements=places))
    await world.worked(db, keyring)
    assert await admin.fetchval("SELECT count(*) FROM overlay_segment WHERE superseded_at IS NULL") == 0
    assert [(one.kind, one.state) for one in await shown(db, parent)] == [("D10", "accepted")]


async def test_a_move_that_tvs_refuses_is_open_again_over_both_places(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, difference = await moved(db, admin, keyring)
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    await receipt(db, change_id, Refused(reason="De opvang is niet geregistreerd."))
    await world.worked(db, keyring)
    again = await the_open_one(db, parent)
    assert (again.difference_id, again.kind, again.proposal is None) == (difference.difference_id, "D10", False)
    assert await admin.fetchval("SELECT count(*) FROM difference_placement WHERE is_open") == 2
    assert await admin.fetchval("SELECT count(*) FROM overlay_segment WHERE superseded_at IS NULL") == 0


async def test_until_the_old_place_is_heard_of_nothing_is_proposed_and_the_difference_keeps_its_number(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent = await begun(db, admin, keyring)
    await new_place_begins(db, keyring)
    first = await the_open_one(db, parent)
    assert (first.kind, first.route) == ("D12", "add-care")
    await old_place_ends(db, keyring)
    second = await the_open_one(db, parent)
    assert (second.kind, second.difference_id) == ("D10", first.difference_id)


async def test_a_difference_on_either_place_becomes_part_of_the_move(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """The end was told before the new place was: one of the two differences goes on as the move, and none is left beside it."""
    parent = await begun(db, admin, keyring)
    await old_place_ends(db, keyring)
    assert await open_kinds(db, parent) == [("D14", None)]
    ended = await the_open_one(db, parent)
    await new_place_begins(db, keyring)
    assert await open_kinds(db, parent) == [("D10", None)]
    assert (await the_open_one(db, parent)).difference_id == ended.difference_id


async def test_two_open_differences_can_become_one_move(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """The old place had other hours before, and its end comes last."""
    parent = await begun(db, admin, keyring)
    await world.delivered(db, keyring, world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00"))
    await new_place_begins(db, keyring)
    assert await open_kinds(db, parent) == [("D01", None), ("D12", "add-care")]
    await world.delivered(db, keyring, world.line(month="2026-04", hours="120.00", endDate="2026-04-30"))
    assert await open_kinds(db, parent) == [("D10", None)]
    assert sorted(one.state for one in await shown(db, parent)) == ["closed", "open"]


async def test_a_move_that_was_none_falls_apart_into_what_each_place_shows(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    """A second new place is reported: which one took the place of the old one is not ours to say."""
    parent, difference = await moved(db, admin, keyring)
    lines = [world.line(month=month, lrkNumber=world.BSO, hours="30.00", hourlyRate="9.00") for month in ("2026-05", "2026-06")]
    await world.delivered(db, keyring, *lines)
    assert await open_kinds(db, parent) == [("D12", None), ("D12", None), ("D14", None)]
    assert difference.difference_id in {one.difference_id for one in await shown(db, parent) if one.state == "open"}
    assert await admin.fetchval("SELECT count(*) FROM difference_placement WHERE is_open") == 3


async def test_an_extra_place_beside_one_that_goes_on_is_added_with_one_tap(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent = await begun(db, admin, keyring)
    await new_place_begins(db, keyring)
    await world.delivered(db, keyring, *(world.line(month=month) for month in ("2026-05", "2026-06")))
    difference = await the_open_one(db, parent)
    assert (difference.kind, difference.route) == ("D12", None)
    await accept(db, parent, difference.difference_id, difference.version)
    await world.worked(db, keyring)
    assert await open_kinds(db, parent) == []


@pytest.mark.parametrize(("corrected", "kind"), [("110.00", "D02"), ("130.00", "D01")])
async def test_d22_a_correction_after_the_tap_opens_a_new_difference_that_shows_both(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, corrected: str, kind: str
) -> None:
    parent = await begun(db, admin, keyring)
    await world.delivered(db, keyring, *(world.line(month=month, hours="120.00") for month in ("2026-04", "2026-05")))
    first = await the_open_one(db, parent)
    await accept(db, parent, first.difference_id, first.version)
    await world.delivered(db, keyring, *(world.line(month=month, hours=corrected) for month in ("2026-04", "2026-05")))
    second = await the_open_one(db, parent)
    assert second.difference_id != first.difference_id
    assert second.kind == kind
    explanation = explained(second)
    (before,) = explanation.accepted_before
    assert [(one.from_month, one.hours) for one in before.segments] == [("2026-04", "120.00")]
    assert [(one.month, one.hours) for one in before.seen] == [("2026-04", "120.00"), ("2026-05", "120.00")]
    assert [one.reported and one.reported.hours for one in explanation.months] == [corrected, corrected]
    (said,) = [one for one in explanation.circumstances if one.code == "corrected-after-acceptance"]
    assert said.months == ("2026-04", "2026-05")
    declared = await admin.fetch("SELECT hours_hundredths FROM overlay_segment WHERE superseded_at IS NULL")
    assert [row["hours_hundredths"] for row in declared] == [12_000], "a correction never changes what was declared by itself"


async def test_a_refused_acceptance_is_not_what_was_taken_over(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await begun(db, admin, keyring)
    await world.delivered(db, keyring, *(world.line(month=month, hours="120.00") for month in ("2026-04", "2026-05")))
    first = await the_open_one(db, parent)
    change_id = await accept(db, parent, first.difference_id, first.version)
    await receipt(db, change_id, Refused(reason="De toeslag is beëindigd."))
    await world.delivered(db, keyring, world.line(month="2026-05", hours="125.00"))
    explanation = explained(await the_open_one(db, parent))
    assert explanation.accepted_before == ()
    assert "corrected-after-acceptance" not in [one.code for one in explanation.circumstances]


async def everything_of_households(admin: asyncpg.Connection) -> dict[str, list[str]]:
    """Every row of every table that a household owns, its version and its audit among them."""
    tables = await admin.fetch(
        "SELECT relname AS table_name FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
        " WHERE relkind = 'r' AND attname = 'household_id' AND relnamespace::regnamespace::text NOT LIKE 'pg_temp%'"
    )
    return {
        row["table_name"]: sorted(one["text"] for one in await admin.fetch(f"SELECT t::text AS text FROM {row['table_name']} AS t"))
        for row in tables
    }


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"parentBsn": world.STRANGER}, id="Q04 paid by a parent of another household"),
        pytest.param({"parentBsn": world.marked_bsn(77)}, id="Q04 paid by somebody who is in no household"),
        pytest.param({"childBsn": world.marked_bsn(78)}, id="Q05 a child that is in no household"),
        pytest.param({"childBsn": world.marked_bsn(6)}, id="Q05 a child of another household"),
    ],
)
async def test_what_would_leak_between_adults_is_nothing_for_anybody(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, change: dict[str, str]
) -> None:
    """Separated parents, or a child that is not theirs: no difference, no notice, no document, and no version of any household."""
    await begun(db, admin, keyring)
    other = [world.member(world.STRANGER, "applicant"), world.member(world.marked_bsn(6), "child", personRef="other")]
    places = [world.care(lrk_number=world.BSO, childRef="other")]
    await world.declared(db, keyring, world.declaration(householdRef="H2", members=other, placements=places))
    for bsn in (world.APPLICANT, world.STRANGER):
        await world.with_device(db, await world.parent(db, keyring, bsn), number=1 if bsn == world.APPLICANT else 2)
    await world.released(db, await world.piloted(db, size=2))
    await world.worked(db, keyring)
    before = await everything_of_households(admin)
    await world.delivered(db, keyring, *(world.line(month=month, hours="160.00", **change) for month in ("2026-04", "2026-05")))
    assert await admin.fetchval("SELECT count(*) FROM line WHERE outcome = 'applied'") == 2, "nothing tells the organisation"
    assert await everything_of_households(admin) == before
    assert (before["difference"], before["notice"], len(before["placement"])) == ([], [], 3)
