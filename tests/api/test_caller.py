"""Who is asking: only a token that is right in every respect, with the scope of the route."""

import time
from typing import Any

import asyncpg
import httpx
import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from reconcile.keyring import Keyring
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import ISSUER, Problem, bearer, organisation, parent, token

OTHER_KEY = ECKey.generate_key("P-256", {"kid": "test"})
RSA = RSAKey.generate_key(2048, {"kid": "test"})
SECRET = OctKey.import_key("a" * 32)


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": OTHER_KEY},
        {"key": SECRET, "header": {"alg": "HS256"}},
        {"key": RSA, "header": {"alg": "PS256"}},
        {"header": {"typ": "JWT"}},
        {"header": {"typ": "dpop+jwt"}},
        {"header": {"kid": ""}},
        {"iss": "https://other.example"},
        {"aud": "another-service"},
        {"aud": ["another-service"]},
        {"exp": int(time.time()) - 3600},
        {"nbf": int(time.time()) + 3600},
        {"jti": None},
        {"jti": ""},
        {"sub": ""},
        {"exp": None},
        {"exp": "soon"},
        {"oin": None},
        {"oin": "123"},
        {"oin": "x" * 9000},
        {"sub": "a\x00b"},
        {"represents": "somebody"},
        {"represents": {"iss": ISSUER}},
        {"represents": {"iss": ISSUER, "sub": ""}},
        {"represents": {"iss": "https://other.example", "sub": "s"}},
        {"represents": {"iss": ISSUER, "sub": "s", "represents": {"iss": ISSUER, "sub": "t"}}},
    ],
)
async def test_a_token_that_is_not_right_is_not_taken(client: httpx.AsyncClient, problem: Problem, wrong: dict[str, Any]) -> None:
    answer = await client.get("/v1/deliveries", headers=bearer("kot:deliver", **{"oin": world.OIN, **wrong}))
    document = problem(answer, 401, "not-authenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="kot-uren", error="invalid_token"'
    assert "eyJ" not in str(document)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic abc"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": "Bearer " + "e30." * 3000},
        {"Authorization": "Bearer eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJ4In0."},
        {"Authorization": "Bearer \xff\xfe"},
    ],
)
async def test_what_is_no_token_is_not_taken(client: httpx.AsyncClient, problem: Problem, headers: dict[str, str]) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    answer = await client.get("/v1/deliveries", headers=raw)
    problem(answer, 401, "not-authenticated")
    # Without a token there is no error to name (RFC 6750, section 3.1).
    has_token = headers.get("Authorization", "").startswith("Bearer ")
    assert answer.headers["www-authenticate"] == 'Bearer realm="kot-uren"' + (', error="invalid_token"' if has_token else "")


async def test_a_token_in_the_query_is_no_token(client: httpx.AsyncClient, problem: Problem) -> None:
    problem(await client.get("/v1/deliveries", params={"access_token": token("kot:deliver", oin=world.OIN)}), 401, "not-authenticated")


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v1/deliveries", "kot:app"),
        ("POST", "/v1/deliveries", "kot:declare"),
        ("POST", "/v1/declarations", "kot:deliver"),
        ("GET", "/v1/differences", "kot:deliver kot:declare"),
        ("GET", "/v1/changes/9b2f0c7e-3a3f-4d7e-9f0a-000000000000", "kot:app"),
    ],
)
async def test_another_scope_is_not_enough(client: httpx.AsyncClient, problem: Problem, method: str, path: str, scope: str) -> None:
    answer = await client.request(method, path, headers=bearer(scope, oin=world.OIN))
    problem(answer, 403, "insufficient-scope")
    needed = answer.headers["www-authenticate"].removeprefix('Bearer realm="kot-uren", error="insufficient_scope", scope="')
    assert needed.removesuffix('"') in ("kot:app", "kot:deliver", "kot:declare")


@pytest.mark.parametrize("path", ["/v1/differences", "/v1/sync/differences?schemaVersion=1"])
@pytest.mark.parametrize("acr", [None, "", "http://eidas.europa.eu/LoA/low", "http://eidas.europa.eu/LoA/substantial "])
async def test_a_parent_needs_more_than_a_password(client: httpx.AsyncClient, problem: Problem, path: str, acr: str | None) -> None:
    answer = await client.get(path, headers=parent(acr=acr))
    problem(answer, 401, "not-authenticated")
    assert answer.headers["www-authenticate"] == (
        'Bearer realm="kot-uren", error="insufficient_user_authentication", '
        'acr_values="http://eidas.europa.eu/LoA/substantial http://eidas.europa.eu/LoA/high"'
    )


@pytest.mark.parametrize("named", [{"sub": world.APPLICANT}, {"represents": {"iss": ISSUER, "sub": world.APPLICANT}}])
async def test_a_number_of_a_person_is_no_pseudonym(
    client: httpx.AsyncClient, db: Database, admin: asyncpg.Connection, api_keyring: Keyring, problem: Problem, named: dict[str, Any]
) -> None:
    await world.with_register(admin)
    await world.declared(db, api_keyring)
    answer = await client.get("/v1/differences", headers=parent(**named))
    assert world.APPLICANT not in str(problem(answer, 401, "not-authenticated"))
    assert await admin.fetchval("SELECT count(*) FROM login") == 0


async def test_an_organisation_that_the_register_lacks_is_told(client: httpx.AsyncClient, problem: Problem) -> None:
    problem(await client.get("/v1/deliveries", headers=organisation("00000099000077770000")), 403, "unknown-organisation")


@pytest.mark.parametrize("claim", ["", "not-a-jwe", "a.b.c.d.e"])
async def test_a_claim_that_proves_nobody_selects_nothing(client: httpx.AsyncClient, problem: Problem, claim: str) -> None:
    problem(await client.get("/v1/differences", headers=parent(bsn_encrypted=claim)), 403, "household-unclear")


async def test_a_parent_is_found_by_the_claim_once_and_by_the_pseudonym_after(
    client: httpx.AsyncClient, db: Database, admin: asyncpg.Connection, api_keyring: Keyring
) -> None:
    await world.with_register(admin)
    await world.declared(db, api_keyring)
    assert (await client.get("/v1/differences", headers=parent())).json() == {"differences": []}
    assert (await client.get("/v1/differences", headers=parent(bsn_encrypted=None))).json() == {"differences": []}
