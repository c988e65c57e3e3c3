"""Receipts over real HTTP: canonical bytes, their digest, the same whenever they are asked for."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest_asyncio

from api.edge import Edge
from reconcile.keyring import Keyring
from reconcile.rules.canonical import canonical_json
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import Problem, organisation
from tests.serving import serving

BODY = world.delivery_body([world.line(), world.line(month="2026-13"), world.line(childBsn=None)])


@pytest_asyncio.fixture
async def http(app: Edge, admin: asyncpg.Connection) -> AsyncIterator[httpx.AsyncClient]:
    await world.with_register(admin)
    async with serving(app) as served, httpx.AsyncClient(base_url=served.url) as client:
        yield client


async def send(http: httpx.AsyncClient, body: bytes = BODY, *, key: str = "r-1") -> str:
    headers = {**organisation(), "Content-Type": "application/json", "Idempotency-Key": key}
    return (await http.post("/v1/deliveries", content=body, headers=headers)).headers["location"]


async def receipt(http: httpx.AsyncClient, location: str, oin: str = world.OIN, **params: str) -> httpx.Response:
    return await http.get(f"{location}/receipt", params=params, headers=organisation(oin))


async def test_a_receipt_comes_when_the_delivery_is_done_and_stays_the_same(
    http: httpx.AsyncClient, db: Database, api_keyring: Keyring, problem: Problem
) -> None:
    location = await send(http)
    early = await receipt(http, location)
    problem(early, 409, "delivery-not-done")
    assert early.headers["retry-after"] == "5"
    await world.worked(db, api_keyring)
    first = await receipt(http, location)
    document = json.loads(first.content)
    delivery = (await http.get(location, headers=organisation())).json()
    assert (
        document["counts"]
        == {name: count for name, count in delivery["counts"].items() if name != "withdrawn"}
        == {"received": 3, "applied": 1, "unchanged": 0, "superseded": 0, "parked": 1, "rejected": 1}
    )
    assert (document["contentSha256"], document["byteCount"]) == (hashlib.sha256(BODY).hexdigest(), len(BODY))
    assert (document["deliveryId"], document["organisationOin"], document["senderOin"], document["form"]) == (
        *(delivery["deliveryId"], world.OIN, world.OIN),
        "kot-uren/receipt/1",
    )
    assert canonical_json(document) == first.content
    digest = hashlib.sha256(first.content).digest()
    assert first.headers["content-digest"] == f"sha-256=:{base64.b64encode(digest).decode()}:"
    assert first.headers["etag"] == f'"{digest.hex()}"'
    await world.delivered(db, api_keyring, world.line(hours="1.00"), world.line())
    await send(http, key="r-2")
    assert (await receipt(http, location)).content == first.content


async def test_counts_that_change_later_do_not_change_the_receipt(
    http: httpx.AsyncClient, db: Database, admin: asyncpg.Connection, api_keyring: Keyring
) -> None:
    """A parked line may come alive: the delivery then counts otherwise, and what was given out stands."""
    location = await send(http)
    await world.worked(db, api_keyring)
    first = await receipt(http, location)
    await admin.execute("UPDATE delivery SET parked_count = parked_count - 1, applied_count = applied_count + 1")
    assert (await http.get(location, headers=organisation())).json()["counts"]["applied"] == 2
    assert (await receipt(http, location)).content == first.content


async def test_what_cannot_be_read_and_what_came_before_have_receipts_of_their_own(
    http: httpx.AsyncClient, db: Database, api_keyring: Keyring
) -> None:
    broken = await send(http, b"PK\x03\x04", key="r-1")
    await world.worked(db, api_keyring)
    first = await send(http, key="r-2")
    await world.worked(db, api_keyring)
    second = await send(http, key="r-3")
    unreadable, duplicate = [json.loads((await receipt(http, one)).content) for one in (broken, second)]
    code = (await http.get(broken, headers=organisation())).json()["problem"]["code"]
    assert (unreadable["problem"]["code"], unreadable["counts"], unreadable["duplicateOf"]) == (code, None, None)
    assert (duplicate["duplicateOf"], duplicate["counts"], duplicate["reference"]) == (first.rsplit("/", 1)[1], None, "r-3")


async def test_a_receipt_is_its_sender_s_and_its_organisation_s(
    http: httpx.AsyncClient, db: Database, api_keyring: Keyring, problem: Problem
) -> None:
    own = await send(http)
    sent = await world.landed(db, api_keyring, BODY, sender=await world.mandated(db))
    await world.worked(db, api_keyring)
    by_vendor = f"/v1/deliveries/{sent.delivery.delivery_id}"
    seen_by_vendor = await receipt(http, by_vendor, world.VENDOR_OIN, organisationOin=world.OIN)
    assert seen_by_vendor.content == (await receipt(http, by_vendor)).content
    assert json.loads(seen_by_vendor.content)["senderOin"] == world.VENDOR_OIN
    missing = problem(await receipt(http, "/v1/deliveries/9b2f0c7e-3a3f-4d7e-9f0a-000000000000"), 404, "not-found")
    assert problem(await receipt(http, own, world.VENDOR_OIN, organisationOin=world.OIN), 404, "not-found") == missing
    assert problem(await receipt(http, own, world.OTHER_OIN), 404, "not-found") == missing
    problem(await receipt(http, own, world.OTHER_VENDOR_OIN, organisationOin=world.OIN), 403, "not-mandated")
