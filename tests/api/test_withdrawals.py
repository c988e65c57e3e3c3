"""Taking back over HTTP: asked once or twice, whole or by line, and every refusal as its problem."""

from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from reconcile.keyring import Keyring
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import Problem, organisation, parent, tvs


async def withdraw(client: httpx.AsyncClient, delivery_id: object, body: Any = None, oin: str = world.OIN) -> httpx.Response:
    return await client.post(f"/v1/deliveries/{delivery_id}/withdrawal", json=body, headers=organisation(oin))


@pytest.fixture
async def delivery_id(client: httpx.AsyncClient, db: Database, admin: asyncpg.Connection, api_keyring: Keyring) -> object:
    await world.with_register(admin)
    await world.declared(db, api_keyring)
    return await world.delivered(db, api_keyring, world.line(hours="140.00"), world.line(month="2026-04"))


async def test_a_delivery_is_taken_back(
    client: httpx.AsyncClient, db: Database, api_keyring: Keyring, delivery_id: object, woken: list[str]
) -> None:
    answer = await withdraw(client, delivery_id)
    assert (answer.status_code, answer.headers["location"]) == (202, f"/v1/deliveries/{delivery_id}")
    assert "delivery" in woken
    await world.worked(db, api_keyring)
    receipt = (await client.get(answer.headers["location"], headers=organisation())).json()
    assert (receipt["state"], receipt["counts"]["withdrawn"], receipt["counts"]["received"]) == ("withdrawn", 2, 2)
    again = await withdraw(client, delivery_id)
    assert (again.status_code, again.json()["state"]) == (200, "withdrawn")


async def test_lines_are_taken_back_by_their_numbers(
    client: httpx.AsyncClient, db: Database, api_keyring: Keyring, delivery_id: object
) -> None:
    assert (await withdraw(client, delivery_id, {"lineNumbers": [2, 2]})).status_code == 202
    await world.worked(db, api_keyring)
    receipt = (await client.get(f"/v1/deliveries/{delivery_id}", headers=organisation())).json()
    assert (receipt["state"], receipt["counts"]["withdrawn"]) == ("applied", 1)
    lines = (await client.get(f"/v1/deliveries/{delivery_id}/lines", headers=organisation())).json()["lines"]
    assert [line["withdrawnAt"] is not None for line in lines] == [False, True]


async def test_lines_that_are_not_there_take_nothing_back(client: httpx.AsyncClient, delivery_id: object, problem: Problem) -> None:
    found = problem(await withdraw(client, delivery_id, {"lineNumbers": [1, 9]}), 422, "lines-unknown")
    assert found["lineNumbers"] == [9]


async def test_one_withdrawal_at_a_time(client: httpx.AsyncClient, delivery_id: object, problem: Problem) -> None:
    await withdraw(client, delivery_id)
    problem(await withdraw(client, delivery_id, {"lineNumbers": [1]}), 409, "delivery-not-done")


async def test_a_delivery_of_nobody_and_of_another_look_the_same(client: httpx.AsyncClient, delivery_id: object, problem: Problem) -> None:
    foreign = problem(await withdraw(client, delivery_id, oin=world.OTHER_OIN), 404, "not-found")
    assert problem(await withdraw(client, uuid4()), 404, "not-found")["detail"] == foreign["detail"]


@pytest.mark.parametrize(
    "body",
    [{"lineNumbers": []}, {"lineNumbers": [0]}, {"lineNumbers": "1"}, {"lines": [1]}, [1], {}, {"lineNumbers": None}]
    + [{"reason": one} for one in ("", "x" * 201, "two\nlines", f"kind {world.CHILD}", 7, "\x00")]
    + [{"lineNumbers": [1], "reason": f"bsn {world.CHILD[:4]} {world.CHILD[4:]}"}, {"lineNumbers": [], "reason": "te vroeg"}],
)
async def test_a_body_that_is_wrong_takes_nothing_back(
    client: httpx.AsyncClient, admin: asyncpg.Connection, delivery_id: object, problem: Problem, body: Any
) -> None:
    problem(await withdraw(client, delivery_id, body), 400, "invalid-request")
    assert await admin.fetchval("SELECT count(*) FROM withdrawal") == 0


async def test_nobody_else_withdraws(client: httpx.AsyncClient, delivery_id: object, problem: Problem) -> None:
    for headers in (parent(), tvs()):
        problem(await client.post(f"/v1/deliveries/{delivery_id}/withdrawal", headers=headers), 403, "insufficient-scope")


async def test_why_it_is_taken_back_stays_with_the_delivery_and_in_its_audit_chain(
    client: httpx.AsyncClient, db: Database, admin: asyncpg.Connection, api_keyring: Keyring, delivery_id: object
) -> None:
    assert (await withdraw(client, delivery_id, {"lineNumbers": [1], "reason": "Verkeerde maand"})).status_code == 202
    await world.worked(db, api_keyring)
    answer = await withdraw(client, delivery_id, {"reason": "Verkeerd bestand gestuurd"})
    assert answer.json()["withdrawalReason"] == "Verkeerd bestand gestuurd"
    await world.worked(db, api_keyring)
    (shown,) = (await client.get("/v1/deliveries", headers=organisation())).json()["deliveries"]
    assert (shown["state"], shown["withdrawalReason"]) == ("withdrawn", "Verkeerd bestand gestuurd")
    asked = "SELECT event ->> 'reason' FROM organisation_audit WHERE event ->> 'action' = 'withdrawal-asked' ORDER BY number"
    assert [row[0] for row in await admin.fetch(asked)] == ["Verkeerde maand", "Verkeerd bestand gestuurd"]


async def test_a_delivery_that_nobody_began_to_read_is_cancelled(
    client: httpx.AsyncClient, db: Database, admin: asyncpg.Connection, api_keyring: Keyring, problem: Problem
) -> None:
    await world.with_register(admin)
    headers = {**organisation(), "Content-Type": "application/json", "Idempotency-Key": "r-1"}
    body = world.delivery_body([world.line()])
    location = (await client.post("/v1/deliveries", content=body, headers=headers)).headers["location"]
    problem(await client.post(f"{location}/withdrawal", json={"lineNumbers": [1]}, headers=organisation()), 409, "delivery-not-done")
    answer = await client.post(f"{location}/withdrawal", headers=organisation())
    assert (answer.status_code, answer.json()["state"]) == (202, "received")
    await world.worked(db, api_keyring)
    receipt = (await client.get(location, headers=organisation())).json()
    assert (receipt["state"], receipt["counts"]["received"], receipt["counts"]["withdrawn"]) == ("withdrawn", 0, 0)
    assert await admin.fetchval("SELECT count(*) FROM line") == 0
    assert (await client.get(f"{location}/receipt", headers=organisation())).json()["counts"]["received"] == 0
    again = await client.post("/v1/deliveries", content=body, headers={**headers, "Idempotency-Key": "r-2"})
    assert (again.status_code, again.json()["duplicateOf"]) == (202, None)
