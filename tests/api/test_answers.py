"""Parents over HTTP: dispute and postpone, read back what they answered, take it back."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from reconcile.keyring import Keyring
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import Problem, parent
from tests.api.test_differences import KEY, etag, tap
from tests.tables import contents

UNTIL = {"until": "2026-08-01"}
WRONG_HOURS = {"reason": "hours-wrong"}


async def said(
    client: httpx.AsyncClient,
    difference: dict[str, Any],
    verb: str,
    body: Any,
    *,
    key: str = KEY,
    bsn: str = world.APPLICANT,
    **headers: str,
) -> httpx.Response:
    sent = {**parent(bsn), "If-Match": etag(difference), "Idempotency-Key": key, **headers}
    url = f"/v1/differences/{difference['differenceId']}/{verb}"
    return await client.post(url, headers={name: value for name, value in sent.items() if value}, json=body)


async def now(client: httpx.AsyncClient, difference: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(f"/v1/differences/{difference['differenceId']}", headers=parent())).json()
    return found


async def test_a_dispute(client: httpx.AsyncClient, difference: dict[str, Any]) -> None:
    body = {"reason": "care-not-taken", "note": "Wij waren ziek", "passOn": True, "answerId": str(uuid4())}
    answer = await said(client, difference, "dispute", body)
    assert answer.status_code == 201
    given = answer.json()
    assert {name: given[name] for name in body} == body
    assert (given["kind"], given["differenceId"], given["differenceVersion"]) == (
        "dispute",
        difference["differenceId"],
        difference["version"],
    )
    assert (given["answeredBy"], given["changeId"], given["until"], given["endedAt"]) == ("applicant", None, None, None)
    after = await now(client, difference)
    assert (after["state"], after["changeId"]) == ("disputed", None)
    listed = (await client.get("/v1/differences?state=disputed", headers=parent())).json()["differences"]
    assert [one["differenceId"] for one in listed] == [difference["differenceId"]]


async def test_a_postponement(client: httpx.AsyncClient, difference: dict[str, Any]) -> None:
    answer = await said(client, difference, "postponement", UNTIL)
    assert (answer.status_code, answer.json()["until"], answer.json()["kind"]) == (201, "2026-08-01", "postponement")
    assert (await now(client, difference))["state"] == "postponed"
    listed = (await client.get("/v1/differences?state=open", headers=parent())).json()["differences"]
    assert listed == []
    assert (await tap(client, await now(client, difference), key="another-key-00000000")).status_code == 201


@pytest.mark.parametrize(("verb", "body"), [("dispute", WRONG_HOURS), ("postponement", UNTIL)])
async def test_the_same_request_again_is_answered_from_memory(
    client: httpx.AsyncClient,
    difference: dict[str, Any],
    admin: asyncpg.Connection,
    problem: Problem,
    verb: str,
    body: dict[str, Any],
) -> None:
    first, again = await said(client, difference, verb, body), await said(client, difference, verb, body)
    assert (again.status_code, again.json(), again.headers["idempotency-replayed"]) == (201, first.json(), "true")
    other = await said(client, difference, verb, {**body, "answerId": str(uuid4())})
    problem(other, 422, "key-reused")
    problem(await said(client, difference, verb, body, **{"Idempotency-Key": ""}), 400, "invalid-request")
    # After thirty days the key is forgotten, and what was said is still there.
    await admin.execute("TRUNCATE idempotency_key")
    assert (await said(client, difference, verb, body)).json() == first.json()
    assert await admin.fetchval("SELECT count(*) FROM answer") == 1


@pytest.mark.parametrize(("verb", "body"), [("dispute", WRONG_HOURS), ("postponement", UNTIL)])
async def test_what_was_not_seen_is_not_answered(
    client: httpx.AsyncClient,
    difference: dict[str, Any],
    db: Database,
    api_keyring: Keyring,
    admin: asyncpg.Connection,
    problem: Problem,
    verb: str,
    body: dict[str, Any],
) -> None:
    problem(await said(client, difference, verb, body, **{"If-Match": ""}), 428, "precondition-required")
    await world.delivered(db, api_keyring, world.line(month="2026-03", hours="121.50"))
    before = await contents(admin)
    for _ in range(2):
        refused = await said(client, difference, verb, body)
        document = problem(refused, 412, "stale-difference")
        assert document["current"] == await now(client, difference)
        assert refused.headers["etag"] == etag(document["current"])
    assert await contents(admin) == before
    # The key was not used up by a refusal; what is asked under it now is what the parent sees now.
    assert (await said(client, document["current"], verb, body)).status_code == 201


@pytest.mark.parametrize(
    ("verb", "body", "fields"),
    [
        ("dispute", {}, {"reason"}),
        ("dispute", {"reason": "because"}, {"reason"}),
        ("dispute", {**WRONG_HOURS, "note": f"bel {world.APPLICANT[:4]} {world.APPLICANT[4:]}"}, {"note"}),
        ("dispute", {**WRONG_HOURS, "note": "x" * 501}, {"note"}),
        ("dispute", {**WRONG_HOURS, "note": ""}, {"note"}),
        ("dispute", {**WRONG_HOURS, "note": "a\0b"}, {"note"}),
        ("dispute", {**WRONG_HOURS, "passOn": "yes", "answerId": "7", "by": 1}, {"passOn", "answerId", ""}),
        ("postponement", {}, {"until"}),
        ("postponement", {"until": "tomorrow"}, {"until"}),
        ("postponement", {"until": "2026-02-30", "answerId": "x"}, {"until", "answerId"}),
        ("postponement", [], {""}),
    ],
)
async def test_a_body_that_is_wrong_is_told_whole_and_quotes_nothing(
    client: httpx.AsyncClient,
    difference: dict[str, Any],
    admin: asyncpg.Connection,
    problem: Problem,
    verb: str,
    body: Any,
    fields: set[str],
) -> None:
    before = await contents(admin)
    answer = await said(client, difference, verb, body)
    document = problem(answer, 400, "invalid-request")
    assert {one["field"] for one in document["errors"]} == fields
    assert world.APPLICANT[4:] not in answer.text
    assert await contents(admin) == before


@pytest.mark.parametrize("day", ["2026-07-10", "2026-07-09", "2026-10-11"])
async def test_a_day_that_is_past_or_too_far_is_refused(
    client: httpx.AsyncClient,
    difference: dict[str, Any],
    problem: Problem,
    day: str,
) -> None:
    document = problem(await said(client, difference, "postponement", {"until": day}), 422, "day-refused")
    assert (document["first"], document["last"]) == ("2026-07-11", "2026-10-10")


async def test_numbers_and_closed_differences(client: httpx.AsyncClient, difference: dict[str, Any], problem: Problem) -> None:
    number = str(uuid4())
    assert (await said(client, difference, "postponement", {**UNTIL, "answerId": number})).status_code == 201
    problem(await said(client, difference, "dispute", {**WRONG_HOURS, "answerId": number}, key="a" * 16), 422, "answer-reused")
    moved = await said(client, difference, "postponement", {"until": "2026-07-20", "answerId": number}, key="b" * 16)
    assert (moved.status_code, moved.json()["until"], moved.json()["answerId"]) == (201, "2026-07-20", number)
    current = await now(client, difference)
    assert (await said(client, current, "dispute", WRONG_HOURS, key="c" * 16)).status_code == 201
    ended = await said(client, difference, "postponement", {"until": "2026-07-21", "answerId": number}, key="d" * 16)
    problem(ended, 409, "answer-ended")
    current = await now(client, difference)
    problem(await said(client, current, "postponement", UNTIL, key="e" * 16), 409, "difference-closed")
    problem(await tap(client, current, key="f" * 16), 409, "difference-closed")


async def test_twenty_times_at_once_is_once(client: httpx.AsyncClient, difference: dict[str, Any], admin: asyncpg.Connection) -> None:
    answers = await asyncio.gather(*(said(client, difference, "dispute", WRONG_HOURS) for _ in range(20)))
    assert {one.status_code for one in answers} <= {201, 409, 503}
    assert len({one.json()["answerId"] for one in answers if one.status_code == 201}) == 1
    assert await admin.fetchval("SELECT count(*) FROM answer") == 1


async def test_the_receipt_shows_what_was_seen_years_later(
    client: httpx.AsyncClient,
    difference: dict[str, Any],
    db: Database,
    api_keyring: Keyring,
) -> None:
    given = (await said(client, difference, "postponement", UNTIL)).json()
    await world.delivered(db, api_keyring, world.line(month="2026-03", hours="140.00"))
    accepted = (await tap(client, await now(client, difference), key="another-key-00000000")).json()
    receipt = (await client.get(f"/v1/answers/{given['answerId']}", headers=parent())).json()
    assert receipt["endedAt"] is not None
    assert {name: receipt[name] for name in given if name not in ("endedAt", "version")} == {
        name: value for name, value in given.items() if name not in ("endedAt", "version")
    }
    told = (
        "version",
        "kind",
        "year",
        "childId",
        "proposal",
        "route",
        "explanation",
        "effect",
        "rulesVersion",
        "judgedAt",
        "texts",
        "textVersion",
    )
    assert receipt["shown"] == {name: difference[name] for name in (*told, "textVersion")}
    later = (await client.get(f"/v1/answers/{accepted['answerId']}", headers=parent())).json()
    assert (later["kind"], later["changeId"], later["shown"]["version"]) == (
        "acceptance",
        accepted["changeId"],
        accepted["differenceVersion"],
    )
    assert later["shown"]["proposal"] != receipt["shown"]["proposal"]


async def test_an_answer_is_taken_back_once(
    client: httpx.AsyncClient,
    difference: dict[str, Any],
    db: Database,
    api_keyring: Keyring,
    woken: list[str],
    problem: Problem,
    admin: asyncpg.Connection,
) -> None:
    given = (await said(client, difference, "dispute", WRONG_HOURS)).json()
    address = f"/v1/answers/{given['answerId']}"
    assert (await client.delete(address, headers=parent(world.PARTNER))).status_code == 204
    assert "comparison" in woken
    before = await contents(admin)
    assert (await client.delete(address, headers=parent())).status_code == 204
    assert await contents(admin) == before
    assert (await client.get(address, headers=parent())).json()["endedAt"] is not None
    await world.worked(db, api_keyring)
    (opened,) = (await client.get("/v1/differences?state=open", headers=parent())).json()["differences"]
    assert (opened["proposal"], opened["differenceId"] != difference["differenceId"]) == (difference["proposal"], True)
    accepted = (await tap(client, opened, key="another-key-00000000")).json()
    problem(await client.delete(f"/v1/answers/{accepted['answerId']}", headers=parent()), 409, "answer-final")


async def test_a_foreign_and_a_missing_answer_look_the_same(
    client: httpx.AsyncClient,
    difference: dict[str, Any],
    db: Database,
    api_keyring: Keyring,
) -> None:
    given = (await said(client, difference, "dispute", WRONG_HOURS)).json()
    await world.declared(
        db, api_keyring, world.declaration(householdRef="H2", members=[world.member(world.STRANGER, "applicant")], placements=[])
    )
    stranger = parent(world.STRANGER)
    for method in ("GET", "DELETE"):
        answers = [await client.request(method, f"/v1/answers/{number}", headers=stranger) for number in (UUID(given["answerId"]), uuid4())]
        assert [one.status_code for one in answers] == [404, 404]
        assert answers[0].json()["detail"] == answers[1].json()["detail"]
    for verb, body in (("dispute", WRONG_HOURS), ("postponement", UNTIL)):
        foreign = await said(client, difference, verb, body, bsn=world.STRANGER)
        missing = await said(client, {**difference, "differenceId": str(uuid4())}, verb, body, bsn=world.STRANGER, key="z" * 16)
        assert (foreign.status_code, missing.status_code) == (404, 404)
        assert foreign.json()["detail"] == missing.json()["detail"]
