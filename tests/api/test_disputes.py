"""Organisations over HTTP: which of their lines parents dispute, and only what was passed on."""

from typing import Any

import asyncpg
import httpx
import pytest

from reconcile.keyring import Keyring
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import Problem, manager, organisation, parent
from tests.api.test_answers import said


@pytest.fixture
async def differences(client: httpx.AsyncClient, db: Database, admin: asyncpg.Connection, api_keyring: Keyring) -> list[dict[str, Any]]:
    """One difference of each of two children, with two lines behind each."""
    await world.with_register(admin)
    await world.declared(db, api_keyring)
    months = ("2026-02", "2026-03")
    lines = [world.line(month=month, hours="120.00", lineRef=f"noor-{month}") for month in months]
    lines += [world.line(childBsn=world.SIBLING, lrkNumber=world.BSO, month=month, hours="60.00", hourlyRate="9.00") for month in months]
    await world.delivered(db, api_keyring, *lines)
    found: list[dict[str, Any]] = (await client.get("/v1/differences", headers=parent())).json()["differences"]
    assert len(found) == 2
    return sorted(found, key=lambda one: one["explanation"]["lrkNumber"])


async def disputes(client: httpx.AsyncClient, headers: dict[str, str] | None = None, **query: Any) -> dict[str, Any]:
    answer = await client.get("/v1/disputes", headers=headers or organisation(), params=query)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


async def test_only_what_is_passed_on_is_told(client: httpx.AsyncClient, differences: list[dict[str, Any]]) -> None:
    quiet = await disputes(client)
    await said(client, differences[1], "dispute", {"reason": "other", "note": "voor niemand"})
    await said(client, differences[1], "postponement", {"until": "2026-08-01"}, key="p" * 16)
    assert await disputes(client) == quiet == {"disputes": [], "next": None}
    body = {"reason": "hours-wrong", "note": "Noor was ziek", "passOn": True}
    given = (await said(client, differences[0], "dispute", body, key="q" * 16)).json()
    found = (await disputes(client))["disputes"]
    sources = {(one["reported"]["deliveryId"], one["reported"]["lineNumber"]) for one in differences[0]["explanation"]["months"]}
    assert {(one["deliveryId"], one["lineNumber"]) for one in found} == sources
    assert set(found[0]) == {
        *("deliveryId", "lineNumber", "lineRef", "month", "lrkNumber", "reason", "note", "disputedAt", "changedAt", "takenBackAt"),
    }
    assert sorted((one["month"], one["lineRef"]) for one in found) == [("2026-02", "noor-2026-02"), ("2026-03", "noor-2026-03")]
    assert {(one["lrkNumber"], one["reason"], one["note"], one["takenBackAt"]) for one in found} == {
        (world.KDV, "hours-wrong", "Noor was ziek", None)
    }
    assert given["answerId"] not in str(found)
    assert differences[0]["differenceId"] not in str(found)
    await client.delete(f"/v1/answers/{given['answerId']}", headers=parent())
    after = (await disputes(client))["disputes"]
    assert {(one["note"], one["takenBackAt"] is None) for one in after} == {(None, False)}


async def test_pages_meet_every_line_once_newest_change_first(client: httpx.AsyncClient, differences: list[dict[str, Any]]) -> None:
    for number, one in enumerate(differences):
        assert (await said(client, one, "dispute", {"reason": "other", "passOn": True}, key=f"{number}" * 16)).status_code == 201
    whole = (await disputes(client))["disputes"]
    assert len(whole) == 4
    assert [one["changedAt"] for one in whole] == sorted((one["changedAt"] for one in whole), reverse=True)
    pages, before = [], {}
    while before is not None:
        page = await disputes(client, limit=3, **before)
        pages += page["disputes"]
        before = None if page["next"] is None else {"before": page["next"]}
    assert pages == whole


async def test_who_may_ask(client: httpx.AsyncClient, differences: list[dict[str, Any]], db: Database, problem: Problem) -> None:
    await said(client, differences[0], "dispute", {"reason": "other", "passOn": True})
    assert (await disputes(client, organisation(world.OTHER_OIN)))["disputes"] == []
    for headers in (parent(), manager()):
        problem(await client.get("/v1/disputes", headers=headers), 403, "insufficient-scope")
    vendor = organisation(world.VENDOR_OIN)
    problem(await client.get("/v1/disputes", headers=vendor, params={"organisationOin": world.OIN}), 403, "not-mandated")
    await world.mandated(db)
    # It has the mandate, and sent none of these lines.
    assert (await disputes(client, vendor, organisationOin=world.OIN))["disputes"] == []
    for before in ("x", "2026-01-01T00:00:00Z~1", "~"):
        problem(await client.get("/v1/disputes", headers=organisation(), params={"before": before}), 400, "invalid-request")
