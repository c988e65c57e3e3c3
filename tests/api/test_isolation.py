"""Every route, for everybody, with a number of one's own, of another and of nobody: foreign and missing look the same.

The routes come from the application itself, and what is expected of each stands in tests/api/routes.py. Bodies are searched for
numbers, names, hours and rates that only the other household or organisation has.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import msgspec
import pytest
from litestar.routes import HTTPRoute

from api.caller import APP
from api.edge import Edge
from api.sync_documents import COLLECTIONS
from reconcile.keyring import Keyring
from reconcile.store.database import Database
from tests import world
from tests.api.routes import ROUTES, SENDERS, Role, Route, roles
from tests.neighbours import Neighbours, marks_in, moved_in, numbers_of
from tests.tables import contents

Ids = Mapping[str, Sequence[str]]
Told = tuple[int, dict[str, str], Any]
# What tells one answer from the next: its own number, and how many more requests the caller may send.
_ITS_OWN = frozenset({"request-id", "ratelimit"})
# That an organisation asked for its own statement is in its own audit.
READS_NOTED = frozenset({"organisation_audit", "organisation_audit_head"})
_NUMBER_OR_INSTANT = re.compile(r'"(?:[0-9a-f]{8}-[0-9a-f-]{27}|[0-9]{20}|20[^"]*Z)"|"version":[0-9]+')
_keys = iter(range(1, 1_000_000))


@pytest.fixture
async def all_of_them(client: httpx.AsyncClient, db: Database, admin: asyncpg.Connection, api_keyring: Keyring) -> Neighbours:
    """Everybody lives here, and every parent has been here before."""
    found = await moved_in(db, admin, api_keyring)
    for role in roles().values():
        if role.scope == APP:
            await client.get("/v1/differences", headers=role.headers)
    return found


def published(app: Edge) -> Iterator[tuple[str, str | None]]:
    """Each route of the application with the scope that it asks for."""
    for route in app.app.routes:
        assert isinstance(route, HTTPRoute), f"{route.path}: what answers in another way needs tests of its own"
        path = route.path
        for name, parameter in route.path_parameters.items():
            path = path.replace(f"{{{parameter.full}}}", f"{{{name}}}")
        for handler in route.route_handlers:
            for method in sorted(handler.http_methods - {"OPTIONS"}):
                yield f"{method} {path}", handler.opt.get("scope")


def route_of(name: str) -> tuple[str, str]:
    """Return method and path of a route; what follows them tells lines of one route apart."""
    method, path, *_ = name.split()
    return method, path


def test_every_route_says_what_is_expected_of_it(app: Edge) -> None:
    expected = {(" ".join(route_of(name)), route.scope) for name, route in ROUTES.items()}
    assert expected == set(published(app))


def ids_of(found: Neighbours, role: Role) -> tuple[Ids, Ids]:
    """Return by parameter the numbers that are a role's own, and those of others that it must not see."""
    homes = found.homes
    everybody: dict[str, dict[str, list[str]]] = {
        "difference_id": {name: [str(one.open.difference_id), str(one.accepted.difference_id)] for name, one in homes.items()},
        "answer_id": {name: [str(one.answer_id)] for name, one in homes.items()},
        "device_id": {name: [str(one.device_id)] for name, one in homes.items()},
        "change_id": {name: [str(one.change_id)] for name, one in homes.items()},
        "delivery_id": {name: [str(one)] for name, one in found.deliveries.items()},
        "vendor_oin": {"organisation": [world.VENDOR_OIN], "other organisation": [world.OTHER_VENDOR_OIN]},
        "pilot_id": {"managers": [str(found.pilot_id)]},
    }
    own = {name: owners.get(role.whose or "", []) for name, owners in everybody.items()}
    foreign = {name: [one for who, ids in owners.items() if who != role.whose for one in ids] for name, owners in everybody.items()}
    # TVS reads the changes of everybody.
    if role.whose == "tvs":
        own["change_id"], foreign["change_id"] = foreign["change_id"], []
    # What a vendor sent for an organisation is the organisation's too.
    if role.whose == "organisation":
        foreign["delivery_id"].remove(str(found.deliveries["vendor"]))
    return own, foreign


def missing(parameter: str) -> str:
    return "00000099000000990000" if parameter == "vendor_oin" else str(uuid4())


async def ask(
    client: httpx.AsyncClient, name: str, role: Role, number: str | None = None, *, method: str | None = None, version: int = 1
) -> httpx.Response:
    """Send a good request for a route, with this number where its address names one."""
    route = ROUTES[name]
    (sent, path), key = route_of(name), f"key-of-a-request-{next(_keys):08d}"
    path = path.format_map({**route.fills, **({route.names: number} if route.names else {})})
    headers = {"Idempotency-Key": key, **role.headers, **route.headers}
    if "If-Match" in headers:
        headers["If-Match"] = f'"d{number}-v{version}"'
    query = {**route.query, **({"organisationOin": role.acts_for} if role.acts_for and "mandated-organisations" not in path else {})}
    body = route.json(number, version) if callable(route.json) else route.json
    sending: dict[str, Any] = {"json": body} if route.content is None else {"content": route.content}
    return await client.request(method or sent, path, headers=headers, params=query, **sending)


def told(answer: httpx.Response, number: str | None) -> Told:
    """What an answer tells: all of it, apart from the number that was asked for and the number of the request."""
    shown = answer.text.replace(number or "\0", "<number>")
    headers = {name: "" if name in _ITS_OWN else value.replace(number or "\0", "<number>") for name, value in answer.headers.items()}
    return answer.status_code, headers, shown


def made(answer: httpx.Response) -> Told:
    """What an answer about something new of one's own tells, apart from numbers and instants."""
    headers = {name: "" if name in _ITS_OWN | {"content-length"} else value for name, value in answer.headers.items()}
    return answer.status_code, headers, _NUMBER_OR_INSTANT.sub("<its own>", answer.text)


def refusal(route: Route, who: str) -> tuple[int, str] | None:
    """Return how somebody is refused before anything about the number; None for who gets in."""
    role = roles()[who]
    if route.scope is None or who in route.enters:
        return None
    if role.scope is None:
        return 401, "not-authenticated"
    if role.scope != route.scope:
        return 403, "insufficient-scope"
    # An address for organisations alone tells a vendor so, whose mandate it does not look at.
    return (403, "not-allowed") if role.acts_for and not route.enters >= SENDERS else role.refused


@pytest.mark.parametrize("who", roles())
async def test_foreign_and_missing_look_the_same_and_change_nothing(
    client: httpx.AsyncClient, admin: asyncpg.Connection, all_of_them: Neighbours, who: str
) -> None:
    role = roles()[who]
    own, foreign = ids_of(all_of_them, role)
    before = await contents(admin)
    for name, route in ROUTES.items():
        refused = refusal(route, who)
        if refused is None and (route.names is None or route.makes_own):
            continue
        numbers = [*foreign[route.names], missing(route.names), *(own[route.names] if refused else [])] if route.names else [None]
        methods = [None, "HEAD"] if name.startswith("GET") else [None]
        for method in methods:
            answers = {one: await ask(client, name, role, one, method=method) for one in numbers}
            alike = [told(answer, number) for number, answer in answers.items()]
            assert alike.count(alike[0]) == len(alike), f"{name} as {method or 'it is'}: {alike}"
            status, headers, text = alike[0]
            assert status == (refused[0] if refused else route.absent), f"{name}: {text}"
            if method is None and status >= 400:
                assert headers["content-type"] == "application/problem+json"
                document = msgspec.json.decode(text)
                assert document["type"] == f"/v1/problems/{refused[1] if refused else 'not-found'}", f"{name}: {text}"
            assert ("www-authenticate" in headers) == (status == 401 or (refused or (0, ""))[1] == "insufficient-scope"), name
    after = await contents(admin)
    assert [table for table in after if after[table] != before[table]] == []


@pytest.mark.parametrize("who", roles())
async def test_what_is_one_s_own_is_answered_and_nobody_else_s_is_touched(
    client: httpx.AsyncClient, admin: asyncpg.Connection, all_of_them: Neighbours, who: str
) -> None:
    """Also proves that the requests above are good ones: what refuses them is whose they are."""
    role = roles()[who]
    own, foreign = ids_of(all_of_them, role)
    before = await of_others(admin, all_of_them, role)
    for name, route in ROUTES.items():
        if refusal(route, who) is not None or route.is_endless:
            continue
        if route.makes_own:
            alike = [made(await ask(client, name, role, one)) for one in (*foreign[route.names or ""], missing(route.names or ""))]
            assert alike.count(alike[0]) == len(alike), f"{name}: {alike}"
            assert alike[0][0] == route.absent
        number = own[route.names][0] if route.names else None
        seen = await admin.fetchval("SELECT version FROM difference WHERE difference_id::text = $1", number)
        answer = await ask(client, name, role, number, version=seen or 1)
        assert answer.status_code == route.own, f"{name}: {answer.text}"
    assert await of_others(admin, all_of_them, role) == before


async def of_others(admin: asyncpg.Connection, found: Neighbours, role: Role) -> Mapping[str, str]:
    """Return a digest of the rows that belong to the households and organisations that a role has nothing to do with."""
    digests = {}
    owners = {("household_id", name): one.parent.household_id for name, one in found.homes.items()}
    owners |= {("organisation_id", name): one for name, one in found.organisations.items()}
    acting = "organisation" if role.whose == "vendor" else role.whose
    for (column, name), owner in owners.items():
        # TVS and managers act on every household; an organisation and its vendor change what they report of them.
        if acting == name or (acting not in found.homes and column == "household_id"):
            continue
        tables = await admin.fetch(
            "SELECT table_name FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)"
            " WHERE table_schema = 'kot' AND table_type = 'BASE TABLE' AND column_name = $1",
            column,
        )
        for (table,) in tables:
            digests[f"{table} of {name}"] = await admin.fetchval(
                "SELECT md5(coalesce(string_agg(content, chr(10) ORDER BY content), ''))"
                f' FROM (SELECT ROW(t.*)::text AS content FROM "{table}" AS t WHERE {column} = $1) AS rows_as_text',
                owner,
            )
    assert digests
    return digests


async def readable(client: httpx.AsyncClient, found: Neighbours, who: str) -> Mapping[str, bytes]:
    """Return every answer that somebody can read, as it travels: what is one's own, and every refusal of what is not."""
    role = roles()[who]
    own, foreign = ids_of(found, role)
    answers: dict[str, bytes] = {}
    for name, route in ROUTES.items():
        if not name.startswith("GET") or route.scope is None or who not in route.enters or route.is_endless:
            continue
        for number in [*own[route.names], *foreign[route.names]] if route.names else [None]:
            answer = await ask(client, name, role, number)
            is_mine = number is None or number in own[route.names or ""]
            # That it says again which number was asked for tells nothing.
            shown = answer.content if is_mine else answer.content.replace(str(number).encode(), b"")
            answers[f"{name} {number}"] = str(sorted(answer.headers.items())).encode() + shown
    return answers


@pytest.mark.parametrize(
    ("who", "mine", "theirs"),
    [
        ("applicant", "first", "second"),
        ("partner", "first", "second"),
        ("proxy of the applicant", "first", "second"),
        ("parent of the second", "second", "first"),
    ],
)
async def test_separated_parents_see_nothing_of_each_other(
    client: httpx.AsyncClient, admin: asyncpg.Connection, all_of_them: Neighbours, who: str, mine: str, theirs: str
) -> None:
    """They share a child, a location and a delivery; everything else of the other stays away."""
    homes = all_of_them.homes
    own = await numbers_of(admin, "household_id", homes[mine].parent.household_id)
    other = await numbers_of(admin, "household_id", homes[theirs].parent.household_id)
    answers = await readable(client, all_of_them, who)
    for name, content in answers.items():
        assert marks_in(content, other - own, homes[theirs].words) == set(), name
    seen = set().union(*(marks_in(content, own - other, homes[mine].words) for content in answers.values()))
    # What is searched for is what is shown: of one's own household it is all there, but for the address of the phone.
    unseen = {"phone-of-the-first", "phone-of-the-second"}
    assert set(homes[mine].words) - seen == set(homes[mine].words) & unseen
    numbers = {homes[mine].open.difference_id, homes[mine].accepted.difference_id, homes[mine].change_id}
    assert {str(one) for one in numbers} <= seen


@pytest.mark.parametrize("who", ["organisation", "other organisation", "vendor"])
async def test_organisations_see_nothing_of_each_other(
    client: httpx.AsyncClient, admin: asyncpg.Connection, all_of_them: Neighbours, who: str
) -> None:
    """Nor does a vendor see what the organisation sent itself; and nobody hears whose a line is."""
    deliveries = {name: str(one) for name, one in all_of_them.deliveries.items()}
    own = {deliveries[who]} | ({deliveries["vendor"]} if who == "organisation" else set())
    households = [await numbers_of(admin, "household_id", home.parent.household_id) for home in all_of_them.homes.values()]
    organisations = [await numbers_of(admin, "organisation_id", one) for one in all_of_them.organisations.values()]
    not_told = frozenset[str]().union(*households, *organisations) - own
    answers = await readable(client, all_of_them, who)
    for name, content in answers.items():
        assert marks_in(content, not_told) == set(), name
    assert marks_in(b"".join(answers.values()), frozenset(own)) == own


async def test_managers_and_tvs_learn_nobody_s_number(
    client: httpx.AsyncClient, admin: asyncpg.Connection, all_of_them: Neighbours
) -> None:
    """A manager sees counts and organisations; TVS its own references, and the numbers of a change and of what it changes."""
    households = frozenset[str]().union(
        *[await numbers_of(admin, "household_id", home.parent.household_id) for home in all_of_them.homes.values()]
    )
    words = tuple(word for home in all_of_them.homes.values() for word in home.words)
    for content in (await readable(client, all_of_them, "pilot reader")).values():
        assert marks_in(content, households - {str(all_of_them.pilot_id)}, words) == set()
    people = frozenset(str(one) for home in all_of_them.homes.values() for one in (home.parent.person_id, home.parent.household_id))
    for content in (await readable(client, all_of_them, "tvs")).values():
        assert marks_in(content, people) == set()


@pytest.mark.parametrize("other", ["partner", "proxy of the applicant"])
async def test_a_partner_and_a_proxy_see_what_the_applicant_sees(client: httpx.AsyncClient, all_of_them: Neighbours, other: str) -> None:
    """Every document; the epoch of a checkpoint is each one's own, and so are phones. What is recorded of the asking grows by it."""
    answers = [
        {
            name: msgspec.json.decode((await ask(client, name, roles()[who], number)).content)
            for name, route in ROUTES.items()
            if name.startswith("GET") and "applicant" in route.enters and not route.is_endless and name != "GET /v1/devices"
            for number in [str(all_of_them.homes["first"].open.difference_id) if route.names else None]
        }
        for who in ("applicant", other)
    ]
    for of_one in answers:
        for document in of_one.values():
            for of_an_epoch in (document.get("checkpoint"), document):
                if of_an_epoch is not None and "epoch" in of_an_epoch:
                    assert of_an_epoch.pop("epoch")
            for part in ("devices", "pushes", "outbox", "audit", "lookedAt", "asOf"):
                document.pop(part, None)
    assert answers[0] == answers[1]
    assert len(answers[0]) >= len(COLLECTIONS) + 2


async def test_a_key_of_another_replays_nothing(client: httpx.AsyncClient, all_of_them: Neighbours, problem: Any) -> None:
    """The other parent of the child, and even the partner, have keys of their own."""
    home = all_of_them.homes["first"]
    path = f"/v1/differences/{home.open.difference_id}/acceptance"
    headers = {"Idempotency-Key": "one-key-for-everybody", "If-Match": f'"d{home.open.difference_id}-v{home.open.version}"'}
    first = await client.post(path, headers={**roles()["applicant"].headers, **headers})
    assert first.status_code == 201
    problem(await client.post(path, headers={**roles()["parent of the second"].headers, **headers}), 404, "not-found")
    of_partner = await client.post(path, headers={**roles()["partner"].headers, **headers})
    assert "idempotency-replayed" not in of_partner.headers
    again = await client.post(path, headers={**roles()["applicant"].headers, **headers})
    assert (again.headers["idempotency-replayed"], again.content) == ("true", first.content)


async def test_a_checkpoint_of_another_is_like_one_that_never_was(client: httpx.AsyncClient, all_of_them: Neighbours) -> None:
    headers = roles()["applicant"].headers
    for collection in COLLECTIONS:
        path = f"/v1/sync/{collection}"
        foreign = (await client.get(path, params={"schemaVersion": 1}, headers=roles()["parent of the second"].headers)).json()[
            "checkpoint"
        ]
        invented = {**foreign, "epoch": "0" * 24}
        answers = [await client.get(path, params={"schemaVersion": 1, **one}, headers=headers) for one in (foreign, invented)]
        assert [one.status_code for one in answers] == [410, 410]
        assert told(answers[0], None) == told(answers[1], None)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("GET /v1/statements", 200),
        ("GET /v1/statements/totals", 200),
        ("PUT /v1/expected-deliveries/{month}/excuse", 404),
        ("DELETE /v1/expected-deliveries/{month}/excuse", 204),
    ],
)
@pytest.mark.parametrize(("who", "theirs"), [("organisation", world.ELSEWHERE), ("other organisation", world.KDV)])
async def test_a_location_of_another_is_like_one_that_is_not_there(
    client: httpx.AsyncClient, admin: asyncpg.Connection, all_of_them: Neighbours, name: str, status: int, who: str, theirs: str
) -> None:
    route, (method, path) = ROUTES[name], route_of(name)
    before = await contents(admin, but=READS_NOTED)
    answers = [
        await client.request(
            method,
            path.format_map(route.fills),
            params={**route.query, "lrkNumber": one},
            json=route.json,
            headers=roles()[who].headers,
        )
        for one in (theirs, "999999999")
    ]
    assert [one.status_code for one in answers] == [status, status]
    bodies = [re.sub(r'"asOf":"[^"]*"', "", one.text) for one in answers]
    assert bodies[0] == bodies[1]
    assert await contents(admin, but=READS_NOTED) == before
