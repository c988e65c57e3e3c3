"""From a parent's verified token to the parent: the person and the one household for which it speaks.

A token with `represents` is a proxy's: it speaks for the person named there, and nothing of the proxy's own selects a household.
"""

from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from time import monotonic

from litestar.exceptions import NotAuthorizedException
from msgspec import structs

from api.challenge import challenge, not_taken
from api.identity import IdentityAdapter
from api.tokens import Claims, Represented
from reconcile.callers import Parent, Visitor
from reconcile.identify import identify_parent, known_parent, record_visit
from reconcile.rules.bsn import is_bsn
from reconcile.rules.months import Month, month_at
from reconcile.store.database import Connection, Database

# Income and children's data ask for more than a password (eIDAS).
_ASSURANCE = ("http://eidas.europa.eu/LoA/substantial", "http://eidas.europa.eu/LoA/high")
_REMEMBERED_S = 300.0
# A login by its issuer and pseudonym, and the pseudonym of whom it represents: each such pair is somebody else.
_Login = tuple[str, str, str]


class Parents:
    """Finds parents, and remembers for some minutes who a login was, for routes that follow a household.

    What is remembered grants nothing: the verbs of reconcile/follow.py ask, in the very statement that reads, whether this person
    still is a parent of this household. At most `logins_max` are kept; the one used longest ago goes first.
    """

    def __init__(self, db: Database, identity: IdentityAdapter, clock: Callable[[], datetime], *, logins_max: int = 10_000) -> None:
        self._db = db
        self._identity = identity
        self._clock = clock
        self._logins_max = logins_max
        self._kept: OrderedDict[_Login, tuple[float, Parent]] = OrderedDict()
        self._visits: OrderedDict[Parent, float] = OrderedDict()
        self._month_from = self._month_until = datetime.max.replace(tzinfo=UTC)
        self._month: Month = ""

    @property
    def this_month(self) -> Month:
        """The month in which memberships must stand now."""
        now = self._clock()
        if not self._month_from <= now < self._month_until:
            # A month ends with an hour, and the calendar is slow to ask for each request.
            self._month_from = now.replace(minute=0, second=0, microsecond=0)
            self._month_until = self._month_from + timedelta(hours=1)
            self._month = month_at(now)
        return self._month

    async def parent(self, claims: Claims) -> Parent:
        """Find the parent of a token. Raises HouseholdUnclear; NotAuthorizedException when the login is too weak or no pseudonym.

        That a proxy looks is recorded before it is shown anything: once in some minutes, by each process.
        """
        return await self._found(claims, self._db.reading)

    async def _found(self, claims: Claims, reading: Callable[[Visitor], AbstractAsyncContextManager[Connection]]) -> Parent:
        visitor, sealed = _visitor(claims)
        async with reading(visitor) as conn:
            parent = await known_parent(conn, visitor, this_month=self.this_month)
        if parent is None:
            # The claim is opened on the first visit alone.
            visitor = structs.replace(visitor, bsn_index=self._identity.bsn_index(sealed))
            async with self._db.transaction(visitor) as conn:
                parent = await identify_parent(conn, visitor, this_month=self.this_month)
        if parent.proxy is not None:
            await self._visited(parent)
        return parent

    async def remembered(self, claims: Claims) -> Parent:
        """Return who the login was when it was last looked up, or look it up. Raises as `parent`."""
        _check_assurance(claims)
        login = _login(claims)
        looked_up_at, parent = self._kept.get(login, (0.0, None))
        if parent is None or monotonic() - looked_up_at > _REMEMBERED_S:
            return await self.anew(claims)
        self._kept.move_to_end(login)
        return parent

    async def anew(self, claims: Claims) -> Parent:
        """Look the login up, whatever is remembered. Raises as `parent`."""
        login = _login(claims)
        self._kept.pop(login, None)
        parent = await self._found(claims, self._db.following)
        self._kept[login] = monotonic(), parent
        if len(self._kept) > self._logins_max:
            self._kept.popitem(last=False)
        return parent

    async def _visited(self, proxy: Parent) -> None:
        if monotonic() - self._visits.get(proxy, -_REMEMBERED_S) < _REMEMBERED_S:
            return
        async with self._db.transaction(proxy) as conn:
            await record_visit(conn, proxy)
        self._visits[proxy] = monotonic()
        self._visits.move_to_end(proxy)
        if len(self._visits) > self._logins_max:
            self._visits.popitem(last=False)


def _login(claims: Claims) -> _Login:
    return claims.iss, claims.sub, "" if claims.represents is None else claims.represents.sub


def _visitor(claims: Claims) -> tuple[Visitor, str]:
    """Return whose household a token asks for, by pseudonym, and the sealed claim that proves whose pseudonym it is.

    Raises NotAuthorizedException when the login is too weak, or a pseudonym is none.
    """
    _check_assurance(claims)
    person: Claims | Represented = claims if claims.represents is None else claims.represents
    if is_bsn(claims.sub) or is_bsn(person.sub):
        # It would be kept as it is. A BSN comes encrypted, in the claim for it, or not at all.
        raise not_taken("The sub of a person must be a pseudonym, and this one has the form of a BSN.")
    proxy = None if person is claims else f"{claims.sub} of {claims.iss}"
    return Visitor(issuer=claims.iss, subject=person.sub, proxy=proxy), person.bsn_encrypted


def _check_assurance(claims: Claims) -> None:
    if claims.acr not in _ASSURANCE:
        raise NotAuthorizedException(
            "This needs a login at level substantial or high. Let the parent log in again, with the acr_values of WWW-Authenticate.",
            headers=challenge("insufficient_user_authentication", acr_values=" ".join(_ASSURANCE)),
        )
