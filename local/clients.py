"""Clients of the play: a machine's token by a signed assertion, a person's by code and PKCE, both from the issuer over HTTP."""

import hashlib
import secrets
import time
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

_REDIRECT = "http://127.0.0.1/app"


async def machine_token(http: httpx.AsyncClient, issuer: str, client_id: str, key: dict[str, Any]) -> str:
    """Return an access token for an organisation or for TVS. Raises httpx.HTTPStatusError."""
    signer = ECKey.import_key(key)
    now = int(time.time())
    claims = {"iss": client_id, "sub": client_id, "aud": f"{issuer}/token", "jti": secrets.token_urlsafe(16), "iat": now, "exp": now + 60}
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode({"alg": "ES256", "typ": "JWT"}, claims, signer, algorithms=["ES256"]),
    }
    return await _token(http, issuer, form)


async def person_token(http: httpx.AsyncClient, issuer: str, login: str) -> str:
    """Return an access token for somebody who logs in: a sample parent or a pilot manager. Raises httpx.HTTPStatusError."""
    verifier = secrets.token_urlsafe(48)
    challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    answer = await http.get(
        f"{issuer}/authorize",
        params={
            "response_type": "code",
            "client_id": "kot-app",
            "redirect_uri": _REDIRECT,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "state": secrets.token_urlsafe(8),
            "login_hint": login,
        },
        follow_redirects=False,
    )
    if answer.status_code != 302:
        answer.raise_for_status()
    code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
    form = {"grant_type": "authorization_code", "client_id": "kot-app", "code": code, "redirect_uri": _REDIRECT, "code_verifier": verifier}
    return await _token(http, issuer, form)


async def _token(http: httpx.AsyncClient, issuer: str, form: dict[str, str]) -> str:
    answer = await http.post(f"{issuer}/token", data=form)
    answer.raise_for_status()
    return str(answer.json()["access_token"])
