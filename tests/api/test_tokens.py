"""Keys of an issuer over real HTTP: read once, read again for a new key, and not as often as somebody likes."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import ECKey
from litestar import Litestar, get

from api.tokens import IssuerKeys, TokenInvalid, VerifiedTokens, verified_claims
from reconcile.problems import Busy
from tests.serving import serving


class Keys:
    """An issuer whose keys a test can change."""

    def __init__(self) -> None:
        self.url = ""
        self.named = ""
        self.reads = 0
        self.keys = [ECKey.generate_key("P-256", {"kid": "one"})]
        self.published: object = None
        self.answers = asyncio.Event()
        self.answers.set()

    def app(self) -> Litestar:
        @get("/.well-known/openid-configuration", sync_to_thread=False)
        def metadata() -> dict[str, str]:
            return {"issuer": self.named or self.url, "jwks_uri": f"{self.url}/jwks"}

        @get("/jwks")
        async def jwks() -> Any:
            self.reads += 1
            await self.answers.wait()
            return {"keys": [key.as_dict(private=False) for key in self.keys]} if self.published is None else self.published

        return Litestar([metadata, jwks], openapi_config=None)


@pytest_asyncio.fixture
async def issuer() -> AsyncIterator[Keys]:
    keys = Keys()
    async with serving(keys.app()) as served:
        keys.url = served.url
        yield keys


def token(issuer: Keys, key: ECKey) -> str:
    now = int(time.time())
    claims = {"iss": issuer.url, "sub": "s", "aud": "kot-uren", "exp": now + 60, "jti": "j"}
    return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": key.kid}, claims, key, algorithms=["ES256"])


async def check(source: IssuerKeys, issuer: Keys, key: ECKey) -> str:
    claims = await verified_claims(token(issuer, key), issuers=[issuer.url], audience="kot-uren", keys=source, now=time.time())
    return claims.sub


async def test_keys_are_read_once_for_many_tokens(issuer: Keys) -> None:
    async with httpx.AsyncClient() as http:
        source = IssuerKeys(http)
        for _ in range(5):
            assert await check(source, issuer, issuer.keys[0]) == "s"
    assert issuer.reads == 1


async def test_a_new_key_is_read_after_the_pause_and_invented_ones_do_not_cause_calls(
    issuer: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with httpx.AsyncClient() as http:
        source = IssuerKeys(http)
        await check(source, issuer, issuer.keys[0])
        new = ECKey.generate_key("P-256", {"kid": "two"})
        issuer.keys.append(new)
        for _ in range(20):
            with pytest.raises(TokenInvalid):
                await check(source, issuer, new)
        assert issuer.reads == 1
        monkeypatch.setattr("api.tokens._REFRESH_PAUSE_S", 0.0)
        assert await check(source, issuer, new) == "s"
        assert issuer.reads == 2


async def test_keys_that_are_known_outlive_an_issuer_that_is_away(issuer: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    async with httpx.AsyncClient() as http:
        source = IssuerKeys(http)
        await check(source, issuer, issuer.keys[0])
        issuer.named = "https://somebody-else.example"
        monkeypatch.setattr("api.tokens._KEYS_GOOD_FOR_S", 0.0)
        assert await check(source, issuer, issuer.keys[0]) == "s"


async def test_an_issuer_that_is_slow_makes_nobody_wait_for_another_one(issuer: Keys) -> None:
    quick = Keys()
    async with httpx.AsyncClient() as http, serving(quick.app()) as served:
        quick.url = served.url
        source = IssuerKeys(http)
        issuer.answers.clear()
        waiting = [asyncio.create_task(check(source, issuer, issuer.keys[0])) for _ in range(3)]
        while not issuer.reads:
            await asyncio.sleep(0.01)
        assert await asyncio.wait_for(check(source, quick, quick.keys[0]), 3) == "s"
        issuer.answers.set()
        assert await asyncio.gather(*waiting) == ["s"] * 3
    assert issuer.reads == 1


async def test_an_issuer_that_never_answered_is_asked_again_after_the_pause_alone(issuer: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    async with httpx.AsyncClient() as http:
        source = IssuerKeys(http)
        issuer.published = {"keys": []}
        for _ in range(5):
            with pytest.raises(Busy):
                await check(source, issuer, issuer.keys[0])
        assert issuer.reads == 1
        issuer.published = None
        monkeypatch.setattr("api.tokens._REFRESH_PAUSE_S", 0.0)
        assert await check(source, issuer, issuer.keys[0]) == "s"


@pytest.mark.parametrize("published", [{"keys": []}, {"keys": "none"}, {"kays": []}, [], "keys", {"keys": [{"kty": "EC", "crv": "P-256"}]}])
async def test_keys_in_no_form_that_is_known_are_the_issuer_s_fault_and_not_the_token_s(issuer: Keys, published: object) -> None:
    issuer.published = published
    async with httpx.AsyncClient() as http:
        with pytest.raises(Busy):
            await check(IssuerKeys(http), issuer, issuer.keys[0])


async def test_keys_that_were_read_again_and_are_the_same_cost_no_signature(issuer: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    async with httpx.AsyncClient() as http:
        tokens = VerifiedTokens(IssuerKeys(http), issuers=[issuer.url], audience="kot-uren")
        sent = token(issuer, issuer.keys[0])
        first = await tokens.claims(sent, time.time())
        monkeypatch.setattr("api.tokens._KEYS_GOOD_FOR_S", 0.0)
        assert await tokens.claims(sent, time.time()) is first
    assert issuer.reads == 2


async def test_a_token_is_verified_once_as_long_as_the_keys_are_the_same(issuer: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    async with httpx.AsyncClient() as http:
        tokens = VerifiedTokens(IssuerKeys(http), issuers=[issuer.url], audience="kot-uren")
        sent, now = token(issuer, issuer.keys[0]), time.time()
        first = await tokens.claims(sent, now)
        assert await tokens.claims(sent, now) is first
        with pytest.raises(TokenInvalid, match="expired"):
            await tokens.claims(sent, now + 100)
        # The issuer takes its key back: at the next reading of the keys nothing that it signed is taken.
        issuer.keys[:] = [ECKey.generate_key("P-256", {"kid": "one"})]
        monkeypatch.setattr("api.tokens._KEYS_GOOD_FOR_S", 0.0)
        with pytest.raises(TokenInvalid, match="signature"):
            await tokens.claims(sent, now)


async def test_only_so_many_tokens_are_remembered_and_only_good_ones(issuer: Keys) -> None:
    async with httpx.AsyncClient() as http:
        tokens = VerifiedTokens(IssuerKeys(http), issuers=[issuer.url], audience="kot-uren", tokens_max=2)
        sent = [token(issuer, issuer.keys[0]) for _ in range(3)]
        claims = [await tokens.claims(one, time.time()) for one in sent]
        assert await tokens.claims(sent[2], time.time()) is claims[2]
        assert await tokens.claims(sent[0], time.time()) is not claims[0]
        for _ in range(2):
            with pytest.raises(TokenInvalid):
                await tokens.claims(token(issuer, ECKey.generate_key("P-256", {"kid": "one"})), time.time())


async def test_an_issuer_that_is_away_from_the_start_is_said_so() -> None:
    async with httpx.AsyncClient() as http:
        with pytest.raises(Busy, match="cannot be read"):
            await IssuerKeys(http).keys("http://127.0.0.1:9", "one")
