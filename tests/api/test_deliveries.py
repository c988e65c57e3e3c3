"""Organisations over HTTP: formats, encodings, repeats, wrong input."""

import gzip
import zlib
from uuid import UUID

import asyncpg
import httpx
import pytest

from api import media
from reconcile.keyring import Keyring
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import Problem, organisation

BODY = world.delivery_body([world.line(), world.line(month="2026-13", lineRef="=SUM(A1)"), world.line(childBsn=None)])
JSON = {"Content-Type": "application/json", "Idempotency-Key": "r-1"}
NDJSON = {"Content-Type": "application/x-ndjson"}
CSV = (
    b"\xef\xbb\xbfregelkenmerk;bsn_ouder;bsn_kind;lrk_nummer;maand;uren;uurtarief\r\n"
    + f"1;{world.APPLICANT};{world.CHILD};{world.KDV};2026-03;90,5;9,95\r\n".encode()
)


@pytest.fixture(autouse=True)
async def _register(admin: asyncpg.Connection) -> None:
    await world.with_register(admin)


async def send(client: httpx.AsyncClient, body: bytes = BODY, *, oin: str = world.OIN, **headers: str) -> httpx.Response:
    return await client.post("/v1/deliveries", content=body, headers={**organisation(oin), **JSON, **headers})


async def test_a_delivery_is_taken_and_followed_to_its_lines(
    client: httpx.AsyncClient, db: Database, api_keyring: Keyring, woken: list[str]
) -> None:
    taken = await send(client)
    assert (taken.status_code, woken) == (202, ["delivery"])
    location = taken.headers["location"]
    assert taken.json()["state"] == "received"
    await world.worked(db, api_keyring)
    receipt = (await client.get(location, headers=organisation())).json()
    assert receipt["counts"] == {"received": 3, "applied": 1, "unchanged": 0, "superseded": 0, "parked": 1, "rejected": 1, "withdrawn": 0}
    lines = (await client.get(f"{location}/lines", headers=organisation())).json()
    assert [(one["lineNumber"], one["outcome"], [fault["code"] for fault in one["faults"]], one["waitsFor"]) for one in lines["lines"]] == [
        (1, "applied", [], None),
        (2, "rejected", ["month-invalid"], None),
        (3, "parked", ["bsn-missing"], "bsn-missing"),
    ]
    assert lines["lines"][0]["hours"] == "100.00"
    assert world.CHILD not in str(lines)


async def test_lines_come_in_pages_by_outcome_and_as_csv(client: httpx.AsyncClient, db: Database, api_keyring: Keyring) -> None:
    location = (await send(client)).headers["location"]
    await world.worked(db, api_keyring)
    first = (await client.get(f"{location}/lines", params={"limit": 2}, headers=organisation())).json()
    rest = (await client.get(f"{location}/lines", params={"limit": 2, "after": first["next"]}, headers=organisation())).json()
    assert [one["lineNumber"] for one in first["lines"] + rest["lines"]] == [1, 2, 3]
    assert rest["next"] is None
    sheet = await client.get(f"{location}/lines", params={"outcome": "rejected"}, headers={**organisation(), "Accept": "text/csv"})
    assert sheet.headers["content-type"] == "text/csv; charset=utf-8"
    assert sheet.content.decode("utf-8-sig").splitlines()[1].split(";")[:3] == ["2", "'=SUM(A1)", "rejected"]


async def test_the_same_again_gives_the_first_receipt(client: httpx.AsyncClient) -> None:
    first, again = await send(client), await send(client)
    assert (again.status_code, again.json()) == (200, first.json())


async def test_the_reference_with_other_content_is_refused(client: httpx.AsyncClient, problem: Problem) -> None:
    first = (await send(client)).json()
    document = problem(await send(client, world.delivery_body([])), 422, "reference-reused")
    assert (document["reference"], document["deliveryId"]) == ("r-1", first["deliveryId"])


async def test_gzip_is_the_same_content(client: httpx.AsyncClient) -> None:
    first = (await send(client)).json()
    packed = await send(client, gzip.compress(BODY), **{"Content-Encoding": "gzip"})
    assert (packed.status_code, packed.json()["contentSha256"]) == (200, first["contentSha256"])


async def test_csv_as_a_dutch_spreadsheet_writes_it(client: httpx.AsyncClient, db: Database, api_keyring: Keyring) -> None:
    answer = await client.post(
        "/v1/deliveries",
        content=CSV,
        params={"createdAt": "2026-04-02T08:15:00Z", "complete": f"2026-03:{world.KDV}"},
        headers={**organisation(), "Content-Type": "text/csv; charset=utf-8", "Idempotency-Key": '"quoted-1"'},
    )
    assert (answer.status_code, answer.json()["reference"], answer.json()["format"]) == (202, "quoted-1", "csv")
    await world.worked(db, api_keyring)
    lines = (await client.get(f"{answer.headers['location']}/lines", headers=organisation())).json()["lines"]
    assert [(one["lineNumber"], one["outcome"], one["hours"], one["hourlyRate"]) for one in lines] == [(2, "applied", "90.50", "9.95")]


async def test_ndjson_with_its_envelope_on_the_first_line(client: httpx.AsyncClient, db: Database, api_keyring: Keyring) -> None:
    body = world.ndjson_body([world.line()], reference="r-1", organisationOin=world.OIN) + b'{"month":'
    answer = await send(client, body, **NDJSON)
    assert (answer.status_code, answer.json()["format"]) == (202, "ndjson")
    await world.worked(db, api_keyring)
    receipt = (await client.get(answer.headers["location"], headers=organisation())).json()
    assert (receipt["state"], receipt["createdAt"]) == ("applied", world.NOW.isoformat().replace("+00:00", "Z"))
    lines = (await client.get(f"{answer.headers['location']}/lines", headers=organisation())).json()["lines"]
    assert [(one["lineNumber"], one["outcome"], [fault["code"] for fault in one["faults"]]) for one in lines] == [
        (2, "applied", []),
        (3, "rejected", ["line-json-broken"]),
    ]


@pytest.mark.parametrize(
    ("body", "headers", "status", "slug"),
    [
        (BODY, {"Content-Type": "text/plain"}, 415, "unsupported-media-type"),
        (BODY, {"Content-Type": "application/json; charset=utf-16"}, 415, "unsupported-media-type"),
        (BODY, {"Content-Type": "application/json; charset=windows-1252"}, 415, "unsupported-media-type"),
        (BODY, {"Content-Type": "application/x-ndjson; charset=windows-1252"}, 415, "unsupported-media-type"),
        (BODY, {"Content-Encoding": "br"}, 415, "unsupported-media-type"),
        (BODY, {"Content-Encoding": "gzip"}, 400, "invalid-request"),
        (gzip.compress(BODY)[:-9], {"Content-Encoding": "gzip"}, 400, "invalid-request"),
        (gzip.compress(BODY) + gzip.compress(BODY), {"Content-Encoding": "gzip"}, 400, "invalid-request"),
        (gzip.compress(b" " * 30_000_000), {"Content-Encoding": "gzip"}, 413, "body-too-large"),
        (BODY, {"Idempotency-Key": ""}, 400, "invalid-request"),
        (BODY, {"Idempotency-Key": "a b"}, 400, "invalid-request"),
        (BODY, {"Idempotency-Key": "a" * 65}, 400, "invalid-request"),
    ],
)
async def test_a_wrong_request_changes_nothing(
    client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem, body: bytes, headers: dict[str, str], status: int, slug: str
) -> None:
    problem(await send(client, body, **headers), status, slug)
    assert await admin.fetchval("SELECT count(*) FROM delivery") == 0
    assert await admin.fetchval("SELECT count(*) FROM delivery_chunk") == 0


@pytest.mark.parametrize(
    "params",
    [
        {"createdAt": "yesterday"},
        {"createdAt": "2026-04-02"},
        {"createdAt": "2026-04-02T08:15:00"},
        {"organisationOin": "12"},
        {"complete": "2026-13:900000004"},
        {"complete": "2026-03"},
        {"complete": "2026-03:12"},
        {"allOrNothing": "perhaps"},
    ],
)
async def test_a_wrong_envelope_of_a_csv_changes_nothing(client: httpx.AsyncClient, problem: Problem, params: dict[str, str]) -> None:
    headers = {**organisation(), "Content-Type": "text/csv", "Idempotency-Key": "r-1"}
    problem(await client.post("/v1/deliveries", content=CSV, params=params, headers=headers), 400, "invalid-request")


@pytest.mark.parametrize("params", [{"createdAt": "2026-04-02T08:15:00Z"}, {"complete": "2026-03:900000004"}, {"allOrNothing": "true"}])
@pytest.mark.parametrize(("body", "headers"), [(BODY, JSON), (world.ndjson_body([]), {**JSON, **NDJSON})])
async def test_a_json_envelope_stands_in_the_body(
    client: httpx.AsyncClient, problem: Problem, body: bytes, headers: dict[str, str], params: dict[str, str]
) -> None:
    answer = await client.post("/v1/deliveries", content=body, params=params, headers={**organisation(), **headers})
    problem(answer, 400, "invalid-request")


async def test_an_unpacked_body_is_bounded(client: httpx.AsyncClient, problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "UNPACKED_BYTES_MAX", 1_000)
    problem(await send(client, zlib.compress(BODY * 10, wbits=31), **{"Content-Encoding": "gzip"}), 413, "body-too-large")


async def test_an_unreadable_delivery_says_why(client: httpx.AsyncClient, db: Database, api_keyring: Keyring) -> None:
    location = (await send(client, b"PK\x03\x04")).headers["location"]
    await world.worked(db, api_keyring)
    receipt = (await client.get(location, headers=organisation())).json()
    assert receipt["state"] == "unreadable"
    assert {"code", "title", "titleNl", "remedy", "remedyNl", "detail", "line"} == set(receipt["problem"])


async def test_faults_come_by_root_cause_and_as_csv(client: httpx.AsyncClient, db: Database, api_keyring: Keyring) -> None:
    location = (await send(client)).headers["location"]
    await world.worked(db, api_keyring)
    found = (await client.get(f"{location}/faults", headers=organisation())).json()
    assert (found["linesRead"], found["faultyLines"], found["problem"]) == (3, 2, None)
    assert [(one["code"], one["field"], one["permanence"], one["count"], one["share"]) for one in found["findings"]] == [
        ("bsn-missing", "childBsn", "waiting", 1, 0.3333),
        ("month-invalid", "month", "permanent", 1, 0.3333),
    ]
    assert found["findings"][1]["firstLines"] == [{"lineNumber": 2, "lineRef": "=SUM(A1)"}]
    assert found["findings"][1]["faults"] == [
        {"code": "month-invalid", "field": "month", "count": 1, "shapes": [{"shape": "9-9", "count": 1}]}
    ]
    sheet = await client.get(f"{location}/faults", headers={**organisation(), "Accept": "text/csv"})
    assert sheet.headers["content-type"].startswith("text/csv")
    assert [row.split(";")[:4] for row in sheet.content.decode("utf-8-sig").splitlines()] == [
        ["fout", "veld", "uitkomst", "aantal"],
        ["bsn-missing", "childBsn", "parked", "1"],
        ["month-invalid", "month", "rejected", "1"],
    ]


async def test_the_faults_of_an_unreadable_delivery_are_its_problem(client: httpx.AsyncClient, db: Database, api_keyring: Keyring) -> None:
    location = (await send(client, b"PK\x03\x04")).headers["location"]
    await world.worked(db, api_keyring)
    found = (await client.get(f"{location}/faults", headers=organisation())).json()
    assert (found["state"], found["problem"]["code"], found["findings"]) == ("unreadable", "json-broken", [])


async def test_a_foreign_delivery_and_a_missing_one_look_the_same(client: httpx.AsyncClient, problem: Problem) -> None:
    location = (await send(client)).headers["location"]
    missing = "/v1/deliveries/9b2f0c7e-3a3f-4d7e-9f0a-000000000000"
    for suffix in ("", "/lines", "/faults"):
        foreign = problem(await client.get(location + suffix, headers=organisation(world.OTHER_OIN)), 404, "not-found")
        assert foreign == problem(await client.get(missing + suffix, headers=organisation(world.OTHER_OIN)), 404, "not-found")
    assert (await client.get("/v1/deliveries", headers=organisation(world.OTHER_OIN))).json()["deliveries"] == []


@pytest.mark.parametrize("query", [{"outcome": "perhaps"}, {"limit": "0"}, {"limit": "5000"}, {"after": "-1"}, {"after": "x"}])
async def test_a_wrong_query_is_a_problem(client: httpx.AsyncClient, problem: Problem, query: dict[str, str]) -> None:
    location = (await send(client)).headers["location"]
    problem(await client.get(f"{location}/lines", params=query, headers=organisation()), 400, "invalid-request")


@pytest.mark.parametrize("before", ["x", "2026-01-01~", "~", "2026-01-01T00:00:00+00:00~nothing"])
async def test_a_wrong_place_in_the_list_is_a_problem(client: httpx.AsyncClient, problem: Problem, before: str) -> None:
    problem(await client.get("/v1/deliveries", params={"before": before}, headers=organisation()), 400, "invalid-request")


async def test_deliveries_are_listed_newest_first_in_pages(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await send(client, world.delivery_body([world.line(lineRef=str(number))]), **{"Idempotency-Key": f"r-{number}"})
    first = (await client.get("/v1/deliveries", params={"limit": 2}, headers=organisation())).json()
    rest = (await client.get("/v1/deliveries", params={"limit": 2, "before": first["next"]}, headers=organisation())).json()
    assert [one["reference"] for one in first["deliveries"] + rest["deliveries"]] == ["r-2", "r-1", "r-0"]


async def test_prefer_wait_waits_for_the_outcome_or_the_end_of_the_wait(client: httpx.AsyncClient) -> None:
    answer = await send(client, Prefer="wait=0")
    assert (answer.headers["preference-applied"], answer.json()["state"]) == ("wait=0", "received")


@pytest.mark.parametrize("created_at", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-02-30T08:00:00Z", "\x00"])
async def test_a_csv_of_an_impossible_instant_is_refused(
    client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem, created_at: str
) -> None:
    headers = {**organisation(), "Content-Type": "text/csv", "Idempotency-Key": "r-1"}
    problem(await client.post("/v1/deliveries", params={"createdAt": created_at}, content=CSV, headers=headers), 400, "invalid-request")
    assert await admin.fetchval("SELECT count(*) FROM delivery") == 0


@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59", "2026-01-01T00:00:00", "\x00", ""])
async def test_a_page_begins_only_where_one_ended(client: httpx.AsyncClient, problem: Problem, instant: str) -> None:
    answer = await client.get("/v1/deliveries", params={"before": f"{instant}~{UUID(int=0)}"}, headers=organisation())
    problem(answer, 400, "invalid-request")
