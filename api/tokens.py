"""Access tokens: JWTs of the profile at+jwt (RFC 9068), checked against the issuer's own keys."""

import asyncio
import hashlib
import hmac
import logging
import re
import time
from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import httpx
import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from reconcile.problems import Busy

logger = logging.getLogger(__name__)

ALGORITHMS = ("PS256", "ES256", "RS256")
TOKEN_BYTES_MAX = 8_192
_LEEWAY_S = 30
# Keys are read again after this long, and sooner when a token names one that is not known; but not more often than the pause,
# so that invented key numbers cannot make us call the issuer without end.
_KEYS_GOOD_FOR_S = 600.0
_REFRESH_PAUSE_S = 10.0
_HTTP_TIMEOUT_S = 5.0
# As OpenID Connect bounds it; it is kept as the name of who acted.
_SUBJECT = re.compile(r"[\x20-\x7e]{1,255}")


class TokenInvalid(Exception):
    """The token is not taken; the message may be shown and never quotes it."""


class Represented(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a proxy acts for (OpenID NL GOV): the pseudonym that the issuer has for that person, and once the sealed proof whose it is.

    `represents` in it would be somebody further on, for whom that person acts.
    """

    iss: str
    sub: str
    bsn_encrypted: str = ""
    represents: Mapping[str, Any] | None = None


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What we read of a token. `cnf` names what its holder must prove to have (RFC 7800)."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: int
    jti: str
    nbf: int = 0
    scope: str = ""
    acr: str = ""
    oin: str = ""
    bsn_encrypted: str = ""
    represents: Represented | None = None
    cnf: Mapping[str, Any] | None = None

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes, which the token holds as one text."""
        return frozenset(self.scope.split())


class KeySource(Protocol):
    """Gives the public keys of an issuer."""

    async def keys(self, issuer: str, kid: str) -> KeySet:
        """Return the keys of an issuer, which should have `kid` among them."""
        ...


class _Metadata(msgspec.Struct, frozen=True):
    issuer: str
    jwks_uri: str


class _Published(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of an issuer, their numbers, and when they were read, or could not be: then there may be none."""

    read_at: float
    keys: KeySet | None
    kids: frozenset[str | None] = frozenset()


class IssuerKeys:
    """Reads the keys of issuers over HTTP, by their metadata, and keeps them for a while.

    One request at a time reads the keys of an issuer, and others wait for it; an issuer that does not answer makes nobody wait for
    another one, and is asked again after a pause alone.
    """

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._kept: dict[str, _Kept] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def keys(self, issuer: str, kid: str) -> KeySet:
        """Return the keys of an issuer; they are read again when they are old or do not have `kid`. Raises Busy without any."""
        kept = self._kept.get(issuer)
        if kept is None or time.monotonic() - kept.read_at >= (_KEYS_GOOD_FOR_S if kid in kept.kids else _REFRESH_PAUSE_S):
            async with self._locks[issuer]:
                if self._kept.get(issuer) is kept:
                    self._kept[issuer] = await self._renewed(issuer, None if kept is None else kept.keys)
                kept = self._kept[issuer]
        if kept.keys is None:
            # Not a fault of the token: a client that heard 401 would throw a good one away.
            raise Busy("The keys of the issuer cannot be read at this moment. Try again shortly.")
        return kept.keys

    async def _renewed(self, issuer: str, known: KeySet | None) -> _Kept:
        try:
            read: KeySet | None = await self._read(issuer)
        except (httpx.HTTPError, httpx.InvalidURL, msgspec.MsgspecError, ValueError, JoseError) as error:
            logger.warning("keys of an issuer cannot be read", extra={"issuer": issuer, "error": type(error).__name__})
            read = known
        if read is None:
            return _Kept(read_at=time.monotonic(), keys=None)
        # The same keys stay the same object: what was verified with them needs no verifying again.
        keys = known if known is not None and known.as_dict() == read.as_dict() else read
        return _Kept(read_at=time.monotonic(), keys=keys, kids=frozenset(key.kid for key in keys.keys))

    async def _read(self, issuer: str) -> KeySet:
        answer = await self._http.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration", timeout=_HTTP_TIMEOUT_S)
        metadata = msgspec.json.decode(answer.raise_for_status().content, type=_Metadata)
        if metadata.issuer != issuer:
            raise ValueError("the metadata is of another issuer")
        answer = await self._http.get(metadata.jwks_uri, timeout=_HTTP_TIMEOUT_S)
        published = msgspec.json.decode(answer.raise_for_status().content, type=_Published)
        return KeySet.import_key_set({"keys": published.keys})


class VerifiedTokens:
    """Remembers which tokens were verified, by digest, so that a phone's hundredth request costs no hundredth signature.

    What is remembered holds for the very key set that it was verified with: as soon as the issuer has other keys, every token is
    verified again. Times are checked at each use. At most `tokens_max` are kept; the one used longest ago goes first.
    """

    def __init__(self, keys: KeySource, *, issuers: Sequence[str], audience: str, tokens_max: int = 10_000) -> None:
        self._keys = keys
        self._issuers = issuers
        self._audience = audience
        self._tokens_max = tokens_max
        self._kept: OrderedDict[bytes, _Verified] = OrderedDict()

    async def claims(self, token: str, now: float) -> Claims:
        """Return the claims of a token that is right in every respect. Raises TokenInvalid."""
        digest = hashlib.blake2b(token.encode()).digest()
        kept = self._kept.get(digest)
        if kept is not None and await self._keys.keys(kept.claims.iss, kept.kid) is kept.key_set:
            _check_times(kept.claims, now)
            self._kept.move_to_end(digest)
            return kept.claims
        verified = await _verified(token, issuers=self._issuers, audience=self._audience, keys=self._keys, now=now)
        self._kept[digest] = verified
        self._kept.move_to_end(digest)
        if len(self._kept) > self._tokens_max:
            self._kept.popitem(last=False)
        return verified.claims


class _Verified(msgspec.Struct, frozen=True, kw_only=True):
    """A verified token: its claims, and the key set that its signature was checked with."""

    claims: Claims
    kid: str
    key_set: KeySet


async def verified_claims(token: str, *, issuers: Sequence[str], audience: str, keys: KeySource, now: float) -> Claims:
    """Return the claims of a token that is right in every respect. Raises TokenInvalid with a reason that quotes nothing."""
    return (await _verified(token, issuers=issuers, audience=audience, keys=keys, now=now)).claims


async def _verified(token: str, *, issuers: Sequence[str], audience: str, keys: KeySource, now: float) -> _Verified:
    if len(token) > TOKEN_BYTES_MAX:
        raise TokenInvalid("The token is too long.")
    try:
        unread = jws.extract_compact(token.encode("ascii"))
        header = unread.headers()
    except (JoseError, ValueError, RecursionError):
        raise TokenInvalid("The token is not a signed JWT.") from None
    _check_header(header)
    try:
        unverified = msgspec.json.decode(unread.payload, type=Claims)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise TokenInvalid("The token lacks claims that are needed, or has them in another form.") from None
    if unverified.iss not in issuers:
        raise TokenInvalid("The token is of an issuer that is not known here.")
    kid = str(header.get("kid"))
    key_set = await keys.keys(unverified.iss, kid)
    try:
        verified = jwt.decode(token, key_set, algorithms=list(ALGORITHMS))
        claims = msgspec.convert(verified.claims, Claims)
    except (JoseError, msgspec.MsgspecError, ValueError):
        raise TokenInvalid("The signature of the token is not right.") from None
    _check_times(claims, now)
    if not claims.jti or not _SUBJECT.fullmatch(claims.sub):
        raise TokenInvalid("The token lacks jti, or a sub of at most 255 printable characters.")
    if audience not in ([claims.aud] if isinstance(claims.aud, str) else claims.aud):
        raise TokenInvalid("The token is meant for another service.")
    _check_represented(claims)
    return _Verified(claims=claims, kid=kid, key_set=key_set)


def check_binding(cnf: Mapping[str, Any], thumbprint: str) -> None:
    """Hold a token that is bound to a certificate against the one that its sender proved to have (RFC 8705). Raises TokenInvalid.

    `thumbprint` is empty when none was proved.
    """
    bound = cnf.get("x5t#S256")
    if set(cnf) != {"x5t#S256"} or not isinstance(bound, str) or not bound:
        raise TokenInvalid("The token is bound to something other than a certificate, which cannot be checked here.")
    if not thumbprint:
        raise TokenInvalid("The token is bound to a certificate, and none came with the request.")
    if not hmac.compare_digest(bound.encode(), thumbprint.encode()):
        raise TokenInvalid("The token is bound to another certificate than the one that came with the request.")


def seconds_left(claims: Claims) -> float:
    """Return how long a token is still taken."""
    return claims.exp + _LEEWAY_S - time.time()


def _check_header(header: Mapping[str, Any]) -> None:
    if str(header.get("typ", "")).lower().removeprefix("application/") != "at+jwt":
        raise TokenInvalid("The token is not an access token (at+jwt).")
    if header.get("alg") not in ALGORITHMS or "crit" in header or not header.get("kid"):
        raise TokenInvalid("The token is not signed in a way that is taken here.")


def _check_represented(claims: Claims) -> None:
    """Whoever acts for somebody is never taken for somebody who acts alone, and never for more than we understand."""
    whom = claims.represents
    if whom is None:
        return
    if whom.iss != claims.iss or not _SUBJECT.fullmatch(whom.sub):
        raise TokenInvalid("The token represents somebody whom its issuer does not name by a sub of its own.")
    if whom.represents is not None:
        raise TokenInvalid("The token represents somebody through somebody else, which is not taken here.")


def _check_times(claims: Claims, now: float) -> None:
    if claims.exp <= now - _LEEWAY_S:
        raise TokenInvalid("The token has expired.")
    if claims.nbf > now + _LEEWAY_S:
        raise TokenInvalid("The token does not hold yet.")
