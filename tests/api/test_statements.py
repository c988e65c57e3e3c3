"""Statements over HTTP: sums and lines, as JSON and as a spreadsheet; for the organisation itself alone."""

import asyncio
import csv
import io
import logging
from typing import Any

import asyncpg
import httpx
import pytest

from api import statements
from api.edge import Edge
from reconcile.keyring import Keyring
from reconcile.rules.delivery_csv import CsvReader
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import Problem, bearer, manager, organisation, parent, tvs
from tests.serving import serving

MARCH = {"month": "2026-03"}
WAITING = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
LINES = [
    world.line(lineRef="=1+1", hours="90.50", hourlyRate="9.95", amount="900.48", endDate="2026-03-31"),
    world.line(lineRef='b;"c"', childBsn=world.SIBLING),
    world.line(lineRef="gap", childBsn=None),
]


@pytest.fixture(autouse=True)
async def _delivered(db: Database, admin: asyncpg.Connection, api_keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.delivered(db, api_keyring, *LINES)
    await world.delivered(db, api_keyring, world.line(parentBsn=world.STRANGER, lrkNumber=world.ELSEWHERE), oin=world.OTHER_OIN)


async def read(client: httpx.AsyncClient, path: str = "", *, oin: str = world.OIN, accept: str = "*/*", **params: str) -> httpx.Response:
    return await client.get(f"/v1/statements{path}", params={**MARCH, **params}, headers={**organisation(oin), "Accept": accept})


async def test_sums_first_then_every_line(client: httpx.AsyncClient) -> None:
    answer = await read(client)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    document = answer.json()
    sums = {"lines": 2, "hours": "190.50", "amount": "900.48", "linesWithoutAmount": 1, "waitingLines": 1}
    head = {name: document[name] for name in ("organisationOin", "month", "totals", "locations")}
    assert head == {
        "organisationOin": world.OIN,
        "month": "2026-03",
        "totals": sums,
        "locations": [{**sums, "lrkNumber": world.KDV}],
    }
    assert [(one["lineRef"], one["parentBsn"], one["childBsn"], one["state"], one["waitsFor"]) for one in document["lines"]] == [
        ("=1+1", world.APPLICANT, world.CHILD, "standing", None),
        ('b;"c"', world.APPLICANT, world.SIBLING, "standing", None),
        ("gap", world.APPLICANT, None, "waiting", "bsn-missing"),
    ]
    first = document["lines"][0]
    assert (first["hours"], first["hourlyRate"], first["amount"], first["endDate"], first["lineNumber"]) == (
        *("90.50", "9.95", "900.48", "2026-03-31"),
        1,
    )
    totals = (await read(client, "/totals")).json()
    assert {name: totals[name] for name in head} == head
    assert "lines" not in totals


@pytest.mark.parametrize("page_lines", [1, 2, 3, 4])
async def test_pages_are_one_document(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, page_lines: int) -> None:
    whole = (await read(client)).json()["lines"]
    monkeypatch.setattr(statements, "PAGE_LINES", page_lines)
    assert (await read(client)).json()["lines"] == whole
    assert len((await read(client, accept="text/csv")).text.splitlines()) == 4


async def test_a_spreadsheet_gets_the_dialect_of_deliveries_and_nothing_to_compute(client: httpx.AsyncClient) -> None:
    answer = await read(client, accept="text/csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="overzicht-{world.OIN}-2026-03.csv"'
    assert answer.content.startswith(b"\xef\xbb\xbfbsn_ouder;bsn_kind;")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    assert rows[1][:9] == [world.APPLICANT, world.CHILD, world.KDV, "2026-03", "90,50", "9,95", "900,48", "2026-03-31", "'=1+1"]
    assert [(row[12], row[13]) for row in rows[1:]] == [("geldt", ""), ("geldt", ""), ("wacht", "bsn-missing")]
    # Without what we added to it, it is a delivery again.
    out = io.StringIO()
    csv.writer(out, delimiter=";").writerows(row[:9] for row in rows)
    reader = CsvReader(charset=None, this_month="2026-07")
    read_again = [*reader.feed(out.getvalue().encode()), *reader.close()]
    assert [(one.child_bsn, one.hours_hundredths, one.amount_cents) for one in read_again] == [
        (world.CHILD, 9_050, 90_048),
        (world.SIBLING, 10_000, None),
        (None, 10_000, None),
    ]


async def test_a_month_without_lines_is_empty_in_every_form(client: httpx.AsyncClient) -> None:
    document = (await read(client, month="2026-02")).json()
    assert (document["totals"]["lines"], document["locations"], document["lines"]) == (0, [], [])
    assert len((await read(client, accept="text/csv", month="2026-02")).text.splitlines()) == 1
    assert (await read(client, lrkNumber=world.BSO)).json()["lines"] == []


async def test_each_organisation_reads_its_own(client: httpx.AsyncClient) -> None:
    mine, theirs = (await read(client)).text, (await read(client, oin=world.OTHER_OIN)).text
    assert world.STRANGER in theirs
    assert world.STRANGER not in mine
    assert world.APPLICANT not in theirs
    foreign = (await read(client, lrkNumber=world.ELSEWHERE)).json()
    assert (foreign["locations"], foreign["lines"]) == ([], [])


@pytest.mark.parametrize("path", ["", "/totals"])
async def test_nobody_else_reads_one_not_even_a_vendor_with_a_mandate(
    client: httpx.AsyncClient, db: Database, problem: Problem, path: str
) -> None:
    await world.mandated(db)
    vendor = organisation(world.VENDOR_OIN)
    named = {**MARCH, "organisationOin": world.OIN}
    problem(await client.get(f"/v1/statements{path}", params=named, headers=vendor), 403, "not-allowed")
    problem(await client.get(f"/v1/statements{path}", params=named, headers=organisation(world.OTHER_OIN)), 403, "not-allowed")
    problem(await client.get(f"/v1/statements{path}", params=MARCH, headers=vendor), 403, "unknown-organisation")
    for headers in (parent(), tvs(), manager("kot:pilot.read kot:pilot.manage"), bearer("kot:app")):
        problem(await client.get(f"/v1/statements{path}", params=MARCH, headers=headers), 403, "insufficient-scope")


@pytest.mark.parametrize("path", ["", "/totals"])
@pytest.mark.parametrize(
    "params",
    [
        *({}, {"month": ""}, {"month": "2026-13"}, {"month": "2026-3"}, {"month": "2026-03\n"}, {"month": "2004-12"}, {"month": "\x00"}),
        *({**MARCH, "lrkNumber": "12"}, {**MARCH, "lrkNumber": "90000000x"}, {**MARCH, "lrkNumber": ""}),
    ],
)
async def test_a_wrong_question_is_a_problem_and_is_no_reading(
    client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem, path: str, params: dict[str, Any]
) -> None:
    problem(await client.get(f"/v1/statements{path}", params=params, headers=organisation()), 400, "invalid-request")
    assert await admin.fetchval("SELECT count(*) FROM organisation_audit WHERE event ->> 'action' = 'statement-read'") == 0


async def test_a_reading_is_recorded_and_no_number_of_a_person_is_logged(
    client: httpx.AsyncClient, admin: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await read(client)
    await read(client, accept="text/csv")
    await read(client, "/totals")
    assert await admin.fetchval("SELECT count(*) FROM organisation_audit WHERE event ->> 'action' = 'statement-read'") == 2
    for text in (caplog.text, str(await admin.fetch("SELECT event FROM organisation_audit"))):
        assert not any(bsn in text for bsn in (world.APPLICANT, world.CHILD, world.SIBLING))


@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
async def test_lines_that_are_not_those_of_the_sums_break_off_and_are_asked_again(
    app: Edge, admin: asyncpg.Connection, accept: str
) -> None:
    """A batch that began before the statement and ended after its sums: nobody is given half of it in silence."""
    async with serving(app) as served, httpx.AsyncClient(base_url=served.url) as http:
        async with admin.transaction():
            # The reading is recorded under this lock, after the sums were taken.
            await admin.execute("SELECT pg_advisory_xact_lock(hashtext('kot.landing'), hashtext(organisation_id::text)) FROM organisation")
            asked = asyncio.create_task(read(http, accept=accept))
            while not await admin.fetchval(WAITING):
                await asyncio.sleep(0.01)
            await admin.execute(
                "INSERT INTO line (organisation_id, delivery_id, line_number, outcome, parent_id, child_id, lrk_number, month,"
                " hours_hundredths, hourly_rate_cents, recorded_at) SELECT organisation_id, delivery_id, 9, outcome, parent_id,"
                " gen_random_uuid(), lrk_number, month, hours_hundredths, hourly_rate_cents, recorded_at FROM line WHERE line_ref = '=1+1'"
            )
        with pytest.raises(httpx.RemoteProtocolError):
            await asked
        assert (await read(http, accept=accept)).status_code == 200
