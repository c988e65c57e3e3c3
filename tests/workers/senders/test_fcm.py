"""Push messages over real HTTP/2: what they hold, what each answer means, and what happens when none comes."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar import Litestar, Request, Response, post

from local.fcm import server_config
from local.fcm_message import error_body
from tests.push import PROJECT, PushService
from tests.serving import serving_http2
from workers.senders import AddressGone, SendLater, SendRefused, Sent, fcm
from workers.senders.fcm import PushMessage, fcm_client
from workers.senders.token import AccessToken, AssertionGrant

NOW = datetime(2026, 7, 10, 9, tzinfo=UTC)
LATER = NOW + timedelta(hours=72)
Outcome = Sent | SendLater | SendRefused | AddressGone


def message(device: str = "device-1", **changed: Any) -> PushMessage:
    return msgspec.structs.replace(
        PushMessage(token=device, platform="android", notice_id=UUID(int=7), sentence="difference_open", expires_at=LATER), **changed
    )


@pytest_asyncio.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with fcm_client() as client:
        yield client


@pytest_asyncio.fixture
async def service() -> AsyncIterator[PushService]:
    service = PushService()
    async with service.served():
        yield service


class Scripted(PushService):
    """A service that answers what it is told and keeps what it was sent; it gives a numbered token to anybody."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.requests: list[tuple[dict[str, str], Any]] = []
        self.tokens = 0
        self.token_answers: list[tuple[int, bytes]] = []
        self.stale: set[str] = set()

    def app(self) -> Litestar:
        @post("/token", status_code=200)
        async def token(request: Request[Any, Any, Any]) -> Response[bytes]:
            assert b"assertion=" in await request.body()
            self.tokens += 1
            await asyncio.sleep(0.02)
            status, body = 200, msgspec.json.encode({"access_token": f"token-{self.tokens}", "expires_in": 3600})
            if self.token_answers:
                status, body = self.token_answers.pop(0)
            return Response(body, status_code=status, media_type="application/json")

        @post(f"/v1/projects/{PROJECT}/messages:send", status_code=200)
        async def send(request: Request[Any, Any, Any]) -> Response[bytes]:
            self.requests.append((dict(request.headers), await request.json()))
            if request.headers["Authorization"].removeprefix("Bearer ") in self.stale:
                return Response(encoded(401, "UNAUTHENTICATED"), status_code=401)
            status, headers, body = self.answers.pop(0) if self.answers else (200, {}, b'{"name":"n"}')
            return Response(body, status_code=status, headers=headers, media_type="application/json")

        return Litestar([token, send], openapi_config=None)


def encoded(status: int, name: str, code: str = "") -> bytes:
    return msgspec.json.encode(error_body(status, name, "text", code=code))


@pytest_asyncio.fixture
async def scripted() -> AsyncIterator[Scripted]:
    scripted = Scripted()
    async with serving_http2(scripted.app(), server_config("127.0.0.1", scripted.port)):
        yield scripted


async def test_a_message_for_android_names_a_sentence_and_replaces_itself(scripted: Scripted, http: httpx.AsyncClient) -> None:
    assert await scripted.sender(http)(message(), now=NOW) == Sent()
    headers, body = scripted.requests[0]
    assert headers["authorization"] == "Bearer token-1"
    assert headers["content-type"] == "application/json"
    number = "00000000-0000-0000-0000-000000000007"
    assert body == {
        "message": {
            "token": "device-1",
            "data": {"noticeId": number, "sentence": "difference_open"},
            "android": {
                "collapse_key": number,
                "priority": "NORMAL",
                "ttl": "259200s",
                "notification": {"body_loc_key": "difference_open", "tag": number},
            },
        }
    }


async def test_a_message_for_ios_names_a_sentence_and_replaces_itself(scripted: Scripted, http: httpx.AsyncClient) -> None:
    assert await scripted.sender(http)(message(platform="ios"), now=NOW) == Sent()
    _, body = scripted.requests[0]
    number = "00000000-0000-0000-0000-000000000007"
    assert body == {
        "message": {
            "token": "device-1",
            "data": {"noticeId": number, "sentence": "difference_open"},
            "apns": {
                "headers": {
                    "apns-collapse-id": number,
                    "apns-expiration": str(int(LATER.timestamp())),
                    "apns-push-type": "alert",
                    "apns-priority": "5",
                },
                "payload": {"aps": {"alert": {"loc-key": "difference_open"}}},
            },
        }
    }


@pytest.mark.parametrize(
    ("life", "ttl"), [(timedelta(seconds=1), "1s"), (timedelta(seconds=90, milliseconds=999), "90s"), (timedelta(days=60), "2419200s")]
)
async def test_a_message_lives_as_long_as_its_notice(scripted: Scripted, http: httpx.AsyncClient, life: timedelta, ttl: str) -> None:
    assert await scripted.sender(http)(message(expires_at=NOW + life), now=NOW) == Sent()
    assert scripted.requests[0][1]["message"]["android"]["ttl"] == ttl


async def test_what_is_out_of_date_is_not_sent(scripted: Scripted, http: httpx.AsyncClient) -> None:
    assert await scripted.sender(http)(message(expires_at=NOW), now=NOW) == SendRefused(error="expired")
    assert scripted.requests == []


DATES = {"Date": "Fri, 10 Jul 2026 09:00:00 GMT", "Retry-After": "Fri, 10 Jul 2026 09:02:00 GMT"}
SOON, MINUTE = timedelta(seconds=10), timedelta(seconds=60)


@pytest.mark.parametrize(
    ("status", "headers", "body", "outcome"),
    [
        (200, {}, b"", Sent()),
        (404, {}, encoded(404, "NOT_FOUND", "UNREGISTERED"), AddressGone(error="http-404-UNREGISTERED")),
        (403, {}, encoded(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"), AddressGone(error="http-403-SENDER_ID_MISMATCH")),
        # Not FCM that speaks: an address of ours is wrong.
        (404, {}, encoded(404, "NOT_FOUND"), SendRefused(error="http-404")),
        (404, {}, b"<html>UNREGISTERED</html>", SendRefused(error="http-404")),
        (404, {}, b'{"error":{"status":"UNREGISTERED","details":[{"errorCode":"UNREGISTERED"}]}}', SendRefused(error="http-404")),
        (400, {}, encoded(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"), SendRefused(error="http-400-INVALID_ARGUMENT")),
        (400, {}, encoded(400, "INVALID_ARGUMENT", "UNREGISTERED"), SendRefused(error="http-400-UNREGISTERED")),
        (413, {}, b"", SendRefused(error="http-413")),
        (403, {}, encoded(403, "PERMISSION_DENIED"), SendLater(error="http-403", at_least=MINUTE, is_service_wide=True)),
        (
            *(401, {}, encoded(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR")),
            SendLater(error="http-401-THIRD_PARTY_AUTH_ERROR", at_least=MINUTE),
        ),
        (
            *(429, {}, encoded(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")),
            SendLater(error="http-429-QUOTA_EXCEEDED", at_least=MINUTE, is_service_wide=True),
        ),
        (429, {"Retry-After": "5"}, b"", SendLater(error="http-429", at_least=timedelta(seconds=5), is_service_wide=True)),
        (429, DATES, b"", SendLater(error="http-429", at_least=timedelta(minutes=2), is_service_wide=True)),
        (429, {"Retry-After": "0"}, b"", SendLater(error="http-429", at_least=MINUTE, is_service_wide=True)),
        (500, {}, encoded(500, "INTERNAL", "INTERNAL"), SendLater(error="http-500-INTERNAL", at_least=SOON)),
        (503, {}, encoded(503, "UNAVAILABLE", "UNREGISTERED"), SendLater(error="http-503-UNREGISTERED", at_least=SOON)),
        (503, {"Retry-After": "3"}, b"", SendLater(error="http-503", at_least=SOON)),
        (503, {"Retry-After": "30"}, b"", SendLater(error="http-503", at_least=timedelta(seconds=30))),
        (302, {"Location": "/elsewhere"}, b"", SendLater(error="http-302", at_least=SOON)),
        (418, {}, b"", SendLater(error="http-418", at_least=SOON)),
    ],
)
async def test_every_answer_has_its_meaning(
    scripted: Scripted, http: httpx.AsyncClient, status: int, headers: dict[str, str], body: bytes, outcome: Outcome
) -> None:
    scripted.answers = [(status, headers, body)]
    assert await scripted.sender(http)(message(), now=NOW) == outcome


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"error":null}',
        b'{"error":{"details":{}}}',
        b'{"error":{"details":[1]}}',
        b'{"error":{"details":[{"@type":5}]}}',
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"error":{"details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"made up"}]}}',
        b'{"x":"' + b"x" * 1_000_000 + b'"}',
    ],
    ids=lambda body: repr(body[:24]),
)
async def test_an_answer_that_is_none_is_no_word_about_the_address(scripted: Scripted, http: httpx.AsyncClient, body: bytes) -> None:
    send = scripted.sender(http)
    scripted.answers = [(404, {}, body), (200, {}, body), (503, {"Retry-After": "x" * 4000}, body)]
    assert await send(message(), now=NOW) == SendRefused(error="http-404")
    assert await send(message(), now=NOW) == Sent()
    assert await send(message(), now=NOW) == SendLater(error="http-503", at_least=SOON)


async def test_a_token_that_is_not_taken_is_fetched_anew_once_for_everybody(scripted: Scripted, http: httpx.AsyncClient) -> None:
    send = scripted.sender(http)
    assert await send(message(), now=NOW) == Sent()
    scripted.stale = {"token-1"}
    outcomes = await asyncio.gather(*(send(message(f"device-{one}"), now=NOW) for one in range(20)))
    assert set(map(type, outcomes)) == {Sent}
    assert scripted.tokens == 2


async def test_a_token_that_is_never_taken_holds_everybody_up(scripted: Scripted, http: httpx.AsyncClient) -> None:
    scripted.stale = {"token-1", "token-2"}
    assert await scripted.sender(http)(message(), now=NOW) == SendLater(error="http-401", at_least=MINUTE, is_service_wide=True)
    assert scripted.tokens == 2


@pytest.mark.parametrize("answer", [(400, b'{"error":"invalid_grant"}'), (503, b""), (200, b"{}"), (200, b"\xff"), (200, b"[" * 60_000)])
async def test_no_token_is_no_message(scripted: Scripted, http: httpx.AsyncClient, answer: tuple[int, bytes]) -> None:
    send = scripted.sender(http)
    scripted.token_answers = [answer]
    assert await send(message(), now=NOW) == SendLater(error="TokenRefused", at_least=MINUTE, is_service_wide=True)
    assert scripted.requests == []
    assert await send(message(), now=NOW) == Sent()


async def test_each_device_of_the_stub_answers_as_the_real_service(service: PushService, http: httpx.AsyncClient) -> None:
    send = service.sender(http)
    expected: dict[str, tuple[Outcome, Outcome]] = {
        "device": (Sent(), Sent()),
        "gone": (AddressGone(error="http-404-UNREGISTERED"),) * 2,
        "mismatch": (AddressGone(error="http-403-SENDER_ID_MISMATCH"),) * 2,
        "quota": (SendLater(error="http-429-QUOTA_EXCEEDED", at_least=timedelta(seconds=1), is_service_wide=True), Sent()),
        "busy": (SendLater(error="http-503-UNAVAILABLE", at_least=SOON), Sent()),
        "no token": (SendRefused(error="http-400-INVALID_ARGUMENT"),) * 2,
    }
    for device, (first, second) in expected.items():
        assert await send(message(f"{device}-1"), now=NOW) == first
        assert await send(message(f"{device}-1"), now=NOW) == second
    assert (await service.state())["devices"]["device-1"] == {"visible": [str(UUID(int=7))], "sends": {str(UUID(int=7)): 2}}


@pytest.mark.parametrize("platform", ["android", "ios"])
async def test_a_message_that_comes_twice_shows_once(service: PushService, http: httpx.AsyncClient, platform: Any) -> None:
    send, other = service.sender(http), uuid4()
    for notice_id in (UUID(int=7), other, UUID(int=7)):
        assert await send(message(platform=platform, notice_id=notice_id), now=NOW) == Sent()
    shown = (await service.state())["devices"]["device-1"]
    assert shown == {"visible": [str(UUID(int=7)), str(other)], "sends": {str(UUID(int=7)): 2, str(other): 1}}


async def test_another_project_is_our_own_mistake(service: PushService, http: httpx.AsyncClient) -> None:
    token = AccessToken(AssertionGrant(http, service.account, scope=fcm.SCOPE))
    send = fcm.FcmSender(http, token, fcm_url=f"{service.url}/", project="another")
    assert await send(message("gone-1"), now=NOW) == SendLater(error="http-403", at_least=MINUTE, is_service_wide=True)
    send = fcm.FcmSender(http, token, fcm_url=f"{service.url}/elsewhere", project=PROJECT)
    assert await send(message("gone-1"), now=NOW) == SendRefused(error="http-404")


async def test_fifty_at_once_go_over_one_connection_with_one_token(service: PushService, http: httpx.AsyncClient) -> None:
    send = service.sender(http)
    outcomes = await asyncio.gather(*(send(message(f"device-{one}"), now=NOW) for one in range(50)))
    assert Counter(map(type, outcomes)) == {Sent: 50}
    state = await service.state()
    assert state["answers"] == {"token": 1, "200": 50}
    assert len(state["devices"]) == 50


async def test_no_answer_ends_at_the_deadline_and_leaves_the_others_alone(
    service: PushService, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = service.sender(http)
    assert await send(message(), now=NOW) == Sent()
    monkeypatch.setattr(fcm, "SEND_TIMEOUT_S", 1.0)
    hanging = asyncio.create_task(send(message("hang-1"), now=NOW))
    assert await send(message(), now=NOW) == Sent()
    assert await hanging == SendLater(error="TimeoutError", at_least=SOON)
    assert await send(message("hang-1"), now=NOW) == Sent()


async def test_answers_that_never_come_do_not_fill_the_connection_for_good(
    service: PushService, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = service.sender(http)
    assert await send(message(), now=NOW) == Sent()
    monkeypatch.setattr(fcm, "SEND_TIMEOUT_S", 2.0)
    for turn in range(3):
        outcomes = await asyncio.gather(*(send(message(f"hang-{turn}-{one}"), now=NOW) for one in range(45)))
        assert Counter(map(type, outcomes)) == {SendLater: 45}
        assert await send(message(), now=NOW) == Sent()
    assert (await service.state())["answers"] == {"token": 1, "200": 4, "none": 135}


async def test_a_connection_that_is_closed_in_the_midst_loses_nothing_and_shows_nothing_twice(http: httpx.AsyncClient) -> None:
    service = PushService()
    async with service.served(requests_max=60):
        send = service.sender(http)
        waiting = [message(f"device-{one}") for one in range(200)]
        gate = asyncio.Semaphore(8)

        async def one(to_send: PushMessage) -> Outcome:
            async with gate:
                return await send(to_send, now=NOW)

        turns = 0
        while waiting:
            outcomes = await asyncio.gather(*map(one, waiting))
            assert set(map(type, outcomes)) <= {Sent, SendLater}
            waiting = [sent for sent, outcome in zip(waiting, outcomes, strict=True) if isinstance(outcome, SendLater)]
            turns += 1
            assert turns < 40
        assert turns > 1, "no message met the end of a connection"
        devices = (await service.state())["devices"]
    assert len(devices) == 200
    assert {len(one["visible"]) for one in devices.values()} == {1}


async def test_a_service_that_comes_back_is_found_again_with_a_new_token(http: httpx.AsyncClient) -> None:
    service = PushService()
    send = service.sender(http)
    async with service.served():
        assert await send(message(), now=NOW) == Sent()
    away = await send(message(), now=NOW)
    assert isinstance(away, SendLater)
    assert away.at_least == SOON
    async with service.served():
        outcomes = [await send(message(), now=NOW) for _ in range(2)]
        assert outcomes[-1] == Sent()
        assert (await service.state())["answers"]["401"] == 1


async def test_a_token_is_renewed_before_it_ends(http: httpx.AsyncClient) -> None:
    service = PushService()
    send = service.sender(http)
    async with service.served(token_age_s=20):
        for _ in range(3):
            assert await send(message(), now=NOW) == Sent()
        assert (await service.state())["answers"] == {"token": 3, "200": 3}


async def test_a_fault_below_the_client_is_an_unknown_outcome(http: httpx.AsyncClient) -> None:
    service = PushService()
    send = service.sender(http)
    async with service.served():
        assert await send(message("device-\ud800"), now=NOW) == SendLater(error="UnicodeEncodeError", at_least=SOON)
        assert await send(message(), now=NOW) == Sent()
