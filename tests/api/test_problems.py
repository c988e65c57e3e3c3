"""Faults of ours and of the store become problems that tell nothing of their inside."""

import logging
import socket
from typing import Any

import asyncpg
import httpx
import pytest

from api import deliveries
from tests import world
from tests.api.conftest import Problem, organisation


@pytest.mark.parametrize(
    ("error", "status", "slug"),
    [
        (RuntimeError("a secret of ours"), 500, "internal-error"),
        (asyncpg.CannotConnectNowError("a secret of ours"), 503, "busy"),
        (ConnectionRefusedError("a secret of ours"), 503, "busy"),
        (asyncpg.QueryCanceledError("a secret of ours"), 503, "busy"),
        (asyncpg.AdminShutdownError("a secret of ours"), 503, "busy"),
        (asyncpg.CrashShutdownError("a secret of ours"), 503, "busy"),
        (asyncpg.TooManyConnectionsError("a secret of ours"), 503, "busy"),
        (asyncpg.DeadlockDetectedError("a secret of ours"), 503, "busy"),
        (asyncpg.ReadOnlySQLTransactionError("a secret of ours"), 503, "busy"),
        (asyncpg.IdleInTransactionSessionTimeoutError("a secret of ours"), 503, "busy"),
        (asyncpg.DiskFullError("a secret of ours"), 503, "busy"),
        (socket.gaierror("a secret of ours"), 503, "busy"),
        (RecursionError(), 400, "invalid-request"),
    ],
)
async def test_what_goes_wrong_inside_stays_inside(
    client: httpx.AsyncClient,
    admin: asyncpg.Connection,
    problem: Problem,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    status: int,
    slug: str,
) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise error

    await world.with_register(admin)
    monkeypatch.setattr(deliveries, "deliveries_of_organisation", fail)
    with caplog.at_level(logging.WARNING):
        answer = await client.get("/v1/deliveries", headers=organisation())
    document = problem(answer, status, slug)
    assert "secret" not in str(document)
    if status >= 500:
        assert answer.headers["request-id"] in [getattr(record, "request_id", "") for record in caplog.records]
    if status == 503:
        assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("path", ["/v1/deliveries?limit=900000005", "/v1/deliveries/900000005?limit=1"])
async def test_a_refusal_never_quotes_the_address(client: httpx.AsyncClient, admin: asyncpg.Connection, path: str) -> None:
    await world.with_register(admin)
    answer = await client.get(path, headers=organisation())
    assert answer.status_code in (400, 404)
    assert "900000005" not in answer.text
