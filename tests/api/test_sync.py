"""A phone's pull over HTTP: the wire form, its refusals, and nothing of another household."""

import gzip
import hashlib
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
import pytest_asyncio

from api.app import create_app
from api.sync_documents import COLLECTIONS
from reconcile.keyring import Keyring
from reconcile.settings import Settings
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import OneKey, Problem, bearer, organisation, parent

MONTHS = ("2026-02", "2026-03")


@pytest_asyncio.fixture
async def followed(db: Database, admin: asyncpg.Connection, api_keyring: Keyring) -> None:
    """A household with two placements, and a difference on one of them."""
    await world.with_register(admin)
    await world.declared(db, api_keyring)
    await world.delivered(db, api_keyring, *(world.line(month=month, hours="120.00") for month in MONTHS))


async def pull(client: httpx.AsyncClient, collection: str = "placements", *, bsn: str = world.APPLICANT, **asked: Any) -> httpx.Response:
    query = {name: value for name, value in {"schemaVersion": 1, **asked}.items() if value is not ...}
    return await client.get(f"/v1/sync/{collection}", params=query, headers=parent(bsn))


async def test_a_phone_follows_page_by_page(client: httpx.AsyncClient, followed: None) -> None:
    first = (await pull(client, limit=1)).json()
    second = (await pull(client, limit=1, **first["checkpoint"])).json()
    third = await pull(client, limit=1, **second["checkpoint"])
    numbers = [page["documents"][0]["placementId"] for page in (first, second)]
    assert len(set(numbers)) == 2
    assert [page["documents"][0]["_deleted"] for page in (first, second)] == [False, False]
    assert set(first["checkpoint"]) == {"epoch", "lwt", "id"}
    assert second["checkpoint"]["id"] == numbers[1]
    assert third.json() == {"documents": [], "checkpoint": second["checkpoint"]}


async def test_an_empty_first_page_gives_the_epoch_to_come_back_with(client: httpx.AsyncClient, followed: None) -> None:
    first = (await pull(client, "changes")).json()
    assert (first["documents"], first["checkpoint"]["lwt"], first["checkpoint"]["id"]) == ([], 0, "")
    assert (await pull(client, "changes", **first["checkpoint"])).json() == first


async def test_a_difference_is_the_same_everywhere(client: httpx.AsyncClient, followed: None) -> None:
    listed = (await client.get("/v1/differences", headers=parent())).json()["differences"]
    pulled = (await pull(client, "differences")).json()["documents"]
    assert pulled == [{**one, "_deleted": False} for one in listed]
    assert len(pulled) == 1


async def test_a_change_shows_what_became_of_it(client: httpx.AsyncClient, followed: None) -> None:
    difference = (await pull(client, "differences")).json()["documents"][0]
    tap = {**parent(), "If-Match": f'"d{difference["differenceId"]}-v{difference["version"]}"', "Idempotency-Key": "sync-key-000000000000"}
    accepted = (await client.post(f"/v1/differences/{difference['differenceId']}/acceptance", headers=tap)).json()
    change = (await pull(client, "changes")).json()["documents"][0]
    assert (change["changeId"], change["differenceId"], change["differenceVersion"], change["state"]) == (
        accepted["changeId"],
        difference["differenceId"],
        difference["version"],
        "staged",
    )
    assert change["placements"] == [{**one, "undeclared": [], "endUndone": False} for one in difference["proposal"]["placements"]]
    assert (change["kind"], change["undoneChangeId"]) == ("acceptance", None)
    receipt = {"outcome": "refused", "reason": "Dat kan niet."}
    await client.post(f"/v1/changes/{change['changeId']}/receipts", json=receipt, headers=bearer("kot:declare", oin=world.TVS.oin))
    refused = (await pull(client, "changes")).json()["documents"][0]
    assert (refused["state"], refused["reason"], refused["sentAt"]) == ("refused", "Dat kan niet.", None)
    assert refused["version"] > change["version"]


async def test_a_page_that_the_phone_has_is_not_sent_again(client: httpx.AsyncClient, followed: None) -> None:
    first = await pull(client)
    again = await client.get("/v1/sync/placements?schemaVersion=1", headers={**parent(), "If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(("accepted", "is_packed"), [("gzip, br", True), ("br", False), ("gzip;q=0", False), ("gzip; q=0.5", True)])
async def test_a_large_page_is_packed_for_who_takes_it(client: httpx.AsyncClient, followed: None, accepted: str, is_packed: bool) -> None:
    headers = {**parent(), "Accept-Encoding": accepted}
    async with client.stream("GET", "/v1/sync/differences?schemaVersion=1", headers=headers) as answer:
        content = b"".join([piece async for piece in answer.aiter_raw()])
    assert (answer.headers.get("content-encoding") == "gzip") == is_packed
    assert int(answer.headers["content-length"]) == len(content)
    assert answer.headers["vary"] == "Accept-Encoding"
    assert len(msgspec.json.decode(gzip.decompress(content) if is_packed else content)["documents"]) == 1


async def test_a_copy_is_held_against_a_checksum(client: httpx.AsyncClient, followed: None) -> None:
    checksum = (await client.get("/v1/sync/checksum", headers=parent())).json()
    pages = {name: (await pull(client, name)).json() for name in COLLECTIONS}
    assert checksum["epoch"] == pages["placements"]["checkpoint"]["epoch"]
    assert checksum["lwt"] >= max(page["checkpoint"]["lwt"] for page in pages.values())
    for held in checksum["collections"]:
        documents, key = pages[held["collection"]]["documents"], COLLECTIONS[held["collection"]].key
        lines = sorted(f"{one[key]} {one['version']}\n" for one in documents)
        assert (held["count"], held["sha256"]) == (len(documents), hashlib.sha256("".join(lines).encode()).hexdigest())
    assert {one["collection"]: one["count"] for one in checksum["collections"]} == {
        "answers": 0,
        "changes": 0,
        "differences": 1,
        "notices": 0,
        "placements": 2,
    }


async def test_another_epoch_begins_again(client: httpx.AsyncClient, followed: None, problem: Problem) -> None:
    checkpoint = (await pull(client)).json()["checkpoint"]
    problem(await pull(client, **{**checkpoint, "epoch": "0" * 24}), 410, "epoch-ended")
    problem(await pull(client, **{**checkpoint, "lwt": checkpoint["lwt"] + 1_000}), 410, "epoch-ended")
    partner = await pull(client, bsn=world.PARTNER, **checkpoint)
    problem(partner, 410, "epoch-ended")


async def test_a_restore_ends_every_epoch(
    client: httpx.AsyncClient, followed: None, problem: Problem, settings: Settings, db: Database
) -> None:
    checkpoint = (await pull(client)).json()["checkpoint"]
    restored = create_app(msgspec.structs.replace(settings, restore_number=2), db, world.nobody, keys=OneKey(), clock=lambda: world.NOW)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=restored), base_url="http://api.test") as other:  # type: ignore[arg-type]
        problem(await pull(other, **checkpoint), 410, "epoch-ended")
        assert len((await pull(other)).json()["documents"]) == 2


async def test_an_app_that_is_too_old_is_told_to_upgrade(client: httpx.AsyncClient, followed: None, problem: Problem) -> None:
    answer = await pull(client, schemaVersion=0)
    assert problem(answer, 426, "app-too-old")["schemaVersion"] == 1
    assert answer.headers["upgrade"] == "kot-sync/1"
    problem(await pull(client, schemaVersion=2), 400, "invalid-request")


@pytest.mark.parametrize(
    "wrong",
    [
        {"schemaVersion": ...},
        {"schemaVersion": "one"},
        {"lwt": -1},
        {"lwt": 2**60},
        {"limit": 0},
        {"limit": 501},
        {"id": "no-number"},
        {"epoch": "'; DROP TABLE household; --"},
        {"lwt": 5},
        {"id": "00000000-0000-4000-8000-000000000000"},
        {"epoch": "0" * 24, "lwt": 5},
    ],
)
async def test_half_a_checkpoint_or_a_wrong_parameter_is_refused(
    client: httpx.AsyncClient, followed: None, problem: Problem, wrong: dict[str, Any]
) -> None:
    problem(await pull(client, **wrong), 400, "invalid-request")


async def test_all_wrong_parameters_are_told_at_once(client: httpx.AsyncClient, followed: None, problem: Problem) -> None:
    document = problem(await pull(client, schemaVersion="x", lwt="x", limit="x"), 400, "invalid-request")
    assert len(document["errors"]) == 3


async def test_a_collection_that_is_none(client: httpx.AsyncClient, followed: None, problem: Problem) -> None:
    problem(await pull(client, "people"), 404, "not-found")


async def test_nobody_follows_another_household(
    client: httpx.AsyncClient, followed: None, db: Database, api_keyring: Keyring, problem: Problem
) -> None:
    own = (await pull(client)).json()["checkpoint"]
    stranger = world.declaration(householdRef="H2", members=[world.member(world.STRANGER, "applicant")], placements=[])
    await world.declared(db, api_keyring, stranger)
    for collection in ("placements", "differences", "changes"):
        assert (await pull(client, collection, bsn=world.STRANGER)).json()["documents"] == []
    checksum = (await client.get("/v1/sync/checksum", headers=parent(world.STRANGER))).json()
    assert {one["count"] for one in checksum["collections"]} == {0}
    problem(await pull(client, bsn=world.STRANGER, **own), 410, "epoch-ended")
    problem(await client.get("/v1/sync/placements?schemaVersion=1", headers=organisation()), 403, "insufficient-scope")


async def test_whoever_moved_to_another_household_follows_that_one(
    client: httpx.AsyncClient, followed: None, db: Database, api_keyring: Keyring, problem: Problem
) -> None:
    """Who a login was is remembered; that it no longer is, is noticed by the page itself."""
    before = (await pull(client, bsn=world.PARTNER)).json()
    assert len(before["documents"]) == 2
    members = [world.member(world.APPLICANT, "applicant"), world.member(world.CHILD, "child"), world.member(world.SIBLING, "child")]
    await world.declared(db, api_keyring, world.declaration(version=2, members=members))
    problem(await pull(client, bsn=world.PARTNER, **before["checkpoint"]), 403, "household-unclear")
    problem(await client.get("/v1/sync/checksum", headers=parent(world.PARTNER)), 403, "household-unclear")
    moved = world.declaration(householdRef="H2", members=[world.member(world.PARTNER, "applicant")], placements=[])
    await world.declared(db, api_keyring, moved)
    problem(await pull(client, bsn=world.PARTNER, **before["checkpoint"]), 410, "epoch-ended")
    assert (await pull(client, bsn=world.PARTNER)).json()["documents"] == []


async def test_a_weak_login_follows_nothing(client: httpx.AsyncClient, followed: None, problem: Problem) -> None:
    weak = parent(acr="http://eidas.europa.eu/LoA/low")
    problem(await client.get("/v1/sync/placements?schemaVersion=1", headers=weak), 401, "not-authenticated")
    problem(await client.get("/v1/sync/placements?schemaVersion=1"), 401, "not-authenticated")
