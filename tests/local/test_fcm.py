"""The stub of the push service: who gets a token, what it takes, and what a device shows."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import RSAKey

from local.fcm import SCOPE
from tests.push import KEY, PROJECT, PushService

VIOLATION = "type.googleapis.com/google.rpc.BadRequest"


def assertion(service: PushService, key: RSAKey = KEY, **changed: Any) -> str:
    now = int(time.time())
    claims = {"iss": service.account.client_email, "aud": f"{service.url}/token", "scope": SCOPE, "iat": now, "exp": now + 600}
    return jwt.encode({"alg": "RS256", "typ": "JWT"}, claims | changed, key, algorithms=["RS256"])


async def ask(http: httpx.AsyncClient, service: PushService, signed: str, grant: str = "jwt-bearer") -> httpx.Response:
    form = {"grant_type": f"urn:ietf:params:oauth:grant-type:{grant}", "assertion": signed}
    return await http.post(f"{service.url}/token", data=form)


@pytest_asyncio.fixture
async def service() -> AsyncIterator[PushService]:
    service = PushService()
    async with service.served():
        yield service


@pytest_asyncio.fixture
async def http(service: PushService) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(http1=False, http2=True) as client:
        answer = (await ask(client, service, assertion(service))).json()
        client.headers["Authorization"] = f"{answer['token_type']} {answer['access_token']}"
        yield client


async def send(http: httpx.AsyncClient, service: PushService, message: Any, project: str = PROJECT) -> httpx.Response:
    return await http.post(f"{service.url}/v1/projects/{project}/messages:send", json={"message": message})


async def test_only_a_true_assertion_gets_a_token(service: PushService, http: httpx.AsyncClient) -> None:
    now = int(time.time())
    wrong = [
        assertion(service, RSAKey.generate_key(2048)),
        assertion(service, iss="somebody@else.example"),
        assertion(service, aud=service.url),
        assertion(service, scope="https://www.googleapis.com/auth/cloud-platform"),
        assertion(service, iat=now - 700, exp=now - 100),
        assertion(service, exp=now + 7200),
        "not.a.token",
    ]
    for signed in wrong:
        answer = await ask(http, service, signed)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert (await ask(http, service, assertion(service), grant="saml2-bearer")).status_code == 400
    assert (await ask(http, service, assertion(service))).status_code == 200


async def test_without_a_token_nothing_is_taken(service: PushService, http: httpx.AsyncClient) -> None:
    for authorization in ("", "Bearer made-up"):
        http.headers["Authorization"] = authorization
        answer = await send(http, service, {"token": "device-1"})
        assert (answer.status_code, answer.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
    assert (await http.get(f"{service.url}/state")).json()["devices"] == {}


async def test_a_message_gets_a_name(service: PushService, http: httpx.AsyncClient) -> None:
    answer = await send(http, service, {"token": "device-1"})
    assert answer.http_version == "HTTP/2"
    assert answer.status_code == 200
    assert answer.json()["name"].startswith(f"projects/{PROJECT}/messages/")


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({}, "message"),
        ({"token": ""}, "message.token"),
        ({"token": "with space"}, "message.token"),
        ({"token": 5}, "message.token"),
        ({"token": "d", "made_up": 1}, "message"),
        ({"token": "d", "data": {"hours": 80}}, "message.data[...]"),
        ({"token": "d", "data": {"from": "x"}}, "message.data[from]"),
        ({"token": "d", "data": {"text": "x" * 4096}}, "message"),
        ({"token": "d", "android": {"ttl": "3 days"}}, "message.android.ttl"),
        ({"token": "d", "android": {"ttl": "2419201s"}}, "message.android.ttl"),
        ({"token": "d", "android": {"priority": "URGENT"}}, "message.android.priority"),
        ({"token": "d", "apns": {"headers": {"apns-collapse-id": "x" * 65}}}, "message.apns.headers"),
        ({"token": "d", "apns": {"headers": {"apns-expiration": "soon"}}}, "message.apns.headers"),
        ({"token": "d", "apns": {"payload": {"aps": "alert"}}}, "message.apns.payload.aps"),
    ],
)
async def test_a_wrong_message_is_refused_with_its_field(service: PushService, http: httpx.AsyncClient, message: Any, field: str) -> None:
    answer = await send(http, service, message)
    error = answer.json()["error"]
    assert (answer.status_code, error["status"]) == (400, "INVALID_ARGUMENT")
    assert error["details"][0]["errorCode"] == "INVALID_ARGUMENT"
    assert [one["fieldViolations"][0]["field"] for one in error["details"] if one["@type"] == VIOLATION] == [field]


async def test_what_is_no_json_is_refused(service: PushService, http: httpx.AsyncClient) -> None:
    for body in (b"", b"{", b"\xff"):
        answer = await http.post(f"{service.url}/v1/projects/{PROJECT}/messages:send", content=body)
        assert (answer.status_code, answer.json()["error"]["message"]) == (400, "Invalid JSON payload received.")


async def test_another_project_is_not_ours(service: PushService, http: httpx.AsyncClient) -> None:
    error = (await send(http, service, {"token": "gone-1"}, project="another")).json()["error"]
    assert (error["code"], error["status"], error["details"]) == (403, "PERMISSION_DENIED", [])


async def test_a_device_shows_a_notice_once_when_it_has_a_tag_and_each_time_when_it_has_none(
    service: PushService, http: httpx.AsyncClient
) -> None:
    tagged = {"token": "a", "data": {"noticeId": "n1"}, "android": {"notification": {"tag": "n1"}}}
    collapsing = {"token": "b", "data": {"noticeId": "n1"}, "apns": {"headers": {"apns-collapse-id": "n1"}}}
    plain = {"token": "c", "data": {"noticeId": "n1"}}
    for message in (tagged, collapsing, plain):
        for _ in range(2):
            assert (await send(http, service, message)).status_code == 200
    state = (await http.get(f"{service.url}/state")).json()
    assert {token: one["visible"] for token, one in state["devices"].items()} == {"a": ["n1"], "b": ["n1"], "c": ["n1", "n1"]}
    assert state["devices"]["a"]["sends"] == state["devices"]["b"]["sends"] == {"n1": 2}
    assert state["answers"]["200"] == 6


async def test_phones_hear_what_was_taken_in_order_and_may_wait_for_it(service: PushService, http: httpx.AsyncClient) -> None:
    received = f"{service.url}/received"
    assert (await http.get(received)).json() == []
    waiting = asyncio.create_task(http.get(received, params={"after": 0, "wait": 5}))
    for number in (1, 2):
        await send(http, service, {"token": f"device-{number}", "data": {"noticeId": f"n{number}", "sentence": "s"}})
    first = (await waiting).json()[0]
    assert (first["sequence"], first["token"], first["noticeId"], first["sentence"]) == (1, "device-1", "n1", "s")
    assert first["receivedAt"].endswith("Z")
    assert [one["token"] for one in (await http.get(received, params={"after": 1})).json()] == ["device-2"]
    assert (await http.get(received, params={"after": 2, "wait": 0.05})).json() == []
    assert (await http.get(received, params={"after": -1})).status_code == 400
