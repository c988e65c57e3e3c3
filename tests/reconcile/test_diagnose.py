"""Faults by root cause: one wrong column is one finding, every faulty line stands in one, and nothing grows with the file."""

import random
from collections import Counter
from typing import Any

import asyncpg
import msgspec
import pytest

from api.fault_documents import DeliveryFaults, faults_document, findings_csv
from reconcile.diagnose import diagnose_delivery
from reconcile.keyring import Keyring
from reconcile.problems import NotFound
from reconcile.rules.bsn import marked_bsn
from reconcile.rules.faults import FAULTS
from reconcile.store.database import Database
from tests import world
from tests.reconcile.test_withdraw import withdrawn


@pytest.fixture(autouse=True)
async def _register(admin: asyncpg.Connection) -> None:
    await world.with_register(admin)


def person(number: int) -> str:
    return marked_bsn(10_000 + number)


def many(count: int, **change: Any) -> list[dict[str, Any]]:
    return [
        world.line(childBsn=person(number), lineRef=f"K{number}", hours=f"{number % 230}.50", hourlyRate="9.87") | change
        for number in range(count)
    ]


async def findings(db: Database, keyring: Keyring, lines: list[dict[str, Any]]) -> DeliveryFaults:
    delivery_id = await world.delivered(db, keyring, *lines)
    sender = await world.organisation(db)
    async with db.snapshot(sender) as conn:
        return faults_document(await diagnose_delivery(conn, sender, delivery_id))


async def test_a_sound_delivery_has_no_finding(db: Database, keyring: Keyring) -> None:
    found = await findings(db, keyring, many(3))
    assert (found.state, found.lines_read, found.faulty_lines, found.findings) == ("applied", 3, 0, ())


async def test_one_wrong_column_is_one_finding(db: Database, keyring: Keyring) -> None:
    lines = [one | {"month": f"{number % 12 + 1}/{2020 + number % 7}"} for number, one in enumerate(many(3_000))]
    found = await findings(db, keyring, lines + many(1_000, month="2026-02"))
    (finding,) = found.findings
    kind = FAULTS["month-invalid"]
    assert (finding.code, finding.field, finding.outcome, finding.permanence) == ("month-invalid", "month", "rejected", "permanent")
    assert (finding.count, finding.share, finding.remedy_nl, finding.remedy_en) == (3_000, 0.75, kind.remedy_nl, kind.remedy_en)
    assert [(one.line_number, one.line_ref) for one in finding.first_lines] == [(number, f"K{number - 1}") for number in range(1, 6)]
    (fault,) = finding.faults
    assert [(one.shape, one.count) for one in fault.shapes] == [("9/9", 3_000)]


async def test_columns_that_shifted_are_one_finding(db: Database, keyring: Keyring) -> None:
    """Every value stands one field further: the kinds of faults differ from line to line, the cause does not."""
    names = ("parentBsn", "childBsn", "lrkNumber", "month", "hours", "hourlyRate")
    shifted = [dict(zip(names, ("", *[one[name] for name in names[:-1]]), strict=True)) for one in many(2_000)]
    found = await findings(db, keyring, shifted)
    (finding,) = found.findings
    assert (finding.count, finding.share, finding.outcome) == (2_000, 1.0, "rejected")
    counts = {(one.code, one.field): one.count for one in finding.faults}
    assert counts[("month-invalid", "month")] == counts[("hours-invalid", "hours")] == counts[("bsn-missing", "parentBsn")] == 2_000
    assert 0 < counts[("hourly-rate-invalid", "hourlyRate")] < 2_000
    assert FAULTS[finding.code].permanence != "waiting"  # what must be corrected is told before what waits


async def test_a_line_that_was_taken_back_is_no_finding(db: Database, keyring: Keyring) -> None:
    delivery_id = await world.delivered(db, keyring, *many(3, month="2026-13"))
    await withdrawn(db, keyring, delivery_id, [1, 3])
    sender = await world.organisation(db)
    async with db.snapshot(sender) as conn:
        found = faults_document(await diagnose_delivery(conn, sender, delivery_id))
    (finding,) = found.findings
    assert (found.faulty_lines, finding.count, [one.line_number for one in finding.first_lines]) == (1, 1, [2])


async def test_what_waits_and_what_is_refused_are_told_apart(db: Database, keyring: Keyring) -> None:
    lines = many(6, childBsn=None) + many(2, childBsn=None, hours="x", month="2026-02") + many(1, month="2026-12")
    found = await findings(db, keyring, lines)
    told = [(one.outcome, one.code, one.permanence, one.count) for one in found.findings]
    assert told == [
        ("parked", "bsn-missing", "waiting", 6),
        ("rejected", "hours-invalid", "permanent", 2),
        ("rejected", "month-in-future", "transient", 1),
    ]
    assert [(one.code, one.count) for one in found.findings[1].faults] == [("hours-invalid", 2), ("bsn-missing", 2)]


async def test_only_the_most_frequent_shapes_are_told(db: Database, keyring: Keyring) -> None:
    wrong = [text for number, text in enumerate(("1x", "x1", "-1", "1-", "x-", "?")) for _ in range(6 - number)]
    found = await findings(db, keyring, [one | {"hours": hours} for one, hours in zip(many(21), wrong, strict=True)])
    (finding,) = found.findings
    assert [(one.shape, one.count) for one in finding.faults[0].shapes] == [("9a", 6), ("a9", 5), ("-9", 4), ("9-", 3), ("a-", 2)]


async def test_an_unknown_field_that_stands_twice_counts_each_line_once(db: Database, keyring: Keyring) -> None:
    found = await findings(db, keyring, many(4, naam="Noor", adres="Laan 1"))
    (finding,) = found.findings
    assert (finding.code, finding.field, finding.count, finding.faults[0].count) == ("field-unknown", None, 4, 4)


@pytest.mark.parametrize("seed", range(8))
async def test_every_faulty_line_stands_in_one_finding_and_every_fault_is_counted(db: Database, keyring: Keyring, seed: int) -> None:
    rng = random.Random(seed)
    wrong: list[tuple[str, Any]] = [
        ("hours", "x"),
        ("hours", "900"),
        ("month", "2026-13"),
        ("month", "2026-12"),
        ("childBsn", None),
        ("childBsn", "12"),
        ("hourlyRate", "1,5"),
        ("careType", "BSO"),
        ("lrkNumber", world.ELSEWHERE),
        ("endDate", "soon"),
        ("naam", "Noor"),
    ]
    lines = [one | dict(rng.sample(wrong, rng.choice((0, 1, 1, 2, 4)))) for one in many(200)]
    delivery_id = await world.delivered(db, keyring, *lines)
    sender = await world.organisation(db)
    async with db.snapshot(sender) as conn:
        found = faults_document(await diagnose_delivery(conn, sender, delivery_id))
        rows = await conn.fetch("SELECT line_number, outcome, faults FROM line WHERE jsonb_array_length(faults) > 0")
    by_line = {
        row["line_number"]: (row["outcome"], {(one["code"], one["field"]) for one in msgspec.json.decode(row["faults"])}) for row in rows
    }
    assert found.faulty_lines == len(by_line)
    assert Counter(outcome for outcome, _ in by_line.values()) == sum(
        (Counter({one.outcome: one.count}) for one in found.findings), Counter()
    )
    counted = sum((Counter({(fault.code, fault.field): fault.count}) for one in found.findings for fault in one.faults), Counter())
    assert counted == Counter(fault for _, faults in by_line.values() for fault in faults)
    assert len(found.findings) <= 2 * len(counted)
    for one in found.findings:
        assert (one.faults[0].code, one.faults[0].field, one.faults[0].count) == (one.code, one.field, one.count)
        for first in one.first_lines:
            outcome, faults = by_line[first.line_number]
            assert (outcome, (one.code, one.field) in faults) == (one.outcome, True)


async def test_what_a_spreadsheet_shows(db: Database, keyring: Keyring) -> None:
    found = await findings(db, keyring, many(2, hours="x", month="2026-13") + many(2, month="2026-02"))
    heading, row, end = findings_csv(found.findings).decode("utf-8-sig").split("\r\n")
    assert heading == "fout;veld;uitkomst;aantal;aandeel;eerste_regels;omschrijving;wat_te_doen;ook"
    kind = FAULTS["hours-invalid"]
    assert row == f"hours-invalid;hours;rejected;2;50,00%;1 2;{kind.title_nl};{kind.remedy_nl};month-invalid(month) 2x"
    assert end == ""


async def test_identical_content_has_the_faults_of_the_first(db: Database, keyring: Keyring) -> None:
    body = world.delivery_body(many(2, hours="x"))
    first = await world.landed(db, keyring, body, reference="one")
    again = await world.landed(db, keyring, body, reference="two")
    await world.worked(db, keyring)
    sender = await world.organisation(db)
    async with db.snapshot(sender) as conn:
        one = await diagnose_delivery(conn, sender, first.delivery.delivery_id)
        two = await diagnose_delivery(conn, sender, again.delivery.delivery_id)
    assert one.findings == two.findings
    assert one.findings[0].lines == 2


async def test_another_organisation_s_faults_are_not_there(db: Database, keyring: Keyring) -> None:
    delivery_id = await world.delivered(db, keyring, *many(2, hours="x"))
    other = await world.organisation(db, world.OTHER_OIN)
    async with db.snapshot(other) as conn:
        with pytest.raises(NotFound):
            await diagnose_delivery(conn, other, delivery_id)
