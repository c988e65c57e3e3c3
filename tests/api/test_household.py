"""The household over HTTP: at a glance, and everything to take along, as JSON and as a page."""

import asyncio
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest

from api import household, services
from api.app import create_app
from api.export_documents import HouseholdExport
from api.household import HouseholdDocument
from api.services import EXPORTS_AT_ONCE
from reconcile.disclose import SECTIONS, WITHHELD
from reconcile.keyring import Keyring
from reconcile.settings import Settings
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import OneKey, Problem, manager, organisation, parent, tvs
from tests.household import lived

OVERVIEW, EXPORT = "/v1/household", "/v1/household/export"
ADDRESSES = (OVERVIEW, EXPORT)


@pytest.fixture(autouse=True)
async def _lived(db: Database, admin: asyncpg.Connection, api_keyring: Keyring) -> None:
    await lived(db, admin, api_keyring)


async def test_the_household_at_a_glance(client: httpx.AsyncClient, admin: asyncpg.Connection) -> None:
    answer = await client.get(OVERVIEW, headers=parent())
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    shown = msgspec.json.decode(answer.content, type=HouseholdDocument)
    # Each member of the form is there, and nothing else.
    assert msgspec.json.decode(msgspec.json.encode(shown)) == answer.json()
    assert shown.household_ref == "H1"
    assert shown.version == await admin.fetchval("SELECT version FROM household")
    assert [(one.role, one.given_name) for one in shown.members] == [
        ("applicant", "Ans"),
        ("partner", "Bo"),
        ("child", "Noor & <b>Zo</b>"),
        ("child", "Sam"),
    ]
    care = {one.child_given_name: (one.location.care_type, len(one.declared), len(one.accepted)) for one in shown.placements}
    assert care == {"Noor & <b>Zo</b>": ("KDV", 1, 1), "Sam": ("BSO", 1, 0)}
    (difference,) = shown.open_differences
    assert (difference.kind, difference.child_given_name, difference.has_tap) == ("D09", "Sam", True)
    assert difference.title is not None
    assert difference.title.nl != difference.title.en
    (change,) = shown.changes_underway
    refused, answered, disputed = shown.answers
    assert (refused.kind, refused.state) == ("acceptance", "refused")
    assert (change.state, answered.kind, answered.change_id) == ("staged", "acceptance", change.change_id)
    assert (disputed.kind, disputed.state) == ("dispute", "given")
    assert (answered.state, answered.answered_by) == ("given", "applicant")
    assert [str(one.device_id)[-1] for one in shown.devices] == ["1"]
    notices = shown.notices
    assert (notices.are_on, notices.pilot, notices.stage_number, notices.stage_state) == (True, "Proef", 1, "released")
    assert [(one.who, one.action, one.change_id) for one in shown.looked_at] == [
        ("tvs", "read", change.change_id),
        ("operator", "explained", None),
    ]


async def test_the_partner_sees_the_same_household_and_its_own_phone(client: httpx.AsyncClient) -> None:
    applicant, partner = [(await client.get(OVERVIEW, headers=parent(bsn))).json() for bsn in (world.APPLICANT, world.PARTNER)]
    assert [one["deviceId"][-1] for one in partner["devices"]] == ["2"]
    for document in (applicant, partner):
        del document["devices"], document["asOf"]
    assert applicant == partner


async def test_without_a_pilot_or_with_one_that_pauses_notices_are_off(
    client: httpx.AsyncClient, db: Database, admin: asyncpg.Connection
) -> None:
    await world.paused(db, await admin.fetchval("SELECT pilot_id FROM pilot"))
    paused = (await client.get(OVERVIEW, headers=parent())).json()["notices"]
    assert paused == {"areOn": False, "pilot": "Proef", "stageNumber": 1, "stageState": "paused"}
    await admin.execute("DELETE FROM enrolment")
    outside = (await client.get(OVERVIEW, headers=parent())).json()["notices"]
    assert outside == {"areOn": False, "pilot": None, "stageNumber": None, "stageState": None}


async def test_an_export_is_json_that_says_what_it_leaves_out(client: httpx.AsyncClient, admin: asyncpg.Connection) -> None:
    answer = await client.get(EXPORT, headers=parent())
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["content-disposition"] == 'attachment; filename="kinderopvangtoeslag-gegevens.json"'
    document = answer.json()
    assert list(document) == ["exportedAt", *SECTIONS, "withheld"]
    assert document["withheld"] == dict(WITHHELD)
    assert document["household"]["householdRef"] == "H1"
    assert document["comparisonsDue"] == []
    assert [one["givenName"] for one in document["members"]] == [
        row[0] for row in await admin.fetch("SELECT given_name FROM membership ORDER BY recorded_at, from_month, membership_id")
    ]
    # Its own link is the last, recorded before anything left.
    assert [(one["action"], one["details"]) for one in document["audit"]][-1] == ("exported", {"form": "json"})


async def test_every_row_of_an_export_has_the_members_of_its_form_and_no_other(
    client: httpx.AsyncClient, admin: asyncpg.Connection
) -> None:
    await admin.execute("INSERT INTO comparison_due SELECT household_id, person_id, 2026 FROM membership LIMIT 1")
    answer = await client.get(EXPORT, headers=parent())
    held = msgspec.json.decode(answer.content, type=HouseholdExport)
    assert msgspec.json.decode(msgspec.json.encode(held)) == answer.json()
    assert all(answer.json()[name] for name in SECTIONS), "a part without a row proves nothing"


async def test_who_asks_for_a_page_gets_one_that_nothing_from_outside_can_touch(client: httpx.AsyncClient) -> None:
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    answer = await client.get(EXPORT, headers={**parent(), "Accept": browser})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'; style-src 'sha256-" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers.get_list("content-security-policy") == [answer.headers["content-security-policy"]]
    assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == ("no-store", "nosniff")
    assert (answer.headers["content-disposition"], answer.headers["vary"]) == ("inline", "Accept")
    assert answer.text.startswith("<!DOCTYPE html>")
    assert "Noor &amp; &lt;b&gt;Zo&lt;/b&gt;" in answer.text


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("text/html;q=0.2, application/json", "application/json"),
        ("text/html, application/json;q=0.2", "text/html; charset=utf-8"),
        ("text/*", "text/html; charset=utf-8"),
    ],
)
async def test_the_form_is_what_accept_prefers(client: httpx.AsyncClient, accept: str, kind: str) -> None:
    answer = await client.get(EXPORT, headers={**parent(), "Accept": accept})
    assert answer.headers["content-type"] == kind


async def test_a_form_that_is_not_there_is_refused_and_not_recorded(
    client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem
) -> None:
    before = await admin.fetchval("SELECT count(*) FROM household_audit")
    problem(await client.get(EXPORT, headers={**parent(), "Accept": "application/pdf"}), 406, "not-acceptable")
    assert await admin.fetchval("SELECT count(*) FROM household_audit") == before


@pytest.mark.parametrize("address", ADDRESSES)
async def test_nobody_but_a_parent_reads_a_household(client: httpx.AsyncClient, address: str, problem: Problem) -> None:
    problem(await client.get(address), 401, "not-authenticated")
    for other in (organisation(), tvs(), manager()):
        problem(await client.get(address, headers=other), 403, "insufficient-scope")
    problem(await client.get(address, headers=parent(world.STRANGER)), 403, "household-unclear")
    problem(await client.get(address, headers=parent(world.CHILD)), 403, "household-unclear")


async def test_a_parent_whose_membership_ended_reads_nothing(
    client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem
) -> None:
    assert (await client.get(EXPORT, headers=parent(world.PARTNER))).status_code == 200
    await admin.execute("UPDATE membership SET until_month = '2026-06-01' WHERE role = 'partner'")
    for address in ADDRESSES:
        problem(await client.get(address, headers=parent(world.PARTNER)), 403, "household-unclear")


async def test_so_many_exports_at_once_and_the_next_hears_busy(
    settings: Settings, db: Database, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that wait for the household's lock hold the seats; each is served when the lock is free."""
    monkeypatch.setattr(services, "_SEAT_S", 0.1)
    app = create_app(settings, db, world.nobody, keys=OneKey(), clock=lambda: world.NOW)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as http:
        async with admin.transaction():
            await admin.execute("SELECT FROM household FOR UPDATE")
            waiting = [asyncio.create_task(http.get(EXPORT, headers=parent())) for _ in range(EXPORTS_AT_ONCE)]
            await asyncio.sleep(0.3)
            refused = await http.get(EXPORT, headers=parent())
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert [one.status_code for one in await asyncio.gather(*waiting)] == [200] * EXPORTS_AT_ONCE


async def test_a_large_export_goes_by_way_of_a_file_and_is_the_same(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def parts(answer: httpx.Response) -> dict[str, Any]:
        return {name: rows for name, rows in answer.json().items() if name != "audit"}

    small = await client.get(EXPORT, headers=parent())
    monkeypatch.setattr(household, "_SPOOLED_IN_MEMORY", 16)
    monkeypatch.setattr(household, "_SENT_AT_ONCE", 100)
    assert parts(await client.get(EXPORT, headers=parent())) == parts(small)


async def test_when_reading_breaks_off_nothing_is_answered(client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem) -> None:
    """Half an export would be taken for a whole one."""
    await admin.execute("ALTER TABLE income RENAME TO income_gone")
    try:
        problem(await client.get(EXPORT, headers=parent()), 500, "internal-error")
    finally:
        await admin.execute("ALTER TABLE income_gone RENAME TO income")
