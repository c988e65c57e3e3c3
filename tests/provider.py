"""A certified OpenID provider as our issuer, an edge that ends TLS before the API, and clients of both, all on loopback."""

import base64
import hashlib
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import ECKey

from local.servers import free_port
from tests import world
from tests.node import serving_node

API, SHORT, OTHER_SERVICE = "https://kot-uren.example", "https://kot-uren.example/short", "https://another.example"
LOW, SUBSTANTIAL = "http://eidas.europa.eu/LoA/low", "http://eidas.europa.eu/LoA/substantial"
_REDIRECT = "http://127.0.0.1/app"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_RESOURCES = {
    API: {"audience": "kot-uren", "scope": "kot:app kot:deliver kot:declare", "accessTokenTTL": 900, "jwt": {"sign": {"alg": "PS256"}}},
    SHORT: {"audience": "kot-uren", "scope": "kot:app", "accessTokenTTL": 1, "jwt": {"sign": {"alg": "ES256"}}},
    OTHER_SERVICE: {"audience": "another", "scope": "kot:app", "accessTokenTTL": 900, "jwt": {"sign": {"alg": "ES256"}}},
}
_PEOPLE: Mapping[str, Mapping[str, str]] = {
    "applicant": {"bsn": world.APPLICANT},
    "partner": {"bsn": world.PARTNER},
    "stranger": {"bsn": world.STRANGER},
    # Appointed by a court, known to the broker by another means than a BSN.
    "administrator": {"represents": "applicant"},
    # Has a household of their own, and represents the applicant.
    "friend": {"bsn": world.STRANGER, "represents": "applicant"},
    "friend-of-a-stranger": {"represents": "nobody-here"},
    "nobody-here": {"bsn": world.marked_bsn(999)},
}


class Authority:
    """A trust anchor that gives out certificates, and writes them where TLS wants files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Trust anchor {secrets.token_hex(8)}")])
        self._certificate = self._sign(self._name, self._key, is_authority=True)
        self.file = folder / "authority.pem"
        self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def give(self, oin: str) -> tuple[Path, Path]:
        """Give a certificate with an OIN as its serial number; return the files of certificate and key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, oin)]), key)
        name = secrets.token_hex(8)
        files = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return files

    def client(self, certificate: tuple[Path, Path] | None = None, **options: Any) -> httpx.AsyncClient:
        """Return a client that trusts this anchor, and has a certificate or none."""
        context = ssl.create_default_context(cafile=str(self.file))
        if certificate is not None:
            context.load_cert_chain(*certificate)
        return httpx.AsyncClient(verify=context, timeout=20, **options)

    def _sign(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_authority: bool = False) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
            .sign(self._key, hashes.SHA256())
        )


class Broker:
    """The provider: its folder and configuration, which outlive a restart, and how clients get tokens from it."""

    def __init__(self, folder: Path, authority: Authority, identity_key: Mapping[str, Any]) -> None:
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.authority = authority
        self.keys = {name: ECKey.generate_key("P-256", {"kid": name}) for name in ("organisation", "tvs")}
        self.certificate = authority.give(world.OIN)
        self._file = folder / "provider.json"
        machine = {"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256"}
        known = {
            "port": self.port,
            "salt": secrets.token_hex(16),
            "tls": tls_of(authority),
            "identityKey": identity_key,
            "resources": _RESOURCES,
            "people": _PEOPLE,
            "clients": [
                {
                    "client_id": "kot-app",
                    "application_type": "native",
                    "token_endpoint_auth_method": "none",
                    "grant_types": ["authorization_code"],
                    "response_types": ["code"],
                    "redirect_uris": [_REDIRECT],
                },
                {**machine, "client_id": "organisation", "oin": world.OIN, "jwks": self._jwks("organisation")},
                {**machine, "client_id": "tvs", "oin": world.TVS.oin, "jwks": self._jwks("tvs")},
                {
                    "client_id": "organisation-tls",
                    "oin": world.OIN,
                    "token_endpoint_auth_method": "tls_client_auth",
                    "tls_client_auth_subject_dn": f"serialNumber={world.OIN}",
                    "tls_client_certificate_bound_access_tokens": True,
                },
            ],
        }
        self._file.write_bytes(msgspec.json.encode(known))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve until the block ends; each time with new keys."""
        async with serving_node("provider.mjs", str(self._file)) as url:
            assert url == self.url
            yield

    async def person(self, login: str, *, acr_values: str = SUBSTANTIAL, resource: str = API, scope: str = "kot:app") -> dict[str, Any]:
        """Log somebody in by code and PKCE, as a native app does, and return the answer of the token endpoint."""
        return (await self.redeemed(await self.code(login, acr_values=acr_values, resource=resource, scope=scope))).json()

    async def code(self, login: str, *, acr_values: str = SUBSTANTIAL, resource: str = API, scope: str = "kot:app") -> dict[str, str]:
        """Log somebody in, and return what the app then redeems; what the app heard instead, when it got no code."""
        verifier = secrets.token_urlsafe(48)
        asked = {
            "response_type": "code",
            "client_id": "kot-app",
            "redirect_uri": _REDIRECT,
            "scope": f"openid {scope}",
            "resource": resource,
            "acr_values": acr_values,
            "login_hint": login,
            "state": secrets.token_urlsafe(16),
            "nonce": secrets.token_urlsafe(16),
            "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        async with self.authority.client() as browser:
            answer = await browser.get(f"{self.url}/auth", params=asked)
            while not answer.headers.get("location", "").startswith(_REDIRECT):
                assert answer.is_redirect, answer.text
                answer = await browser.get(httpx.URL(self.url).join(answer.headers["location"]))
        heard = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
        assert heard["state"] == asked["state"]
        if "code" not in heard:
            return heard
        form = {"grant_type": "authorization_code", "client_id": "kot-app", "redirect_uri": _REDIRECT}
        return {**form, "code": heard["code"], "code_verifier": verifier}

    async def redeemed(self, form: Mapping[str, str], certificate: tuple[Path, Path] | None = None) -> httpx.Response:
        """Ask the token endpoint."""
        async with self.authority.client(certificate) as http:
            return await http.post(f"{self.url}/token", data=dict(form))

    def assertion(self, client: str, scope: str) -> dict[str, str]:
        """Sign in as a machine: what it sends to the token endpoint, once."""
        now = int(time.time())
        claims = {"iss": client, "sub": client, "aud": self.url, "jti": secrets.token_urlsafe(16), "iat": now, "exp": now + 60}
        return {
            "grant_type": "client_credentials",
            "client_id": client,
            "scope": scope,
            "resource": API,
            "client_assertion_type": _ASSERTION,
            "client_assertion": jwt.encode({"alg": "ES256", "kid": client}, claims, self.keys[client], algorithms=["ES256"]),
        }

    async def machine(self, client: str, scope: str) -> str:
        """Return an access token for a machine that signs."""
        return str((await self.redeemed(self.assertion(client, scope))).json()["access_token"])

    async def bound(self, certificate: tuple[Path, Path] | None = None) -> httpx.Response:
        """Ask for a token that is bound to a certificate, by the certificate alone."""
        form = {"grant_type": "client_credentials", "client_id": "organisation-tls", "scope": "kot:deliver", "resource": API}
        return await self.redeemed(form, certificate or self.certificate)

    def _jwks(self, name: str) -> dict[str, Any]:
        return {"keys": [{**self.keys[name].as_dict(private=False), "use": "sig", "alg": "ES256"}]}


def tls_of(authority: Authority) -> dict[str, str]:
    """Return what a server on loopback needs for TLS."""
    certificate, key = authority.give("0" * 20)
    return {"key": key.read_text(), "certificate": certificate.read_text(), "authority": authority.file.read_text()}


@asynccontextmanager
async def edge_before(api: str, folder: Path, authority: Authority) -> AsyncIterator[str]:
    """Stand an edge before the API until the block ends; yield its address."""
    file = folder / "edge.json"
    file.write_bytes(msgspec.json.encode({"port": urlsplit(api).port, "tls": tls_of(authority)}))
    async with serving_node("edge.mjs", str(file)) as url:
        yield url
