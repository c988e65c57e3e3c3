"""A body is the one that was sent, and its limits are told; types, encodings and bombs are in test_deliveries.py."""

import base64
import gzip
import hashlib
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest

from api import media
from api.app import BODY_BYTES_MAX
from api.deliveries import DELIVERY_BYTES_MAX
from api.edge import Edge
from cli.contract import contract_document
from tests import world
from tests.api.conftest import Problem, organisation

BODY = world.delivery_body([world.line()])
PACKED = gzip.compress(BODY, mtime=0)


def digest(content: bytes, algorithm: str = "sha256") -> str:
    name = algorithm.replace("sha", "sha-")
    return f"{name}=:{base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}:"


async def send(client: httpx.AsyncClient, content: bytes = BODY, digest_: str = "", **headers: str) -> httpx.Response:
    own = {"Content-Type": "application/json", "Idempotency-Key": "r-1", "Content-Digest": digest_}
    return await client.post("/v1/deliveries", content=content, headers={**organisation(), **own, **headers})


@pytest.fixture(autouse=True)
async def _register(admin: asyncpg.Connection) -> None:
    await world.with_register(admin)


@pytest.mark.parametrize(
    ("content", "value", "headers"),
    [
        (BODY, digest(BODY), {}),
        (PACKED, digest(PACKED), {"Content-Encoding": "gzip"}),
        (BODY, f"{digest(BODY, 'sha512')}, {digest(BODY)};now=1", {}),
        (BODY, f"{digest(b'another')},{digest(BODY)}", {}),  # of two with one name the last one counts
        (BODY, "", {}),
    ],
)
async def test_the_bytes_that_were_promised_are_taken(
    client: httpx.AsyncClient, content: bytes, value: str, headers: dict[str, str]
) -> None:
    assert (await send(client, content, value, **headers)).status_code == 202


@pytest.mark.parametrize(
    ("content", "value", "headers"),
    [
        (BODY[:-1], digest(BODY), {}),
        (PACKED, digest(BODY), {"Content-Encoding": "gzip"}),  # of the content, not of what was sent
        (b"", digest(BODY), {}),
    ],
)
async def test_other_bytes_are_refused_and_nothing_is_kept(
    client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem, content: bytes, value: str, headers: dict[str, str]
) -> None:
    document = problem(await send(client, content, value, **headers), 400, "digest-mismatch")
    assert (document["given"], document["found"]) == (value, digest(content))
    assert await admin.fetchval("SELECT count(*) FROM delivery") + await admin.fetchval("SELECT count(*) FROM delivery_chunk") == 0
    assert (await send(client, BODY, digest(BODY))).status_code == 202


async def test_a_trial_holds_the_digest_against_its_bytes_as_well(client: httpx.AsyncClient, problem: Problem) -> None:
    headers = {**organisation(), "Content-Type": "application/json", "Content-Digest": digest(b"another")}
    answer = await client.post("/v1/deliveries", params={"dryRun": "true"}, content=BODY, headers=headers)
    problem(answer, 400, "digest-mismatch")


@pytest.mark.parametrize(
    "value",
    [digest(BODY, "sha512"), "sha-256=abc", "sha-256=:abc:", "sha-256=:YWJj:", digest(BODY) + "x", "sha-256", ",", digest(BODY) + ","],
)
async def test_a_digest_that_cannot_be_held_against_the_bytes_is_refused(client: httpx.AsyncClient, problem: Problem, value: str) -> None:
    problem(await send(client, BODY, value), 400, "invalid-request")


async def test_a_body_that_is_too_large_hears_the_limit_of_its_address(client: httpx.AsyncClient, problem: Problem) -> None:
    answer = await client.put(
        f"/v1/mandates/{world.VENDOR_OIN}",
        content=b" " * (BODY_BYTES_MAX + 1),
        headers={**organisation(), "Content-Type": "application/json"},
    )
    document = problem(answer, 413, "body-too-large")
    assert document["bytesMax"] == BODY_BYTES_MAX
    assert str(BODY_BYTES_MAX) in document["detail"]
    announced = problem(await send(client, b"x", **{"Content-Length": str(DELIVERY_BYTES_MAX + 1)}), 413, "body-too-large")
    assert announced["bytesMax"] == DELIVERY_BYTES_MAX


async def test_a_gzip_that_unpacks_to_too_much_hears_that_limit(
    client: httpx.AsyncClient, problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "UNPACKED_BYTES_MAX", 100)
    document = problem(await send(client, PACKED, **{"Content-Encoding": "gzip"}), 413, "body-too-large")
    assert document["bytesMax"] == 100
    assert "100 bytes" in document["detail"]


def test_the_contract_names_the_limits(app: Edge) -> None:
    operation: dict[str, Any] = msgspec.json.decode(contract_document())["paths"]["/deliveries"]["post"]
    for text in (operation["description"], operation["requestBody"]["description"], operation["responses"]["413"]["description"]):
        for limit in ("512 MiB", "1024 MiB", "100 times", "ten seconds", "10000 lines", "16 MiB"):
            assert limit in text
    assert "Content-Digest" in {one["name"] for one in operation["parameters"]}
