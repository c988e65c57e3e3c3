"""A trial: the outcome that the real way gives, for every kind of line, and not a trace of it afterwards."""

import asyncio
import gzip
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from api import services, trials
from api.app import create_app
from api.services import TRIALS_AT_ONCE
from reconcile.keyring import Keyring
from reconcile.rules.bsn import marked_bsn
from reconcile.rules.delivery_line import FIELDS
from reconcile.settings import Settings
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import OneKey, Problem, organisation, timeless
from tests.serving import serving
from tests.tables import contents

TYPES = {"json": "application/json", "ndjson": "application/x-ndjson", "csv": "text/csv"}
HEADINGS = FIELDS


@pytest.fixture(autouse=True)
async def _register(admin: asyncpg.Connection) -> None:
    await world.with_register(admin)


async def post(
    client: httpx.AsyncClient, body: bytes, format_: str = "json", *, oin: str = world.OIN, params: Mapping[str, str] = {}, **headers: str
) -> httpx.Response:
    """Send a body; a trial unless the headers have an Idempotency-Key."""
    query = dict(params) if "Idempotency-Key" in headers else {"dryRun": "true", **params}
    sent = {**organisation(oin), "Content-Type": TYPES[format_], **headers}
    return await client.post("/v1/deliveries", content=body, params=query, headers=sent)


async def in_earnest(
    client: httpx.AsyncClient, db: Database, keyring: Keyring, body: bytes, format_: str, reference: str, params: Mapping[str, str] = {}
) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """Deliver the body, let a worker apply it, and return the receipt, every line and the findings."""
    taken = await post(client, body, format_, params=params, **{"Idempotency-Key": reference})
    assert taken.status_code == 202, taken.text
    await world.worked(db, keyring)
    location = taken.headers["location"]
    receipt = (await client.get(location, headers=organisation())).json()
    lines = (await client.get(f"{location}/lines", params={"limit": 1000}, headers=organisation())).json()["lines"]
    findings = (await client.get(f"{location}/faults", headers=organisation())).json()["findings"]
    return receipt, lines, findings


def encoded(
    format_: str, lines: Sequence[Mapping[str, Any]], sent_at: str, *, all_or_nothing: bool = False
) -> tuple[bytes, dict[str, str]]:
    if format_ == "csv":
        rows = [";".join(HEADINGS), *(";".join(str(one.get(name) or "") for name in HEADINGS) for one in lines)]
        return "\r\n".join(rows).encode(), {"createdAt": sent_at, **({"allOrNothing": "true"} if all_or_nothing else {})}
    body = world.delivery_body if format_ == "json" else world.ndjson_body
    return body(lines, createdAt=sent_at, **({"allOrNothing": True} if all_or_nothing else {})), {}


WRONG: list[Mapping[str, Any]] = [
    {"childBsn": None},
    {"childBsn": None},
    {"parentBsn": None},
    {"replacedMonth": "soon"},
    {"childBsn": "12"},
    {"hours": "x"},
    {"hours": "900"},
    {"month": "2026-13"},
    {"month": "2026-12"},
    {"hourlyRate": ""},
    {"careType": "BSO"},
    {"lrkNumber": world.ELSEWHERE},
    {"lrkNumber": marked_bsn(77)},
    {"amount": "1"},
    {"endDate": "soon"},
    {"childBsn": None, "hours": "y"},
]


def drawn(rng: random.Random, count: int) -> list[dict[str, Any]]:
    """Lines about few keys, so that they repeat, contradict, renew, replace, complete and say the same as before."""
    lines = []
    for number in range(count):
        child = rng.choice((world.CHILD, world.SIBLING, marked_bsn(50 + number)))
        one = world.line(
            parentBsn=rng.choice((world.APPLICANT, world.STRANGER)),
            childBsn=child,
            month=f"2026-0{rng.randint(1, 6)}",
            hours=rng.choice(("80.00", "90.00")),
            lineRef=rng.choice((None, f"L{number}", f"of {(world.CHILD, world.SIBLING, child).index(child)}")),
        )
        chance = rng.random()
        if chance < 0.2:
            one |= {"replacedChildBsn": rng.choice((world.CHILD, world.SIBLING)), "replacedMonth": f"2026-0{rng.randint(1, 6)}"}
        if chance < 0.1:
            one |= {"replacedParentBsn": rng.choice((world.APPLICANT, world.STRANGER))}
        lines.append(one | (rng.choice(WRONG) if rng.random() < 0.4 else {}))
    return lines


@pytest.mark.parametrize("format_", TYPES)
@pytest.mark.parametrize("seed", range(6))
async def test_a_trial_says_what_the_real_delivery_comes_to_and_leaves_no_trace(
    client: httpx.AsyncClient, db: Database, admin: asyncpg.Connection, api_keyring: Keyring, seed: int, format_: str
) -> None:
    """Deliveries one after the other, some older than what stands: before each, a trial of it. Duplicates, repeats, gaps, all of it."""
    rng = random.Random(f"{seed}{format_}")
    await world.declared(db, api_keyring)
    seen = set()
    for number in range(4):
        body, params = encoded(format_, drawn(rng, rng.choice((1, 15, 60))), f"2026-04-0{rng.randint(1, 4)}T08:00:00Z")
        before = await contents(admin)
        answer = await post(client, body, format_, params=params)
        assert answer.status_code == 200, answer.text
        assert await contents(admin) == before
        trial = answer.json()
        receipt, lines, findings = await in_earnest(client, db, api_keyring, body, format_, f"r{number}", params)
        assert trial["lines"] == timeless(lines)
        assert trial["findings"] == findings
        for name in ("state", "format", "counts", "contentSha256", "byteCount", "createdAt", "problem", "duplicateOf"):
            assert trial[name] == receipt[name], name
        seen |= {one["outcome"] for one in lines}
    assert seen >= {"applied", "rejected"}


@pytest.mark.parametrize("format_", TYPES)
@pytest.mark.parametrize("seed", range(2))
async def test_a_trial_of_all_or_nothing_says_what_the_real_delivery_comes_to(
    client: httpx.AsyncClient, db: Database, admin: asyncpg.Connection, api_keyring: Keyring, seed: int, format_: str
) -> None:
    rng = random.Random(f"whole{seed}{format_}")
    for number in range(3):
        body, params = encoded(format_, drawn(rng, rng.choice((1, 15))), f"2026-04-0{rng.randint(1, 4)}T08:00:00Z", all_or_nothing=True)
        before = await contents(admin)
        trial = (await post(client, body, format_, params=params)).json()
        assert await contents(admin) == before
        receipt, lines, findings = await in_earnest(client, db, api_keyring, body, format_, f"r{number}", params)
        assert (trial["lines"], trial["findings"], trial["counts"]) == (timeless(lines), findings, receipt["counts"])
        assert receipt["allOrNothing"]
        # A correction may wait for what it replaces: that refuses nothing.
        outcomes = {one["outcome"] for one in lines if one["waitsFor"] != "replaced-line-unknown"}
        assert outcomes == {"rejected"} or not outcomes & {"rejected", "parked"}


async def test_every_outcome_is_told_before_it_is_there(client: httpx.AsyncClient, db: Database, api_keyring: Keyring) -> None:
    await in_earnest(client, db, api_keyring, world.delivery_body([world.line(), world.line(month="2026-02")]), "json", "r1")
    lines = [
        world.line(),
        world.line(month="2026-02", hours="7.00"),
        world.line(month="2026-01"),
        world.line(childBsn=None),
        world.line(month="2026-04"),
        world.line(month="2026-04"),
    ]
    answers = [await post(client, world.delivery_body(lines, createdAt=f"2026-07-{day}T09:00:00Z")) for day in ("11", "09")]
    assert [[one["outcome"] for one in answer.json()["lines"]] for answer in answers] == [
        ["unchanged", "applied", "applied", "parked", "rejected", "rejected"],
        ["superseded", "superseded", "applied", "parked", "rejected", "rejected"],
    ]


@pytest.mark.parametrize(
    ("format_", "body", "code"),
    [
        ("json", b"PK\x03\x04", "json-broken"),
        ("json", world.delivery_body([world.line()])[:-4], "json-broken"),
        ("json", world.delivery_body([world.line()], organisationOin=world.OTHER_OIN), "organisation-mismatch"),
        ("ndjson", b"", "first-line-unreadable"),
        ("csv", b"bsn_ouder;maand\n", "heading-missing"),
        ("csv", "bsn_ouder\n\u00e9".encode("latin-1"), "heading-missing"),
        ("csv", b"\xe9", "encoding-unknown"),
    ],
)
async def test_what_cannot_be_read_is_told_as_the_real_delivery_tells_it(
    client: httpx.AsyncClient, db: Database, api_keyring: Keyring, admin: asyncpg.Connection, format_: str, body: bytes, code: str
) -> None:
    before = await contents(admin)
    trial = (await post(client, body, format_)).json()
    assert await contents(admin) == before
    receipt, lines, _ = await in_earnest(client, db, api_keyring, body, format_, "r1")
    assert (trial["state"], trial["problem"]["code"], trial["lines"], lines) == ("unreadable", code, [], [])
    for name in ("state", "problem", "contentSha256", "byteCount", "counts"):
        assert trial[name] == receipt[name], name


async def test_a_file_of_ten_thousand_lines_and_not_of_one_more(
    client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem
) -> None:
    lines = [world.line(childBsn=marked_bsn(10_000 + number), hours=f"{number % 700}.25") for number in range(trials.LINES_MAX)]
    before = await contents(admin)
    answer = await post(client, gzip.compress(world.ndjson_body(lines)), "ndjson", **{"Content-Encoding": "gzip"})
    assert answer.json()["counts"]["applied"] == trials.LINES_MAX
    refusal = problem(await post(client, world.delivery_body([*lines, world.line()])), 413, "trial-too-large")
    assert (refusal["linesMax"], refusal["bytesMax"]) == (trials.LINES_MAX, trials.BYTES_MAX)
    assert await contents(admin) == before


async def test_a_trial_is_bounded_in_bytes(client: httpx.AsyncClient, problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    body = world.delivery_body([world.line()])
    monkeypatch.setattr(trials, "BYTES_MAX", len(body) - 1)
    for sent, headers in ((body, {}), (gzip.compress(body), {"Content-Encoding": "gzip"})):
        problem(await post(client, sent, **headers), 413, "trial-too-large")
    monkeypatch.setattr(trials, "BYTES_MAX", len(body))
    assert (await post(client, body)).status_code == 200


async def trickle(url: str) -> bytes:
    """Begin a trial whose body never ends, and return the first line of the answer."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = {**organisation(), "Content-Type": TYPES["json"], "Content-Length": "100", "Host": host}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    writer.write(f"POST /v1/deliveries?dryRun=true HTTP/1.1\r\n{lines}\r\n ".encode())
    status = await reader.readline()
    writer.close()
    return status


async def test_when_all_seats_are_taken_the_caller_hears_busy(settings: Settings, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies that trickle hold the seats: the next caller is told to come back, and those that trickle are ended."""
    monkeypatch.setattr(trials, "BODY_S", 1.0)
    monkeypatch.setattr(services, "_SEAT_S", 0.1)
    app = create_app(settings, db, world.nobody, keys=OneKey(), clock=lambda: world.NOW)
    async with serving(app) as served, httpx.AsyncClient(base_url=served.url) as http:
        slow = [asyncio.create_task(trickle(served.url)) for _ in range(TRIALS_AT_ONCE)]
        await asyncio.sleep(0.3)
        refused = await post(http, world.delivery_body([]))
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert {status.split()[1] for status in await asyncio.gather(*slow)} == {b"408"}
        assert (await post(http, world.delivery_body([]))).status_code == 200


async def test_the_same_as_was_delivered_is_told(client: httpx.AsyncClient, db: Database, api_keyring: Keyring, problem: Problem) -> None:
    body = world.delivery_body([world.line()])
    receipt, _, _ = await in_earnest(client, db, api_keyring, body, "json", "r1")
    again = (await post(client, body)).json()
    assert (again["duplicateOf"], again["counts"]["unchanged"]) == (receipt["deliveryId"], 1)
    other = world.delivery_body([world.line(hours="1.00")])
    answer = await client.post(
        "/v1/deliveries?dryRun=true", content=other, headers={**organisation(), "Content-Type": TYPES["json"], "Idempotency-Key": "r1"}
    )
    problem(answer, 422, "reference-reused")


async def test_an_organisation_s_trial_sees_its_own_lines_alone(client: httpx.AsyncClient, db: Database, api_keyring: Keyring) -> None:
    await in_earnest(client, db, api_keyring, world.delivery_body([world.line()]), "json", "r1")
    trial = (await post(client, world.delivery_body([world.line()]), oin=world.OTHER_OIN)).json()
    assert [one["outcome"] for one in trial["lines"]] == ["rejected"]
    assert trial["duplicateOf"] is None


async def test_a_trial_as_csv(client: httpx.AsyncClient) -> None:
    answer = await post(client, world.delivery_body([world.line(), world.line(hours="x")]), Accept="text/csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert [row.split(";")[2] for row in answer.content.decode("utf-8-sig").splitlines()] == ["uitkomst", "applied", "rejected"]


@pytest.mark.parametrize(
    ("params", "headers"),
    [
        ({"dryRun": "perhaps"}, {}),
        ({"dryRun": "true"}, {"Idempotency-Key": "with space"}),
        ({"sandbox": "true"}, {"Idempotency-Key": "r1"}),
        ({"dryRun": "false"}, {}),
    ],
)
async def test_a_wrong_question_is_a_problem(
    client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem, params: dict[str, str], headers: dict[str, str]
) -> None:
    sent = {**organisation(), "Content-Type": TYPES["json"], **headers}
    problem(await client.post("/v1/deliveries", params=params, content=world.delivery_body([]), headers=sent), 400, "invalid-request")
    assert await admin.fetchval("SELECT count(*) FROM delivery") == 0


async def test_nothing_waits_for_a_trial(client: httpx.AsyncClient, db: Database, api_keyring: Keyring) -> None:
    """Trials and deliveries of the same people at once: none fails, and the deliveries come to what they come to alone."""
    body = world.delivery_body([world.line(month=f"2026-0{month}") for month in range(1, 7)])

    async def keep_trying() -> list[int]:
        return [(await post(client, body)).status_code for _ in range(10)]

    tried, (receipt, _, _) = await asyncio.gather(keep_trying(), in_earnest(client, db, api_keyring, body, "json", "r1"))
    assert set(tried) == {200}
    assert receipt["counts"]["applied"] == 6


async def test_a_trial_s_login_can_change_nothing(db: Database, admin: asyncpg.Connection) -> None:
    rows = await admin.fetch(
        "SELECT table_name, privilege_type FROM information_schema.column_privileges"
        " WHERE grantee = 'kot_trial' AND privilege_type <> 'SELECT'"
    )
    assert rows == []
    readable = await admin.fetch("SELECT table_name FROM information_schema.table_privileges WHERE grantee = 'kot_trial'")
    assert "line_stage" not in {row["table_name"] for row in readable}


def test_the_limits_are_those_that_are_promised() -> None:
    assert (trials.LINES_MAX, trials.BYTES_MAX) == (10_000, 16 * 1024 * 1024)
    assert "10,000" in (Path(__file__).parents[2] / "openapi" / "README.md").read_text()
