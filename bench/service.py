"""The service as it runs everywhere, beside its yardsticks: a database of its own, and a process for each part."""

import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx
import msgspec
from joserfc.jwk import RSAKey
from msgspec import Struct
from msgspec.structs import replace

from bench.sample import declare_households, deliver, delivery_body
from local.clients import person_token
from local.issuer import Client, IssuerFolder, Login
from local.processes import Process
from local.servers import Postgres, free_port
from reconcile.keyring import Keyring, new_keyring
from reconcile.rules.bsn import marked_bsn
from reconcile.store.database import Connection, Database, Role
from reconcile.store.migrator import migrate


class Place(Struct, frozen=True, kw_only=True):
    """A database of a measurement, and the folder of its keys and logs."""

    postgres: Postgres
    database: str
    folder: Path

    def url(self, user: str = "postgres") -> str:
        """Address of the database for a user."""
        return self.postgres.url(self.database, user)

    @property
    def keys(self) -> bytes:
        """The file of the keys that seal."""
        return (self.folder / "keyring.json").read_bytes()

    @property
    def keyring(self) -> Keyring:
        """The keys that seal."""
        return Keyring(self.keys)

    async def admin(self) -> Connection:
        """Connect as who may see everything."""
        settings = {"search_path": "kot, public", "timezone": "UTC"}
        conn: Connection = await asyncpg.connect(self.url(), connection_class=Connection, server_settings=settings)
        return conn

    async def doors(self) -> Database:
        """Connect as every login role."""
        return await Database.connect({role: self.url(role.value) for role in Role})

    async def copied(self) -> "Place":
        """Copy the database, in which nobody is."""
        twin = replace(self, database=f"{self.database}_twin")
        server = await asyncpg.connect(self.postgres.url())
        await server.execute(f"CREATE DATABASE {twin.database} TEMPLATE {self.database}")
        await server.close()
        return twin


class Addresses(Struct, frozen=True, kw_only=True):
    """Where the processes of a measurement listen."""

    issuer: str
    api: str
    bare: str


async def new_place(postgres: Postgres, folder: Path, database: str) -> Place:
    """Make the database, its keys and its schema."""
    place = Place(postgres=postgres, database=database, folder=folder / database)
    place.folder.mkdir()
    admin = await asyncpg.connect(postgres.url())
    await admin.execute(f"CREATE DATABASE {database}")
    await admin.close()
    await migrate(place.url(), {})
    (place.folder / "keyring.json").write_bytes(new_keyring())
    return place


async def fill(place: Place, households: int, body: bytes) -> None:
    """Households with a child and a placement each, and a delivery about them, judged."""
    db, admin = await place.doors(), await place.admin()
    try:
        await declare_households(db, admin, place.keyring, households)
        await deliver(db, place.keyring, body, "first")
        await admin.execute("VACUUM ANALYZE")
    finally:
        await admin.close()
        await db.close()


def all_deviate(households: int) -> bytes:
    """A delivery with four months of every household, each of which deviates."""
    content = msgspec.json.decode(delivery_body(households))
    lines = [{**line, "hours": "120.00"} for line in content["lines"]]
    return msgspec.json.encode({**content, "lines": lines})


@asynccontextmanager
async def serving(place: Place, *, parents: int) -> AsyncIterator[Addresses]:
    """Run an issuer that knows so many parents, the API, and the yardsticks."""
    at = Addresses(**{name: f"http://127.0.0.1:{free_port()}" for name in Addresses.__struct_fields__})
    settings = {**settings_beside(place, at.issuer, parents=parents), "PORT": str(urlsplit(at.api).port)}
    bare_port = str(urlsplit(at.bare).port)
    with running(
        (python("issuer", place.folder, {}, "local.issuer", str(place.folder)), f"{at.issuer}/jwks"),
        (python("api", place.folder, settings, "cli.main", "serve"), f"{at.api}/health/ready"),
        (python("bare", place.folder, {}, "bench.bare", place.url(), bare_port), f"{at.bare}/ready"),
    ):
        yield at


def settings_beside(place: Place, issuer: str, *, parents: int, clients: tuple[Client, ...] = ()) -> dict[str, str]:
    """Write what an issuer knows at which so many parents log in and these machines fetch tokens, and return the settings of an API that
    takes its tokens, but its port.

    It finds no Redis, unless its address is added.
    """
    identity = RSAKey.generate_key(2048)
    logins = tuple(Login(login=f"parent-{number}", scope="kot:app", bsn=marked_bsn(number * 2)) for number in range(parents))
    known = IssuerFolder(issuer, clients, logins, identity.as_dict(private=False))
    (place.folder / "issuer.json").write_bytes(msgspec.json.encode(known))
    (place.folder / "identity.json").write_bytes(msgspec.json.encode(identity.as_dict(private=True)))
    return {
        **{f"DATABASE_URL_{name}": place.url(f"kot_{name.lower()}") for name in ("PARENT", "ORGANISATION", "TVS", "PILOT", "TRIAL")},
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "KEYRING_FILE": str(place.folder / "keyring.json"),
        "IDENTITY_KEY_FILE": str(place.folder / "identity.json"),
        "TOKEN_ISSUERS": issuer,
        # Neither side of a measurement writes a line for each request.
        "LOG_LEVEL": "WARNING",
    }


def python(name: str, folder: Path, settings: dict[str, str], *arguments: str) -> Process:
    """A process that runs one of our modules."""
    return Process(name, [sys.executable, "-m", *arguments], {**settings, "PYTHONPATH": str(Path(__file__).parent.parent)}, folder)


@contextmanager
def running(*processes: tuple[Process, str | None]) -> Iterator[None]:
    """Run processes, each ready before the next is started; the address beside it says when it is. Nothing waits for one without."""
    started: list[Process] = []
    try:
        for process, ready in processes:
            started.append(process)
            process.start()
            if ready is not None:
                process.wait_ready(ready)
        yield
    finally:
        for process in reversed(started):
            process.stop()


async def bearers(issuer: str, parents: Sequence[int]) -> Sequence[str]:
    """Log parents in; return their header Authorization."""
    async with httpx.AsyncClient() as http:
        return [f"Authorization: Bearer {await person_token(http, issuer, f'parent-{number}')}" for number in parents]
