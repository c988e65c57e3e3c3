"""From a parent's verified token to the parent: the person and the one household for which it speaks."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic

from litestar.exceptions import NotAuthorizedException

from api.identity import IdentityAdapter
from api.tokens import Claims
from reconcile.callers import Parent, Visitor
from reconcile.identify import identify_parent, known_parent
from reconcile.rules.months import Month, month_at
from reconcile.store.database import Database

# Income and children's data ask for more than a password (eIDAS).
_ASSURANCE = frozenset({"http://eidas.europa.eu/LoA/substantial", "http://eidas.europa.eu/LoA/high"})
_REMEMBERED_S = 300.0
_REALM = 'Bearer realm="kot-uren"'


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
        self._kept: OrderedDict[tuple[str, str], tuple[float, Parent]] = OrderedDict()
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
        """Find the parent of a token. Raises HouseholdUnclear; NotAuthorizedException when the login is too weak."""
        _check_assurance(claims)
        visitor = Visitor(issuer=claims.iss, subject=claims.sub)
        async with self._db.reading(visitor) as conn:
            parent = await known_parent(conn, visitor, this_month=self.this_month)
        if parent is not None:
            return parent
        # The claim is opened on the first visit alone.
        visitor = Visitor(issuer=claims.iss, subject=claims.sub, bsn_index=self._identity.bsn_index(claims.bsn_encrypted))
        async with self._db.transaction(visitor) as conn:
            return await identify_parent(conn, visitor, this_month=self.this_month)

    async def remembered(self, claims: Claims) -> Parent:
        """Return who the login was when it was last looked up, or look it up. Raises as `parent`."""
        _check_assurance(claims)
        looked_up_at, parent = self._kept.get((claims.iss, claims.sub), (0.0, None))
        if parent is None or monotonic() - looked_up_at > _REMEMBERED_S:
            return await self.anew(claims)
        self._kept.move_to_end((claims.iss, claims.sub))
        return parent

    async def anew(self, claims: Claims) -> Parent:
        """Look the login up, whatever is remembered. Raises as `parent`."""
        key = (claims.iss, claims.sub)
        self._kept.pop(key, None)
        parent = await self.parent(claims)
        self._kept[key] = monotonic(), parent
        if len(self._kept) > self._logins_max:
            self._kept.popitem(last=False)
        return parent


def _check_assurance(claims: Claims) -> None:
    if claims.acr not in _ASSURANCE:
        raise NotAuthorizedException(
            "This needs a login at level substantial or high.",
            headers={"WWW-Authenticate": f'{_REALM}, error="insufficient_user_authentication"'},
        )
