"""Answers given offline: the rows that a phone pushes, in every order and state that a bad line can bring about."""

from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import msgspec
import pytest
import pytest_asyncio

from api.sync_documents import FollowedAnswerDocument
from reconcile.keyring import Keyring
from reconcile.rules.replicated import ROWS_MAX
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import Problem, parent, tvs
from tests.workers.test_changes import Scripted
from workers.changes import ChangeDrain
from workers.senders import SendRefused

MONTHS = ("2026-02", "2026-03")
Document = dict[str, Any]


@pytest_asyncio.fixture
async def difference(db: Database, admin: asyncpg.Connection, api_keyring: Keyring, client: httpx.AsyncClient) -> Document:
    """An open difference, as a phone has it."""
    await world.with_register(admin)
    await world.declared(db, api_keyring)
    await world.delivered(db, api_keyring, *(world.line(month=month, hours="120.00") for month in MONTHS))
    return (await pulled(client, "differences"))[0]


async def pulled(client: httpx.AsyncClient, collection: str = "answers", *, bsn: str = world.APPLICANT) -> list[Document]:
    answer = await client.get(f"/v1/sync/{collection}?schemaVersion=1", headers=parent(bsn))
    documents: list[Document] = answer.json()["documents"]
    return documents


async def push(client: httpx.AsyncClient, *rows: Any, bsn: str = world.APPLICANT, version: int = 1) -> httpx.Response:
    return await client.post(f"/v1/sync/answers?schemaVersion={version}", json=list(rows), headers=parent(bsn))


def made(document: Document, assumed: Document | None = None) -> Document:
    return {"newDocumentState": document} | ({"assumedMasterState": assumed} if assumed is not None else {})


def acceptance(difference: Document, **members: Any) -> Document:
    answered = {"differenceId": difference["differenceId"], "differenceVersion": difference["version"]}
    return {"answerId": str(uuid4()), "kind": "acceptance", "state": "sent", "_deleted": False, **answered, **members}


async def test_an_answer_given_offline_is_the_tap(
    client: httpx.AsyncClient, difference: Document, admin: asyncpg.Connection, woken: list[str]
) -> None:
    document = acceptance(difference)
    answer = await push(client, made(document))
    assert (answer.status_code, answer.json()) == (200, [])
    assert woken == ["change", "comparison"]
    (stands,) = await pulled(client, bsn=world.PARTNER)
    (change,) = await pulled(client, "changes")
    assert {name: stands[name] for name in ("answerId", "state", "kind", "answeredBy", "changeId")} == {
        "answerId": document["answerId"],
        "state": "given",
        "kind": "acceptance",
        "answeredBy": "applicant",
        "changeId": change["changeId"],
    }
    (accepted,) = await pulled(client, "differences")
    assert (accepted["state"], accepted["changeId"]) == ("accepted", change["changeId"])
    assert await admin.fetchval("SELECT count(*) FROM outbox WHERE kind = 'change'") == 1


async def test_a_push_whose_answer_was_lost_changes_nothing_when_it_comes_again(
    client: httpx.AsyncClient, difference: Document, admin: asyncpg.Connection, woken: list[str]
) -> None:
    document = acceptance(difference)
    for _ in range(3):
        assert (await push(client, made(document))).json() == []
    versions = await admin.fetchval("SELECT array_agg(version) FROM household")
    assert (await push(client, made(document, document))).json() == []
    assert await admin.fetchval("SELECT array_agg(version) FROM household") == versions
    assert await admin.fetchval("SELECT count(*) FROM answer") == 1
    assert woken == ["change", "comparison"]


async def test_a_reversal_given_offline_undoes_the_change(
    client: httpx.AsyncClient, difference: Document, admin: asyncpg.Connection, woken: list[str]
) -> None:
    accepted = acceptance(difference)
    await push(client, made(accepted))
    (change,) = await pulled(client, "changes")
    reversal = {"answerId": str(uuid4()), "kind": "reversal", "state": "sent", "undoneChangeId": change["changeId"], "_deleted": False}
    woken.clear()
    for _ in range(2):
        assert (await push(client, made(reversal))).json() == []
    assert woken == ["change", "comparison"]
    stands = {one["answerId"]: one for one in await pulled(client, bsn=world.PARTNER)}
    assert (stands[accepted["answerId"]]["state"], stands[reversal["answerId"]]["state"]) == ("ended", "given")
    assert stands[reversal["answerId"]]["undoneChangeId"] == change["changeId"]
    assert [one["state"] for one in await pulled(client, "changes")] == ["reversed"]
    assert [one["state"] for one in await pulled(client, "differences")] == ["open"]
    # Another phone undid the same: once is enough, and it hears so.
    (refused,) = (await push(client, made({**reversal, "answerId": str(uuid4())}), bsn=world.PARTNER)).json()
    assert (refused["state"], refused["problem"]) == ("refused", "answered-before")
    assert await admin.fetchval("SELECT count(*) FROM answer WHERE kind = 'reversal'") == 1


async def receipt(client: httpx.AsyncClient, change_id: str, **said: Any) -> httpx.Response:
    return await client.post(f"/v1/changes/{change_id}/receipts", json=said, headers=tvs())


async def test_a_phone_sees_how_an_acceptance_ended_that_toeslagen_refused(
    client: httpx.AsyncClient, difference: Document, db: Database, api_keyring: Keyring
) -> None:
    document = acceptance(difference)
    await push(client, made(document))
    (change,) = await pulled(client, "changes")
    told = await receipt(client, change["changeId"], outcome="refused", reason="De toeslag is beëindigd.")
    await world.worked(db, api_keyring)
    # As news after the checkpoint that the phone had, in each of the three.
    (answer,), (now,), (again,) = [await pulled(client, one) for one in ("answers", "changes", "differences")]
    assert (told.status_code, answer["answerId"], answer["state"], answer["changeId"]) == (
        200,
        document["answerId"],
        "ended",
        change["changeId"],
    )
    assert (now["state"], now["reason"], now["settledAt"]) == ("refused", "De toeslag is beëindigd.", answer["endedAt"])
    assert (again["state"], again["proposal"]) == ("open", difference["proposal"])
    assert min(answer["version"], now["version"], again["version"]) > change["version"]
    read = (await client.get(f"/v1/answers/{document['answerId']}", headers=parent())).json()
    assert (read["endedAt"], read["shown"]["version"]) == (answer["endedAt"], difference["version"])
    # It is no end of the matter: the parent may say something to it again.
    other = acceptance(again, kind="dispute", reason="other")
    assert (await push(client, made(other))).json() == []
    assert [one["state"] for one in await pulled(client, "differences")] == ["disputed"]


async def test_a_phone_sees_a_change_that_is_dead_and_undoes_it(
    client: httpx.AsyncClient, difference: Document, db: Database, admin: asyncpg.Connection
) -> None:
    document = acceptance(difference)
    await push(client, made(document))
    await ChangeDrain(db, Scripted(SendRefused(error="http-400")))()
    (answer,), (change,), (waiting,) = [await pulled(client, one) for one in ("answers", "changes", "differences")]
    # It stands, and is to be sent by hand: nobody says to the parent that it is done, or that it is refused.
    assert (answer["state"], change["state"], waiting["state"]) == ("given", "dead", "accepted")
    reversal = {"answerId": str(uuid4()), "kind": "reversal", "undoneChangeId": change["changeId"], "_deleted": False}
    assert (await push(client, made(reversal))).json() == []
    states = {one["answerId"]: one["state"] for one in await pulled(client)}
    assert states == {document["answerId"]: "ended", reversal["answerId"]: "given"}
    assert [one["state"] for one in await pulled(client, "changes")] == ["reversed"]
    assert [one["state"] for one in await pulled(client, "differences")] == ["open"]
    assert await admin.fetchval("SELECT count(*) FROM outbox WHERE state IN ('open', 'dead')") == 0


async def test_a_moved_version_is_refused_and_stays_as_a_document(
    client: httpx.AsyncClient, difference: Document, admin: asyncpg.Connection
) -> None:
    stale = acceptance(difference, differenceVersion=difference["version"] - 1)
    answer = (await push(client, made(stale))).json()
    assert answer == await pulled(client)
    assert (answer[0]["state"], answer[0]["problem"], answer[0]["changeId"]) == ("refused", "stale-difference", None)
    assert {name: answer[0][name] for name in ("answerId", "kind", "differenceId", "differenceVersion")} == {
        name: stale[name] for name in ("answerId", "kind", "differenceId", "differenceVersion")
    }
    # The same again after a lost response: it is refused already, and no row more.
    assert (await push(client, made(stale))).json() == []
    assert await admin.fetchval("SELECT count(*) FROM refused_answer") == 1
    assert await admin.fetchval("SELECT count(*) FROM answer") == 0
    assert (await pulled(client, "differences"))[0]["state"] == "open"


async def test_a_refused_answer_can_be_removed(client: httpx.AsyncClient, difference: Document) -> None:
    stale = acceptance(difference, differenceVersion=1)
    (refused,) = (await push(client, made(stale))).json()
    assert (await push(client, made({**refused, "_deleted": True}, refused))).json() == []
    (tombstone,) = await pulled(client)
    assert tombstone == {"answerId": stale["answerId"], "version": refused["version"] + 1, "_deleted": True}


async def test_a_refused_row_holds_up_no_other(client: httpx.AsyncClient, difference: Document) -> None:
    foreign, good = acceptance(difference, differenceId=str(uuid4())), acceptance(difference)
    unreadable = {"answerId": str(uuid4()), "kind": "surrender"}
    answer = (await push(client, made(foreign), made(unreadable), made(good))).json()
    assert [(one["answerId"], one["_deleted"], one.get("problem")) for one in answer] == [
        (foreign["answerId"], False, "not-found"),
        (unreadable["answerId"], True, None),
    ]
    assert {one["answerId"]: one["state"] for one in await pulled(client)} == {
        foreign["answerId"]: "refused",
        good["answerId"]: "given",
    }


async def test_two_phones_take_over_what_one_saw_postponed_and_the_other_did_not(
    client: httpx.AsyncClient, difference: Document, admin: asyncpg.Connection
) -> None:
    await push(client, made(acceptance(difference, kind="postponement", until="2026-08-01")))
    (postponed,) = await pulled(client, "differences")
    assert (await push(client, made(acceptance(difference)))).json() == []
    (refused,) = (await push(client, made(acceptance(postponed)), bsn=world.PARTNER)).json()
    assert (refused["state"], refused["problem"]) == ("refused", "answered-before")
    assert await admin.fetchval("SELECT count(*) FROM change") == 1


async def test_two_phones_take_over_the_same_version_once(
    client: httpx.AsyncClient, difference: Document, admin: asyncpg.Connection
) -> None:
    own, other = acceptance(difference), acceptance(difference)
    assert (await push(client, made(own))).json() == []
    (refused,) = (await push(client, made(other), bsn=world.PARTNER)).json()
    assert (refused["state"], refused["problem"], refused["answeredBy"]) == ("refused", "answered-before", "partner")
    assert await admin.fetchval("SELECT count(*) FROM change") == 1


async def test_an_acceptance_cannot_be_altered_or_removed_by_a_document(client: httpx.AsyncClient, difference: Document) -> None:
    document = acceptance(difference)
    await push(client, made(document))
    (stands,) = await pulled(client)
    assert (await push(client, made({**stands, "_deleted": True}, stands))).json() == [stands]
    assert (await push(client, made({**stands, "differenceVersion": 7}, stands))).json() == [stands]
    assert await pulled(client) == [stands]


async def test_what_was_made_and_removed_offline_never_was(client: httpx.AsyncClient, difference: Document) -> None:
    assert (await push(client, made(acceptance(difference, _deleted=True)))).json() == []
    assert await pulled(client) == []


async def test_what_a_phone_alone_knows_is_gone(client: httpx.AsyncClient, difference: Document) -> None:
    document = acceptance(difference)
    gone = [{"answerId": document["answerId"], "version": 0, "_deleted": True}]
    assert (await push(client, made(document, document))).json() == gone


@pytest.mark.parametrize(
    ("members", "names"),
    [
        ({"differenceVersion": None}, "differenceVersion"),
        ({"reason": "other"}, "reason"),
        ({"kind": "postponement"}, "until"),
        ({"kind": "reversal"}, "undoneChangeId"),
        ({"kind": "dispute", "until": "2026-09-01"}, "reason"),
    ],
)
async def test_an_answer_says_what_its_kind_must_say(
    client: httpx.AsyncClient, difference: Document, members: Document, names: str
) -> None:
    (refused,) = (await push(client, made(acceptance(difference, **members)))).json()
    assert (refused["state"], refused["problem"]) == ("refused", "answer-not-valid")
    assert names in refused["detail"]


@pytest.mark.parametrize("note", ["Mijn BSN is 999991772", "999.991.772", "999\n991772"])
async def test_a_note_that_may_hold_a_bsn_is_not_kept_with_what_was_refused(
    client: httpx.AsyncClient, difference: Document, admin: asyncpg.Connection, note: str
) -> None:
    (refused,) = (await push(client, made(acceptance(difference, note=note)))).json()
    assert (refused["state"], refused["note"]) == ("refused", None)
    assert note not in str(await admin.fetch("SELECT * FROM refused_answer"))


@pytest.mark.parametrize(
    ("kind", "said", "edited"),
    [
        ("dispute", {"reason": "hours-wrong", "note": "Eerst", "passOn": False}, {"reason": "other", "note": "Toen", "passOn": True}),
        ("postponement", {"until": "2026-08-01"}, {"until": "2026-07-20"}),
    ],
)
async def test_other_answers_are_given_edited_and_taken_back_offline(
    client: httpx.AsyncClient, difference: Document, admin: asyncpg.Connection, kind: str, said: Document, edited: Document
) -> None:
    document = acceptance(difference, kind=kind, **said)
    for _ in range(2):
        assert (await push(client, made(document))).json() == []
    (first,) = await pulled(client)
    assert {name: first[name] for name in ("state", "kind", *said)} == {"state": "given", "kind": kind, **said}
    assert (await push(client, made({**first, **edited}, first))).json() == []
    # A phone that does not know of it yet is told what stands.
    (now,) = (await push(client, made({**first, "note": "Ik weet van niets", **said, "passOn": True}, first), bsn=world.PARTNER)).json()
    assert {name: now[name] for name in edited} == edited
    assert now["version"] > first["version"]
    assert await pulled(client) == [now]
    assert (await push(client, made({**now, "_deleted": True}, now))).json() == []
    (gone,) = await pulled(client)
    assert (gone["answerId"], gone["_deleted"]) == (document["answerId"], True)
    assert await admin.fetchval("SELECT count(*) FROM answer WHERE ended_at IS NOT NULL") == 1
    assert await admin.fetchval("SELECT count(*) FROM disputed_line WHERE taken_back_at IS NULL") == 0


async def test_an_edit_that_is_refused_leaves_what_stands(client: httpx.AsyncClient, difference: Document) -> None:
    await push(client, made(acceptance(difference, kind="dispute", reason="hours-wrong")))
    (stands,) = await pulled(client)
    other_kind = {"kind": "postponement", "reason": None, "until": "2026-08-01"}
    wrong = ({"note": "999.991.772"}, {"reason": "no-reason"}, {"reason": None}, other_kind)
    for one in wrong:
        assert (await push(client, made({**stands, **one}, stands))).json() == [stands]
    assert await pulled(client) == [stands]


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"kind": "dispute", "reason": "because"}, "answer-not-valid"),
        ({"kind": "dispute", "reason": "other", "note": "999.991.772"}, "note-refused"),
        ({"kind": "postponement", "until": "2026-07-10"}, "day-refused"),
        ({"kind": "postponement", "until": "2026-10-11"}, "day-refused"),
        ({"kind": "postponement", "until": "2026-08-01", "differenceVersion": 1}, "stale-difference"),
    ],
)
async def test_what_the_verbs_refuse_stays_as_a_document(
    client: httpx.AsyncClient, difference: Document, said: Document, problem: str
) -> None:
    (refused,) = (await push(client, made(acceptance(difference, **said)))).json()
    assert (refused["state"], refused["problem"], refused["note"]) == ("refused", problem, None)
    assert (await pulled(client, "differences"))[0]["state"] == "open"


async def test_two_parents_who_say_the_same_say_it_once(client: httpx.AsyncClient, difference: Document) -> None:
    said = {"kind": "dispute", "reason": "hours-wrong"}
    assert (await push(client, made(acceptance(difference, **said)))).json() == []
    (refused,) = (await push(client, made(acceptance(difference, **said)), bsn=world.PARTNER)).json()
    assert (refused["state"], refused["problem"]) == ("refused", "answered-before")


@pytest.mark.parametrize("then", [{"kind": "acceptance"}, {"kind": "dispute", "reason": "hours-wrong"}])
@pytest.mark.parametrize("is_one_push", [True, False])
async def test_what_was_postponed_offline_and_then_answered_is_answered(
    client: httpx.AsyncClient, difference: Document, admin: asyncpg.Connection, then: Document, is_one_push: bool
) -> None:
    first = acceptance(difference, kind="postponement", until="2026-08-01")
    second = acceptance(difference, **then)
    pushes = [[first, second]] if is_one_push else [[first], [second]]
    for _ in range(2):
        for rows in pushes:
            assert (await push(client, *(made(one) for one in rows))).json() == []
    stands = {one["answerId"]: one for one in await pulled(client)}
    assert (stands[first["answerId"]]["state"], stands[second["answerId"]]["state"]) == ("ended", "given")
    assert stands[second["answerId"]]["differenceVersion"] == difference["version"]
    assert [one["state"] for one in await pulled(client, "differences")] == [f"{then['kind'].removesuffix('ance').removesuffix('e')}ed"]
    assert await admin.fetchval("SELECT count(*) FROM change") == (then["kind"] == "acceptance")
    # Online it is the same verb: the version of before, also by its tag.
    tag = {
        "If-Match": f'"d{difference["differenceId"]}-v{difference["version"]}"',
        "Idempotency-Key": "2f0d8a52-0d5e-4bd2-97a4-6e8b6c1a3a57",
    }
    again = await client.post(f"/v1/differences/{difference['differenceId']}/acceptance", headers={**parent(), **tag})
    assert again.status_code == (201 if then["kind"] == "acceptance" else 412)


async def test_what_was_corrected_after_it_was_postponed_is_not_answered_by_what_was_seen_before(
    client: httpx.AsyncClient, difference: Document, admin: asyncpg.Connection, db: Database, api_keyring: Keyring
) -> None:
    assert (await push(client, made(acceptance(difference, kind="postponement", until="2026-08-01")))).json() == []
    await world.delivered(db, api_keyring, *(world.line(month=month, hours="130.00") for month in MONTHS))
    for late in (acceptance(difference), acceptance(difference, kind="dispute", reason="other")):
        (refused,) = (await push(client, made(late))).json()
        assert (refused["state"], refused["problem"]) == ("refused", "stale-difference")
    assert await admin.fetchval("SELECT count(*) FROM change") == 0
    (now,) = await pulled(client, "differences")
    assert (now["state"], now["proposal"]["placements"][0]["segments"][0]["hours"]) == ("open", "130.00")


@pytest.mark.parametrize(
    "spoilt",
    [
        {"differenceVersion": "five"},
        {"differenceId": "nobody"},
        {"reason": "x" * 41},
        {"note": "n" * 501},
        {"passOn": "yes"},
        {"until": "tomorrow"},
        {"kind": None},
        {"_deleted": 1},
    ],
)
async def test_what_cannot_be_read_is_gone_and_nothing_is_kept(
    client: httpx.AsyncClient, difference: Document, admin: asyncpg.Connection, spoilt: Document
) -> None:
    document = acceptance(difference, **spoilt)
    content = msgspec.json.encode([made(document)])
    headers = {**parent(), "Content-Type": "application/json"}
    answer = await client.post("/v1/sync/answers?schemaVersion=1", content=content, headers=headers)
    assert (answer.status_code, answer.json()) == (200, [{"answerId": document["answerId"], "version": 0, "_deleted": True}])
    assert await admin.fetchval("SELECT count(*) FROM refused_answer") == 0


async def test_a_batch_that_nobody_can_be_told_about_is_refused_whole(
    client: httpx.AsyncClient, difference: Document, admin: asyncpg.Connection, problem: Problem
) -> None:
    told = problem(await push(client, made(acceptance(difference)), made({"answerId": "one"}), made({})), 400, "invalid-request")
    assert [one["field"] for one in told["errors"]] == ["1.newDocumentState.answerId", "2.newDocumentState.answerId"]
    for wrong in (
        [made(acceptance(difference, note="\x00"))],
        {},
        {"rows": []},
        [1],
        [{"assumedMasterState": {}}],
        [made(acceptance(difference))] * (ROWS_MAX + 1),
    ):
        answer = await client.post("/v1/sync/answers?schemaVersion=1", json=wrong, headers=parent())
        problem(answer, 400, "invalid-request")
    assert await admin.fetchval("SELECT count(*) FROM answer") == 0


async def test_only_answers_are_taken_and_only_in_a_form_of_today(
    client: httpx.AsyncClient, difference: Document, problem: Problem
) -> None:
    for collection in ("differences", "nothing"):
        answer = await client.post(f"/v1/sync/{collection}?schemaVersion=1", json=[], headers=parent())
        problem(answer, 404, "not-found")
    problem(await push(client, version=0), 426, "app-too-old")
    problem(await push(client, version=2), 400, "invalid-request")
    problem(await client.post("/v1/sync/answers?schemaVersion=1", content=b"[]", headers=parent()), 415, "unsupported-media-type")


async def test_nobody_elses_answers_can_be_seen_or_altered(
    client: httpx.AsyncClient, difference: Document, db: Database, api_keyring: Keyring
) -> None:
    document = acceptance(difference)
    await push(client, made(document))
    (stands,) = await pulled(client)
    members = [world.member(world.STRANGER, "applicant")]
    await world.declared(db, api_keyring, world.declaration(householdRef="H2", members=members, placements=[]))
    assert await pulled(client, bsn=world.STRANGER) == []
    answer = await push(client, made({**stands, "_deleted": True}, stands), bsn=world.STRANGER)
    assert answer.json() == [{"answerId": document["answerId"], "version": 0, "_deleted": True}]
    assert await pulled(client) == [stands]


async def test_the_document_that_comes_back_is_the_one_that_is_pulled(client: httpx.AsyncClient, difference: Document) -> None:
    (refused,) = (await push(client, made(acceptance(difference, differenceVersion=1)))).json()
    assert (await pulled(client)) == [refused]
    assert msgspec.json.decode(msgspec.json.encode(msgspec.convert(refused, FollowedAnswerDocument))) == refused
