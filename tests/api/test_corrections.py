"""Over HTTP: a correction of what a line is about, in each format, and a parked line that comes alive."""

from typing import Any

import asyncpg
import httpx
import pytest

from reconcile.keyring import Keyring
from reconcile.rules.bsn import marked_bsn
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import organisation
from tests.tables import contents

TYPES = {"json": "application/json", "ndjson": "application/x-ndjson", "csv": "text/csv"}
WRONG = marked_bsn(7_001)
HEADING = "bsn_ouder;bsn_kind;lrk_nummer;maand;uren;uurtarief;regelkenmerk;vervangen_bsn_kind"


@pytest.fixture(autouse=True)
async def _begun(db: Database, admin: asyncpg.Connection, api_keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.declared(db, api_keyring, world.declaration(members=[*_members(world.CHILD, WRONG)], placements=[world.care()]))


def _members(*children: str) -> list[dict[str, Any]]:
    return [world.member(world.APPLICANT, "applicant"), *(world.member(child, "child") for child in children)]


def encoded(format_: str, lines: list[dict[str, Any]], day: int) -> tuple[bytes, dict[str, str]]:
    at = f"2026-07-{day:02}T08:00:00Z"
    if format_ == "csv":
        names = ("parentBsn", "childBsn", "lrkNumber", "month", "hours", "hourlyRate", "lineRef", "replacedChildBsn")
        rows = [";".join(str(one.get(name) or "").replace(".", ",") for name in names) for one in lines]
        return "\r\n".join([HEADING, *rows]).encode(), {"createdAt": at}
    return (world.delivery_body if format_ == "json" else world.ndjson_body)(lines, createdAt=at), {}


async def sent(client: httpx.AsyncClient, format_: str, lines: list[dict[str, Any]], day: int, **query: str) -> httpx.Response:
    body, params = encoded(format_, lines, day)
    headers = {**organisation(), "Content-Type": TYPES[format_], "Idempotency-Key": f"d{day}"}
    return await client.post("/v1/deliveries", content=body, params={**params, **query}, headers=headers)


async def delivered(client: httpx.AsyncClient, db: Database, keyring: Keyring, format_: str, lines: list[dict[str, Any]], day: int) -> str:
    taken = await sent(client, format_, lines, day)
    assert taken.status_code == 202, taken.text
    await world.worked(db, keyring)
    return taken.headers["location"]


async def read(client: httpx.AsyncClient, address: str) -> Any:
    answer = await client.get(address, headers=organisation())
    assert answer.status_code == 200, answer.text
    return answer.json()


async def statement(client: httpx.AsyncClient, month: str) -> list[tuple[str | None, str, str, bool]]:
    lines = (await read(client, f"/v1/statements?month={month}"))["lines"]
    return [(one["childBsn"], one["hours"], one["state"], one["waitingSince"] is not None) for one in lines]


@pytest.mark.parametrize("format_", TYPES)
async def test_a_wrong_bsn_is_corrected_in_one_operation(
    client: httpx.AsyncClient, db: Database, api_keyring: Keyring, admin: asyncpg.Connection, format_: str
) -> None:
    await delivered(client, db, api_keyring, format_, [world.line(childBsn=WRONG, hours="90.50")], 1)
    correction = [world.line(hours="90.50", replacedChildBsn=WRONG)]
    before = await contents(admin)
    trial = (await sent(client, format_, correction, 2, dryRun="true")).json()
    assert await contents(admin) == before
    location = await delivered(client, db, api_keyring, format_, correction, 2)
    assert (await read(client, f"{location}/lines"))["lines"] == trial["lines"]
    assert (await read(client, location))["counts"]["applied"] == trial["counts"]["applied"] == 1
    assert await statement(client, "2026-03") == [(world.CHILD, "90.50", "standing", False)]
    assert (await read(client, f"{location}/receipt"))["counts"]["applied"] == 1
    reported = "SELECT bsn_index FROM reported_hours JOIN placement USING (household_id, placement_id) JOIN person ON person_id = child_id"
    assert await admin.fetchval(f"{reported} WHERE superseded_at IS NULL") == api_keyring.blind_index(world.CHILD)


@pytest.mark.parametrize("format_", TYPES)
async def test_a_correction_of_what_was_never_delivered_waits_and_says_so(
    client: httpx.AsyncClient, db: Database, api_keyring: Keyring, format_: str
) -> None:
    location = await delivered(client, db, api_keyring, format_, [world.line(replacedChildBsn=WRONG)], 5)
    (line,) = (await read(client, f"{location}/lines?outcome=parked"))["lines"]
    assert (line["waitsFor"], line["waitingSince"] is not None, line["wokenAt"]) == ("replaced-line-unknown", True, None)
    (finding,) = (await read(client, f"{location}/faults"))["findings"]
    assert (finding["code"], finding["permanence"], finding["outcome"]) == ("replaced-line-unknown", "waiting", "parked")
    assert await statement(client, "2026-03") == [(world.CHILD, "100.00", "waiting", True)]
    old = await delivered(client, db, api_keyring, format_, [world.line(childBsn=WRONG)], 2)
    assert [one["outcome"] for one in (await read(client, f"{old}/lines"))["lines"]] == ["superseded"]
    (line,) = (await read(client, f"{location}/lines"))["lines"]
    assert (line["outcome"], line["waitsFor"], line["wokenAt"] is not None) == ("applied", None, True)


@pytest.mark.parametrize("format_", TYPES)
async def test_earlier_months_come_alive_when_the_bsn_is_there(
    client: httpx.AsyncClient, db: Database, api_keyring: Keyring, format_: str
) -> None:
    gaps = [world.line(month=month, childBsn=None, lineRef="contract-7") for month in ("2026-01", "2026-02")]
    location = await delivered(client, db, api_keyring, format_, gaps, 1)
    receipt = await client.get(f"{location}/receipt", headers=organisation())
    assert await statement(client, "2026-01") == [(None, "100.00", "waiting", True)]
    fill = [world.line(month="2026-03", lineRef="contract-7")]
    trial = (await sent(client, format_, fill, 2, dryRun="true")).json()
    await delivered(client, db, api_keyring, format_, fill, 2)
    assert trial["counts"] == (await read(client, location))["counts"] | {"received": 1, "applied": 1}
    assert [await statement(client, month) for month in ("2026-01", "2026-02", "2026-03")] == [
        [(world.CHILD, "100.00", "standing", False)]
    ] * 3
    lines = (await read(client, f"{location}/lines"))["lines"]
    assert [(one["outcome"], one["waitingSince"], one["wokenAt"] is not None) for one in lines] == [("applied", None, True)] * 2
    assert (await read(client, f"{location}/faults"))["findings"] == []
    # A receipt is final, whatever a parked line becomes.
    assert (await client.get(f"{location}/receipt", headers=organisation())).content == receipt.content
    sheet = await client.get(f"{location}/lines", headers={**organisation(), "Accept": "text/csv"})
    assert "wacht_op;wacht_sinds;fouten" in sheet.text
