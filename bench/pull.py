"""A pull of a phone, beside a bare handler that runs the same statement: requests a second over the same kept connections.

Both are asked in turns by the same client on the same machine, so that what else happens on it happens to both.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from urllib.parse import urlencode, urlsplit

import asyncpg
import httpx
import msgspec
from joserfc.jwk import RSAKey
from msgspec import Struct

from bench.delivery import declare_households, deliver, delivery_body
from bench.measured import Measured
from local.clients import person_token
from local.issuer import IssuerFolder, Login
from local.processes import Process
from local.servers import Postgres, free_port
from reconcile.keyring import Keyring, new_keyring
from reconcile.rules.bsn import marked_bsn
from reconcile.store.database import Connection, Database, Role
from reconcile.store.migrator import migrate

_PHONES = 16
_TURNS = 6
_DATABASE = "bench_pull"


class Phone(Struct, frozen=True, kw_only=True):
    """What one connection asks, over and over."""

    url: str
    path: str
    headers: tuple[str, ...] = ()

    def request(self) -> bytes:
        """The request as it travels."""
        lines = [f"GET {self.path} HTTP/1.1", f"Host: {urlsplit(self.url).netloc}", *self.headers]
        return "\r\n".join([*lines, "", ""]).encode()


async def measure_pull(postgres: Postgres, folder: Path, *, seconds: float) -> Sequence[Measured]:
    """Measure, for so many seconds on each side, phones that read their first page and phones that have everything."""
    await _prepare(postgres, folder)
    issuer, api, bare = (f"http://127.0.0.1:{free_port()}" for _ in range(3))
    processes = _processes(postgres, folder, issuer, api, bare)
    try:
        for process, ready in processes:
            process.start()
            process.wait_ready(ready)
        async with httpx.AsyncClient() as http:
            tokens = [await person_token(http, issuer, f"parent-{number}") for number in range(_PHONES)]
        asking = [(f"Authorization: Bearer {token}",) for token in tokens]
        begin = urlencode({"schemaVersion": 1})
        pages = [await _page(Phone(url=api, path=f"/v1/sync/placements?{begin}", headers=one)) for one in asking]
        measured = []
        for name, echoed in (("pull of a first page", [{}] * _PHONES), ("pull of nothing new", [page["checkpoint"] for page in pages])):
            ours = [
                Phone(url=api, path=f"/v1/sync/placements?{urlencode({'schemaVersion': 1, **checkpoint})}", headers=headers)
                for checkpoint, headers in zip(echoed, asking, strict=True)
            ]
            theirs = [Phone(url=bare, path=f"/pull?{query}") for query in await _queries(postgres, has_all=bool(echoed[0]))]
            rates = await _in_turns(ours, theirs, seconds)
            measured.append(Measured(path=f"{name}, beside a bare handler", ours=rates[0], yardstick=rates[1], unit="/s", promise=0.8))
        return measured
    finally:
        for process, _ in reversed(processes):
            process.stop()


async def _prepare(postgres: Postgres, folder: Path) -> None:
    """Households with a child, a placement and four reported months each, in a database of their own."""
    admin = await asyncpg.connect(postgres.url())
    await admin.execute(f"CREATE DATABASE {_DATABASE}")
    await admin.close()
    await migrate(postgres.url(_DATABASE), {})
    (folder / "keyring.json").write_bytes(new_keyring())
    keyring = Keyring((folder / "keyring.json").read_bytes())
    db = await Database.connect({role: postgres.url(_DATABASE, role.value) for role in Role})
    admin = await asyncpg.connect(postgres.url(_DATABASE), connection_class=Connection, server_settings={"search_path": "kot, public"})
    try:
        await declare_households(db, admin, keyring, 2_000)
        await deliver(db, keyring, delivery_body(2_000), "pulled")
        await admin.execute("VACUUM ANALYZE")
    finally:
        await admin.close()
        await db.close()


def _processes(postgres: Postgres, folder: Path, issuer: str, api: str, bare: str) -> list[tuple[Process, str]]:
    """The issuer, the API as it runs everywhere, and the yardstick; each with the address that says that it is ready."""
    identity = RSAKey.generate_key(2048)
    logins = tuple(Login(login=f"parent-{number}", scope="kot:app", bsn=marked_bsn(number * 2)) for number in range(_PHONES))
    known = IssuerFolder(issuer, (), logins, identity.as_dict(private=False))
    (folder / "issuer.json").write_bytes(msgspec.json.encode(known))
    (folder / "identity.json").write_bytes(msgspec.json.encode(identity.as_dict(private=True)))
    settings = {
        **{
            f"DATABASE_URL_{name}": postgres.url(_DATABASE, f"kot_{name.lower()}")
            for name in ("PARENT", "ORGANISATION", "TVS", "PILOT", "TRIAL")
        },
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "KEYRING_FILE": str(folder / "keyring.json"),
        "IDENTITY_KEY_FILE": str(folder / "identity.json"),
        "TOKEN_ISSUERS": issuer,
        "PORT": api.rpartition(":")[2],
        # Neither side writes a line for each request.
        "LOG_LEVEL": "WARNING",
        "PYTHONPATH": str(Path(__file__).parent.parent),
    }

    def process(name: str, *arguments: str) -> Process:
        return Process(name, [sys.executable, "-m", *arguments], settings, folder)

    return [
        (process("issuer", "local.issuer", str(folder)), f"{issuer}/jwks"),
        (process("api", "cli.main", "serve"), f"{api}/health/ready"),
        (process("bare", "bench.bare", postgres.url(_DATABASE), bare.rpartition(":")[2]), f"{bare}/ready"),
    ]


async def _queries(postgres: Postgres, *, has_all: bool) -> list[str]:
    """What the yardstick is asked: the same logins and households, after the same place."""
    admin = await asyncpg.connect(postgres.url(_DATABASE), connection_class=Connection, server_settings={"search_path": "kot, public"})
    rows = await admin.fetch(
        "SELECT household_id AS household, person_id AS person, placement.version AS lwt, placement.placement_id AS id"
        " FROM login JOIN membership USING (person_id) JOIN placement USING (household_id)"
    )
    await admin.close()
    beginning = {} if has_all else {"lwt": 0, "id": "00000000-0000-0000-0000-000000000000"}
    return [urlencode({**dict(row), **beginning}) for row in rows]


async def _page(phone: Phone) -> dict[str, dict[str, str]]:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{phone.url}{phone.path}", headers=dict(one.split(": ") for one in phone.headers))
    page: dict[str, dict[str, str]] = answer.raise_for_status().json()
    if len(page["documents"]) != 1:
        raise AssertionError("a household lacks its placement: what would be measured is not the promised path")
    return page


async def _in_turns(ours: Sequence[Phone], theirs: Sequence[Phone], seconds: float) -> tuple[float, float]:
    """Return the requests a second of both, asked in short turns."""
    counts = [0, 0]
    for turn in range(-1, _TURNS):
        for side, phones in enumerate((ours, theirs)):
            answered = await _asked(phones, seconds / _TURNS)
            counts[side] += answered if turn >= 0 else 0  # the first turn warms up
    return counts[0] / seconds, counts[1] / seconds


async def _asked(phones: Sequence[Phone], seconds: float) -> int:
    until = perf_counter() + seconds
    return sum(await asyncio.gather(*(_ask(phone, until) for phone in phones)))


async def _ask(phone: Phone, until: float) -> int:
    """Ask over one kept connection until the time is over; return how often it was answered."""
    place = urlsplit(phone.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    request, answered = phone.request(), 0
    while perf_counter() < until:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            raise AssertionError(f"{phone.url} answered {head[:40]!r}")
        length = head.index(b"content-length: ") + 16
        await reader.readexactly(int(head[length : head.index(b"\r", length)]))
        answered += 1
    writer.close()
    await writer.wait_closed()
    return answered
