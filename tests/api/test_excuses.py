"""Excuses over HTTP: given by the organisation alone, seen by its vendors and by managers, and what they move."""

from typing import Any

import asyncpg
import httpx
import pytest

from reconcile.store.audit import broken_links
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import Problem, manager, organisation, parent

# The clock stands at 10 July 2026: May was due on 30 June, June is due on 31 July.
MAY = "/v1/expected-deliveries/2026-05/excuse"
EXCUSE = {"reason": "software", "deliverBy": "2026-07-20", "note": "Leverancier heeft storing"}


@pytest.fixture(autouse=True)
async def _register(admin: asyncpg.Connection) -> None:
    await world.with_register(admin)


async def give(client: httpx.AsyncClient, body: Any = EXCUSE, *, path: str = MAY, oin: str = world.OIN, **params: str) -> httpx.Response:
    return await client.put(path, json=body, params=params, headers=organisation(oin))


async def own(client: httpx.AsyncClient, month: str = "2026-05", oin: str = world.OIN, **params: str) -> dict[str, Any]:
    found: dict[str, Any] = (
        await client.get("/v1/expected-deliveries", params={"month": month, **params}, headers=organisation(oin))
    ).json()
    return found


async def test_an_excuse_is_given_shown_and_taken_back(client: httpx.AsyncClient, admin: asyncpg.Connection) -> None:
    given = await give(client)
    assert given.status_code == 200, given.text
    assert given.json() == {**EXCUSE, "lrkNumber": None, "recordedAt": given.json()["recordedAt"]}
    assert (await give(client)).json() == given.json()
    found = await own(client)
    assert (found["isOverdue"], found["isExcused"], found["step"], found["excuses"]) == (True, True, "reminder", [given.json()])
    assert [one["since"] for one in found["steps"]][1:] == ["2026-08-03T22:00:00Z", "2026-08-17T22:00:00Z"]
    ended = [await client.delete(MAY, headers=organisation()) for _ in range(2)]
    assert [one.status_code for one in ended] == [204, 204]
    found = await own(client)
    assert (found["isExcused"], found["excuses"]) == (False, [])
    actions = [row[0] for row in await admin.fetch("SELECT event ->> 'action' FROM organisation_audit ORDER BY number")]
    assert actions == ["excused", "excuse-ended"]
    assert await broken_links(admin, 10) == []


async def test_an_excuse_in_time_moves_the_reminder_too(client: httpx.AsyncClient, admin: asyncpg.Connection) -> None:
    await give(client)
    await admin.execute("UPDATE excuse SET recorded_at = '2026-06-29T12:00:00Z'")
    found = await own(client)
    assert (found["isExcused"], found["step"], found["steps"][0]["since"]) == (True, None, "2026-07-20T22:00:00Z")


async def test_the_last_one_counts_for_each_location(client: httpx.AsyncClient) -> None:
    await give(client, lrkNumber=world.KDV)
    await give(client, {"reason": "closed", "deliverBy": "2026-07-15"}, lrkNumber=world.KDV)
    await give(client, {"reason": "transfer", "deliverBy": "2026-07-30"}, lrkNumber=world.BSO)
    found = await own(client)
    assert [(one["lrkNumber"], one["reason"]) for one in found["excuses"]] == [(world.KDV, "closed"), (world.BSO, "transfer")]
    assert found["steps"][1]["since"] == "2026-07-29T22:00:00Z"  # what is missing first counts


async def test_vendors_and_managers_see_it_beside_what_is_overdue_and_give_none(
    client: httpx.AsyncClient, db: Database, problem: Problem
) -> None:
    given = (await give(client)).json()
    await world.mandated(db)
    problem(await give(client, oin=world.VENDOR_OIN, organisationOin=world.OIN), 403, "not-allowed")
    assert (await own(client, oin=world.VENDOR_OIN, organisationOin=world.OIN))["excuses"] == [given]
    across = (await client.get("/v1/mandated-organisations", params={"month": "2026-05"}, headers=organisation(world.VENDOR_OIN))).json()
    assert [one["isExcused"] for one in across["organisations"]] == [True]
    listed = (await client.get("/v1/overdue-organisations", params={"month": "2026-05"}, headers=manager("kot:pilot.read"))).json()
    told = [(one["name"], one["state"], one["step"], one["isExcused"], one["excuses"]) for one in listed["organisations"]]
    assert told == [("Houder 00000011", "never", "reminder", True, [given]), ("Houder 00000012", "never", "reminder", False, [])]
    assert (await own(client, oin=world.OTHER_OIN))["excuses"] == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reason": "software"},
        {"reason": "holiday", "deliverBy": "2026-07-20"},
        {"reason": "software", "deliverBy": "20-07-2026"},
        {"reason": "other", "deliverBy": "2026-07-20"},
        {"reason": "other", "deliverBy": "2026-07-20", "note": ""},
        {**EXCUSE, "note": f"kind {world.CHILD}"},
        {**EXCUSE, "note": "x" * 201},
        {**EXCUSE, "month": "2026-05"},
    ],
)
async def test_a_wrong_excuse_is_a_problem(client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem, body: Any) -> None:
    problem(await give(client, body), 400, "invalid-request")
    assert await admin.fetchval("SELECT count(*) FROM excuse") == 0


async def test_a_wrong_month_or_location_is_a_problem(client: httpx.AsyncClient, problem: Problem) -> None:
    problem(await give(client, path="/v1/expected-deliveries/2026-13/excuse"), 400, "invalid-request")
    problem(await give(client, lrkNumber="12"), 400, "invalid-request")
    problem(await give(client, lrkNumber=world.ELSEWHERE), 404, "not-found")
    problem(await client.put(MAY, json=EXCUSE, headers=parent()), 403, "insufficient-scope")
