"""Connections, one pool per login role; the only BEGIN in the code.

Who calls decides the login role and, through `set_config`, the rows that row-level security shows. No context, no rows.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from enum import StrEnum
from time import monotonic

import asyncpg

from reconcile.callers import Caller, Forward, Intake, Manager, Notify, Organisation, Parent, Sender, Tvs, Visitor
from reconcile.problems import Busy

Connection = asyncpg.Connection


class Role(StrEnum):
    """The login roles; each door is given only its own."""

    PARENT = "kot_parent"
    ORGANISATION = "kot_organisation"
    TVS = "kot_tvs"
    INTAKE = "kot_intake"
    FORWARD = "kot_forward"
    PILOT = "kot_pilot"
    NOTIFY = "kot_notify"


_ROLE_OF_CALLER: Mapping[type, Role] = {
    Visitor: Role.PARENT,
    Parent: Role.PARENT,
    Organisation: Role.ORGANISATION,
    Sender: Role.ORGANISATION,
    Tvs: Role.TVS,
    Intake: Role.INTAKE,
    Forward: Role.FORWARD,
    Manager: Role.PILOT,
    Notify: Role.NOTIFY,
}

# A request waits this long for a connection, then hears 503 with Retry-After: waiting longer only moves the queue.
ACQUIRE_TIMEOUT_S = 1.0
CONNECT_TIMEOUT_S = 3.0
# How long a process that starts waits for a store that is starting as well.
START_PATIENCE_S = 60.0
_LOOK_S = 0.5
# asyncpg cannot leave a dead network without a command timeout on the pool (its issue 1326).
COMMAND_TIMEOUT_S: Mapping[Role, float] = {
    Role.PARENT: 5.0,
    Role.ORGANISATION: 5.0,
    Role.TVS: 15.0,
    Role.INTAKE: 60.0,
    Role.FORWARD: 5.0,
    # Drawing a stage ranks the whole country.
    Role.PILOT: 60.0,
    Role.NOTIFY: 5.0,
}

_BIND = """
SELECT set_config('app.household_id', $1, true), set_config('app.actor', $2, true),
       set_config('app.organisation_id', $3, true), set_config('app.issuer', $4, true),
       set_config('app.subject', $5, true), set_config('app.bsn_index', $6, true)
"""


class UnsafeLogin(Exception):
    """A login could see more than row-level security allows: the service refuses to start."""


class StoreAway(Exception):
    """The store does not answer, or does not take a login; the message has no password."""


class Database:
    """Pools by login role. Open with `connect`, close with `close`."""

    def __init__(self, pools: Mapping[Role, asyncpg.Pool]) -> None:
        self._pools = pools

    @classmethod
    async def connect(cls, urls: Mapping[Role, str], *, connections_max: int = 8, patience_s: float = 0.0) -> "Database":
        """Open a pool for each role, waiting at most so long for a store that is starting or away.

        Raises StoreAway, and UnsafeLogin when a login is superuser, may bypass row-level security or is another role.
        """
        pools: dict[Role, asyncpg.Pool] = {}
        database = cls(pools)
        try:
            for role, url in urls.items():
                pools[role] = await _patiently(lambda role=role, url=url: _pool(role, url, connections_max), patience_s)  # type: ignore[misc]
                await _refuse_unsafe(pools[role], role)
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        """Close all pools; connections still in use are given five seconds."""
        for pool in self._pools.values():
            try:
                await asyncio.wait_for(pool.close(), 5)
            except TimeoutError:
                pool.terminate()

    @asynccontextmanager
    async def transaction(self, caller: Caller) -> AsyncIterator[Connection]:
        """Begin under the caller's role and context; commit when the block ends, roll back when it raises.

        A cancelled commit is awaited to its end: whether it happened must never be guessed. Raises Busy without a free connection.
        """
        async with self._connection(_ROLE_OF_CALLER[type(caller)]) as conn:
            transaction = conn.transaction()
            await transaction.start()
            try:
                await conn.execute(_BIND, *_context(caller))
                yield conn
            except BaseException:
                if not conn.is_closed():
                    await _to_the_end(transaction.rollback())
                raise
            await _to_the_end(transaction.commit())

    @asynccontextmanager
    async def snapshot(self, caller: Caller) -> AsyncIterator[Connection]:
        """The same for reads: read only, one moment for all statements of the block."""
        async with (
            self._connection(_ROLE_OF_CALLER[type(caller)]) as conn,
            conn.transaction(isolation="repeatable_read", readonly=True),
        ):
            await conn.execute(_BIND, *_context(caller))
            yield conn

    @asynccontextmanager
    async def _connection(self, role: Role) -> AsyncIterator[Connection]:
        pool = self._pools.get(role)
        if pool is None:
            raise Busy(f"This process has no login {role}.")
        try:
            conn = await pool.acquire(timeout=ACQUIRE_TIMEOUT_S)
        except TimeoutError:
            raise Busy("All connections to the store are in use. Try again shortly.") from None
        try:
            yield conn  # type: ignore[misc]  # a pool's proxy stands in for its connection
        finally:
            await _to_the_end(pool.release(conn))


async def _to_the_end(work: Awaitable[object]) -> None:
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def _context(caller: Caller) -> tuple[str, str, str, str, str, str]:
    household_id = actor = organisation_id = issuer = subject = bsn_index = ""
    if isinstance(caller, Parent):
        household_id, actor = str(caller.household_id), caller.actor
    elif isinstance(caller, Manager):
        actor = caller.actor
    elif isinstance(caller, Visitor):
        issuer, subject = caller.issuer, caller.subject
        bsn_index = caller.bsn_index.hex() if caller.bsn_index else ""
    elif isinstance(caller, Organisation):
        organisation_id = str(caller.organisation_id)
    return household_id, actor, organisation_id, issuer, subject, bsn_index


async def _patiently(open_pool: Callable[[], Awaitable[asyncpg.Pool]], patience_s: float) -> asyncpg.Pool:
    """Try again while the store is starting: a process that begins beside a restart of the store must not end by it."""
    until = monotonic() + patience_s
    while True:
        try:
            return await open_pool()
        except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError, asyncpg.TooManyConnectionsError) as error:
            if monotonic() >= until:
                raise StoreAway(f"The database does not answer ({type(error).__name__}).") from None
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise StoreAway(f"The database does not take the login: {error}") from None
        await asyncio.sleep(_LOOK_S)


async def _pool(role: Role, url: str, connections_max: int) -> asyncpg.Pool:
    statement_timeout_ms = int(COMMAND_TIMEOUT_S[role] * 1000 * 0.8)
    return await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=connections_max,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=COMMAND_TIMEOUT_S[role],
        server_settings={
            "application_name": role.value,
            "search_path": "kot, public",
            "statement_timeout": str(statement_timeout_ms),
            "lock_timeout": "2000",
            "idle_in_transaction_session_timeout": "10000",
            "timezone": "UTC",
            # Short statements by key: compiling them costs more than running them.
            "jit": "off",
        },
    )


async def _refuse_unsafe(pool: asyncpg.Pool, role: Role) -> None:
    row = await pool.fetchrow(
        "SELECT current_user AS name, rolsuper OR rolbypassrls AS is_unsafe FROM pg_roles WHERE rolname = current_user"
    )
    if row is None or row["is_unsafe"]:
        raise UnsafeLogin(f"The login for {role} is a superuser or bypasses row-level security. Use a login made by `kot migrate`.")
    if row["name"] != role:
        raise UnsafeLogin(f"The login for {role} connects as {row['name']}. Use the login of that name.")
