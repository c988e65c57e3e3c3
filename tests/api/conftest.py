"""The real application on the real database, with tokens signed by a key of the test's own."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
import pytest_asyncio
from joserfc import jwe, jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from api.app import create_app
from api.edge import Edge
from reconcile.keyring import Keyring, new_keyring
from reconcile.settings import Settings
from reconcile.store.database import Database
from tests import world

ISSUER = "https://issuer.example"
SUBSTANTIAL = "http://eidas.europa.eu/LoA/substantial"
_SIGNER = ECKey.generate_key("P-256", {"kid": "test"})
_IDENTITY = RSAKey.generate_key(2048)
Headers = dict[str, str]


class OneKey:
    """Keys of one issuer, held in memory; the ones over HTTP have tests of their own."""

    def __init__(self) -> None:
        self.held = KeySet([_SIGNER])

    async def keys(self, issuer: str, kid: str) -> KeySet:
        assert issuer == ISSUER
        return self.held


def token(scope: str, *, key: Any = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """Sign an access token; a claim that is None is left out."""
    now = int(time.time())
    standard = {
        "iss": ISSUER,
        "sub": "client",
        "aud": "kot-uren",
        "iat": now,
        "nbf": now,
        "exp": now + 3_600,
        "jti": "a-unique-number",
        "scope": scope,
    }
    chosen = {name: value for name, value in {**standard, **claims}.items() if value is not None}
    head = {"alg": "ES256", "typ": "at+jwt", "kid": "test", **(header or {})}
    return jwt.encode(head, chosen, key or _SIGNER, algorithms=["ES256", "HS256", "PS256"])


def bearer(scope: str, **options: Any) -> Headers:
    return {"Authorization": f"Bearer {token(scope, **options)}"}


def organisation(oin: str = world.OIN) -> Headers:
    return bearer("kot:deliver", oin=oin)


def tvs() -> Headers:
    return bearer("kot:declare", oin=world.TVS.oin)


def manager(scope: str = "kot:pilot.manage", *, sub: str = "m-1") -> Headers:
    return bearer(scope, sub=sub)


def sealed(bsn: str) -> str:
    """The broker's encrypted claim of whose BSN it is."""
    return jwe.encrypt_compact({"alg": "RSA-OAEP-256", "enc": "A256GCM"}, bsn, _IDENTITY, algorithms=["RSA-OAEP-256", "A256GCM"])


def parent(bsn: str = world.APPLICANT, **claims: Any) -> Headers:
    return bearer("kot:app", **{"sub": f"s-{bsn}"[::-1], "acr": SUBSTANTIAL, "bsn_encrypted": sealed(bsn), **claims})


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder: Path = tmp_path_factory.mktemp("keys")
    (folder / "keyring.json").write_bytes(new_keyring())
    (folder / "identity.json").write_bytes(msgspec.json.encode(_IDENTITY.as_dict(private=True)))
    return Settings(keyring_file=str(folder / "keyring.json"), identity_key_file=str(folder / "identity.json"), token_issuers=ISSUER)


@pytest.fixture
def woken() -> list[str]:
    """The kinds of work that workers were woken for."""
    return []


@pytest.fixture
def app(settings: Settings, db: Database, woken: list[str]) -> Edge:
    async def wake(kind: str) -> None:
        woken.append(kind)

    return create_app(settings, db, wake, keys=OneKey(), clock=lambda: world.NOW)


@pytest_asyncio.fixture
async def client(app: Edge) -> AsyncIterator[httpx.AsyncClient]:
    # An error of ours must become an answer, as it does behind a real server.
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as http:
        yield http


@pytest.fixture
def api_keyring(settings: Settings) -> Keyring:
    """The keyring of the application."""
    return Keyring(Path(settings.keyring_file).read_bytes())


@pytest_asyncio.fixture
async def difference(client: httpx.AsyncClient, db: Database, admin: asyncpg.Connection, api_keyring: Keyring) -> dict[str, Any]:
    """The one open difference of a household, as its parents are shown it."""
    await world.with_register(admin)
    await world.declared(db, api_keyring)
    await world.delivered(db, api_keyring, world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00"))
    found = (await client.get("/v1/differences", headers=parent())).json()["differences"]
    assert len(found) == 1
    shown: dict[str, Any] = found[0]
    return shown


Problem = Callable[[httpx.Response, int, str], dict[str, Any]]


@pytest.fixture
def problem() -> Problem:
    """Check that an answer is a problem of a kind, and return it."""

    def check(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
        document: dict[str, Any] = answer.json()
        assert (document["type"], document["status"]) == (f"/v1/problems/{slug}", status)
        assert document["title"]
        assert document["detail"]
        assert answer.headers["api-version"]
        return document

    return check


def timeless(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out of lines since when they wait, or came alive: the same delivery on another day has the rest."""
    return [line | {"waitingSince": None, "wokenAt": None} for line in lines]
