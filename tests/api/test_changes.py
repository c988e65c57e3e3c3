"""TVS over HTTP: declarations, changes and receipts."""

from typing import Any

import asyncpg
import httpx
import msgspec
import pytest

from reconcile.keyring import Keyring
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import Problem, parent, tvs
from tests.api.test_differences import KEY, tap
from tests.reconcile.test_reverse import sent

NDJSON = {"Content-Type": "application/x-ndjson"}


def lines(*documents: Any) -> bytes:
    return b"\n".join(one if isinstance(one, bytes) else msgspec.json.encode(one) for one in documents)


async def declare(client: httpx.AsyncClient, *documents: Any) -> dict[str, Any]:
    answer = await client.post("/v1/declarations", content=lines(*documents), headers={**tvs(), **NDJSON})
    assert answer.status_code == 200, answer.text
    receipt: dict[str, Any] = answer.json()
    return receipt


async def test_every_declaration_stands_by_itself(client: httpx.AsyncClient, admin: asyncpg.Connection, db: Database) -> None:
    await world.with_register(admin)
    wrong_bsn = world.declaration_document(householdRef="H2", members=[world.member("123456789", "applicant")], placements=[])
    receipt = await declare(client, world.declaration_document(), b"{half", wrong_bsn, b"", world.declaration_document(householdRef="H3"))
    assert {name: receipt[name] for name in ("received", "applied", "unchanged", "ignored", "rejected")} == {
        "received": 4,
        "applied": 2,
        "unchanged": 0,
        "ignored": 0,
        "rejected": 2,
    }
    assert [(one["line"], one["code"], one["field"]) for one in receipt["faults"]] == [
        (2, "declaration-unreadable", None),
        (3, "declaration-bsn-invalid", "members[0].bsn"),
    ]
    assert "123456789" not in str(receipt)


@pytest.mark.parametrize(
    "change",
    [
        {"householdRef": "a\x00b"},
        {"members": [world.member(world.APPLICANT, "applicant", givenName="a\x00b")], "placements": []},
        {"members": [world.member(world.APPLICANT, "applicant", personRef="\x00")], "placements": []},
    ],
)
async def test_a_nul_is_told_and_stops_nobody_else(
    client: httpx.AsyncClient, admin: asyncpg.Connection, db: Database, change: dict[str, Any]
) -> None:
    await world.with_register(admin)
    receipt = await declare(client, world.declaration_document(householdRef="H2"), world.declaration_document(**change))
    assert (receipt["applied"], receipt["rejected"]) == (1, 1)
    assert [(one["line"], one["code"]) for one in receipt["faults"]] == [(2, "declaration-unreadable")]


async def test_an_older_version_is_ignored(client: httpx.AsyncClient, admin: asyncpg.Connection, db: Database) -> None:
    await world.with_register(admin)
    await declare(client, world.declaration_document(version=2))
    assert (await declare(client, world.declaration_document(version=1)))["ignored"] == 1
    assert (await declare(client, world.declaration_document(version=2)))["unchanged"] == 1


async def test_a_wrong_media_type_is_refused(client: httpx.AsyncClient, problem: Problem) -> None:
    answer = await client.post("/v1/declarations", content=b"{}", headers={**tvs(), "Content-Type": "application/json"})
    problem(answer, 415, "unsupported-media-type")


async def test_a_line_without_end_is_refused(client: httpx.AsyncClient, problem: Problem) -> None:
    answer = await client.post("/v1/declarations", content=b"x" * 300_000, headers={**tvs(), **NDJSON})
    problem(answer, 413, "body-too-large")


async def accepted(client: httpx.AsyncClient, found: dict[str, Any]) -> str:
    return str((await tap(client, found)).json()["changeId"])


async def receipt(client: httpx.AsyncClient, change_id: str, body: Any, **headers: str) -> httpx.Response:
    sent = {**tvs(), "Content-Type": "application/json", **headers}
    return await client.post(f"/v1/changes/{change_id}/receipts", content=msgspec.json.encode(body), headers=sent)


async def test_a_change_is_read_and_settled(client: httpx.AsyncClient, difference: dict[str, Any]) -> None:
    change_id = await accepted(client, difference)
    change = (await client.get(f"/v1/changes/{change_id}", headers=tvs())).json()
    assert (change["householdRef"], change["state"], change["answeredBy"]["role"]) == ("H1", "staged", "applicant")
    assert change["placements"][0]["segments"] == [{"from": "2026-02", "until": None, "hours": "120.00", "hourlyRate": "10.00"}]
    settled = await receipt(client, change_id, {"outcome": "processed", "declarationVersion": 2})
    assert (settled.status_code, settled.json()["state"], settled.json()["declarationVersion"]) == (200, "processed", 2)


async def test_a_contradicting_receipt_is_refused(client: httpx.AsyncClient, difference: dict[str, Any], problem: Problem) -> None:
    change_id = await accepted(client, difference)
    await receipt(client, change_id, {"outcome": "processed", "declarationVersion": 2})
    problem(await receipt(client, change_id, {"outcome": "refused", "reason": "Nee"}), 409, "receipt-contradicts")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"outcome": "perhaps"},
        {"outcome": "processed"},
        {"outcome": "processed", "declarationVersion": "2"},
        {"outcome": "processed", "declarationVersion": 0},
        {"outcome": "processed", "declarationVersion": 2, "extra": 1},
        {"outcome": "refused", "reason": ""},
        {"outcome": "refused", "reason": "Nee\u0000"},
        {"outcome": "refused", "reason": "x" * 501},
        {"outcome": "refused", "reason": "a\x00b"},
        [],
        None,
        5,
    ],
)
async def test_a_wrong_receipt_changes_nothing(
    client: httpx.AsyncClient, difference: dict[str, Any], problem: Problem, admin: asyncpg.Connection, body: Any
) -> None:
    change_id = await accepted(client, difference)
    problem(await receipt(client, change_id, body), 400, "invalid-request")
    assert await admin.fetchval("SELECT state FROM change") == "staged"


async def test_a_receipt_of_another_media_type_is_refused(client: httpx.AsyncClient, difference: dict[str, Any], problem: Problem) -> None:
    change_id = await accepted(client, difference)
    answer = await receipt(client, change_id, {"outcome": "processed", "declarationVersion": 2}, **{"Content-Type": "text/plain"})
    problem(answer, 415, "unsupported-media-type")


async def test_a_body_nested_too_deep_is_refused(client: httpx.AsyncClient, difference: dict[str, Any], problem: Problem) -> None:
    change_id = await accepted(client, difference)
    headers = {**tvs(), "Content-Type": "application/json"}
    answer = await client.post(f"/v1/changes/{change_id}/receipts", content=b"[" * 20_000, headers=headers)
    problem(answer, 400, "invalid-request")


async def test_a_body_that_is_too_large_is_refused(client: httpx.AsyncClient, difference: dict[str, Any], problem: Problem) -> None:
    change_id = await accepted(client, difference)
    problem(await receipt(client, change_id, {"outcome": "refused", "reason": "x" * 70_000}), 413, "body-too-large")


async def test_a_change_that_is_not_there_is_not_found(client: httpx.AsyncClient, problem: Problem) -> None:
    problem(await client.get("/v1/changes/9b2f0c7e-3a3f-4d7e-9f0a-000000000000", headers=tvs()), 404, "not-found")
    problem(await client.get("/v1/changes/not-a-number", headers=tvs()), 404, "not-found")


async def reversal(
    client: httpx.AsyncClient, change_id: str, *, key: str = "reversal-key-000000", bsn: str = world.APPLICANT
) -> httpx.Response:
    return await client.post(f"/v1/changes/{change_id}/reversal", headers={**parent(bsn), **({"Idempotency-Key": key} if key else {})})


async def test_a_parent_undoes_a_change_that_was_not_sent(client: httpx.AsyncClient, difference: dict[str, Any], woken: list[str]) -> None:
    change_id = await accepted(client, difference)
    woken.clear()
    answer = await reversal(client, change_id)
    assert answer.status_code == 201
    given = answer.json()
    assert (given["kind"], given["undoneChangeId"], given["changeId"], given["differenceId"]) == (
        "reversal",
        change_id,
        None,
        difference["differenceId"],
    )
    assert {"change", "comparison"} <= set(woken)
    after = (await client.get(f"/v1/differences/{difference['differenceId']}", headers=parent())).json()
    assert (after["state"], after["version"]) == ("open", given["version"])
    change = (await client.get(f"/v1/changes/{change_id}", headers=tvs())).json()
    assert (change["kind"], change["state"], change["undoneChangeId"]) == ("acceptance", "reversed", None)
    assert (await tap(client, after, key="another-key-00000000")).status_code == 201


async def test_what_tvs_processed_is_followed_by_a_change_that_undoes_it(
    client: httpx.AsyncClient, difference: dict[str, Any], db: Database
) -> None:
    change_id = await accepted(client, difference)
    await sent(db)
    await receipt(client, change_id, {"outcome": "processed", "declarationVersion": 2})
    undoing = (await reversal(client, change_id)).json()["changeId"]
    change = (await client.get(f"/v1/changes/{undoing}", headers=tvs())).json()
    assert (change["kind"], change["undoneChangeId"], change["state"]) == ("reversal", change_id, "staged")
    assert change["placements"][0]["segments"] == [{"from": "2026-02", "until": None, "hours": "100.00", "hourlyRate": "10.00"}]
    assert (change["placements"][0]["undeclared"], change["placements"][0]["endUndone"]) == ([], False)


async def test_the_same_reversal_again_is_answered_from_memory_and_under_another_key_from_what_stands(
    client: httpx.AsyncClient, difference: dict[str, Any]
) -> None:
    change_id = await accepted(client, difference)
    first, again = await reversal(client, change_id), await reversal(client, change_id)
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    partner = await reversal(client, change_id, bsn=world.PARTNER)
    assert (partner.status_code, partner.json()) == (201, first.json())


async def test_a_reversal_needs_a_key_of_its_own_request(client: httpx.AsyncClient, difference: dict[str, Any], problem: Problem) -> None:
    change_id = await accepted(client, difference)
    problem(await reversal(client, change_id, key=""), 400, "invalid-request")
    problem(await reversal(client, change_id, key=KEY), 422, "key-reused")


async def test_a_change_that_was_refused_cannot_be_undone(client: httpx.AsyncClient, difference: dict[str, Any], problem: Problem) -> None:
    change_id = await accepted(client, difference)
    await receipt(client, change_id, {"outcome": "refused", "reason": "Nee"})
    problem(await reversal(client, change_id), 409, "change-stands")


async def test_nobody_undoes_what_is_not_theirs(
    client: httpx.AsyncClient, difference: dict[str, Any], problem: Problem, db: Database, api_keyring: Keyring
) -> None:
    change_id = await accepted(client, difference)
    stranger = world.declaration(householdRef="H2", members=[world.member(world.STRANGER, "applicant")], placements=[])
    await world.declared(db, api_keyring, stranger)
    foreign = problem(await reversal(client, change_id, bsn=world.STRANGER), 404, "not-found")
    missing = problem(await reversal(client, "9b2f0c7e-3a3f-4d7e-9f0a-000000000000", bsn=world.STRANGER), 404, "not-found")
    assert foreign["detail"] == missing["detail"]
    answer = await client.post(f"/v1/changes/{change_id}/reversal", headers={**tvs(), "Idempotency-Key": KEY})
    problem(answer, 403, "insufficient-scope")
