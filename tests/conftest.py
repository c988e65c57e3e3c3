"""Real servers for the tests: one PostgreSQL and one Valkey a run, one database a worker, emptied after each test that used it."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from local.binaries import postgres_folder, valkey_binary
from local.servers import FAST, Postgres, Valkey
from reconcile.keyring import Keyring, new_keyring
from reconcile.store.database import Database, Role
from reconcile.store.migrator import migrate
from tests.tables import emptied

_POSTGRES = "KOT_TEST_POSTGRES_PORT"
_VALKEY = "KOT_TEST_VALKEY_PORT"
_TEMPLATE = "kot_template"
_started: list[Postgres | Valkey] = []
_folder: list[Path] = []


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers once, before xdist's workers inherit the environment."""
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    place = Path(__file__).parent.parent / ".local"
    place.mkdir(exist_ok=True)
    place.chmod(0o755)
    folder = Path(tempfile.mkdtemp(prefix="test-", dir=place))
    folder.chmod(0o755)
    _folder.append(folder)
    postgres = Postgres(folder / "postgres", postgres_folder(os.environ.get("PG_BIN")), settings=FAST)
    valkey = Valkey(folder / "valkey", valkey_binary(os.environ.get("VALKEY_BIN")))
    for server in (postgres, valkey):
        _started.append(server)
        server.start()
    os.environ[_POSTGRES], os.environ[_VALKEY] = str(postgres.port), str(valkey.port)
    asyncio.run(_make_template())


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started."""
    while _started:
        _started.pop().stop()
    while _folder:
        shutil.rmtree(_folder.pop(), ignore_errors=True)


def database_url(database: str, user: str = "postgres") -> str:
    """Return the address of a database of the test server."""
    return f"postgresql://{user}@127.0.0.1:{os.environ[_POSTGRES]}/{database}"


async def _make_template() -> None:
    conn = await asyncpg.connect(database_url("postgres"))
    await conn.execute(f"CREATE DATABASE {_TEMPLATE}")
    await conn.close()
    await migrate(database_url(_TEMPLATE), {})


@pytest.fixture(scope="session")
def redis_url() -> str:
    """The address of the test run's Valkey."""
    return f"redis://127.0.0.1:{os.environ[_VALKEY]}/0"


@pytest_asyncio.fixture(scope="session")
async def database_name() -> AsyncIterator[str]:
    """A database of this worker, copied from the migrated template."""
    name = f"kot_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    conn = await asyncpg.connect(database_url("postgres"))
    await conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await conn.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    # Rights on a database are not copied with it.
    rights_of = "SELECT datacl FROM pg_database WHERE datname = $1"
    await conn.execute(f"UPDATE pg_database SET datacl = ({rights_of}) WHERE datname = $2", _TEMPLATE, name)
    yield name
    await conn.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await conn.close()


@pytest_asyncio.fixture(scope="session")
async def _admin(database_name: str) -> AsyncIterator[asyncpg.Connection]:
    conn = await asyncpg.connect(database_url(database_name), server_settings={"search_path": "kot, public", "timezone": "UTC"})
    yield conn
    await conn.close()


@pytest_asyncio.fixture(scope="session")
async def _pools(database_name: str) -> AsyncIterator[Database]:
    database = await Database.connect({role: database_url(database_name, role.value) for role in Role}, connections_max=6)
    yield database
    await database.close()


@pytest_asyncio.fixture
async def db(_pools: Database, _admin: asyncpg.Connection) -> AsyncIterator[Database]:
    """Every login role on an empty database."""
    yield _pools
    await emptied(_admin)


@pytest.fixture
def admin(db: Database, _admin: asyncpg.Connection) -> asyncpg.Connection:
    """A superuser's connection, to look behind the scenes and to spoil things on purpose."""
    return _admin


@pytest.fixture(scope="session")
def keyring() -> Iterator[Keyring]:
    """Keys of this run."""
    yield Keyring(new_keyring())
