"""What is measured with: households that declared, deliveries about them, and the way in that the API takes."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import chain
from time import perf_counter

import msgspec

from reconcile import receive
from reconcile.callers import Organisation, Sender, Tvs
from reconcile.declare import declare
from reconcile.keyring import Keyring
from reconcile.receive import DeliveryHeader
from reconcile.register import import_register
from reconcile.rulebook import shipped_books
from reconcile.rules.bsn import marked_bsn
from reconcile.rules.declaration import Declaration, DeclaredPlacement, Member
from reconcile.rules.facts import Segment
from reconcile.rules.register_file import Holder, RegisteredLocation, RegisterSnapshot
from reconcile.store.database import Connection, Database
from reconcile.store.register import organisation_by_oin
from workers.comparisons import ComparisonDrain
from workers.deliveries import DeliveryDrain

MONTHS = ("2026-01", "2026-02", "2026-03", "2026-04")
DEVIATES_EVERY = 5
_NOW = datetime(2026, 7, 10, 9, tzinfo=UTC)
SENDER_OIN = "00000099000000010000"
_LRK = marked_bsn(2_000_000)
_CHUNK_BYTES = 262_144


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
    # Households were declared long before a delivery comes: what autovacuum would have done by then is not the delivery's to pay.
    await admin.execute("VACUUM ANALYZE")


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
    for month in MONTHS:
        for number in range(households):
            yield {
                "parentBsn": marked_bsn(number * 2),
                "childBsn": marked_bsn(number * 2 + 1),
                "lrkNumber": _LRK,
                "month": month,
                "hours": "120.00" if number % DEVIATES_EVERY == 0 else "100.00",
                "hourlyRate": "10.00",
            }


async def deliver(db: Database, keyring: Keyring, body: bytes, reference: str) -> float:
    """Deliver JSON, apply and judge in this process; return how long it took in seconds."""
    sender = await the_sender(db)
    began = perf_counter()
    await land(db, keyring, sender, body, reference)
    await apply_landed(db, keyring)
    await judge_due(db)
    return perf_counter() - began


async def apply_landed(db: Database, keyring: Keyring) -> None:
    """Apply in this process what landed."""
    await DeliveryDrain(db, keyring, _nobody, clock=lambda: _NOW)()


async def judge_due(db: Database) -> None:
    """Judge in this process until nothing is due."""
    await ComparisonDrain(db, shipped_books(), _nobody, clock=lambda: _NOW)()


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


async def the_sender(db: Database) -> Organisation:
    """Return the organisation that delivers."""
    async with db.snapshot(Sender(oin="")) as conn:
        sender = await organisation_by_oin(conn, SENDER_OIN)
    if sender is None:
        raise AssertionError("the register lacks the sender")
    return sender


async def _nobody(_: str) -> None:
    """There is no worker to wake: the drains are called in turn."""
