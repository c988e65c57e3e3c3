"""Our own access token for an outside party: client credentials with a signed assertion (RFC 7523, OAuth NL GOV)."""

import asyncio
import secrets
import time
from typing import Any, TypeVar

import httpx
import msgspec
from joserfc import jwt
from joserfc.jwk import ECKey

_TIMEOUT_S = 5.0
_ASSERTION_AGE_S = 60
# Renewed while it still holds this long, so that no request starts with a token that ends under way.
_MARGIN_S = 30.0


class TokenRefused(Exception):
    """The issuer gave no token; the message quotes nothing of its answer."""


class _Metadata(msgspec.Struct, frozen=True):
    token_endpoint: str


class _TokenAnswer(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: int


T = TypeVar("T")


class ClientToken:
    """Fetches a token when one is needed and keeps it while it holds."""

    def __init__(self, http: httpx.AsyncClient, *, issuer: str, client_id: str, key: dict[str, Any], scope: str) -> None:
        self._http = http
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._key = ECKey.import_key(key)
        self._scope = scope
        self._token = ""
        self._good_until = 0.0
        self._fetching = asyncio.Lock()

    async def bearer(self) -> str:
        """Return a token that holds; one fetch serves all who wait. Raises TokenRefused or httpx.HTTPError."""
        async with self._fetching:
            if time.monotonic() >= self._good_until:
                await self._fetch()
        return self._token

    def forget(self) -> None:
        """Fetch a new token next time: the party did not take this one."""
        self._good_until = 0.0

    async def _fetch(self) -> None:
        metadata = await self._answer(self._http.build_request("GET", f"{self._issuer}/.well-known/openid-configuration"), _Metadata)
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "scope": self._scope,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self._assertion(metadata.token_endpoint),
        }
        request = self._http.build_request("POST", metadata.token_endpoint, data=form)
        answer = await self._answer(request, _TokenAnswer)
        self._token = answer.access_token
        self._good_until = time.monotonic() + max(answer.expires_in - _MARGIN_S, 0.0)

    async def _answer(self, request: httpx.Request, of: type[T]) -> T:
        request.extensions["timeout"] = httpx.Timeout(_TIMEOUT_S).as_dict()
        answer = await self._http.send(request)
        if answer.status_code != 200:
            raise TokenRefused(f"the issuer answered {answer.status_code}")
        try:
            return msgspec.json.decode(answer.content, type=of)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise TokenRefused("the issuer's answer has another form") from None

    def _assertion(self, token_endpoint: str) -> str:
        now = int(time.time())
        header = {"alg": "ES256", "typ": "JWT", "kid": self._key.kid}
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": token_endpoint,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + _ASSERTION_AGE_S,
        }
        return jwt.encode(header, claims, self._key, algorithms=["ES256"])
