"""Parents over HTTP: what differs, one tap, and what a wrong or repeated tap does."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from reconcile.keyring import Keyring
from reconcile.store.database import Database
from reconcile.textbook import TEXT_VERSION
from tests import world
from tests.api.conftest import Problem, parent

KEY = "0123456789abcdef"


def etag(difference: dict[str, Any]) -> str:
    return f'"d{difference["differenceId"]}-v{difference["version"]}"'


async def tap(
    client: httpx.AsyncClient, difference: dict[str, Any], *, key: str = KEY, bsn: str = world.APPLICANT, **headers: str
) -> httpx.Response:
    sent = {**parent(bsn), "If-Match": etag(difference), "Idempotency-Key": key, **headers}
    return await client.post(f"/v1/differences/{difference['differenceId']}/acceptance", headers={k: v for k, v in sent.items() if v})


async def test_a_difference_explains_itself(difference: dict[str, Any]) -> None:
    assert (difference["kind"], difference["state"], difference["childGivenName"], difference["route"]) == ("D01", "open", "Noor", None)
    segments = difference["proposal"]["placements"][0]["segments"]
    assert segments == [{"from": "2026-02", "until": None, "hours": "120.00", "hourlyRate": "10.00"}]
    months = difference["explanation"]["months"]
    assert [(one["month"], one["declared"]["hours"], one["reported"]["hours"], one["hoursDeviate"]) for one in months] == [
        ("2026-02", "100.00", "120.00", True),
        ("2026-03", "100.00", "120.00", True),
    ]
    assert months[0]["reported"]["lineNumber"] == 1
    assert difference["effect"]["inMonth"]["changeEuro"] == 172
    assert world.CHILD not in str(difference)


async def test_a_difference_is_told_in_dutch_and_english(client: httpx.AsyncClient, difference: dict[str, Any]) -> None:
    texts = difference["texts"]
    assert set(texts) == {"nl", "en"}
    assert set(texts["nl"]) == set(texts["en"]) == {"title", "seen", "tap", "instead", "effect", "notes", "age"}
    assert texts["nl"]["title"] == "Meer uren opvang dan u had opgegeven"
    assert texts["nl"]["tap"][1] == "Vanaf februari 2026: 120 uur per maand voor € 10,00 per uur."
    assert texts["en"]["tap"][1] == "From February 2026 on: 120 hours a month at €10.00 an hour."
    assert "Noor" not in str(texts)
    assert difference["textVersion"] == TEXT_VERSION
    page = (await client.get("/v1/sync/differences?schemaVersion=1&limit=10", headers=parent())).json()
    assert [(one["texts"], one["textVersion"]) for one in page["documents"]] == [(texts, TEXT_VERSION)]


async def test_a_difference_from_before_texts_were_kept_has_none(
    client: httpx.AsyncClient, difference: dict[str, Any], admin: asyncpg.Connection
) -> None:
    await admin.execute("UPDATE difference SET texts = NULL, text_version = NULL")
    (found,) = (await client.get("/v1/differences", headers=parent())).json()["differences"]
    assert found == {**difference, "texts": None, "textVersion": None}


async def test_one_tap(client: httpx.AsyncClient, difference: dict[str, Any], woken: list[str]) -> None:
    answer = await tap(client, difference)
    assert answer.status_code == 201
    assert set(answer.json()) == {"answerId", "differenceId", "differenceVersion", "changeId", "answeredAt"}
    assert "change" in woken
    after = (await client.get(f"/v1/differences/{difference['differenceId']}", headers=parent())).json()
    assert (after["state"], after["changeId"]) == ("accepted", answer.json()["changeId"])


async def test_the_same_request_again_is_answered_from_memory(
    client: httpx.AsyncClient, difference: dict[str, Any], admin: asyncpg.Connection
) -> None:
    first, again = await tap(client, difference), await tap(client, difference)
    assert (again.status_code, again.json(), again.headers["idempotency-replayed"]) == (201, first.json(), "true")
    assert await admin.fetchval("SELECT count(*) FROM change") == 1


async def test_a_key_of_another_request_is_refused(client: httpx.AsyncClient, difference: dict[str, Any], problem: Problem) -> None:
    await tap(client, difference)
    problem(await tap(client, {**difference, "version": difference["version"] - 1}), 422, "key-reused")


async def test_another_key_for_the_same_version_finds_the_acceptance(client: httpx.AsyncClient, difference: dict[str, Any]) -> None:
    first, again = await tap(client, difference), await tap(client, difference, key="another-key-00000000")
    assert again.json() == first.json()


async def test_a_key_belongs_to_its_person(client: httpx.AsyncClient, difference: dict[str, Any]) -> None:
    first, partner = await tap(client, difference), await tap(client, difference, bsn=world.PARTNER)
    assert "idempotency-replayed" not in partner.headers
    assert partner.json() == first.json()


async def test_fifty_taps_at_once_make_one_change(client: httpx.AsyncClient, difference: dict[str, Any], admin: asyncpg.Connection) -> None:
    answers = await asyncio.gather(*(tap(client, difference) for _ in range(50)))
    assert {one.status_code for one in answers} <= {201, 409, 503}
    assert len({one.json()["changeId"] for one in answers if one.status_code == 201}) == 1
    assert await admin.fetchval("SELECT count(*) FROM outbox") == 1


async def test_without_if_match_nothing_is_accepted(client: httpx.AsyncClient, difference: dict[str, Any], problem: Problem) -> None:
    problem(await tap(client, difference, **{"If-Match": ""}), 428, "precondition-required")


@pytest.mark.parametrize("wrong", ["*", 'W/"x"', '"x"', '"d9b2f0c7e-3a3f-4d7e-9f0a-000000000000-v3"', "v3", '"v999999999999999999999"'])
async def test_a_tag_that_names_no_seen_version_is_refused_with_the_current_difference(
    client: httpx.AsyncClient, difference: dict[str, Any], problem: Problem, wrong: str, admin: asyncpg.Connection
) -> None:
    answer = await tap(client, difference, **{"If-Match": wrong})
    document = problem(answer, 412, "stale-difference")
    assert document["current"] == difference
    assert answer.headers["etag"] == etag(difference)
    assert await admin.fetchval("SELECT count(*) FROM answer") == 0


async def test_a_difference_that_moved_is_refused(
    client: httpx.AsyncClient, difference: dict[str, Any], problem: Problem, db: Database, api_keyring: Keyring
) -> None:
    await world.delivered(db, api_keyring, world.line(month="2026-03", hours="122.00"))
    document = problem(await tap(client, difference), 412, "stale-difference")
    assert (document["seenVersion"], document["current"]["version"]) == (difference["version"], document["currentVersion"])


@pytest.mark.parametrize("key", ["", "short", "x" * 65, "with space in it 1234"])
async def test_without_a_good_key_nothing_is_accepted(
    client: httpx.AsyncClient, difference: dict[str, Any], problem: Problem, key: str
) -> None:
    problem(await tap(client, difference, key=key), 400, "invalid-request")


async def test_nobody_sees_another_household_s_difference(
    client: httpx.AsyncClient, difference: dict[str, Any], problem: Problem, db: Database, api_keyring: Keyring
) -> None:
    stranger = world.declaration(householdRef="H2", members=[world.member(world.STRANGER, "applicant")], placements=[])
    await world.declared(db, api_keyring, stranger)
    assert (await client.get("/v1/differences", headers=parent(world.STRANGER))).json() == {"differences": []}
    path = f"/v1/differences/{difference['differenceId']}"
    foreign = problem(await client.get(path, headers=parent(world.STRANGER)), 404, "not-found")
    missing = problem(await client.get(f"/v1/differences/{uuid4()}", headers=parent(world.STRANGER)), 404, "not-found")
    assert foreign == missing
    problem(await tap(client, difference, bsn=world.STRANGER), 404, "not-found")


async def test_a_difference_that_did_not_change_is_not_sent_again(client: httpx.AsyncClient, difference: dict[str, Any]) -> None:
    path = f"/v1/differences/{difference['differenceId']}"
    first = await client.get(path, headers=parent())
    assert first.headers["etag"] == etag(difference)
    again = await client.get(path, headers={**parent(), "If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("state", ["open", "accepted", "closed"])
async def test_differences_can_be_limited_to_a_state(client: httpx.AsyncClient, difference: dict[str, Any], state: str) -> None:
    found = (await client.get("/v1/differences", params={"state": state}, headers=parent())).json()["differences"]
    assert [one["state"] for one in found] == (["open"] if state == "open" else [])


async def test_a_state_that_is_none_is_a_problem(client: httpx.AsyncClient, difference: dict[str, Any], problem: Problem) -> None:
    problem(await client.get("/v1/differences", params={"state": "x"}, headers=parent()), 400, "invalid-request")
