"""Every line ends with one outcome, every report finds its one household, and nothing is applied twice."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest

from reconcile import apply
from reconcile.apply import LeaseLost
from reconcile.callers import Intake
from reconcile.keyring import Keyring
from reconcile.rules.bsn import marked_bsn
from reconcile.store.database import Connection, Database
from reconcile.store.deliveries import ClaimedDelivery
from tests import world
from workers.deliveries import DeliveryDrain


async def outcomes(admin: asyncpg.Connection) -> list[tuple[str, list[str]]]:
    rows = await admin.fetch(
        "SELECT line.outcome, line.faults FROM line JOIN delivery USING (delivery_id) ORDER BY delivery.received_at, line.line_number"
    )
    return [(row["outcome"], [fault["code"] for fault in msgspec.json.decode(row["faults"])]) for row in rows]


async def current(admin: asyncpg.Connection) -> list[tuple[str, int]]:
    rows = await admin.fetch(
        "SELECT to_char(month, 'YYYY-MM') AS month, hours_hundredths FROM reported_hours WHERE superseded_at IS NULL ORDER BY month"
    )
    return [(row["month"], row["hours_hundredths"]) for row in rows]


async def apply_batch(conn: Connection, claimed: ClaimedDelivery, sent_at: datetime, *, lines_max: int) -> int:
    """Apply one batch as the drain does, in one transaction; return how many lines."""
    batch, *_ = await apply.batches(conn, claimed, sent_at, lines_max=lines_max, parents_max=100)
    kept = await apply.keep_batch(conn, batch)
    await apply.report_batch(conn, kept)
    return kept.outcomes.done


@pytest.mark.parametrize(
    ("change", "outcome", "codes"),
    [
        ({}, "applied", []),
        ({"childBsn": "900000005"}, "rejected", ["bsn-invalid"]),
        ({"childBsn": None}, "parked", ["bsn-missing"]),
        ({"childBsn": None, "hours": "900.00"}, "rejected", ["bsn-missing", "hours-out-of-range"]),
        ({"hours": "900.00"}, "rejected", ["hours-out-of-range"]),
        ({"month": "2026-13"}, "rejected", ["month-invalid"]),
        ({"month": "2026-13", "lrkNumber": world.ELSEWHERE}, "rejected", ["month-invalid", "lrk-number-not-yours"]),
        ({"month": "x", "lrkNumber": marked_bsn(77)}, "rejected", ["month-invalid", "lrk-number-unknown"]),
        ({"month": "2026-12"}, "rejected", ["month-in-future"]),
        ({"lrkNumber": world.ELSEWHERE}, "rejected", ["lrk-number-not-yours"]),
        ({"lrkNumber": marked_bsn(77)}, "rejected", ["lrk-number-unknown"]),
        ({"month": "2014-12"}, "rejected", ["lrk-number-not-registered"]),
        ({"careType": "BSO"}, "rejected", ["care-type-mismatch"]),
        ({"lrkNumber": world.ELSEWHERE, "careType": "BSO"}, "rejected", ["lrk-number-not-yours", "care-type-mismatch"]),
        ({"month": "2014-12", "careType": "VGO"}, "rejected", ["lrk-number-not-registered", "care-type-mismatch"]),
        ({"lrkNumber": marked_bsn(77), "careType": "VGO", "hours": "x"}, "rejected", ["hours-invalid", "lrk-number-unknown"]),
        ({"childBsn": world.APPLICANT}, "rejected", ["bsn-same-twice"]),
        ({"amount": "999.00"}, "rejected", ["amount-mismatch"]),
        ({"childBsn": None, "lrkNumber": world.ELSEWHERE}, "rejected", ["bsn-missing", "lrk-number-not-yours"]),
        ({"parentBsn": world.STRANGER}, "applied", []),
    ],
)
async def test_a_line_is_judged_alone(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, change: dict[str, Any], outcome: str, codes: list[str]
) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)
    await world.delivered(db, keyring, world.line(**change))
    assert await outcomes(admin) == [(outcome, codes)]


async def test_two_lines_for_one_key_are_both_rejected_and_others_stand(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.delivered(db, keyring, world.line(), world.line(hours="90.00"), world.line(month="2026-02"))
    assert await outcomes(admin) == [("rejected", ["duplicate-line"]), ("rejected", ["duplicate-line"]), ("applied", [])]


async def test_saying_the_same_again_changes_nothing_for_the_household(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)
    await world.delivered(db, keyring, world.line())
    before = await admin.fetchrow("SELECT version, audit_number FROM household")
    await world.delivered(db, keyring, world.line(lineRef="anders"))
    assert [outcome for outcome, _ in await outcomes(admin)] == ["applied", "unchanged"]
    assert await admin.fetchrow("SELECT version, audit_number FROM household") == before


async def test_older_never_overwrites_newer(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)
    await world.delivered(db, keyring, world.line(hours="110.00"), sent_at=world.NOW)
    await world.delivered(db, keyring, world.line(hours="90.00"), sent_at=world.NOW - timedelta(days=1))
    assert [outcome for outcome, _ in await outcomes(admin)] == ["applied", "superseded"]
    assert await current(admin) == [("2026-03", 11_000)]


async def test_saying_the_same_again_makes_it_newer(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)
    await world.delivered(db, keyring, world.line(hours="110.00"), sent_at=world.NOW)
    await world.delivered(db, keyring, world.line(hours="110.00"), sent_at=world.NOW + timedelta(days=2))
    await world.delivered(db, keyring, world.line(hours="90.00"), sent_at=world.NOW + timedelta(days=1))
    assert [outcome for outcome, _ in await outcomes(admin)] == ["applied", "unchanged", "superseded"]
    assert await current(admin) == [("2026-03", 11_000)]


async def test_every_version_of_a_report_is_kept_and_one_is_current(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)
    for hours in ("90.00", "95.00", "80.00"):
        await world.delivered(db, keyring, world.line(hours=hours))
    assert await current(admin) == [("2026-03", 8_000)]
    assert await admin.fetchval("SELECT count(*) FROM reported_hours") == 3


async def test_a_line_about_somebody_unknown_waits_for_the_declaration(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.delivered(db, keyring, world.line(hours="110.00"))
    assert (await outcomes(admin), await current(admin)) == ([("applied", [])], [])
    await world.declared(db, keyring)
    assert await current(admin) == [("2026-03", 11_000)]


async def test_what_is_reported_for_one_household_of_a_child_never_shows_in_the_other(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    await world.with_register(admin)
    other = world.declaration(
        householdRef="H2",
        members=[world.member(world.STRANGER, "applicant"), world.member(world.CHILD, "child")],
        placements=[world.care()],
    )
    await world.declared(db, keyring, world.declaration(), other)
    await world.delivered(db, keyring, world.line(hours="110.00"), world.line(parentBsn=world.STRANGER, hours="70.00"))
    rows = await admin.fetch(
        "SELECT household_ref, hours_hundredths FROM reported_hours JOIN household USING (household_id)"
        " WHERE superseded_at IS NULL ORDER BY household_ref"
    )
    assert [tuple(row) for row in rows] == [("H1", 11_000), ("H2", 7_000)]


async def test_two_households_that_fit_are_no_match(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.delivered(db, keyring, world.line())
    members = [world.member(world.APPLICANT, "applicant"), world.member(world.CHILD, "child")]
    await world.declared(db, keyring, world.declaration(householdRef="H1", members=members, placements=[world.care()]))
    assert await current(admin) == [("2026-03", 10_000)]
    await world.declared(db, keyring, world.declaration(householdRef="H2", members=members, placements=[world.care()]))
    assert await current(admin) == []
    await world.delivered(db, keyring, world.line(month="2026-04"))
    assert await current(admin) == []


async def test_a_membership_matches_in_its_months_only(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    members = [world.member(world.APPLICANT, "applicant"), world.member(world.CHILD, "child", **{"from": "2026-02", "until": "2026-03"})]
    await world.declared(db, keyring, world.declaration(members=members, placements=[world.care()]))
    await world.delivered(db, keyring, *(world.line(month=f"2026-0{month}") for month in (1, 2, 3, 4)))
    assert [month for month, _ in await current(admin)] == ["2026-02", "2026-03"]


async def test_no_line_vanishes(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    lines = [world.line(), world.line(month="x"), world.line(childBsn=None), 5, {}, world.line(month="2026-02", extra=1)]
    body = world.delivery_body(lines)
    landing = await world.landed(db, keyring, body)
    await world.worked(db, keyring)
    row = await admin.fetchrow(
        "SELECT lines_read, applied_count, unchanged_count, superseded_count, parked_count, rejected_count FROM delivery"
    )
    assert tuple(row or ()) == (6, 1, 0, 0, 1, 4)
    assert landing.delivery.state == "received"


async def test_a_broken_line_of_ndjson_stops_no_other(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)
    complete = [{"month": "2026-03", "lrkNumbers": [world.KDV]}]
    head = world.ndjson_body([], sent_at=world.NOW - timedelta(days=1), complete=complete)
    rest = world.ndjson_body([world.line(), world.line(month="2026-04", childBsn=None), world.line(month="2026-05", hours="90.00")])
    body = head + b'{"parentBsn":\n' + b" " * 70_000 + b'\n{"hours":1,"hours":2}\n' + rest.partition(b"\n")[2]
    await world.landed(db, keyring, body, format_="ndjson")
    await world.worked(db, keyring)
    assert await outcomes(admin) == [
        ("rejected", ["line-json-broken"]),
        ("rejected", ["line-oversized"]),
        ("rejected", ["line-unreadable"]),
        ("applied", []),
        ("parked", ["bsn-missing"]),
        ("applied", []),
    ]
    assert await admin.fetchval("SELECT array_agg(line_number ORDER BY line_number) FROM line") == [2, 3, 4, 5, 6, 7]
    assert await current(admin) == [("2026-03", 10_000), ("2026-05", 9_000)]
    assert await admin.fetchval("SELECT sent_at FROM delivery") == world.NOW - timedelta(days=1)
    assert msgspec.json.decode(await admin.fetchval("SELECT complete FROM delivery")) == complete
    # A line that broke could be about anybody, so nothing is complete.
    assert await admin.fetchval("SELECT count(*) FROM completeness") == 0


@pytest.mark.parametrize(
    ("format_", "body", "code"),
    [
        ("json", b"", "json-broken"),
        ("json", b"\x00\x01", "json-broken"),
        ("json", world.delivery_body([world.line()])[:-3], "json-broken"),
        ("json", world.delivery_body([world.line()], reference="another"), "reference-mismatch"),
        ("json", world.delivery_body([world.line()], organisationOin=world.OTHER_OIN), "organisation-mismatch"),
        ("json", world.delivery_body([world.line()], datetime(2099, 1, 1, tzinfo=UTC)), "created-in-future"),
        ("ndjson", b"", "first-line-unreadable"),
        ("ndjson", b"\x00\x01", "first-line-unreadable"),
        ("ndjson", world.delivery_body([world.line()]), "envelope-invalid"),
        ("ndjson", world.ndjson_body([world.line()], reference="another"), "reference-mismatch"),
        ("ndjson", world.ndjson_body([world.line()], organisationOin=world.OTHER_OIN), "organisation-mismatch"),
    ],
)
async def test_what_cannot_be_read_changes_nothing_and_says_why(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, format_: str, body: bytes, code: str
) -> None:
    await world.with_register(admin)
    await world.landed(db, keyring, body, reference="mine", format_=format_)
    await world.worked(db, keyring)
    row = await admin.fetchrow("SELECT state, problem FROM delivery")
    assert row is not None
    assert (row["state"], msgspec.json.decode(row["problem"])["code"]) == ("unreadable", code)
    assert await admin.fetchval("SELECT count(*) FROM line") == 0
    assert await admin.fetchval("SELECT count(*) FROM line_stage") == 0


async def test_a_bsn_in_the_column_of_the_location_is_kept_nowhere(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    swapped = world.line(lrkNumber=world.CHILD, childBsn=world.KDV, lineRef=world.APPLICANT)
    await world.delivered(db, keyring, swapped, swapped | {"month": "x", "parentBsn": "y"})
    assert [codes for _, codes in await outcomes(admin)] == [
        ["line-ref-invalid", "lrk-number-unknown"],
        ["bsn-invalid", "month-invalid", "lrk-number-unknown"],
    ]
    for table in ("line", "line_stage", "delivery", "organisation_audit"):
        for row in await admin.fetch(f"SELECT t::text AS text FROM {table} AS t"):
            assert world.CHILD not in row["text"]
            assert world.APPLICANT not in row["text"]


async def test_a_killed_worker_s_delivery_is_finished_by_the_next(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)
    await world.landed(db, keyring, world.delivery_body([world.line(month=f"2026-0{month}") for month in (1, 2, 3, 4)], reference="r1"))
    drain = DeliveryDrain(db, keyring, world.nobody, clock=lambda: world.NOW)
    async with db.transaction(Intake()) as conn:
        claimed = await apply.claim_delivery(conn)
    assert claimed is not None
    sent_at = await drain._read(claimed)  # as the worker that is about to die does
    async with db.transaction(Intake()) as conn:
        assert await apply_batch(conn, claimed, sent_at, lines_max=2) == 2
    await world.worked(db, keyring)
    assert await admin.fetchval("SELECT state FROM delivery") == "applying"  # the lease still runs
    await admin.execute("UPDATE delivery SET lease_until = now() - interval '1 second'")
    await world.worked(db, keyring)
    assert await admin.fetchval("SELECT state FROM delivery") == "applied"
    assert [month for month, _ in await current(admin)] == ["2026-01", "2026-02", "2026-03", "2026-04"]
    with pytest.raises(LeaseLost):
        async with db.transaction(Intake()) as conn:
            await apply_batch(conn, claimed, sent_at, lines_max=2)


async def test_a_stage_that_a_crash_of_the_server_emptied_is_read_again(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    lines = [world.line(month=f"2026-0{month}") for month in (1, 2, 3)] + [
        world.line(month="2026-04"),
        world.line(month="2026-04", hours="1"),
    ]
    await world.landed(db, keyring, world.delivery_body(lines, reference="r1"))
    drain = DeliveryDrain(db, keyring, world.nobody, clock=lambda: world.NOW)
    async with db.transaction(Intake()) as conn:
        claimed = await apply.claim_delivery(conn)
    assert claimed is not None
    sent_at = await drain._read(claimed)
    async with db.transaction(Intake()) as conn:
        await apply_batch(conn, claimed, sent_at, lines_max=4)
    await admin.execute("TRUNCATE line_stage")
    await admin.execute("UPDATE delivery SET lease_until = now() - interval '1 second'")
    await world.worked(db, keyring)
    assert [outcome for outcome, _ in await outcomes(admin)] == ["applied"] * 3 + ["rejected"] * 2
    assert await admin.fetchval("SELECT state FROM delivery") == "applied"


@pytest.mark.parametrize(
    ("faulty", "counts"),
    [
        (world.line(childBsn=world.SIBLING, hours="900"), False),
        (world.line(childBsn=""), False),
        (world.line(childBsn=world.SIBLING, month="2026-13"), False),
        (world.line(childBsn=world.SIBLING, lrkNumber="1"), False),
        (world.line(childBsn=world.SIBLING, month="2026-04", hours="900"), True),
        (world.line(childBsn=world.SIBLING, lrkNumber=world.BSO, hours="900"), True),
    ],
)
async def test_a_month_with_a_faulty_line_is_not_complete(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, faulty: dict[str, Any], counts: bool
) -> None:
    """The line with the fault may be about the very child that seems to be missing."""
    await world.with_register(admin)
    body = world.delivery_body([world.line(), faulty], complete=[{"month": "2026-03", "lrkNumbers": [world.KDV]}])
    await world.landed(db, keyring, body)
    await world.worked(db, keyring)
    assert await admin.fetchval("SELECT count(*) FROM completeness") == int(counts)


async def test_only_what_is_called_complete_for_own_locations_counts(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    body = world.delivery_body([world.line()], reference="r1", complete=[{"month": "2026-03", "lrkNumbers": [world.KDV, world.ELSEWHERE]}])
    await world.landed(db, keyring, body)
    await world.worked(db, keyring)
    assert await admin.fetchval("SELECT array_agg(lrk_number) FROM completeness") == [world.KDV]


async def test_a_bsn_stands_sealed_in_one_place_and_nowhere_else(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.declared(
        db,
        keyring,
        world.declaration(
            members=[world.member(world.APPLICANT, "applicant", personRef="a"), world.member(world.CHILD, "child", personRef="c")],
            placements=[world.care(childRef="c")],
        ),
    )
    await world.delivered(db, keyring, world.line(hours="120.00"), world.line(month="2026-13", lineRef="x"))
    tables = await admin.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'kot'")
    for table in tables:
        for row in await admin.fetch(f'SELECT t::text AS text FROM "{table["tablename"]}" AS t'):
            for bsn in (world.APPLICANT, world.CHILD):
                assert bsn not in row["text"], table["tablename"]
                assert bsn.encode().hex() not in row["text"], table["tablename"]
    sealed = await admin.fetchrow("SELECT bsn_index, bsn_sealed FROM person WHERE bsn_index = $1", keyring.blind_index(world.CHILD))
    assert sealed is not None
    assert keyring.open("person.bsn_sealed", sealed["bsn_index"].hex(), sealed["bsn_sealed"]).decode() == world.CHILD
