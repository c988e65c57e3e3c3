"""Tokens of a certified OpenID provider, taken or refused by the real API over real HTTP: as each kind of client would get them."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import msgspec
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import RSAKey

from api.app import create_app
from reconcile.keyring import Keyring
from reconcile.settings import Settings
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import Headers, Problem
from tests.provider import LOW, OTHER_SERVICE, SHORT, Authority, Broker, edge_before
from tests.serving import serving

DIFFERENCES = "/v1/differences"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("provider")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder)


def new_broker(folder: Path, authority: Authority, settings: Settings) -> Broker:
    private = msgspec.json.decode(Path(settings.identity_key_file).read_bytes())
    return Broker(folder, authority, RSAKey.import_key(private).as_dict(private=False))


@pytest_asyncio.fixture(scope="module")
async def broker(folder: Path, authority: Authority, settings: Settings) -> AsyncIterator[Broker]:
    broker = new_broker(folder, authority, settings)
    async with broker.serving():
        yield broker


@asynccontextmanager
async def api_of(issuer: str, settings: Settings, db: Database, authority: Authority) -> AsyncIterator[str]:
    """Serve the API for one issuer, whose certificate it trusts as it would any: by what this machine trusts."""

    async def wake(_: str) -> None: ...

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(authority.file))
        own = msgspec.structs.replace(settings, token_issuers=issuer, certificate_edges="127.0.0.1")
        app = create_app(own, db, wake, clock=lambda: world.NOW)
    async with serving(app) as served:
        yield served.url


@pytest_asyncio.fixture
async def api(broker: Broker, settings: Settings, db: Database, authority: Authority) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API that trusts this provider."""
    async with api_of(broker.url, settings, db, authority) as url, httpx.AsyncClient(base_url=url, timeout=20) as http:
        yield http


@pytest_asyncio.fixture
async def household(db: Database, admin: asyncpg.Connection, api_keyring: Keyring) -> None:
    """One household with one difference."""
    await world.with_register(admin)
    await world.declared(db, api_keyring)
    await world.delivered(db, api_keyring, world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00"))


def bearing(token: object) -> Headers:
    return {"Authorization": f"Bearer {token}"}


async def login(broker: Broker, name: str, **asked: str) -> Headers:
    return bearing((await broker.person(name, **asked))["access_token"])


async def test_the_whole_way_with_a_token_of_its_own_for_everybody(
    api: httpx.AsyncClient, broker: Broker, db: Database, admin: asyncpg.Connection, api_keyring: Keyring
) -> None:
    await world.with_register(admin)
    tvs = bearing(await broker.machine("tvs", "kot:declare"))
    body = msgspec.json.encode(world.declaration_document()) + b"\n"
    declared = await api.post("/v1/declarations", headers={**tvs, "Content-Type": "application/x-ndjson"}, content=body)
    assert declared.status_code == 200, declared.text
    organisation = bearing(await broker.machine("organisation", "kot:deliver"))
    lines = [world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00")]
    kind = {"Content-Type": "application/json", "Idempotency-Key": '"first"'}
    delivered = await api.post("/v1/deliveries", headers={**organisation, **kind}, content=world.delivery_body(lines, reference="first"))
    assert delivered.status_code == 202, delivered.text
    await world.worked(db, api_keyring)
    applicant, partner = await login(broker, "applicant"), await login(broker, "partner")
    (seen,) = (await api.get(DIFFERENCES, headers=applicant)).json()["differences"]
    assert (await api.get(DIFFERENCES, headers=partner)).json()["differences"] == [seen]
    shown = await api.get(f"{DIFFERENCES}/{seen['differenceId']}", headers=partner)
    tap = {"If-Match": shown.headers["etag"], "Idempotency-Key": "a-key-of-sixteen-or-more"}
    accepted = await api.post(f"{DIFFERENCES}/{seen['differenceId']}/acceptance", headers={**partner, **tap})
    assert accepted.status_code == 201, accepted.text
    change = await api.get(f"/v1/changes/{accepted.json()['changeId']}", headers=tvs)
    assert change.json()["answeredBy"] == {"personRef": f"p-{world.PARTNER}", "role": "partner"}


@pytest.mark.usefixtures("household")
async def test_an_app_whose_login_was_too_weak_learns_what_to_ask_for(api: httpx.AsyncClient, broker: Broker, problem: Problem) -> None:
    refused = await api.get(DIFFERENCES, headers=await login(broker, "applicant", acr_values=LOW))
    problem(refused, 401, "not-authenticated")
    challenge = refused.headers["www-authenticate"]
    assert 'error="insufficient_user_authentication"' in challenge
    (wanted,) = re.findall(r'acr_values="([^"]+)"', challenge)
    again = await api.get(DIFFERENCES, headers=await login(broker, "applicant", acr_values=wanted))
    assert len(again.json()["differences"]) == 1


@pytest.mark.usefixtures("household")
@pytest.mark.parametrize("name", ["administrator", "friend"])
async def test_a_proxy_acts_for_whom_the_provider_says_and_is_named(
    api: httpx.AsyncClient, broker: Broker, admin: asyncpg.Connection, api_keyring: Keyring, name: str
) -> None:
    as_proxy = await login(broker, name)
    assert len((await api.get(DIFFERENCES, headers=as_proxy)).json()["differences"]) == 1
    events = await admin.fetch(
        "SELECT event ->> 'actor' AS actor, event ->> 'represents' AS whom FROM household_audit WHERE event ->> 'action' = 'read'"
    )
    applicant = await admin.fetchval("SELECT person_id::text FROM person WHERE bsn_index = $1", api_keyring.blind_index(world.APPLICANT))
    assert [one["whom"] for one in events] == [applicant]
    assert re.fullmatch(rf"proxy [0-9a-f]{{32}} of {re.escape(broker.url)}", events[0]["actor"])
    # The pseudonym that the proxy brought is the one under which the person logs in without it.
    assert len((await api.get(DIFFERENCES, headers=await login(broker, "applicant"))).json()["differences"]) == 1
    assert await admin.fetchval("SELECT count(*) FROM login") == 1


@pytest.mark.usefixtures("household")
async def test_who_represents_somebody_unknown_sees_what_a_stranger_sees(api: httpx.AsyncClient, broker: Broker, problem: Problem) -> None:
    answers = [
        problem(await api.get(DIFFERENCES, headers=await login(broker, name)), 403, "household-unclear")
        for name in ("friend-of-a-stranger", "stranger")
    ]
    assert answers[0] == answers[1]


async def test_what_is_no_access_token_for_us_is_refused(api: httpx.AsyncClient, broker: Broker, problem: Problem) -> None:
    answer = await broker.person("applicant")
    other = await broker.person("applicant", resource=OTHER_SERVICE)
    for token, reason in ((answer["id_token"], "not an access token"), (other["access_token"], "another service")):
        refused = await api.get(DIFFERENCES, headers=bearing(token))
        assert reason in problem(refused, 401, "not-authenticated")["detail"]
        assert refused.headers["www-authenticate"] == 'Bearer realm="kot-uren", error="invalid_token"'


async def test_a_token_ends_when_it_says(api: httpx.AsyncClient, broker: Broker, problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = await login(broker, "stranger", resource=SHORT)
    problem(await api.get(DIFFERENCES, headers=headers), 403, "household-unclear")
    monkeypatch.setattr("api.tokens._LEEWAY_S", 0)
    await asyncio.sleep(1.1)
    assert "expired" in problem(await api.get(DIFFERENCES, headers=headers), 401, "not-authenticated")["detail"]


async def test_a_scope_opens_its_own_addresses_alone(api: httpx.AsyncClient, broker: Broker, problem: Problem) -> None:
    organisation = bearing(await broker.machine("organisation", "kot:deliver"))
    for path, needed in ((DIFFERENCES, "kot:app"), ("/v1/changes/9b2f0c7e-3a3f-4d7e-9f0a-000000000000", "kot:declare")):
        refused = await api.get(path, headers=organisation)
        problem(refused, 403, "insufficient-scope")
        assert refused.headers["www-authenticate"] == f'Bearer realm="kot-uren", error="insufficient_scope", scope="{needed}"'


async def test_a_code_and_an_assertion_are_redeemed_once(broker: Broker) -> None:
    for form in (await broker.code("applicant"), broker.assertion("organisation", "kot:deliver")):
        assert (await broker.redeemed(form)).status_code == 200
        again = await broker.redeemed(form)
        assert (again.status_code, again.json()["error"]) in ((400, "invalid_grant"), (401, "invalid_client"))
    wrong = {**await broker.code("applicant"), "code_verifier": "x" * 43}
    assert (await broker.redeemed(wrong)).json()["error"] == "invalid_grant"
    assert (await broker.code("nobody-we-know"))["error"] == "access_denied"


async def test_a_bound_token_is_taken_over_the_connection_with_its_certificate_alone(
    api: httpx.AsyncClient, broker: Broker, authority: Authority, folder: Path, admin: asyncpg.Connection, problem: Problem
) -> None:
    await world.with_register(admin)
    token = (await broker.bound()).json()["access_token"]
    another = authority.give(world.OIN)
    # The certificate in the header by hand: what anybody could send who has seen it once.
    der = broker.certificate[0].read_text().replace("\n", "").removeprefix("-----BEGIN CERTIFICATE-----")
    forged = {"Client-Cert": f":{der.removesuffix('-----END CERTIFICATE-----')}:"}
    async with edge_before(str(api.base_url), folder, authority) as edge:
        for certificate, sent, expected in (
            (broker.certificate, {}, 200),
            (broker.certificate, forged, 200),
            (another, {}, 401),
            (another, forged, 401),
            (None, {}, 401),
            (None, forged, 401),
        ):
            async with authority.client(certificate, base_url=edge) as http:
                answer = await http.get("/v1/deliveries", headers={**bearing(token), **sent})
            assert answer.status_code == expected, answer.text
            if expected == 401:
                problem(answer, 401, "not-authenticated")
                assert answer.headers["www-authenticate"] == 'Bearer realm="kot-uren", error="invalid_token"'
    # A token that is not bound needs no certificate.
    unbound = bearing(await broker.machine("organisation", "kot:deliver"))
    assert (await api.get("/v1/deliveries", headers=unbound)).status_code == 200


async def test_the_provider_gives_bound_tokens_for_a_trusted_certificate_alone(broker: Broker, folder: Path) -> None:
    untrusted = folder / "untrusted"
    untrusted.mkdir()
    for certificate in (Authority(untrusted).give(world.OIN), broker.authority.give(world.OTHER_OIN)):
        refused = await broker.bound(certificate)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


async def test_keys_that_the_provider_changes_are_followed(
    settings: Settings,
    db: Database,
    admin: asyncpg.Connection,
    authority: Authority,
    tmp_path: Path,
    problem: Problem,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await world.with_register(admin)
    broker = new_broker(tmp_path, authority, settings)
    async with api_of(broker.url, settings, db, authority) as url, httpx.AsyncClient(base_url=url, timeout=20) as api:

        async def read(token: str) -> httpx.Response:
            return await api.get("/v1/deliveries", headers=bearing(token))

        monkeypatch.setattr("api.tokens._REFRESH_PAUSE_S", 0.5)
        async with broker.serving():
            old = await broker.machine("organisation", "kot:deliver")
            assert (await read(old)).status_code == 200
        # Away, but its keys are known: whoever has a token goes on.
        assert (await read(old)).status_code == 200
        async with broker.serving():
            new = await broker.machine("organisation", "kot:deliver")
            await asyncio.sleep(0.5)
            assert (await read(new)).status_code == 200
            problem(await read(old), 401, "not-authenticated")
            # A key that nobody published, in a token that looks like one of the provider's.
            header = {"alg": "ES256", "typ": "at+jwt", "kid": "invented"}
            forged = jwt.encode(header, {"iss": broker.url, "sub": "s", "aud": "kot-uren", "exp": 2**33, "jti": "j"}, broker.keys["tvs"])
            problem(await read(forged), 401, "not-authenticated")
            assert (await read(new)).status_code == 200
