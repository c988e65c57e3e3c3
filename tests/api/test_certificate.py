"""A client's certificate counts when an edge of ours hands it on, once and in its form; what anybody can write counts for nothing."""

import hashlib
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import asyncpg
import httpx
import msgspec
import pytest

from api.app import create_app
from api.certificate import EdgeCertificates
from reconcile.settings import Settings
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import Headers, OneKey, Problem, bearer

CERTIFICATE = b"a certificate in DER, of which only the digest counts"
BOUND = {"x5t#S256": urlsafe_b64encode(hashlib.sha256(CERTIFICATE).digest()).rstrip(b"=").decode()}
SENT = f":{b64encode(CERTIFICATE).decode()}:"
From = Callable[[str], AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def behind_edge(settings: Settings, db: Database) -> From:
    """The application with an edge at 192.0.2.1 and a network of them, asked from an address."""
    edges = msgspec.structs.replace(settings, certificate_edges="192.0.2.1, 198.51.100.0/24")

    async def wake(_: str) -> None: ...

    app = create_app(edges, db, wake, keys=OneKey(), clock=lambda: world.NOW)

    @asynccontextmanager
    async def client(address: str) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=(address, 4_321))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as http:
            yield http

    return client


def bound(cnf: object = BOUND) -> Headers:
    return bearer("kot:deliver", oin=world.OIN, cnf=cnf)


@pytest.mark.parametrize("address", ["192.0.2.1", "198.51.100.77", "::ffff:192.0.2.1"])
async def test_a_bound_token_is_taken_with_its_certificate(behind_edge: From, admin: asyncpg.Connection, address: str) -> None:
    await world.with_register(admin)
    async with behind_edge(address) as client:
        assert (await client.get("/v1/deliveries", headers={**bound(), "Client-Cert": SENT})).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        [],
        [""],
        ["::"],
        [SENT.strip(":")],
        [SENT[:-1]],
        [SENT + ";a=1"],
        [SENT + ", " + SENT],
        [SENT, SENT],
        [SENT.replace(":", ":=", 1)],
        ["%3A" + SENT],
    ],
)
async def test_what_is_not_one_certificate_is_none(behind_edge: From, admin: asyncpg.Connection, problem: Problem, sent: list[str]) -> None:
    await world.with_register(admin)
    headers = [*bound().items(), *(("Client-Cert", one) for one in sent)]
    async with behind_edge("192.0.2.1") as client:
        answer = await client.get("/v1/deliveries", headers=headers)
    assert "none came" in problem(answer, 401, "not-authenticated")["detail"]
    assert answer.headers["www-authenticate"] == 'Bearer realm="kot-uren", error="invalid_token"'


async def test_another_certificate_is_not_enough(behind_edge: From, admin: asyncpg.Connection, problem: Problem) -> None:
    await world.with_register(admin)
    async with behind_edge("192.0.2.1") as client:
        other = f":{b64encode(b'another').decode()}:"
        answer = await client.get("/v1/deliveries", headers={**bound(), "Client-Cert": other})
    assert "another certificate" in problem(answer, 401, "not-authenticated")["detail"]


@pytest.mark.parametrize("address", ["192.0.2.2", "127.0.0.1", "2001:db8::1"])
async def test_who_is_no_edge_of_ours_cannot_present_a_certificate(
    behind_edge: From, admin: asyncpg.Connection, problem: Problem, address: str
) -> None:
    await world.with_register(admin)
    async with behind_edge(address) as client:
        headers = {**bound(), "Client-Cert": SENT, "X-Forwarded-For": "192.0.2.1"}
        problem(await client.get("/v1/deliveries", headers=headers), 401, "not-authenticated")


async def test_without_an_edge_no_bound_token_is_taken_and_the_header_disturbs_no_other(
    client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem
) -> None:
    await world.with_register(admin)
    problem(await client.get("/v1/deliveries", headers={**bound(), "Client-Cert": SENT}), 401, "not-authenticated")
    unbound = bearer("kot:deliver", oin=world.OIN)
    assert (await client.get("/v1/deliveries", headers={**unbound, "Client-Cert": SENT})).status_code == 200


@pytest.mark.parametrize(
    "cnf", [{}, {"jkt": "a"}, {**BOUND, "jkt": "a"}, {"x5t#S256": ""}, {"x5t#S256": 7}, {"x5t#S256": None}, {"jwk": {"kty": "EC"}}]
)
async def test_a_token_that_is_bound_to_what_cannot_be_checked_is_not_taken(
    behind_edge: From, admin: asyncpg.Connection, problem: Problem, cnf: object
) -> None:
    await world.with_register(admin)
    async with behind_edge("192.0.2.1") as client:
        answer = await client.get("/v1/deliveries", headers={**bound(cnf), "Client-Cert": SENT})
    assert "cannot be checked" in problem(answer, 401, "not-authenticated")["detail"]


@pytest.mark.parametrize("peer", [None, ("", 0), ("/run/kot.sock", 0)])
def test_a_connection_without_an_address_comes_from_no_edge(peer: tuple[str, int] | None) -> None:
    scope = {"client": peer, "headers": [(b"client-cert", SENT.encode())]}
    assert EdgeCertificates("0.0.0.0/0").thumbprint(scope) == ""  # type: ignore[arg-type]
