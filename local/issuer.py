"""A stub of the outside issuer: OAuth 2.0 with signed client assertions, and a login for the app with code and PKCE.

Run as a process of its own: `python -m local.issuer FOLDER`. The folder holds what it knows: clients.json, logins.json and the
public key of the product for the identity claim. It speaks the protocol of the real one and nothing else.
"""

import hashlib
import secrets
import sys
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
import uvicorn
from joserfc import jwe, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from litestar import Litestar, Request, Response, get, post
from litestar.params import QueryParameter

TOKEN_AGE_S = 900
CODE_AGE_S = 60
_APP_CLIENT = "kot-app"
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SUBSTANTIAL = "http://eidas.europa.eu/LoA/substantial"


class Client(msgspec.Struct, frozen=True, rename="camel"):
    """A machine that may fetch tokens: its OIN, the one scope it may have, and its public key."""

    client_id: str
    oin: str
    scope: str
    key: dict[str, Any]


class Login(msgspec.Struct, frozen=True, rename="camel"):
    """Somebody who can log in: a sample parent with a BSN, or a pilot manager without."""

    login: str
    scope: str
    bsn: str = ""


class IssuerFolder(msgspec.Struct, frozen=True, rename="camel"):
    """Everything the issuer knows."""

    url: str
    clients: tuple[Client, ...]
    logins: tuple[Login, ...]
    identity_public_key: dict[str, Any]


class _Refused(Exception):
    """An error as RFC 6749 names it."""


class Issuer:
    """Keys, clients, logins and the codes that are out."""

    def __init__(self, known: IssuerFolder) -> None:
        self.url = known.url
        self._clients = {one.client_id: one for one in known.clients}
        self._logins = {one.login: one for one in known.logins}
        self._identity_key = RSAKey.import_key(known.identity_public_key)
        self._key = ECKey.generate_key("P-256", {"kid": secrets.token_hex(8), "use": "sig", "alg": "ES256"})
        self._salt = secrets.token_bytes(16)
        self._codes: dict[str, tuple[float, Login, str, str]] = {}
        self._seen: set[str] = set()

    def metadata(self) -> dict[str, Any]:
        """Describe the issuer (RFC 8414)."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "client_credentials"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "none"],
            "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
        }

    def jwks(self) -> dict[str, Any]:
        """Return the public key."""
        return {"keys": [self._key.as_dict(private=False)]}

    def code(self, *, client_id: str, redirect_uri: str, challenge: str, method: str, login: str) -> str:
        """Log somebody in and return a code. Raises _Refused."""
        if client_id != _APP_CLIENT or urlsplit(redirect_uri).hostname not in ("127.0.0.1", "localhost"):
            raise _Refused("invalid_request")
        if method != "S256" or not challenge or login not in self._logins:
            raise _Refused("invalid_request" if login in self._logins else "access_denied")
        code = secrets.token_urlsafe(24)
        self._codes[code] = (time.time() + CODE_AGE_S, self._logins[login], challenge, redirect_uri)
        return code

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        """Answer the token endpoint. Raises _Refused."""
        grant = form.get("grant_type")
        if grant == "client_credentials":
            claims = self._machine(form)
        elif grant == "authorization_code":
            claims = self._person(form)
        else:
            raise _Refused("unsupported_grant_type")
        now = int(time.time())
        claims |= {"iss": self.url, "iat": now, "nbf": now, "exp": now + TOKEN_AGE_S, "jti": secrets.token_urlsafe(16)}
        token = jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": self._key.kid}, claims, self._key, algorithms=["ES256"])
        return {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_AGE_S, "scope": claims["scope"]}

    def _machine(self, form: dict[str, str]) -> dict[str, Any]:
        client = self._clients.get(form.get("client_id", ""))
        if client is None or form.get("client_assertion_type") != _ASSERTION_TYPE:
            raise _Refused("invalid_client")
        try:
            assertion = jwt.decode(form.get("client_assertion", ""), ECKey.import_key(client.key), algorithms=["ES256"]).claims
        except (JoseError, ValueError):
            raise _Refused("invalid_client") from None
        is_ours = assertion.get("aud") == f"{self.url}/token" and assertion.get("sub") == assertion.get("iss") == client.client_id
        jti = f"{client.client_id}/{assertion.get('jti')}"
        if not is_ours or assertion.get("exp", 0) < time.time() or jti in self._seen:
            raise _Refused("invalid_client")
        self._seen.add(jti)
        if form.get("scope", client.scope) != client.scope:
            raise _Refused("invalid_scope")
        audience = "tvs" if client.scope.startswith("tvs:") else "kot-uren"
        return {
            "sub": client.client_id,
            "client_id": client.client_id,
            "azp": client.client_id,
            "aud": audience,
            "scope": client.scope,
            "oin": client.oin,
        }

    def _person(self, form: dict[str, str]) -> dict[str, Any]:
        until, login, challenge, redirect_uri = self._codes.pop(form.get("code", ""), (0.0, None, "", ""))
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        is_proved = urlsafe_b64encode(verifier).rstrip(b"=").decode() == challenge
        if login is None or until < time.time() or not is_proved or form.get("redirect_uri") != redirect_uri:
            raise _Refused("invalid_grant")
        claims = {
            "sub": hashlib.sha256(self._salt + login.login.encode()).hexdigest()[:32],
            "client_id": _APP_CLIENT,
            "azp": _APP_CLIENT,
            "aud": "kot-uren",
            "scope": login.scope,
            "acr": _SUBSTANTIAL,
        }
        if login.bsn:
            claims["bsn_encrypted"] = jwe.encrypt_compact(
                {"alg": "RSA-OAEP-256", "enc": "A256GCM"}, login.bsn, self._identity_key, algorithms=["RSA-OAEP-256", "A256GCM"]
            )
        return claims


def create_app(known: IssuerFolder) -> Litestar:
    """Wire the issuer."""
    issuer = Issuer(known)

    @get(["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"], sync_to_thread=False)
    def metadata() -> dict[str, Any]:
        return issuer.metadata()

    @get("/jwks", sync_to_thread=False)
    def jwks() -> dict[str, Any]:
        return issuer.jwks()

    @get("/authorize", sync_to_thread=False)
    def authorize(
        client_id: Annotated[str, QueryParameter(name="client_id")],
        redirect_uri: Annotated[str, QueryParameter(name="redirect_uri")],
        code_challenge: Annotated[str, QueryParameter(name="code_challenge")],
        code_challenge_method: Annotated[str, QueryParameter(name="code_challenge_method")],
        login_hint: Annotated[str, QueryParameter(name="login_hint")],
        session: Annotated[str, QueryParameter(name="state")] = "",
    ) -> Response[Any]:
        try:
            code = issuer.code(
                client_id=client_id, redirect_uri=redirect_uri, challenge=code_challenge, method=code_challenge_method, login=login_hint
            )
        except _Refused as error:
            return Response({"error": str(error)}, status_code=400)
        return Response(None, status_code=302, headers={"Location": f"{redirect_uri}?{urlencode({'code': code, 'state': session})}"})

    @post("/token", status_code=200)
    async def token(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        try:
            return Response(issuer.token(form), headers={"Cache-Control": "no-store"})
        except _Refused as error:
            return Response({"error": str(error)}, status_code=401 if str(error) == "invalid_client" else 400)

    return Litestar([metadata, jwks, authorize, token], openapi_config=None)


def main() -> None:
    """Serve what the folder says until stopped."""
    known = msgspec.json.decode(Path(sys.argv[1], "issuer.json").read_bytes(), type=IssuerFolder)
    place = urlsplit(known.url)
    uvicorn.run(create_app(known), host=place.hostname or "127.0.0.1", port=place.port or 80, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
