"""Our own access token for an outside party: kept while it holds, fetched anew in one of two ways, both with a signed assertion (RFC 7523).

Client credentials are for Dutch parties (OAuth NL GOV), the assertion as a grant for Google's services.
"""

import asyncio
import secrets
import time
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from workers.senders.answers import exchange

T = TypeVar("T", bound=msgspec.Struct)
_TIMEOUT = httpx.Timeout(5.0).as_dict()
_ASSERTION_AGE_S = 60
# Google's documentation has an hour; ours is used at once, and a clock may be behind.
_GRANT_AGE_S = 600
# Renewed while it still holds this long, so that no request starts with a token that ends under way.
_MARGIN_S = 30.0


class TokenRefused(Exception):
    """The issuer gave no token; the message quotes nothing of its answer."""


class FetchedToken(msgspec.Struct, frozen=True):
    """What a token endpoint answers (RFC 6749): the token, and for how many seconds it holds."""

    access_token: str
    expires_in: int


class TokenFetch(Protocol):
    """One way to fetch a token. Raises TokenRefused or httpx.HTTPError."""

    async def __call__(self) -> FetchedToken:
        """Fetch a token."""
        ...


class AccessToken:
    """Fetches a token when one is needed and keeps it while it holds; whoever needs it meanwhile waits for the same one."""

    def __init__(self, fetch: TokenFetch) -> None:
        self._fetch = fetch
        self._fetching = asyncio.Lock()
        self._token = ""
        self._good_until = 0.0

    async def bearer(self) -> str:
        """Return a token that holds. Raises TokenRefused or httpx.HTTPError."""
        if time.monotonic() < self._good_until:
            return self._token
        async with self._fetching:
            if time.monotonic() >= self._good_until:
                fetched = await self._fetch()
                self._token = fetched.access_token
                self._good_until = time.monotonic() + max(fetched.expires_in - _MARGIN_S, 0.0)
            return self._token

    def forget(self, bearer: str) -> None:
        """Fetch a new token next time, unless that was done already: the party did not take this one."""
        if bearer == self._token:
            self._good_until = 0.0


class _Metadata(msgspec.Struct, frozen=True):
    token_endpoint: str


class ClientCredentials:
    """The client credentials grant; the issuer's metadata name the endpoint."""

    def __init__(self, http: httpx.AsyncClient, *, issuer: str, client_id: str, key: dict[str, Any], scope: str) -> None:
        self._http = http
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._key = ECKey.import_key(key)
        self._scope = scope

    async def __call__(self) -> FetchedToken:
        """Fetch a token."""
        request = httpx.Request("GET", f"{self._issuer}/.well-known/openid-configuration", extensions={"timeout": _TIMEOUT})
        endpoint = (await _read(self._http, request, _Metadata)).token_endpoint
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "scope": self._scope,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self._assertion(endpoint),
        }
        return await _read(self._http, _post(endpoint, form), FetchedToken)

    def _assertion(self, endpoint: str) -> str:
        header = {"alg": "ES256", "typ": "JWT", "kid": self._key.kid}
        claims = {"iss": self._client_id, "sub": self._client_id, "aud": endpoint, "jti": secrets.token_urlsafe(16)}
        return jwt.encode(header, claims | _period(_ASSERTION_AGE_S), self._key, algorithms=["ES256"])


class ServiceAccount(msgspec.Struct, frozen=True):
    """The file that Google gives for a service account, as far as it is used: who we are, our key (PEM), where tokens are, our project."""

    client_email: str
    private_key: str
    token_uri: str
    project_id: str
    private_key_id: str = ""

    @classmethod
    def read(cls, content: bytes) -> "ServiceAccount":
        """Read the file. Raises ValueError without repeating what it holds."""
        try:
            account = msgspec.json.decode(content, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ValueError("is not the JSON of a service account") from None
        if urlsplit(account.token_uri).scheme not in ("http", "https"):
            raise ValueError("has a token_uri that is no address")
        return account


class AssertionGrant:
    """The JWT bearer grant of a service account. Raises ValueError when its key is none."""

    def __init__(self, http: httpx.AsyncClient, account: ServiceAccount, *, scope: str) -> None:
        self._http = http
        self._account = account
        self._key = RSAKey.import_key(account.private_key)
        self._scope = scope

    async def __call__(self) -> FetchedToken:
        """Fetch a token."""
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": self._assertion()}
        return await _read(self._http, _post(self._account.token_uri, form), FetchedToken)

    def _assertion(self) -> str:
        header = {"alg": "RS256", "typ": "JWT", "kid": self._account.private_key_id}
        claims = {"iss": self._account.client_email, "aud": self._account.token_uri, "scope": self._scope}
        return jwt.encode(header, claims | _period(_GRANT_AGE_S), self._key, algorithms=["RS256"])


def _period(age_s: int) -> dict[str, int]:
    now = int(time.time())
    return {"iat": now, "exp": now + age_s}


def _post(endpoint: str, form: dict[str, str]) -> httpx.Request:
    return httpx.Request("POST", endpoint, data=form, extensions={"timeout": _TIMEOUT})


async def _read(http: httpx.AsyncClient, request: httpx.Request, kind: type[T]) -> T:
    """Return what an endpoint of an issuer answers. Raises TokenRefused or httpx.HTTPError."""
    answer = await exchange(http, request)
    if answer.status != 200:
        raise TokenRefused(f"the issuer answered {answer.status}")
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise TokenRefused("the issuer answered something else than a token") from None
