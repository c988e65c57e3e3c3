"""Mandates over HTTP, and what a vendor can do with one."""

from typing import Any

import asyncpg
import httpx
import pytest

from reconcile.keyring import Keyring
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import Headers, Problem, organisation

ADDRESS = f"/v1/mandates/{world.VENDOR_OIN}"
FOR_IT = {"organisationOin": world.OIN}
BODY = world.delivery_body([world.line(), world.line(month="2026-13"), world.line(childBsn=None)])


@pytest.fixture(autouse=True)
async def _register(admin: asyncpg.Connection) -> None:
    await world.with_register(admin)


def vendor(oin: str = world.VENDOR_OIN) -> Headers:
    return organisation(oin)


async def give(client: httpx.AsyncClient, oin: str = world.OIN, vendor_oin: str = world.VENDOR_OIN, **body: Any) -> httpx.Response:
    body = {"from": "2020-01-01", **body}
    return await client.put(f"/v1/mandates/{vendor_oin}", headers=organisation(oin), json=body)


async def send(client: httpx.AsyncClient, body: bytes = BODY, *, oin: str = world.VENDOR_OIN, **params: str) -> httpx.Response:
    headers = {**organisation(oin), "Content-Type": "application/json", "Idempotency-Key": "r-1"}
    return await client.post("/v1/deliveries", content=body, params=params, headers=headers)


async def test_a_mandate_is_given_changed_listed_and_ended(client: httpx.AsyncClient) -> None:
    first = (await give(client)).json()
    assert first == {"vendorOin": world.VENDOR_OIN, "from": "2020-01-01", "until": None, "recordedAt": first["recordedAt"]}
    assert (await give(client)).json() == first
    second = (await give(client, until="2026-12-31")).json()
    assert (second["until"], second["recordedAt"] > first["recordedAt"]) == ("2026-12-31", True)
    assert (await client.get("/v1/mandates", headers=organisation())).json() == {"mandates": [second]}
    assert (await client.get("/v1/mandates", headers=organisation(world.OTHER_OIN))).json() == {"mandates": []}
    for _ in range(2):
        assert (await client.delete(ADDRESS, headers=organisation())).status_code == 204
    assert (await client.get("/v1/mandates", headers=organisation())).json() == {"mandates": []}


@pytest.mark.parametrize(
    "body",
    [
        {"from": None},
        {"from": "yesterday"},
        {"from": "2026-02-30"},
        {"from": "2026-02-01T00:00:00Z"},
        {"from": "2026-02-02", "until": "2026-02-01"},
        {"until": 20260101},
        {"vendorOin": world.VENDOR_OIN},
    ],
)
async def test_a_wrong_mandate_changes_nothing(
    client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem, body: dict[str, Any]
) -> None:
    document = problem(await give(client, **body), 400, "invalid-request")
    assert document["errors"]
    assert await admin.fetchval("SELECT count(*) FROM mandate") == 0


@pytest.mark.parametrize("oin", ["12", world.OIN, world.VENDOR_OIN + "0", "%00", "99999999000000810000"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_vendor_is_named_by_its_oin(
    client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem, oin: str, method: str
) -> None:
    answer = await client.request(method, f"/v1/mandates/{oin}", headers=organisation(), json={"from": "2020-01-01"})
    problem(answer, 400, "invalid-request")
    assert await admin.fetchval("SELECT count(*) FROM mandate") == 0


async def test_a_vendor_delivers_for_an_organisation_and_follows_it(
    client: httpx.AsyncClient, db: Database, api_keyring: Keyring, problem: Problem
) -> None:
    await give(client)
    taken = await send(client, **FOR_IT)
    assert (taken.status_code, taken.json()["senderOin"]) == (202, world.VENDOR_OIN)
    await world.worked(db, api_keyring)
    location = taken.headers["location"]
    receipt = (await client.get(location, headers=vendor())).json()
    assert (receipt["state"], receipt["counts"]["received"]) == ("applied", 3)
    path, _, _ = location.partition("?")
    lines = await client.get(f"{path}/lines", params=FOR_IT, headers=vendor())
    assert [one["outcome"] for one in lines.json()["lines"]] == ["applied", "rejected", "parked"]
    assert (await client.get(path, headers=organisation())).json() == receipt
    assert (await client.get("/v1/deliveries", params=FOR_IT, headers=vendor())).json()["deliveries"] == [receipt]
    problem(await client.get(path, headers=vendor()), 403, "unknown-organisation")
    for_other = {"organisationOin": world.OTHER_OIN}
    problem(await client.get(path, params=for_other, headers=vendor()), 403, "not-mandated")
    await give(client, world.OTHER_OIN)
    problem(await client.get(path, params=for_other, headers=vendor()), 404, "not-found")


async def test_a_vendor_tries_a_file_against_what_it_sent_itself(
    client: httpx.AsyncClient, db: Database, api_keyring: Keyring, problem: Problem
) -> None:
    problem(await send(client, dryRun="true", **FOR_IT), 403, "not-mandated")
    await give(client)
    await send(client, oin=world.OIN)
    await world.worked(db, api_keyring)
    tried = (await send(client, dryRun="true", **FOR_IT)).json()
    assert (tried["duplicateOf"], [one["outcome"] for one in tried["lines"]]) == (None, ["unchanged", "rejected", "parked"])
    own = (await send(client, **FOR_IT)).json()["deliveryId"]
    assert (await send(client, dryRun="true", **FOR_IT)).json()["duplicateOf"] == own
    faults = await client.get(f"/v1/deliveries/{own}/faults", params=FOR_IT, headers=vendor())
    assert faults.json()["deliveryId"] == own


async def test_without_a_mandate_not_a_byte_is_kept(client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem) -> None:
    await give(client, until="2020-12-31")
    await give(client, world.OTHER_OIN)
    await give(client, vendor_oin=world.OTHER_VENDOR_OIN)
    await client.delete(f"/v1/mandates/{world.OTHER_VENDOR_OIN}", headers=organisation())
    for oin in (world.VENDOR_OIN, world.OTHER_VENDOR_OIN, world.OTHER_OIN):
        problem(await send(client, oin=oin, **FOR_IT), 403, "not-mandated")
        problem(await client.get("/v1/deliveries", params=FOR_IT, headers=vendor(oin)), 403, "not-mandated")
    problem(await send(client, organisationOin="00000099000077770000"), 403, "not-mandated")
    problem(await send(client), 403, "unknown-organisation")
    assert await admin.fetchval("SELECT count(*) FROM delivery") == 0


@pytest.mark.parametrize("query", ["organisationOin=", "organisationOin=12", f"organisationOin={world.OIN}&organisationOin={world.OIN}"])
async def test_an_organisation_is_named_once_by_its_oin(client: httpx.AsyncClient, problem: Problem, query: str) -> None:
    problem(await client.get(f"/v1/deliveries?{query}", headers=organisation()), 400, "invalid-request")


async def test_a_file_for_another_organisation_than_the_request_is_unreadable(
    client: httpx.AsyncClient, db: Database, api_keyring: Keyring
) -> None:
    await give(client)
    body = world.delivery_body([world.line(lrkNumber=world.ELSEWHERE)], organisationOin=world.OTHER_OIN)
    location = (await send(client, body, **FOR_IT)).headers["location"]
    await world.worked(db, api_keyring)
    receipt = (await client.get(location, headers=vendor())).json()
    assert (receipt["state"], receipt["problem"]["code"]) == ("unreadable", "organisation-mismatch")


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/mandates"), ("PUT", ADDRESS), ("DELETE", ADDRESS)])
async def test_a_vendor_gives_no_mandates(client: httpx.AsyncClient, problem: Problem, method: str, path: str) -> None:
    await give(client)
    answer = await client.request(method, path, params=FOR_IT, headers=vendor(), json={"from": "2020-01-01"})
    problem(answer, 403, "not-allowed")
    problem(await client.request(method, path, headers=vendor(), json={"from": "2020-01-01"}), 403, "unknown-organisation")
    assert len((await client.get("/v1/mandates", headers=organisation())).json()["mandates"]) == 1
