"""The event to TVS over real HTTP: what it holds, and what each answer means."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from joserfc.jwk import ECKey
from litestar import Litestar, Request, Response, post
from litestar.response import Stream
from msgspec import structs

from reconcile.store.outbox import ClaimedMessage
from tests.serving import serving
from workers.senders import SendLater, SendRefused, Sent
from workers.senders.token import AccessToken, ClientCredentials
from workers.senders.tvs import TvsSender

MESSAGE = ClaimedMessage(
    household_id=UUID(int=1),
    subject_id=UUID(int=2),
    sequence=7,
    attempts=1,
    recorded_at=datetime(2026, 7, 10, 9, tzinfo=UTC),
    household_ref="H1",
    answer_kind="acceptance",
)


async def drip() -> AsyncIterator[bytes]:
    """Answer a byte at a time, for ever, each sooner than a read would time out."""
    while True:
        yield b" "
        await asyncio.sleep(0.05)


class Receiver:
    """A TVS that keeps what it was sent and answers as told; its issuer gives a token for anything."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.events: list[tuple[dict[str, str], Any]] = []
        self.tokens = 0
        self.url = ""
        self.drips = False
        self.gives_nonsense = False

    def app(self) -> Litestar:
        @post("/events")
        async def events(request: Request[Any, Any, Any]) -> Response[None] | Stream:
            self.events.append((dict(request.headers), await request.json()))
            if self.drips:
                return Stream(drip(), status_code=202)
            status, headers = self.answers.pop(0)
            return Response(None, status_code=status, headers=headers)

        @post("/token", status_code=200)
        async def token(request: Request[Any, Any, Any]) -> dict[str, Any] | list[Any]:
            assert b"client_assertion=" in await request.body()
            self.tokens += 1
            if self.gives_nonsense:
                return []
            return {"access_token": f"token-{self.tokens}", "expires_in": 300}

        from litestar import get

        @get("/.well-known/openid-configuration", sync_to_thread=False)
        def metadata() -> dict[str, str]:
            return {"token_endpoint": f"{self.url}/token"}

        return Litestar([events, token, metadata], openapi_config=None)


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with serving(receiver.app()) as served:
        receiver.url = served.url
        yield receiver


@pytest_asyncio.fixture
async def send(receiver: Receiver) -> AsyncIterator[TvsSender]:
    async with httpx.AsyncClient() as http:
        key = ECKey.generate_key("P-256", {"kid": "k"}).as_dict(private=True)
        token = AccessToken(ClientCredentials(http, issuer=receiver.url, client_id="us", key=key, scope="tvs:changes"))
        yield TvsSender(
            http, token, events_url=f"{receiver.url}/events", public_url="https://api.example/", system_oin="00000099000099990000"
        )


async def test_an_event_is_thin_and_names_itself(receiver: Receiver, send: TvsSender) -> None:
    receiver.answers = [(202, {})]
    assert await send(MESSAGE) == Sent()
    headers, event = receiver.events[0]
    assert headers["content-type"] == "application/cloudevents+json"
    assert headers["authorization"] == "Bearer token-1"
    assert event == {
        "specversion": "1.0",
        "id": "00000000-0000-0000-0000-000000000002",
        "source": "urn:nld:oin:00000099000099990000:systeem:kot-uren",
        "type": "nl.kot-uren.change-accepted.v1",
        "time": "2026-07-10T09:00:00Z",
        "subject": "H1",
        "dataref": "https://api.example/v1/changes/00000000-0000-0000-0000-000000000002",
        "sequence": "00000000000000000007",
    }


async def test_what_undoes_another_change_says_so(receiver: Receiver, send: TvsSender) -> None:
    receiver.answers = [(202, {})]
    assert await send(structs.replace(MESSAGE, answer_kind="reversal")) == Sent()
    assert receiver.events[0][1]["type"] == "nl.kot-uren.change-reversed.v1"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ((200, {}), Sent()),
        ((202, {}), Sent()),
        ((400, {}), SendRefused(error="http-400")),
        ((404, {}), SendLater(error="http-404")),
        ((409, {}), SendRefused(error="http-409")),
        ((422, {}), SendRefused(error="http-422")),
        ((429, {"Retry-After": "120"}), SendLater(error="http-429", at_least=timedelta(seconds=120))),
        ((503, {"Retry-After": "9999999999"}), SendLater(error="http-503")),
        ((503, {"Retry-After": "86400"}), SendLater(error="http-503", at_least=timedelta(hours=1))),
        ((503, {"Retry-After": "soon"}), SendLater(error="http-503")),
        ((500, {}), SendLater(error="http-500")),
        ((302, {"Location": "/elsewhere"}), SendLater(error="http-302")),
    ],
)
async def test_every_answer_has_its_meaning(receiver: Receiver, send: TvsSender, answer: Any, outcome: Any) -> None:
    receiver.answers = [answer]
    assert await send(MESSAGE) == outcome


async def test_a_token_that_is_not_taken_is_fetched_anew(receiver: Receiver, send: TvsSender) -> None:
    receiver.answers = [(401, {}), (202, {})]
    assert await send(MESSAGE) == SendLater(error="http-401")
    assert await send(MESSAGE) == Sent()
    assert [headers["authorization"] for headers, _ in receiver.events] == ["Bearer token-1", "Bearer token-2"]


async def test_nobody_there_is_unknown_and_sent_again(send: TvsSender) -> None:
    send._events_url = "http://127.0.0.1:9/events"
    assert await send(MESSAGE) == SendLater(error="ConnectError")


async def test_an_answer_that_never_ends_is_given_up(receiver: Receiver, send: TvsSender, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver.drips = True
    monkeypatch.setattr("workers.senders.tvs.SEND_TIMEOUT_S", 0.5)
    assert await asyncio.wait_for(send(MESSAGE), 5) == SendLater(error="TimeoutError")


async def test_an_issuer_that_answers_nonsense_puts_the_change_off(receiver: Receiver, send: TvsSender) -> None:
    receiver.gives_nonsense = True
    assert await send(MESSAGE) == SendLater(error="TokenRefused")
    assert receiver.events == []


async def test_many_changes_at_once_need_one_token(receiver: Receiver, send: TvsSender) -> None:
    receiver.answers = [(202, {})] * 5
    assert await asyncio.gather(*(send(MESSAGE) for _ in range(5))) == [Sent()] * 5
    assert receiver.tokens == 1
