"""Corrections of what a line is about, and parked lines that come alive: one standing word for each child, whatever came first."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from reconcile import wake
from reconcile.apply import LeaseLost, claim_delivery
from reconcile.keyring import Keyring
from reconcile.rules.bsn import marked_bsn
from reconcile.store.audit import broken_links
from reconcile.store.database import Database
from reconcile.store.parked import gaps_to_wake
from tests import world
from tests.reconcile.test_answer import shown
from tests.reconcile.test_withdraw import withdrawn
from workers import deliveries as drain

WRONG = marked_bsn(7_001)
OUTCOMES = ("applied", "unchanged", "superseded", "parked", "rejected")


@pytest.fixture(autouse=True)
async def _begun(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """One household with two children, and one of a stranger with the child whose BSN is taken by mistake."""
    await world.with_register(admin)
    other = world.declaration(
        householdRef="H2",
        members=[world.member(world.STRANGER, "applicant"), world.member(WRONG, "child")],
        placements=[world.care(WRONG)],
    )
    await world.declared(db, keyring, world.declaration(placements=[world.care(), world.care(world.SIBLING)]), other)


def at(minute: int) -> datetime:
    return world.NOW + timedelta(minutes=minute)


async def sent(db: Database, keyring: Keyring, minute: int, *lines: dict[str, Any], **change: Any) -> UUID:
    return await world.delivered(db, keyring, *lines, sent_at=at(minute), **change)


async def reported(admin: asyncpg.Connection, keyring: Keyring) -> list[tuple[str, str, str, int]]:
    """Household, child, month and hours of what is reported now."""
    names: dict[bytes, str] = {
        keyring.blind_index(bsn): name for bsn, name in ((world.CHILD, "child"), (world.SIBLING, "sibling"), (WRONG, "wrong"))
    }
    rows = await admin.fetch(
        "SELECT household_ref, bsn_index, to_char(month, 'YYYY-MM') AS month, hours_hundredths FROM reported_hours"
        " JOIN placement USING (household_id, placement_id) JOIN household USING (household_id) JOIN person ON person_id = child_id"
        " WHERE superseded_at IS NULL"
    )
    return sorted((row["household_ref"], names[row["bsn_index"]], row["month"], row["hours_hundredths"]) for row in rows)


async def unbalanced(admin: asyncpg.Connection) -> list[UUID]:
    """Return the deliveries whose counts are not those of their lines."""
    told = ", ".join(f"{name}_count" for name in OUTCOMES)
    counted = ", ".join(f"count(*) FILTER (WHERE outcome = '{name}')" for name in OUTCOMES)
    rows = await admin.fetch(
        f"SELECT delivery_id FROM delivery JOIN line USING (organisation_id, delivery_id) GROUP BY delivery_id, {told}"
        f" HAVING ({told}) IS DISTINCT FROM ({counted})"
    )
    return [row["delivery_id"] for row in rows]


async def outcomes(admin: asyncpg.Connection) -> list[tuple[str, bool]]:
    """Outcome of each line, in the order of arrival, and whether it stands."""
    rows = await admin.fetch(
        "SELECT line.outcome, line.superseded_at IS NULL AND line.outcome IN ('applied', 'unchanged') AS stands FROM line"
        " JOIN delivery USING (organisation_id, delivery_id) ORDER BY delivery.received_at, line_number"
    )
    assert await unbalanced(admin) == []
    assert list(await broken_links(admin, 10)) == []
    return [tuple(row) for row in rows]


def corrected(**change: Any) -> dict[str, Any]:
    """A line of the right child that was reported for the wrong one, of another parent, before."""
    return world.line(**{"hours": "140.00", "replacedParentBsn": world.STRANGER, "replacedChildBsn": WRONG, **change})


def mistaken(**change: Any) -> dict[str, Any]:
    return world.line(**{"hours": "140.00", "parentBsn": world.STRANGER, "childBsn": WRONG, **change})


async def test_a_correction_ends_the_old_and_begins_the_new_at_once(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await world.parent(db, keyring, world.STRANGER)
    months = "2026-02", "2026-03"
    await sent(db, keyring, 1, *(mistaken(month=month) for month in months))
    assert [one.state for one in await shown(db, parent)] == ["open"]
    await sent(db, keyring, 2, *(corrected(month=month) for month in months))
    assert await outcomes(admin) == [("applied", False), ("applied", False), ("applied", True), ("applied", True)]
    assert await reported(admin, keyring) == [("H1", "child", month, 14_000) for month in months]
    assert [one.state for one in await shown(db, parent)] == ["closed"]
    assert [one.state for one in await shown(db, await world.parent(db, keyring))] == ["open"]
    # In the same instant: nobody can have seen both, or neither.
    assert await admin.fetchval("SELECT count(DISTINCT recorded_at::text) FROM household_audit WHERE event->>'deliveryId' IS NOT NULL") == 2
    assert await admin.fetchval("SELECT count(*) FROM line WHERE woken_at IS NOT NULL") == 0


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
async def test_a_correction_ends_what_is_older_and_nothing_newer_in_whatever_order_they_come(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, order: tuple[int, ...]
) -> None:
    all_of_them = ((1, mistaken(hours="110.00")), (5, corrected()), (9, mistaken(hours="90.00", month="2026-03")))
    for place in order:
        minute, line = all_of_them[place]
        await sent(db, keyring, minute, line)
    assert await reported(admin, keyring) == [("H1", "child", "2026-03", 14_000), ("H2", "wrong", "2026-03", 9_000)]
    assert "parked" not in [outcome for outcome, _ in await outcomes(admin)]


async def test_what_is_older_than_its_correction_never_stands_for_a_moment(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent = await world.parent(db, keyring, world.STRANGER)
    await sent(db, keyring, 5, corrected())
    assert await outcomes(admin) == [("parked", False)]
    assert msgspec.json.decode(await admin.fetchval("SELECT faults FROM line"))[0]["code"] == "replaced-line-unknown"
    await sent(db, keyring, 1, mistaken())
    assert await outcomes(admin) == [("applied", True), ("superseded", False)]
    assert await admin.fetchval("SELECT woken_at > recorded_at FROM line WHERE replaced_month IS NOT NULL")
    assert await admin.fetchval("SELECT count(*) FROM reported_hours") == 1
    assert list(await shown(db, parent)) == []


async def test_a_newer_line_about_the_old_child_does_not_wake_a_correction(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    """It was not said before the correction, so the correction replaces nothing that is known: both would stand."""
    await sent(db, keyring, 5, corrected())
    await sent(db, keyring, 9, mistaken(hours="90.00"))
    assert await outcomes(admin) == [("parked", False), ("applied", True)]


async def test_two_children_that_were_swapped_are_two_corrections_in_one_delivery(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "WAKE_LINES_MAX", 1)
    await sent(db, keyring, 1, world.line(hours="50.00"), world.line(childBsn=world.SIBLING, hours="70.00"))
    swapped = (
        world.line(hours="70.00", replacedChildBsn=world.SIBLING),
        world.line(hours="50.00", childBsn=world.SIBLING, replacedChildBsn=world.CHILD),
    )
    await sent(db, keyring, 2, *swapped)
    assert await reported(admin, keyring) == [("H1", "child", "2026-03", 7_000), ("H1", "sibling", "2026-03", 5_000)]
    assert await outcomes(admin) == [("applied", False), ("applied", False), ("applied", True), ("applied", True)]


@pytest.mark.parametrize(
    ("old", "replaced"),
    [
        ({"month": "2026-02"}, {"replacedMonth": "2026-02"}),
        ({"lrkNumber": world.BSO}, {"replacedLrkNumber": world.BSO}),
        ({"parentBsn": world.PARTNER}, {"replacedParentBsn": world.PARTNER}),
        (
            {"parentBsn": world.STRANGER, "childBsn": WRONG, "lrkNumber": world.BSO, "month": "2026-01"},
            {"replacedParentBsn": world.STRANGER, "replacedChildBsn": WRONG, "replacedLrkNumber": world.BSO, "replacedMonth": "2026-01"},
        ),
    ],
)
async def test_any_part_of_what_a_line_is_about_can_be_corrected(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, old: dict[str, Any], replaced: dict[str, Any]
) -> None:
    await sent(db, keyring, 1, world.line(hours="60.00", **old))
    await sent(db, keyring, 2, world.line(hours="60.00", **replaced))
    assert await reported(admin, keyring) == [("H1", "child", "2026-03", 6_000)]


async def test_a_correction_of_a_correction_and_a_way_back(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await sent(db, keyring, 1, mistaken())
    await sent(db, keyring, 2, corrected())
    sibling = world.line(childBsn=world.SIBLING, hours="30.00", replacedChildBsn=world.CHILD)
    await sent(db, keyring, 3, sibling)
    assert await reported(admin, keyring) == [("H1", "sibling", "2026-03", 3_000)]
    await sent(db, keyring, 4, mistaken(hours="20.00", replacedParentBsn=world.APPLICANT, replacedChildBsn=world.SIBLING))
    assert await reported(admin, keyring) == [("H2", "wrong", "2026-03", 2_000)]


async def test_a_superseded_correction_still_ends_the_old(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await sent(db, keyring, 1, mistaken())
    await sent(db, keyring, 9, world.line(hours="80.00"))
    await sent(db, keyring, 5, corrected())
    assert await outcomes(admin) == [("applied", False), ("applied", True), ("superseded", False)]
    assert await reported(admin, keyring) == [("H1", "child", "2026-03", 8_000)]


async def test_a_correction_that_is_not_taken_ends_nothing(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await sent(db, keyring, 1, mistaken())
    twice = corrected(), corrected(hours="9.00")
    await sent(db, keyring, 2, *twice, corrected(month="2026-02", hours="900.00", replacedMonth="2026-03"), corrected(childBsn=None))
    assert await outcomes(admin) == [("applied", True), ("rejected", False), ("rejected", False), ("rejected", False), ("parked", False)]
    assert await reported(admin, keyring) == [("H2", "wrong", "2026-03", 14_000)]
    await sent(db, keyring, 3, mistaken(hours="20.00", lineRef="x"))
    assert await admin.fetchval("SELECT count(*) FROM line WHERE outcome = 'parked'") == 1


async def test_what_no_organisation_of_yours_said_is_not_known(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """A correction of a line that another organisation delivered, or that was taken back, waits."""
    await sent(db, keyring, 1, mistaken(lrkNumber=world.ELSEWHERE), oin=world.OTHER_OIN)
    await sent(db, keyring, 2, corrected(replacedLrkNumber=world.ELSEWHERE))
    taken_back = await sent(db, keyring, 1, mistaken())
    await withdrawn(db, keyring, taken_back)
    await sent(db, keyring, 3, corrected())
    assert [outcome for outcome, _ in await outcomes(admin)] == ["applied", "parked", "applied", "parked"]
    assert await reported(admin, keyring) == [("H2", "wrong", "2026-03", 14_000)]


async def test_taking_a_correction_back_lets_stand_again_what_it_ended(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await sent(db, keyring, 1, mistaken(hours="110.00"))
    first = await sent(db, keyring, 5, corrected())
    second = await sent(db, keyring, 7, corrected(hours="130.00"), mistaken(month="2026-01"))
    await sent(db, keyring, 3, mistaken(hours="120.00"))
    assert await reported(admin, keyring) == [("H1", "child", "2026-03", 13_000), ("H2", "wrong", "2026-01", 14_000)]
    await withdrawn(db, keyring, second, [1])
    # Another correction still says that the old one is void.
    assert await reported(admin, keyring) == [("H1", "child", "2026-03", 14_000), ("H2", "wrong", "2026-01", 14_000)]
    await withdrawn(db, keyring, first)
    assert await reported(admin, keyring) == [("H2", "wrong", "2026-01", 14_000), ("H2", "wrong", "2026-03", 12_000)]
    assert (await outcomes(admin))[-1] == ("applied", True)


async def test_a_line_that_came_after_its_correction_finds_its_placement_when_that_is_taken_back(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    correction = await sent(db, keyring, 5, corrected())
    await sent(db, keyring, 1, mistaken(lrkNumber=world.BSO), mistaken())
    again = await sent(db, keyring, 7, corrected(replacedLrkNumber=world.BSO))
    await withdrawn(db, keyring, again)
    await withdrawn(db, keyring, correction)
    assert [month for _, name, month, _ in await reported(admin, keyring)] == ["2026-03", "2026-03"]


@pytest.mark.parametrize("comes_first", ["gap", "fill"])
async def test_a_line_without_a_bsn_comes_alive_by_one_that_has_it(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, comes_first: str
) -> None:
    gaps = [world.line(month=month, childBsn=None, hours="140.00", lineRef="k7") for month in ("2026-01", "2026-02")]
    fill = world.line(month="2026-03", hours="140.00", lineRef="k7")
    for minute, lines in ((1, gaps), (2, [fill])) if comes_first == "gap" else ((2, [fill]), (1, gaps)):
        await sent(db, keyring, minute, *lines)
    assert await reported(admin, keyring) == [("H1", "child", f"2026-0{month}", 14_000) for month in (1, 2, 3)]
    rows = await admin.fetch("SELECT faults, waits_for, woken_at IS NOT NULL AS woken FROM line ORDER BY month")
    assert [tuple(row) for row in rows] == [("[]", None, True), ("[]", None, True), ("[]", None, False)]
    assert {outcome for outcome, _ in await outcomes(admin)} == {"applied"}
    counts = msgspec.json.decode(await admin.fetchval("SELECT receipt_counts FROM delivery WHERE lines_read = 2"))
    assert counts["parked"] == (2 if comes_first == "gap" else 0)
    woken = await admin.fetchval("SELECT event->'lines' FROM organisation_audit WHERE event->>'action' = 'woken'")
    assert len(msgspec.json.decode(woken)) == 2


async def test_a_parent_s_bsn_that_was_missing_is_found_by_the_child(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await sent(db, keyring, 1, world.line(month="2026-01", parentBsn=None, lineRef="k7"))
    await sent(db, keyring, 2, world.line(lineRef="k7"))
    assert [month for _, _, month, _ in await reported(admin, keyring)] == ["2026-01", "2026-03"]


@pytest.mark.parametrize(
    "change",
    [
        {"lineRef": "k8"},
        {"lineRef": None},
        {"lrkNumber": world.BSO},
        {"parentBsn": world.STRANGER},
    ],
)
async def test_a_mark_alone_is_never_enough(db: Database, admin: asyncpg.Connection, keyring: Keyring, change: dict[str, Any]) -> None:
    await sent(
        db,
        keyring,
        1,
        world.line(month="2026-01", childBsn=None, lineRef="k7"),
        world.line(month="2026-01", parentBsn=None, childBsn=None, lineRef="k7"),
    )
    await sent(db, keyring, 2, world.line(**{"lineRef": "k7", **change}))
    assert [outcome for outcome, _ in await outcomes(admin)] == ["parked", "parked", "applied"]


async def test_another_organisation_s_line_fills_no_gap(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await admin.execute("UPDATE location_holding SET until_on = '2026-02-28' WHERE lrk_number = $1", world.KDV)
    other = await admin.fetchval("SELECT organisation_id FROM organisation WHERE oin = $1", world.OTHER_OIN)
    await admin.execute(
        "INSERT INTO location_holding (lrk_number, organisation_id, from_on) VALUES ($1, $2, '2026-03-01')", world.KDV, other
    )
    await sent(db, keyring, 1, world.line(month="2026-01", childBsn=None, lineRef="k7"))
    await sent(db, keyring, 2, world.line(lineRef="k7"), oin=world.OTHER_OIN)
    assert [outcome for outcome, _ in await outcomes(admin)] == ["parked", "applied"]


async def test_two_people_that_fit_are_nobody_until_one_of_them_is_taken_back(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    await sent(db, keyring, 1, world.line(lineRef="k7"))
    second = await sent(db, keyring, 2, world.line(childBsn=world.SIBLING, lineRef="k7"))
    await sent(db, keyring, 3, world.line(month="2026-01", childBsn=None, lineRef="k7"))
    assert (await outcomes(admin))[-1] == ("parked", False)
    await withdrawn(db, keyring, second)
    assert (await outcomes(admin))[-1] == ("applied", True)
    assert await reported(admin, keyring) == [("H1", "child", "2026-01", 10_000), ("H1", "child", "2026-03", 10_000)]


async def test_what_came_alive_stays_so_when_the_line_that_told_the_bsn_goes(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    await sent(db, keyring, 1, world.line(month="2026-01", childBsn=None, lineRef="k7"))
    fill = await sent(db, keyring, 2, world.line(lineRef="k7"))
    await withdrawn(db, keyring, fill)
    assert await reported(admin, keyring) == [("H1", "child", "2026-01", 10_000)]


@pytest.mark.parametrize(("again", "outcome", "hours"), [("110.00", "superseded", 11_000), ("100.00", "superseded", 10_000)])
async def test_a_line_that_comes_alive_is_as_old_as_its_delivery(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, again: str, outcome: str, hours: int
) -> None:
    await sent(db, keyring, 1, world.line(childBsn=None, lineRef="k7"))
    await sent(db, keyring, 2, world.line(hours=again, lineRef="k7"))
    assert await outcomes(admin) == [(outcome, False), ("applied", True)]
    assert await reported(admin, keyring) == [("H1", "child", "2026-03", hours)]


@pytest.mark.parametrize(("before", "outcome"), [("100.00", "unchanged"), ("90.00", "applied")])
async def test_a_line_that_comes_alive_is_held_against_what_was_said_before(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, before: str, outcome: str
) -> None:
    await sent(db, keyring, 1, world.line(hours=before))
    await sent(db, keyring, 2, world.line(childBsn=None, lineRef="k7"))
    await sent(db, keyring, 3, world.line(month="2026-04", lineRef="k7"))
    assert (await outcomes(admin))[:2] == [("applied", False), (outcome, True)]
    assert await reported(admin, keyring) == [("H1", "child", "2026-03", 10_000), ("H1", "child", "2026-04", 10_000)]


async def test_of_one_delivery_the_whole_line_goes_before_the_one_that_was_completed(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    both = world.line(hours="80.00", lineRef="k7"), world.line(childBsn=None, lineRef="k7")
    delivery_id = await sent(db, keyring, 1, *both)
    assert await outcomes(admin) == [("applied", True), ("superseded", False)]
    await withdrawn(db, keyring, delivery_id, [1])
    assert await reported(admin, keyring) == [("H1", "child", "2026-03", 10_000)]


async def test_what_wakes_may_be_what_another_waits_for(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gap is filled, so that the line for the wrong child is there, which a correction replaces, which another one replaces."""
    monkeypatch.setattr(drain, "WAKE_LINES_MAX", 1)
    await sent(db, keyring, 1, mistaken(childBsn=None, lineRef="w"))
    await sent(db, keyring, 2, corrected())
    await sent(db, keyring, 3, world.line(childBsn=world.SIBLING, hours="30.00", replacedChildBsn=world.CHILD))
    assert [outcome for outcome, _ in await outcomes(admin)] == ["parked"] * 3
    await sent(db, keyring, 4, mistaken(month="2026-01", lineRef="w"))
    assert await reported(admin, keyring) == [("H1", "sibling", "2026-03", 3_000), ("H2", "wrong", "2026-01", 14_000)]


async def test_a_parked_line_that_is_taken_back_never_wakes(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    gap = await sent(db, keyring, 1, world.line(month="2026-01", childBsn=None, lineRef="k7"))
    correction = await sent(db, keyring, 5, corrected())
    await withdrawn(db, keyring, gap)
    await withdrawn(db, keyring, correction)
    await sent(db, keyring, 2, world.line(month="2026-02", lineRef="k7"), mistaken())
    assert [outcome for outcome, _ in await outcomes(admin)] == ["parked", "parked", "applied", "applied"]
    assert await reported(admin, keyring) == [("H1", "child", "2026-02", 10_000), ("H2", "wrong", "2026-03", 14_000)]


async def test_of_the_sandbox_a_line_wakes_and_reaches_nobody(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await admin.execute("UPDATE organisation SET is_sandbox = true WHERE oin = $1", world.OIN)
    await sent(db, keyring, 1, world.line(month="2026-01", childBsn=None, lineRef="k7"), mistaken())
    await sent(db, keyring, 2, world.line(month="2026-02", lineRef="k7"), corrected())
    assert [outcome for outcome, _ in await outcomes(admin)] == ["applied"] * 4
    assert await reported(admin, keyring) == []


async def test_a_worker_that_lost_its_lease_wakes_nothing(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await sent(db, keyring, 1, world.line(month="2026-01", childBsn=None, lineRef="k7"))
    await world.landed(db, keyring, world.delivery_body([world.line(lineRef="k7")]), reference="late")
    async with db.transaction(world.INTAKE) as conn:
        lost = await claim_delivery(conn)
    assert lost is not None
    await admin.execute("UPDATE delivery SET lease_until = now() - interval '1 second'")
    await world.worked(db, keyring)
    with pytest.raises(LeaseLost):
        async with db.transaction(world.INTAKE) as conn:
            await wake.wake_batch(conn, lost, gaps_to_wake, after=(UUID(int=0), 0), lines_max=10)
