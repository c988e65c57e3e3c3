"""The stub of the issuer speaks OAuth: signed assertions once each, code with PKCE, and errors by their names."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from joserfc import jwe, jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from local.clients import machine_token, person_token
from local.issuer import Client, IssuerFolder, Login, create_app
from local.servers import free_port
from reconcile.rules.bsn import marked_bsn
from tests.serving import serving

KEY: dict[str, Any] = ECKey.generate_key("P-256", {"kid": "k"}).as_dict(private=True)
IDENTITY = RSAKey.generate_key(2048)


@pytest_asyncio.fixture
async def issuer() -> AsyncIterator[str]:
    known = IssuerFolder(
        url="",
        clients=(Client("org", "00000099000000010000", "kot:deliver", ECKey.import_key(KEY).as_dict(private=False)),),
        logins=(Login("tvs-1", "kot:app", marked_bsn(1)),),
        identity_public_key=IDENTITY.as_dict(private=False),
    )
    port = free_port()
    known = IssuerFolder(f"http://127.0.0.1:{port}", known.clients, known.logins, known.identity_public_key)
    async with serving(create_app(known), port=port) as served:
        yield served.url


async def claims(http: httpx.AsyncClient, issuer: str, token: str) -> dict[str, Any]:
    keys = KeySet.import_key_set((await http.get(f"{issuer}/jwks")).json())
    decoded = jwt.decode(token, keys, algorithms=["ES256"])
    assert decoded.header["typ"] == "at+jwt"
    return dict(decoded.claims)


async def test_a_machine_gets_a_token_for_its_scope(issuer: str) -> None:
    async with httpx.AsyncClient() as http:
        got = await claims(http, issuer, await machine_token(http, issuer, "org", KEY))
    assert (got["iss"], got["aud"], got["scope"], got["oin"]) == (issuer, "kot-uren", "kot:deliver", "00000099000000010000")


async def test_a_parent_gets_a_token_with_a_sealed_identity(issuer: str) -> None:
    async with httpx.AsyncClient() as http:
        got = await claims(http, issuer, await person_token(http, issuer, "tvs-1"))
    assert marked_bsn(1) not in str(got)
    opened = jwe.decrypt_compact(got["bsn_encrypted"], IDENTITY, algorithms=["RSA-OAEP-256", "A256GCM"])
    assert opened.plaintext == marked_bsn(1).encode()


async def test_somebody_else_s_key_gets_nothing(issuer: str) -> None:
    other = ECKey.generate_key("P-256", {"kid": "k"}).as_dict(private=True)
    async with httpx.AsyncClient() as http:
        for client_id, key in (("org", other), ("nobody", KEY)):
            with pytest.raises(httpx.HTTPStatusError, match="401"):
                await machine_token(http, issuer, client_id, key)


async def test_an_unknown_login_and_a_request_without_proof_get_nothing(issuer: str) -> None:
    async with httpx.AsyncClient() as http:
        with pytest.raises(httpx.HTTPStatusError, match="400"):
            await person_token(http, issuer, "nobody")
        answer = await http.post(f"{issuer}/token", data={"grant_type": "authorization_code", "code": "x", "code_verifier": "y"})
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid_grant"})
        answer = await http.post(f"{issuer}/token", data={"grant_type": "password"})
        assert answer.json() == {"error": "unsupported_grant_type"}
