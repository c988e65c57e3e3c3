"""A small world for tests against the database: a register, a household, deliveries; everything by keyword with defaults."""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from reconcile import receive
from reconcile.adopt import activate_book, approve_report
from reconcile.callers import Intake, Manager, Organisation, Parent, Sender, Tvs, Visitor
from reconcile.declare import DeclarationResult, declare
from reconcile.enrol import create_pilot, draw_stage, pause_stage, release_stage
from reconcile.foresee import Change, KeptReport, foresee_page, keep_report
from reconcile.identify import identify_parent
from reconcile.keyring import Keyring
from reconcile.mandate import acting_for, give_mandate
from reconcile.reach import Address, register_device
from reconcile.receive import DeliveryHeader, Landing
from reconcile.register import import_register
from reconcile.rulebook import Books, shipped_books
from reconcile.rules.bsn import marked_bsn
from reconcile.rules.declaration import Declaration, read_declaration
from reconcile.rules.foresight import Foresight
from reconcile.rules.register_file import Holder, RegisteredLocation, RegisterSnapshot
from reconcile.store.database import Database
from reconcile.store.register import organisation_by_oin
from workers.comparisons import ComparisonDrain
from workers.deliveries import DeliveryDrain
from workers.stages import StageDrain

NOW = datetime(2026, 7, 10, 9, tzinfo=UTC)
TVS = Tvs(oin="00000099000000010000")
KDV, BSO, VGO, ELSEWHERE = marked_bsn(1_000_001), marked_bsn(1_000_002), marked_bsn(1_000_003), marked_bsn(1_000_004)
APPLICANT, PARTNER, CHILD, SIBLING, STRANGER = (marked_bsn(number) for number in range(5))
OIN, OTHER_OIN = "00000099000000110000", "00000099000000120000"
# Software vendors: no organisations of the register.
VENDOR_OIN, OTHER_VENDOR_OIN = "00000099000000810000", "00000099000000820000"


def location(lrk_number: str, care_type: str, kvk_number: str, **change: Any) -> RegisteredLocation:
    values = {
        "lrk_number": lrk_number,
        "care_type": care_type,
        "name": f"Locatie {lrk_number}",
        "registered_on": date(2015, 1, 1),
        "is_registered": True,
        "holder_name": f"Houder {kvk_number}",
        "holder_kvk_number": kvk_number,
        "agencies": (),
    }
    return RegisteredLocation(**{**values, **change})


def snapshot(locations: Sequence[RegisteredLocation]) -> RegisterSnapshot:
    holders = {one.holder_kvk_number: Holder(kvk_number=one.holder_kvk_number, name=one.holder_name) for one in locations}
    return RegisterSnapshot(
        locations=tuple(locations),
        holders=tuple(holders.values()),
        holdings=tuple((one.lrk_number, one.holder_kvk_number) for one in locations),
    )


STANDARD = snapshot([location(KDV, "KDV", "00000011"), location(BSO, "BSO", "00000011"), location(ELSEWHERE, "KDV", "00000012")])


async def with_register(admin: asyncpg.Connection, register: RegisterSnapshot = STANDARD, as_of: date = date(2026, 1, 1)) -> None:
    async with admin.transaction():
        await import_register(
            admin, register, content_sha256=hashlib.sha256(repr(register).encode()).digest(), as_of=as_of, oin_prefix="00000099"
        )


def member(bsn: str, role: str, **change: Any) -> dict[str, Any]:
    return {"personRef": f"p-{bsn}", "bsn": bsn, "role": role, "givenName": "Noor", "from": "2025-01", **change}


def segment(from_month: str = "2026-01", until: str | None = None, hours: str = "100.00", rate: str = "10.00") -> dict[str, Any]:
    return {"from": from_month, "until": until, "hours": hours, "hourlyRate": rate}


def care(child_bsn: str = CHILD, lrk_number: str = KDV, segments: Sequence[dict[str, Any]] | None = None, **change: Any) -> dict[str, Any]:
    return {"childRef": f"p-{child_bsn}", "lrkNumber": lrk_number, "segments": list(segments or [segment()]), **change}


def declaration_document(**change: Any) -> dict[str, Any]:
    return {
        "householdRef": "H1",
        "version": 1,
        "members": [member(APPLICANT, "applicant"), member(PARTNER, "partner"), member(CHILD, "child"), member(SIBLING, "child")],
        "incomes": [{"year": 2026, "amount": 80_000}],
        "placements": [care(), care(SIBLING, BSO, [segment(hours="40.00", rate="9.00")])],
        **change,
    }


def declaration(**change: Any) -> Declaration:
    read = read_declaration(msgspec.json.encode(declaration_document(**change)))
    assert isinstance(read, Declaration), read
    return read


async def declared(db: Database, keyring: Keyring, *declarations: Declaration) -> Sequence[DeclarationResult]:
    async with db.transaction(TVS) as conn:
        return await declare(conn, declarations or (declaration(),), keyring)


def line(**change: Any) -> dict[str, Any]:
    fields = {"parentBsn": APPLICANT, "childBsn": CHILD, "lrkNumber": KDV, "month": "2026-03", "hours": "100.00", "hourlyRate": "10.00"}
    return {**fields, **change}


def delivery_body(lines: Sequence[Mapping[str, Any]], sent_at: datetime = NOW, **change: Any) -> bytes:
    return msgspec.json.encode({"createdAt": sent_at.isoformat(), "lines": lines, **change})


def ndjson_body(lines: Sequence[Mapping[str, Any]], sent_at: datetime = NOW, **change: Any) -> bytes:
    return msgspec.json.Encoder().encode_lines([{"createdAt": sent_at.isoformat(), **change}, *lines])


async def organisation(db: Database, oin: str = OIN) -> Organisation:
    async with db.snapshot(Sender(oin=oin)) as conn:
        found = await organisation_by_oin(conn, oin)
    assert found is not None
    return found


async def mandated(db: Database, oin: str = OIN, vendor_oin: str = VENDOR_OIN, *, from_on: date = date(2020, 1, 1)) -> Organisation:
    """Let a vendor deliver for an organisation, and return the organisation as the vendor acts for it."""
    giver = await organisation(db, oin)
    async with db.transaction(giver) as conn:
        await give_mandate(conn, giver, vendor_oin, from_on=from_on, until_on=None)
    async with db.snapshot(Sender(oin=vendor_oin)) as conn:
        return await acting_for(conn, Sender(oin=vendor_oin), oin)


async def landed(
    db: Database,
    keyring: Keyring,
    body: bytes,
    *,
    reference: str = "r1",
    oin: str = OIN,
    sender: Organisation | None = None,
    format_: str = "json",
    **header: Any,
) -> Landing:
    """Land a delivery as the API does, in pieces of 1,000 bytes; of the organisation itself unless a vendor acts for it."""
    sender = sender or await organisation(db, oin)
    head = DeliveryHeader(reference=reference, format=format_, **header)
    async with db.transaction(sender) as conn:
        delivery_id = await receive.begin_delivery(conn, sender, head)
        for number, start in enumerate(range(0, len(body), 1_000)):
            await receive.keep_chunk(conn, keyring, sender, delivery_id, number, body[start : start + 1_000])
    async with db.transaction(sender) as conn:
        return await receive.land_delivery(
            conn, sender, delivery_id, head, content_sha256=hashlib.sha256(body).digest(), byte_count=len(body)
        )


async def nobody(_: str) -> None:
    """A wake that wakes nobody: the test calls the drains itself."""


async def worked(db: Database, keyring: Keyring, *, now: datetime = NOW, books: Books | None = None) -> None:
    """Let a worker apply what landed and judge what is due, with the shipped rule books unless others are named."""
    await DeliveryDrain(db, keyring, nobody, clock=lambda: now)()
    await ComparisonDrain(db, books or shipped_books(), nobody, clock=lambda: now)()


_sent = iter(range(1, 1_000_000))


async def delivered(db: Database, keyring: Keyring, *lines: Mapping[str, Any], sent_at: datetime | None = None, **change: Any) -> UUID:
    """Deliver lines, let the worker work, and return the delivery; each call is sent a minute after the one before."""
    number = next(_sent)
    body = delivery_body(lines, sent_at or NOW + timedelta(minutes=number), reference=f"sent-{number}")
    landing = await landed(db, keyring, body, reference=f"sent-{number}", **change)
    await worked(db, keyring)
    return landing.delivery.delivery_id


async def parent(db: Database, keyring: Keyring, bsn: str = APPLICANT) -> Parent:
    """Log a parent in, as its first request does."""
    visitor = Visitor(issuer="https://issuer.example", subject=f"pseudonym-{bsn[::-1]}", bsn_index=keyring.blind_index(bsn))
    async with db.transaction(visitor) as conn:
        return await identify_parent(conn, visitor, this_month="2026-07")


INTAKE = Intake()
MANAGER = Manager(subject="manager-1")


async def piloted(db: Database, *, size: int = 1) -> UUID:
    """Make a pilot with one stage of this size, drawn and not released, and return the pilot."""
    async with db.transaction(MANAGER) as conn:
        pilot = (await create_pilot(conn, MANAGER, name="Proef")).pilot
        await draw_stage(conn, MANAGER, pilot.pilot_id, size=size, mode="immediate")
    return pilot.pilot_id


async def released(db: Database, pilot_id: UUID, stage_number: int = 1) -> None:
    """Release a stage and let a worker look at its households."""
    async with db.transaction(MANAGER) as conn:
        await release_stage(conn, MANAGER, pilot_id, stage_number)
    await StageDrain(db, nobody)()


async def paused(db: Database, pilot_id: UUID, stage_number: int = 1) -> None:
    async with db.transaction(MANAGER) as conn:
        await pause_stage(conn, MANAGER, pilot_id, stage_number)


async def with_device(db: Database, parent: Parent, number: int = 1, **change: Any) -> UUID:
    """Register the parent's phone of this number, and return the device."""
    address = Address(**{"platform": "android", "token": f"token-{number}", "locale": "nl", "quiet": None, **change})
    async with db.transaction(parent) as conn:
        return (await register_device(conn, parent, UUID(int=number), address)).device_id


async def with_crowd(db: Database, admin: asyncpg.Connection, keyring: Keyring, count: int, *, is_released: bool = True) -> UUID:
    """Make so many households with a phone each and an open difference, drawn into one stage; return the pilot.

    In a released stage all of it is staged as notices, and nothing is pushed yet.
    """
    await with_register(admin)
    people = [(marked_bsn(1_000 + 2 * number), marked_bsn(1_001 + 2 * number)) for number in range(count)]
    households = [
        declaration(householdRef=f"C{number}", members=[member(adult, "applicant"), member(child, "child")], placements=[care(child)])
        for number, (adult, child) in enumerate(people)
    ]
    for start in range(0, count, 500):
        await declared(db, keyring, *households[start : start + 500])
    await admin.execute(
        "INSERT INTO device (household_id, device_id, person_id, platform, token, token_sha256, locale)"
        " SELECT household_id, gen_random_uuid(), person_id, 'android', 'phone-' || household_ref, sha256(household_ref::bytea), 'nl'"
        " FROM membership JOIN household USING (household_id) WHERE role = 'applicant'"
    )
    pilot_id = await piloted(db, size=count)
    if is_released:
        await released(db, pilot_id)
    months = ("2026-02", "2026-03")
    await delivered(
        db, keyring, *(line(parentBsn=adult, childBsn=child, month=one, hours="120.00") for adult, child in people for one in months)
    )
    return pilot_id


async def counted(db: Database, change: Change, *, households_max: int = 100) -> Foresight:
    """Judge all that is known by the two rule books of a change, so many households at a time."""
    foresight = Foresight()
    after: UUID | None = None
    while True:
        async with db.snapshot(INTAKE) as conn:
            after = await foresee_page(conn, change, foresight, after, households_max=households_max)
        if after is None:
            return foresight


async def foreseen(db: Database, books: Books, old: str, new: str, *, households_max: int = 100) -> KeptReport:
    """Compare two rule books over all that is known, and keep the report."""
    change = Change(old=books.book(old), new=books.book(new), as_of=NOW)
    foresight = await counted(db, change, households_max=households_max)
    async with db.transaction(INTAKE) as conn:
        return await keep_report(conn, change, foresight)


@asynccontextmanager
async def as_owner(admin: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """Act as `kot rules` does: as the owner of the schema, whom row-level security binds too."""
    async with admin.transaction():
        await admin.execute("SET LOCAL ROLE kot_owner")
        yield admin


async def adopted(db: Database, admin: asyncpg.Connection, books: Books, old: str, new: str, *, kept: KeptReport | None = None) -> None:
    """Change the active rule book from one to another, as it should be done, by a report of just now or of before."""
    kept = kept or await foreseen(db, books, old, new)
    async with as_owner(admin) as conn:
        await approve_report(conn, kept.report_id, approved_by="reader")
        await activate_book(conn, books.book(new), report_id=kept.report_id, activated_by="doer")
