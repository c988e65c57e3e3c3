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
    problem(await withdraw(client, delivery_id, {"lineNumbers": [1]}), 409, "delivery-busy")


async def test_a_delivery_of_nobody_and_of_another_look_the_same(client: httpx.AsyncClient, delivery_id: object, problem: Problem) -> None:
    foreign = problem(await withdraw(client, delivery_id, oin=world.OTHER_OIN), 404, "not-found")
    assert problem(await withdraw(client, uuid4()), 404, "not-found")["detail"] == foreign["detail"]


@pytest.mark.parametrize("body", [{"lineNumbers": []}, {"lineNumbers": [0]}, {"lineNumbers": "1"}, {"lines": [1]}, [1], {}])
async def test_a_body_that_is_wrong_takes_nothing_back(
    client: httpx.AsyncClient, admin: asyncpg.Connection, delivery_id: object, problem: Problem, body: Any
) -> None:
    problem(await withdraw(client, delivery_id, body), 400, "invalid-request")
    assert await admin.fetchval("SELECT count(*) FROM withdrawal") == 0


async def test_nobody_else_withdraws(client: httpx.AsyncClient, delivery_id: object, problem: Problem) -> None:
    for headers in (parent(), tvs()):
        problem(await client.post(f"/v1/deliveries/{delivery_id}/withdrawal", headers=headers), 403, "insufficient-scope")
