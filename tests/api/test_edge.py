"""What holds for every answer, also where no route was found."""

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest

from api import edge
from api.edge import Edge
from tests import world
from tests.api.conftest import Problem, organisation

SECURITY = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
}


@pytest.mark.parametrize("path", ["/health/live", "/nowhere", "/v1/deliveries", "/v1/differences/"])
async def test_every_answer_carries_version_and_security_headers(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert {name: answer.headers[name] for name in SECURITY} == SECURITY
    assert answer.headers["api-version"] == edge.API_VERSION
    assert len(answer.headers["request-id"]) == 16


async def test_an_unknown_address_is_a_problem(client: httpx.AsyncClient, problem: Problem) -> None:
    problem(await client.get("/v1/nothing"), 404, "not-found")


async def test_a_trailing_slash_is_another_address(client: httpx.AsyncClient, problem: Problem) -> None:
    problem(await client.get("/health/live/"), 404, "not-found")


async def test_a_wrong_method_names_the_right_ones(client: httpx.AsyncClient, problem: Problem) -> None:
    answer = await client.delete("/v1/deliveries", headers=organisation())
    problem(answer, 405, "method-not-allowed")
    assert {"GET", "POST"} <= {one.strip() for one in answer.headers["allow"].split(",")}


async def test_options_tells_all_methods(client: httpx.AsyncClient) -> None:
    answer = await client.options("/v1/deliveries")
    assert (answer.status_code, answer.headers["allow"], answer.content) == (204, "GET, HEAD, OPTIONS, POST", b"")


async def test_head_is_get_without_a_body(client: httpx.AsyncClient) -> None:
    answer = await client.head("/health/live")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 0


async def test_a_body_that_stalls_is_ended(app: Edge, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.with_register(admin)
    monkeypatch.setattr(edge, "BODY_PAUSE_S", 0.05)
    sent: list[dict[str, Any]] = []
    pieces = [{"type": "http.request", "body": b'{"lines":[', "more_body": True}]

    async def receive() -> dict[str, Any]:
        if pieces:
            return pieces.pop()
        await asyncio.sleep(30)
        raise AssertionError("the body was waited for")

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = {**organisation(), "content-type": "application/json", "idempotency-key": "stalled-one-000000"}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/deliveries",
        "raw_path": b"/v1/deliveries",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "server": ("api.test", 80),
        "client": ("127.0.0.1", 1),
        "scheme": "http",
        "root_path": "",
        "http_version": "1.1",
        "asgi": {"version": "3.0"},
    }
    await app(scope, receive, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 408
    assert await admin.fetchval("SELECT count(*) FROM delivery") == 0
