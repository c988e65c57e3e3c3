"""All or nothing: when any line of a delivery has a fault, none is applied, whatever crashes; and every line is accounted for."""

import random
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from reconcile import diagnose
from reconcile.keyring import Keyring
from reconcile.rules.receipt import receipt_of
from reconcile.store import deliveries
from reconcile.store.database import Database
from tests import world
from tests.faults.test_deliveries import worked_dying
from tests.reconcile.test_apply import current, outcomes
from workers import deliveries as drain

SOUND = [world.line(month=f"2026-0{month}") for month in range(1, 5)]
REFUSED, ALONE = ("rejected", ["all-or-nothing"]), ("applied", [])


async def land(db: Database, keyring: Keyring, *lines: dict[str, Any], reference: str = "r1", **envelope: Any) -> Any:
    body = world.delivery_body(lines, reference=reference, **{"allOrNothing": True, **envelope})
    return (await world.landed(db, keyring, body, reference=reference)).delivery.delivery_id


async def counts(admin: asyncpg.Connection) -> tuple[int, ...]:
    columns = "lines_read, applied_count + unchanged_count + superseded_count, parked_count, rejected_count"
    return tuple(await admin.fetchrow(f"SELECT {columns} FROM delivery ORDER BY received_at DESC LIMIT 1"))


@pytest.fixture(autouse=True)
async def _declared(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)


@pytest.mark.parametrize(
    ("faulty", "told"),
    [
        ([world.line(month="2026-13")], [("rejected", ["month-invalid"])]),
        ([world.line(childBsn=None)], [("rejected", ["bsn-missing"])]),
        ([world.line(month="2026-05"), world.line(month="2026-05", hours="9.00")], [("rejected", ["duplicate-line"])] * 2),
        ([world.line(lrkNumber=world.ELSEWHERE)], [("rejected", ["lrk-number-not-yours"])]),
    ],
)
async def test_one_fault_and_nothing_is_taken(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, faulty: Sequence[dict[str, Any]], told: Sequence[Any]
) -> None:
    await land(db, keyring, *SOUND, *faulty)
    await world.worked(db, keyring)
    assert await outcomes(admin) == [*[REFUSED] * len(SOUND), *told]
    assert await current(admin) == []
    assert await counts(admin) == (len(SOUND) + len(faulty), 0, 0, len(SOUND) + len(faulty))


async def test_without_a_fault_everything_is_taken(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await land(db, keyring, *SOUND, world.line(parentBsn=world.STRANGER))
    await world.worked(db, keyring)
    assert await outcomes(admin) == [ALONE] * 5
    assert len(await current(admin)) == 4


async def test_without_the_switch_the_sound_lines_are_taken(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await land(db, keyring, SOUND[0], world.line(month="2026-13"), allOrNothing=False)
    await world.worked(db, keyring)
    assert await outcomes(admin) == [ALONE, ("rejected", ["month-invalid"])]


async def test_the_real_causes_come_first_in_the_findings(db: Database, keyring: Keyring) -> None:
    delivery_id = await land(db, keyring, *SOUND, world.line(month="2026-13"), world.line(childBsn=None))
    await world.worked(db, keyring)
    organisation = await world.organisation(db)
    async with db.snapshot(organisation) as conn:
        found = (await diagnose.diagnose_delivery(conn, organisation, delivery_id)).findings
    assert [(one.code, one.lines) for one in found] == [("bsn-missing", 1), ("month-invalid", 1), ("all-or-nothing", 4)]


async def test_what_is_refused_calls_nothing_complete_and_keeps_its_receipt(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    complete = [{"month": "2026-02", "lrkNumbers": [world.BSO]}]
    delivery_id = await land(db, keyring, SOUND[0], world.line(hours="x"), complete=complete)
    await world.worked(db, keyring)
    assert await admin.fetchval("SELECT count(*) FROM completeness") == 0
    organisation = await world.organisation(db)
    async with db.snapshot(organisation) as conn:
        facts = await deliveries.receipt_facts(conn, organisation.organisation_id, delivery_id)
    assert facts is not None
    assert b'"counts":{"applied":0,"parked":0,"received":2,"rejected":2,"superseded":0,"unchanged":0}' in receipt_of(facts).content
    await land(db, keyring, SOUND[0], complete=complete, reference="r2")
    await world.worked(db, keyring)
    assert await admin.fetchval("SELECT count(*) FROM completeness") == 1


async def test_the_same_content_may_come_again_once_it_was_refused(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """The register may have been mended; and a spreadsheet has the switch in its address."""
    rows = [f"{world.APPLICANT};{world.CHILD};{world.KDV};2026-0{month};90,5;9,95" for month in (2, 3)]
    sheet = "\r\n".join(["bsn_ouder;bsn_kind;lrk_nummer;maand;uren;uurtarief", *rows, rows[0]]).encode()
    for number, all_or_nothing in enumerate((True, True, False)):
        landing = await world.landed(db, keyring, sheet, reference=f"r{number}", format_="csv", all_or_nothing=all_or_nothing)
        assert landing.delivery.duplicate_of is None
        await world.worked(db, keyring)
    assert [outcome for outcome, _ in await outcomes(admin)] == [*["rejected"] * 6, "rejected", "applied", "rejected"]
    again = await world.landed(db, keyring, sheet, reference="r3", format_="csv")
    assert again.delivery.duplicate_of is not None


async def test_until_it_is_decided_the_same_spreadsheet_with_and_without_the_switch_are_two(db: Database, keyring: Keyring) -> None:
    sheet = f"bsn_ouder;bsn_kind;lrk_nummer;maand;uren;uurtarief\r\n{world.APPLICANT};{world.CHILD};{world.KDV};2026-03;90,5;9,95".encode()
    landings = [
        await world.landed(db, keyring, sheet, reference=f"r{number}", format_="csv", all_or_nothing=switch)
        for number, switch in enumerate((True, False, True, False))
    ]
    first, second, *others = [one.delivery for one in landings]
    assert [one.duplicate_of for one in (first, second, *others)] == [None, None, first.delivery_id, second.delivery_id]


@pytest.mark.parametrize("seed", range(8))
async def test_a_crash_anywhere_changes_nothing(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Also when the server goes with the worker, which empties the stage: what was decided stays decided."""
    monkeypatch.setattr(drain, "APPLY_LINES_MAX", 1)
    monkeypatch.setattr(drain, "STAGE_LINES_MAX", 2)
    chance = random.Random(f"whole{seed}")
    has_fault = seed % 2 == 0
    last = world.line(month="2026-13") if has_fault else world.line(month="2026-05")
    await land(db, keyring, *SOUND, last)
    await worked_dying(db, admin, keyring, chance)
    assert await outcomes(admin) == ([*[REFUSED] * 4, ("rejected", ["month-invalid"])] if has_fault else [ALONE] * 5)
    assert await counts(admin) == ((5, 0, 0, 5) if has_fault else (5, 5, 0, 0))


async def test_what_the_register_says_after_the_decision_changes_nothing(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker and the server die after the decision; meanwhile the one fault is mended."""
    await land(db, keyring, *SOUND, world.line(lrkNumber=world.ELSEWHERE))

    async def die(*_: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(drain.DeliveryDrain, "_apply", die)
    await world.worked(db, keyring)
    monkeypatch.undo()
    assert await admin.fetchval("SELECT is_refused FROM delivery")
    await admin.execute("TRUNCATE line_stage")
    await admin.execute(
        "UPDATE location_holding SET organisation_id = (SELECT organisation_id FROM organisation WHERE oin = $1)", world.OIN
    )
    await admin.execute("UPDATE delivery SET lease_until = NULL, due_at = now()")
    await world.worked(db, keyring)
    assert await outcomes(admin) == [REFUSED] * 5


async def test_a_correction_is_refused_with_the_rest_and_never_wakes(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.delivered(db, keyring, world.line(childBsn=world.SIBLING))
    correction = world.line(replacedChildBsn=world.SIBLING)
    await land(db, keyring, correction, world.line(month="2026-13"))
    await world.worked(db, keyring)
    await world.delivered(db, keyring, world.line(month="2026-01"))
    assert await outcomes(admin) == [ALONE, REFUSED, ("rejected", ["month-invalid"]), ALONE]


async def test_a_correction_that_waits_for_what_it_replaces_refuses_nothing(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    """Whether it is known is told once the lines have their outcome; the correction is right in itself."""
    await land(db, keyring, world.line(replacedChildBsn=world.SIBLING), world.line(month="2026-01"))
    await world.worked(db, keyring)
    assert await outcomes(admin) == [("parked", ["replaced-line-unknown"]), ALONE]
