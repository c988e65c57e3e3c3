"""Transactions, under a login for each role; the only BEGIN in the code.

Who calls decides the login role and, through settings of the transaction, the rows that row-level security shows. No context, no rows.
Whose data a transaction changed is told to `on_change` once it is committed, so that no writer has to think of it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import StrEnum
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg

from reconcile.callers import (
    Caller,
    Explainer,
    Forward,
    Intake,
    Manager,
    Notify,
    Organisation,
    Parent,
    Sender,
    StatementReader,
    Trial,
    Tvs,
    Visitor,
    context_of,
)
from reconcile.problems import Busy
from reconcile.store.connections import BROKEN, Connections, Turns, patiently
from reconcile.store.context import beginning, bound
from reconcile.store.logins import CONNECT_TIMEOUT_S, connect_login, refuse_unsafe

logger = logging.getLogger(__name__)


class Connection(asyncpg.Connection):
    """A connection that also keeps which households its transaction changed or read for somebody else, and for whom it reads alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # handed through as they come
        super().__init__(*args, **kwargs)
        self.changed_households: set[UUID] = set()
        self.read_households: set[UUID] = set()
        self._alone_for: Mapping[str, str] = {}

    def bind_alone(self, context: Mapping[str, str]) -> None:
        """Read in this context from here on, each statement alone; an empty one ends it."""
        self._alone_for = context

    async def read(self, query: str, *args: object) -> Sequence[asyncpg.Record]:
        """Fetch the rows of one statement; on a connection that reads alone, bind its context in that very statement."""
        if not self._alone_for:
            return await self.fetch(query, *args)
        return await self.fetch(bound(query, len(args), tuple(self._alone_for)), *args, *self._alone_for.values())


OnChange = Callable[[frozenset[UUID]], None]


class Role(StrEnum):
    """The login roles; each door is given only its own."""

    PARENT = "kot_parent"
    ORGANISATION = "kot_organisation"
    TVS = "kot_tvs"
    INTAKE = "kot_intake"
    FORWARD = "kot_forward"
    PILOT = "kot_pilot"
    NOTIFY = "kot_notify"
    TRIAL = "kot_trial"
    EXPLAIN = "kot_explain"


_ROLE_OF_CALLER: Mapping[type, Role] = {
    Visitor: Role.PARENT,
    Parent: Role.PARENT,
    Organisation: Role.ORGANISATION,
    StatementReader: Role.ORGANISATION,
    Sender: Role.ORGANISATION,
    Tvs: Role.TVS,
    Intake: Role.INTAKE,
    Forward: Role.FORWARD,
    Manager: Role.PILOT,
    Notify: Role.NOTIFY,
    Trial: Role.TRIAL,
    Explainer: Role.EXPLAIN,
}

# Connections of one process at most. Of parents so many that ten phones are answered at once: with fewer the process was idle (ADR 0029).
CONNECTIONS_MAX: Mapping[Role, int] = {role: 12 if role is Role.PARENT else 8 for role in Role}
# A request waits this long for one, then hears 503 with Retry-After: waiting longer only moves the queue.
ACQUIRE_TIMEOUT_S = 1.0
# Phones that lost a process come back all at once: who follows waits longer, because to refuse a phone and hear it again costs more than
# to let it wait. So many connections are left to all others meanwhile (ADR 0039).
FOLLOWING_TIMEOUT_S = 10.0
KEPT_FROM_FOLLOWERS = 2
# How long a process that starts waits for a store that is starting as well.
START_PATIENCE_S = 60.0
# asyncpg cannot leave a dead network without a command timeout (its issue 1326).
COMMAND_TIMEOUT_S: Mapping[Role, float] = {
    Role.PARENT: 5.0,
    Role.ORGANISATION: 5.0,
    Role.TVS: 15.0,
    Role.INTAKE: 60.0,
    Role.FORWARD: 5.0,
    # Drawing a stage ranks the whole country.
    Role.PILOT: 60.0,
    Role.NOTIFY: 5.0,
    Role.TRIAL: 15.0,
    # Years of households and deliveries, page by page.
    Role.EXPLAIN: 60.0,
}

_BY_KEY = frozenset({Role.PARENT, Role.INTAKE, Role.TRIAL})
_WRITING = "BEGIN"
_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_NOBODY: Mapping[str, str] = {}


class Database:
    """Connections by login role. Open with `connect`, close with `close`."""

    def __init__(
        self,
        logins: Mapping[Role, Connections[Connection]],
        *,
        followers_max: int = 1,
        on_change: OnChange | None = None,
        on_touch: OnChange | None = None,
    ) -> None:
        self._logins = logins
        self._followers = Turns(followers_max)
        self._on_change = on_change
        self._on_touch = on_touch

    @classmethod
    async def connect(
        cls,
        urls: Mapping[Role, str],
        *,
        connections_max: int | None = None,
        patience_s: float = 0.0,
        on_change: OnChange | None = None,
        on_touch: OnChange | None = None,
    ) -> "Database":
        """Open a first connection for each role, waiting at most so long for a store that is starting or away.

        No role gets more than `connections_max`, or what CONNECTIONS_MAX has for it. `on_change` hears of the households that a commit
        changed, `on_touch` also of those that it read; neither may block. Raises StoreAway, and UnsafeLogin when a login is superuser, may
        bypass row-level security or is another role.
        """
        most = {role: connections_max or CONNECTIONS_MAX[role] for role in Role}
        logins = {role: Connections(partial(_connect, role, url), connections_max=most[role]) for role, url in urls.items()}
        database = cls(logins, followers_max=max(most[Role.PARENT] - KEPT_FROM_FOLLOWERS, 1), on_change=on_change, on_touch=on_touch)
        try:
            for role, login in logins.items():
                await patiently(partial(_first_connection, login, role), patience_s)
        except BaseException:
            await database.close()
            raise
        return database

    @property
    def taken(self) -> int:
        """How many connections are in use at this moment."""
        return sum(login.taken for login in self._logins.values())

    async def close(self) -> None:
        """Close all connections; those still in use are given five seconds."""
        for login in self._logins.values():
            await login.close(patience_s=5.0)

    @asynccontextmanager
    async def transaction(self, caller: Caller) -> AsyncIterator[Connection]:
        """Begin under the caller's role and context; commit when the block ends, roll back when it raises.

        A cancelled commit is awaited to its end: whether it happened must never be guessed. Raises Busy without a free connection.
        """
        async with self._connection(_ROLE_OF_CALLER[type(caller)]) as conn:
            conn.changed_households.clear()
            conn.read_households.clear()
            try:
                await conn.execute(beginning(_WRITING, caller))
                yield conn
            except BaseException:
                if not conn.is_closed():
                    await _to_the_end(conn.execute("ROLLBACK"))
                raise
            await _to_the_end(conn.execute("COMMIT"))
            self._tell(self._on_change, frozenset(conn.changed_households))
            self._tell(self._on_touch, frozenset(conn.changed_households | conn.read_households))

    def snapshot(self, caller: Caller) -> AbstractAsyncContextManager[Connection]:
        """The same for reads: read only, one moment for all statements of the block."""
        return self._rolled_back(_READING, caller)

    def rehearsal(self, caller: Trial) -> AbstractAsyncContextManager[Connection]:
        """The same for a trial: what the block writes it sees alone, and nothing of it stands."""
        return self._rolled_back(_WRITING, caller)

    @asynccontextmanager
    async def _rolled_back(self, how: str, caller: Caller) -> AsyncIterator[Connection]:
        async with self._connection(_ROLE_OF_CALLER[type(caller)]) as conn:
            try:
                await conn.execute(beginning(how, caller))
                yield conn
            finally:
                if not conn.is_closed():
                    await _to_the_end(conn.execute("ROLLBACK"))

    def reading(self, caller: Parent | Visitor) -> AbstractAsyncContextManager[Connection]:
        """The same as a snapshot for one statement alone, given to `Connection.read`: one round trip instead of three.

        What is not given to `read` sees nothing: nobody is bound between two messages.
        """
        return self._connection(Role.PARENT, alone_for=context_of(caller))

    def following(self, caller: Parent | Visitor) -> AbstractAsyncContextManager[Connection]:
        """As `reading`, for a phone that follows its household: it waits its turn, and leaves connections to all others. Raises Busy."""
        return self._connection(Role.PARENT, alone_for=context_of(caller), followers=self._followers)

    def _tell(self, listener: OnChange | None, household_ids: frozenset[UUID]) -> None:
        try:
            if household_ids and listener is not None:
                listener(household_ids)
        except Exception:  # the commit stands whatever becomes of the telling: who listens also looks by itself
            logger.exception("nobody was told of a change")

    def _connection(self, role: Role, *, alone_for: Mapping[str, str] = _NOBODY, followers: Turns | None = None) -> "_Lent":
        if role not in self._logins:
            raise Busy(f"This process has no login {role}.")
        return _Lent(self._logins[role], alone_for, followers)


class _Lent(AbstractAsyncContextManager[Connection]):
    """A connection for as long as a block runs; every request needs one, and a generator would cost more than the connection."""

    def __init__(self, login: Connections[Connection], alone_for: Mapping[str, str], followers: Turns | None) -> None:
        self._login = login
        self._alone_for = alone_for
        self._followers = followers

    async def __aenter__(self) -> Connection:
        try:
            if self._followers is not None:
                await self._followers.take(timeout_s=FOLLOWING_TIMEOUT_S)
            try:
                self._conn = await self._login.take(timeout_s=ACQUIRE_TIMEOUT_S)
            except BaseException:
                self._leave()
                raise
        except TimeoutError:
            raise Busy("All connections to the store are in use. Try again shortly.") from None
        self._conn.bind_alone(self._alone_for)
        return self._conn

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        # After these something may still be under way on it; after anything else it is as after a commit.
        is_unclean = isinstance(error, (asyncio.CancelledError, *BROKEN, OSError, TimeoutError))
        self._conn.bind_alone(_NOBODY)
        self._login.give(self._conn, is_clean=not is_unclean)
        self._leave()

    def _leave(self) -> None:
        if self._followers is not None:
            self._followers.give()


async def _to_the_end(work: Awaitable[object]) -> None:
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


async def _first_connection(login: Connections[Connection], role: Role) -> None:
    conn, is_clean = await login.take(timeout_s=CONNECT_TIMEOUT_S), False
    try:
        await refuse_unsafe(conn, role)
        is_clean = True
    except BROKEN as error:
        if conn.is_closed() or isinstance(error, asyncpg.InternalClientError):
            raise ConnectionError from None
        raise
    finally:
        login.give(conn, is_clean=is_clean)


async def _connect(role: Role, url: str) -> Connection:
    timeout_s = COMMAND_TIMEOUT_S[role]
    return await connect_login(role.value, url, Connection, command_timeout_s=timeout_s, looks_up_by_key=role in _BY_KEY)
