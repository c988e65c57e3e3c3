"""A delivery, from its first byte to judged differences, beside COPY of the rows that it leaves behind."""

import hashlib
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import chain
from time import perf_counter

import asyncpg
import msgspec

from bench.measured import Measured
from bench.working import working
from local.servers import Postgres
from reconcile import receive
from reconcile.callers import Organisation, Sender, Tvs
from reconcile.declare import declare
from reconcile.keyring import Keyring, new_keyring
from reconcile.receive import DeliveryHeader
from reconcile.register import import_register
from reconcile.rulebook import rules_in_force
from reconcile.rules.bsn import marked_bsn
from reconcile.rules.declaration import Declaration, DeclaredPlacement, Member
from reconcile.rules.facts import Segment
from reconcile.rules.register_file import Holder, RegisteredLocation, RegisterSnapshot
from reconcile.store.database import Connection, Database, Role
from reconcile.store.migrator import migrate
from reconcile.store.register import organisation_by_oin
from workers.comparisons import ComparisonDrain
from workers.deliveries import DeliveryDrain

_MONTHS = ("2026-01", "2026-02", "2026-03", "2026-04")
_NOW = datetime(2026, 7, 10, 9, tzinfo=UTC)
_LRK = marked_bsn(2_000_000)
_CHUNK_BYTES = 262_144
_DEVIATES_EVERY = 5


async def measure_delivery(postgres: Postgres, *, lines: int) -> Sequence[Measured]:
    """Measure the first delivery of so many lines, a fifth of the placements deviating, and the same content again."""
    await migrate(postgres.url(), {})
    db = await Database.connect({role: postgres.url(user=role.value) for role in Role})
    admin = await asyncpg.connect(postgres.url(), connection_class=Connection, server_settings={"search_path": "kot, public"})
    keys = new_keyring()
    households = lines // len(_MONTHS)
    try:
        await declare_households(db, admin, Keyring(keys), households)
        body, sender = ndjson_body(households), await _sender(db)
        async with working(postgres.url(user=Role.INTAKE.value), keys) as worker:
            began = perf_counter()
            await land(db, Keyring(keys), sender, body, "first", format_="ndjson")
            await worker.order("deliveries")
            applied_s = perf_counter() - began
            await worker.order("comparisons")
            judged_s = perf_counter() - began
            memory_mb = float(await worker.order("memory"))
            copy_s = await _copy(admin)
            began = perf_counter()
            await land(db, Keyring(keys), sender, body, "second", format_="ndjson")
            await worker.order("deliveries")
            await worker.order("comparisons")
            again_s = perf_counter() - began
        found = await admin.fetchval("SELECT count(*) FROM difference")
    finally:
        await admin.close()
        await db.close()
    if found != len(range(0, households, _DEVIATES_EVERY)):
        raise AssertionError(f"{found} differences were found: what was measured is not the promised path")
    what = f"delivery of {lines:,} lines"
    return (
        Measured(path=f"{what}, bytes to outcomes and candidates, beside COPY", ours=applied_s, yardstick=copy_s, unit="s", promise=5),
        Measured(path=f"{what}, through to judged differences, beside COPY", ours=judged_s, yardstick=copy_s, unit="s", promise=5),
        Measured(path="the same content again, beside the first time", ours=again_s, yardstick=judged_s, unit="s", promise=1 / 3),
        Measured(path="memory of the worker meanwhile, beside 300 MB", ours=memory_mb, yardstick=300, unit="MB", promise=1),
    )


async def declare_households(db: Database, admin: Connection, keyring: Keyring, households: int) -> None:
    """Declare so many households, each with an applicant, a child and a placement at one location of the register."""
    location = RegisteredLocation(
        lrk_number=_LRK,
        care_type="KDV",
        name="Locatie",
        registered_on=date(2015, 1, 1),
        is_registered=True,
        holder_name="Houder",
        holder_kvk_number="00000001",
        agencies=(),
    )
    snapshot = RegisterSnapshot(
        locations=(location,), holders=(Holder(kvk_number="00000001", name="Houder"),), holdings=((_LRK, "00000001"),)
    )
    async with admin.transaction():
        await import_register(admin, snapshot, content_sha256=b"", as_of=date(2026, 1, 1), oin_prefix="00000099")
    tvs = Tvs(oin="00000099000000020000")
    for start in range(0, households, 200):
        async with db.transaction(tvs) as conn:
            await declare(conn, [_declaration(number) for number in range(start, min(start + 200, households))], keyring)
    await admin.execute("ANALYZE")


def _declaration(number: int) -> Declaration:
    def member(index: int, role: str) -> Member:
        return Member(
            person_ref=f"{number}-{index}",
            bsn=marked_bsn(number * 2 + index),
            role="child" if role == "child" else "applicant",
            given_name="Noor",
            birth_date=None,
            from_month="2025-01",
            until_month=None,
        )

    segment = Segment(from_month="2026-01", until_month=None, hours_hundredths=10_000, hourly_rate_cents=1_000)
    return Declaration(
        household_ref=f"H{number}",
        version=1,
        deleted=False,
        members=(member(0, "applicant"), member(1, "child")),
        incomes=(),
        awarded_years=(),
        placements=(DeclaredPlacement(child_ref=f"{number}-1", lrk_number=_LRK, start_on=None, end_on=None, segments=(segment,)),),
    )


def delivery_body(households: int) -> bytes:
    """Make a delivery in JSON with four months of every household; every fifth deviates."""
    return msgspec.json.encode({"createdAt": _NOW, "lines": list(_lines(households))})


def ndjson_body(households: int) -> bytes:
    """The same in NDJSON, in which large deliveries come."""
    encode = msgspec.json.encode
    return b"\n".join(encode(one) for one in chain([{"createdAt": _NOW}], _lines(households)))


def _lines(households: int) -> Iterator[dict[str, str]]:
    for month in _MONTHS:
        for number in range(households):
            yield {
                "parentBsn": marked_bsn(number * 2),
                "childBsn": marked_bsn(number * 2 + 1),
                "lrkNumber": _LRK,
                "month": month,
                "hours": "120.00" if number % _DEVIATES_EVERY == 0 else "100.00",
                "hourlyRate": "10.00",
            }


async def deliver(db: Database, keyring: Keyring, body: bytes, reference: str) -> float:
    """Deliver JSON, apply and judge in this process; return how long it took in seconds."""
    sender = await _sender(db)
    began = perf_counter()
    await land(db, keyring, sender, body, reference)
    await DeliveryDrain(db, keyring, _nobody, clock=lambda: _NOW)()
    await ComparisonDrain(db, rules_in_force(), _nobody, clock=lambda: _NOW)()
    return perf_counter() - began


async def land(db: Database, keyring: Keyring, sender: Organisation, body: bytes, reference: str, *, format_: str = "json") -> None:
    """Take a delivery in, piece by piece, as the API does."""
    header = DeliveryHeader(reference=reference, format=format_)
    async with db.transaction(sender) as conn:
        delivery_id = await receive.begin_delivery(conn, sender, header)
    for number, start in enumerate(range(0, len(body), _CHUNK_BYTES)):
        async with db.transaction(sender) as conn:
            await receive.keep_chunk(conn, keyring, sender, delivery_id, number, body[start : start + _CHUNK_BYTES])
    digest = hashlib.sha256(body).digest()
    async with db.transaction(sender) as conn:
        await receive.land_delivery(conn, sender, delivery_id, header, content_sha256=digest, byte_count=len(body))


async def _sender(db: Database) -> Organisation:
    async with db.snapshot(Sender(oin="")) as conn:
        sender = await organisation_by_oin(conn, "00000099000000010000")
    if sender is None:
        raise AssertionError("the register lacks the sender")
    return sender


async def _copy(admin: Connection) -> float:
    """Time COPY of the lines and reports that stand now, into empty tables with the same indexes and checks."""
    content: dict[str, bytes] = {}
    for table in ("line", "reported_hours"):
        out = io.BytesIO()
        await admin.copy_from_table(table, output=out, format="binary")
        content[table] = out.getvalue()
        await admin.execute(f"CREATE TABLE {table}_yardstick (LIKE {table} INCLUDING ALL)")
    began = perf_counter()
    for table, rows in content.items():
        await admin.copy_to_table(f"{table}_yardstick", source=io.BytesIO(rows), format="binary")
    return perf_counter() - began


async def _nobody(_: str) -> None:
    """There is no worker to wake: the drains are called in turn."""
