"""Alive and ready."""

import httpx
import pytest

from api import health
from tests.api.conftest import Problem


async def test_alive(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health/live")).json() == {"status": "alive"}


async def test_ready_with_the_newest_schema(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health/ready")).json() == {"status": "ready"}


async def test_not_ready_before_the_newest_migration(client: httpx.AsyncClient, problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = [*health.migrations(), type(health.migrations()[0])(version="9999_later", text="")]
    monkeypatch.setattr(health, "migrations", lambda: newer)
    problem(await client.get("/health/ready"), 503, "busy")
