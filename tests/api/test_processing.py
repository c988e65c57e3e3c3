"""Requests in the processing log: one line for each household, in the trace of the caller, and nothing that says who it is."""

import asyncio
import threading
from collections.abc import AsyncIterator
from time import monotonic
from uuid import UUID

import asyncpg
import httpx
import msgspec
import pytest
import pytest_asyncio

from api.app import create_app
from api.processing import Processed
from logbook import log as logbook
from logbook.log import ACTIVITY, HOUSEHOLD, OPERATION, PROCESSOR, SUBJECT, SUBJECT_TYPE, SpanLog, log_of, touched
from logbook.register import FILE, Activity, register
from reconcile.keyring import Keyring
from reconcile.rulebook import shipped_books
from reconcile.settings import Settings
from reconcile.store.database import Database, Role
from tests import world
from tests.api.conftest import OneKey, manager, organisation, parent, tvs
from tests.collector import Collector, Line, collecting
from tests.conftest import database_url
from tests.household import lived
from tests.reconcile.test_answer import shown
from workers.changes import ChangeDrain
from workers.kinds import Work
from workers.main import make_drains
from workers.senders import Sent

URL = "https://kot.example"
TRACE = "0af7651916cd43dd8448eb211c80319c"
# Not sampled: the processing log is kept all the same.
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-00"
OK, ERROR, UNSET = 1, 2, 0


@pytest_asyncio.fixture
async def collector() -> AsyncIterator[Collector]:
    async with collecting() as collector:
        yield collector


@pytest_asyncio.fixture
async def log(collector: Collector) -> AsyncIterator[SpanLog]:
    log = SpanLog(collector.url, service="kot-uren api", public_url=URL)
    yield log
    await asyncio.to_thread(log.close)


@pytest_asyncio.fixture(scope="session")
async def _touching(database_name: str) -> AsyncIterator[Database]:
    urls = {role: database_url(database_name, role.value) for role in Role}
    database = await Database.connect(urls, connections_max=4, on_touch=touched)
    yield database
    await database.close()


@pytest_asyncio.fixture
async def touching(db: Database, _touching: Database) -> Database:
    """The database of the test, as a process has it that keeps a processing log."""
    return _touching


@pytest_asyncio.fixture
async def http(settings: Settings, touching: Database, log: SpanLog) -> AsyncIterator[httpx.AsyncClient]:
    app = Processed(create_app(settings, touching, world.nobody, keys=OneKey(), clock=lambda: world.NOW), log)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
        yield client


async def arrived(log: SpanLog, collector: Collector) -> list[Line]:
    await asyncio.to_thread(log._provider.force_flush)
    return collector.lines


async def test_a_parent_s_request_is_a_line_about_its_household(
    http: httpx.AsyncClient, log: SpanLog, collector: Collector, db: Database, admin: asyncpg.Connection, api_keyring: Keyring
) -> None:
    own = await lived(db, admin, api_keyring)
    assert (await http.get("/v1/differences", headers={**parent(), "traceparent": TRACEPARENT})).status_code == 200
    (line,) = await arrived(log, collector)
    assert (line.name, line.trace_id, line.parent_id, line.status) == (
        "Een ouder laten zien wat er verschilt",
        TRACE,
        "b7ad6b7169203331",
        OK,
    )
    assert line.attributes == {
        ACTIVITY: f"{URL}/v1/processing-activities/inform-parent",
        OPERATION: "listDifferences",
        SUBJECT: str(own.household_id),
        SUBJECT_TYPE: HOUSEHOLD,
    }
    assert line.service == "kot-uren api"
    assert line.ms > 0


async def test_a_pull_and_an_export_are_lines_too(
    http: httpx.AsyncClient, log: SpanLog, collector: Collector, db: Database, admin: asyncpg.Connection, api_keyring: Keyring
) -> None:
    own = await lived(db, admin, api_keyring)
    for address in ("/v1/sync/differences?schemaVersion=1", "/v1/household/export", "/v1/household"):
        assert (await http.get(address, headers=parent())).status_code == 200
    lines = await arrived(log, collector)
    assert [one.attributes[OPERATION] for one in lines] == ["pullDocuments", "exportHousehold", "readHousehold"]
    assert {one.attributes[SUBJECT] for one in lines} == {str(own.household_id)}
    assert len({one.trace_id for one in lines}) == 3


async def test_declarations_of_several_households_are_a_line_each_below_one(
    http: httpx.AsyncClient, log: SpanLog, collector: Collector, admin: asyncpg.Connection
) -> None:
    await world.with_register(admin)
    body = b"\n".join(
        msgspec.json.encode(world.declaration_document(householdRef=f"H{number}", members=[], placements=[])) for number in range(3)
    )
    headers = {**tvs(), "Content-Type": "application/x-ndjson", "traceparent": TRACEPARENT}
    answer = await http.post("/v1/declarations", content=body, headers=headers)
    assert (answer.status_code, answer.json()["rejected"]) == (200, 3), "without an applicant a declaration is none"
    members = [[world.member(bsn, "applicant")] for bsn in (world.APPLICANT, world.PARTNER, world.STRANGER)]
    body = b"\n".join(
        msgspec.json.encode(world.declaration_document(householdRef=f"H{number}", members=one, placements=[]))
        for number, one in enumerate(members)
    )
    assert (await http.post("/v1/declarations", content=body, headers=headers)).json()["applied"] == 3
    nobody, *lines = await arrived(log, collector)
    assert SUBJECT not in nobody.attributes
    (above,) = [one for one in lines if one.parent_id == "b7ad6b7169203331"]
    below = [one for one in lines if one.parent_id == above.span_id]
    ids = {str(row[0]) for row in await admin.fetch("SELECT household_id FROM household")}
    assert {one.attributes[SUBJECT] for one in below} == ids
    assert (len(below), len(lines), {one.trace_id for one in lines}) == (3, 4, {TRACE})
    assert above.attributes[PROCESSOR] == f"urn:nld:oin:{world.TVS.oin}"
    assert {one.attributes[ACTIVITY].rpartition("/")[2] for one in lines} == {"receive-declarations"}


async def test_what_was_refused_is_neither_done_nor_failed_and_who_was_not_let_in_is_no_line(
    http: httpx.AsyncClient, log: SpanLog, collector: Collector, db: Database, admin: asyncpg.Connection, api_keyring: Keyring
) -> None:
    await lived(db, admin, api_keyring)
    assert (await http.get(f"/v1/differences/{UUID(int=9)}", headers=parent())).status_code == 404
    assert (await http.get("/v1/differences")).status_code == 401
    assert (await http.get("/v1/differences", headers=tvs())).status_code == 403
    assert (await http.get("/health/ready")).status_code == 200
    assert (await http.get("/v1/nothing", headers=parent())).status_code == 404
    assert (await http.get("/v1/mandates", headers=organisation())).status_code == 200
    await admin.execute("ALTER TABLE income RENAME TO income_gone")
    try:
        assert (await http.get("/v1/household/export", headers=parent())).status_code == 500
    finally:
        await admin.execute("ALTER TABLE income_gone RENAME TO income")
    lines = await arrived(log, collector)
    assert [(one.attributes[OPERATION], one.status) for one in lines] == [("readDifference", UNSET), ("exportHousehold", ERROR)]


async def test_a_change_stays_in_the_trace_of_the_answer_until_tvs_has_read_it(
    http: httpx.AsyncClient, touching: Database, log: SpanLog, collector: Collector, admin: asyncpg.Connection, api_keyring: Keyring
) -> None:
    own = await lived(touching, admin, api_keyring)
    await admin.execute("UPDATE outbox SET state = 'done', done_at = now()")
    (difference,) = [one for one in await shown(touching, own) if one.state == "open"]
    headers = {
        **parent(),
        "traceparent": TRACEPARENT,
        "Idempotency-Key": "k" * 20,
        "If-Match": f'"d{difference.difference_id}-v{difference.version}"',
    }
    answer = await http.post(f"/v1/differences/{difference.difference_id}/acceptance", headers=headers)
    assert answer.status_code == 201, answer.text
    sent: list[str] = []

    async def send(_: object) -> Sent:
        sent.append(logbook.TRACE.get())
        return Sent()

    await ChangeDrain(touching, send, log=log)()
    (traceparent,) = sent
    assert traceparent.split("-")[1] == TRACE
    read = await http.get(f"/v1/changes/{answer.json()['changeId']}", headers={**tvs(), "traceparent": traceparent})
    assert read.status_code == 200
    lines = await arrived(log, collector)
    assert [(one.attributes[OPERATION], one.attributes[SUBJECT]) for one in lines] == [
        (operation, str(own.household_id)) for operation in ("acceptDifference", "forwardChange", "readChange")
    ]
    accepted, forwarded, reading = lines
    assert (accepted.trace_id, forwarded.trace_id, reading.trace_id) == (TRACE, TRACE, TRACE)
    assert (forwarded.parent_id, reading.parent_id) == (accepted.span_id, forwarded.span_id)
    assert traceparent.split("-")[2] == forwarded.span_id


async def test_nothing_in_it_says_who_it_is(
    http: httpx.AsyncClient, touching: Database, log: SpanLog, collector: Collector, admin: asyncpg.Connection, api_keyring: Keyring
) -> None:
    await lived(touching, admin, api_keyring)
    senders = (lambda _: asyncio.sleep(0, Sent()), lambda _, now: asyncio.sleep(0, Sent()))
    drains = make_drains(touching, api_keyring, shipped_books(), world.nobody, *senders, log=log)
    body = world.delivery_body([world.line(month="2026-04", hours="130.00")])
    asked = {**organisation(), "Content-Type": "application/json", "Idempotency-Key": "delivery-of-april"}
    assert (await http.post("/v1/deliveries", content=body, headers=asked)).status_code == 202
    for kind in (Work.DELIVERY, Work.COMPARISON, Work.STAGE, Work.CHANGE, Work.PUSH):
        await drains[kind]()
    phone = {"platform": "android", "token": "a-push-token", "locale": "nl"}
    for address, headers in (
        ("/v1/household/export", parent()),
        ("/v1/household", parent(world.PARTNER)),
        ("/v1/statements?month=2026-04", organisation()),
        ("/v1/pilots", manager("kot:pilot.read")),
        ("/v1/sync/placements?schemaVersion=1", parent()),
    ):
        assert (await http.get(address, headers=headers)).status_code == 200
    put = {**parent(), "Content-Type": "application/json"}
    assert (await http.put(f"/v1/devices/{UUID(int=3)}", json=phone, headers=put)).status_code == 200
    lines = await arrived(log, collector)
    done = {one.attributes[OPERATION] for one in lines}
    assert {
        "createDelivery",
        "applyDeliveries",
        "judgeDifferences",
        "forwardChange",
        "pushNotice",
        "readStatement",
        "registerDevice",
    } <= done
    people = [world.APPLICANT, world.PARTNER, world.CHILD, world.SIBLING, "Ans", "Noor", "Sam", "ref-", "H1"]
    secrets = ["a-push-token", "token-1", parent()["Authorization"].split()[1][:40], "issuer.example", world.KDV]
    indexes = [row[0] for row in await admin.fetch("SELECT encode(bsn_index, 'hex') FROM person")]
    everything = b"".join(collector.bodies)
    for word in (*people, *secrets, *indexes):
        assert word.encode() not in everything, word
    assert {name for one in lines for name in one.attributes} == {ACTIVITY, OPERATION, SUBJECT, SUBJECT_TYPE, PROCESSOR}


def test_without_an_address_no_log_is_kept() -> None:
    assert log_of(Settings(), "api") is None


@pytest.mark.parametrize("how", ["away", "hangs", "refuses"])
async def test_a_log_that_takes_nothing_slows_and_fails_no_request(
    settings: Settings,
    touching: Database,
    db: Database,
    admin: asyncpg.Connection,
    api_keyring: Keyring,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await lived(db, admin, api_keyring)
    monkeypatch.setattr(logbook, "QUEUE_MAX", 64)
    monkeypatch.setattr(logbook, "BATCH_MAX", 8)
    monkeypatch.setattr(logbook, "FLUSH_S", 0.5)
    monkeypatch.setattr(logbook, "SEND_TIMEOUT_S", 1.0)
    async with collecting() as collector:
        collector.waits_s = 30.0 if how == "hangs" else 0.0
        collector.status = 503 if how == "refuses" else 200
        log = SpanLog("http://127.0.0.1:9/v1/traces" if how == "away" else collector.url, service="kot-uren api", public_url=URL)
        app = Processed(create_app(settings, touching, world.nobody, keys=OneKey(), clock=lambda: world.NOW), log)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
            slowest = 0.0
            for _ in range(100):
                began = monotonic()
                assert (await client.get("/v1/differences", headers=parent())).status_code == 200
                slowest = max(slowest, monotonic() - began)
        assert slowest < 1.0
        assert len(log._processor._batch_processor._queue) <= 64
        began = monotonic()
        await asyncio.to_thread(log.close)
        assert monotonic() - began < 2.0
        assert collector.lines == []
        # Nothing goes on with it: a thread that did would live as long as the process.
        until = monotonic() + 5
        while (sending := [one.name for one in threading.enumerate() if "Otel" in one.name]) and monotonic() < until:
            await asyncio.sleep(0.05)
        assert sending == []
        collector.waits_s = 0.0


async def test_the_register_and_each_activity_are_published(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/processing-activities")
    assert (answer.status_code, answer.content) == (200, FILE.read_bytes())
    for activity in register().activities:
        answer = await client.get(f"/v1/processing-activities/{activity.id}")
        assert msgspec.json.decode(answer.content, type=Activity) == activity
    assert (await client.get("/v1/processing-activities/nothing")).status_code == 404
