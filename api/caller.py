"""Who is asking: from the bearer token to a Caller, before any handler runs.

A route names the scope that it needs in its `opt`; a route without one is open to all. Tokens come in the header only.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from api.identity import IdentityAdapter
from api.tokens import Claims, KeySource, TokenInvalid, verified_claims
from reconcile.callers import Manager, Organisation, Parent, Sender, Tvs, Visitor
from reconcile.identify import identify_parent, known_parent
from reconcile.problems import UnknownOrganisation
from reconcile.rules.identifiers import is_oin
from reconcile.rules.months import month_at
from reconcile.store.database import Database
from reconcile.store.register import organisation_by_oin

APP = "kot:app"
DELIVER = "kot:deliver"
DECLARE = "kot:declare"
PILOT_READ = "kot:pilot.read"
PILOT_MANAGE = "kot:pilot.manage"
# Income and children's data ask for more than a password (eIDAS).
_ASSURANCE = frozenset({"http://eidas.europa.eu/LoA/substantial", "http://eidas.europa.eu/LoA/high"})
_REALM = 'Bearer realm="kot-uren"'


def utc_now() -> datetime:
    """Return the instant, aware; the door's clock."""
    return datetime.now(UTC)


class Authentication(ASGIMiddleware):
    """Puts the caller into the scope, or refuses."""

    def __init__(
        self,
        *,
        db: Database,
        keys: KeySource,
        identity: IdentityAdapter,
        issuers: Sequence[str],
        audience: str,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._db = db
        self._keys = keys
        self._identity = identity
        self._issuers = issuers
        self._audience = audience
        self._clock = clock

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Authenticate one request."""
        needed = scope["route_handler"].opt.get("scope")
        if needed is not None:
            claims = await self._claims(ASGIConnection(scope))
            if needed not in claims.scopes:
                raise PermissionDeniedException(
                    f"This address needs a token with the scope {needed}.",
                    headers={"WWW-Authenticate": f'{_REALM}, error="insufficient_scope", scope="{needed}"'},
                )
            scope["user"] = await self._caller(needed, claims)
        await next_app(scope, receive, send)

    async def _claims(self, connection: ASGIConnection[Any, Any, Any, Any]) -> Claims:
        kind, _, token = connection.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise NotAuthorizedException(
                "Send an access token in the header Authorization, as Bearer.", headers={"WWW-Authenticate": _REALM}
            )
        try:
            return await verified_claims(token.strip(), issuers=self._issuers, audience=self._audience, keys=self._keys, now=time.time())
        except TokenInvalid as reason:
            raise NotAuthorizedException(str(reason), headers={"WWW-Authenticate": f'{_REALM}, error="invalid_token"'}) from None

    async def _caller(self, needed: str, claims: Claims) -> Parent | Organisation | Tvs | Manager:
        if needed == APP:
            return await self._parent(claims)
        if needed in (PILOT_READ, PILOT_MANAGE):
            return Manager(subject=f"{claims.sub} of {claims.iss}")
        if not is_oin(claims.oin):
            raise NotAuthorizedException("The token names no OIN.", headers={"WWW-Authenticate": f'{_REALM}, error="invalid_token"'})
        return Tvs(oin=claims.oin) if needed == DECLARE else await self._organisation(claims)

    async def _parent(self, claims: Claims) -> Parent:
        if claims.acr not in _ASSURANCE:
            raise NotAuthorizedException(
                "This needs a login at level substantial or high.",
                headers={"WWW-Authenticate": f'{_REALM}, error="insufficient_user_authentication"'},
            )
        this_month = month_at(self._clock())
        visitor = Visitor(issuer=claims.iss, subject=claims.sub)
        async with self._db.snapshot(visitor) as conn:
            parent = await known_parent(conn, visitor, this_month=this_month)
        if parent is not None:
            return parent
        # The claim is opened on the first visit alone.
        visitor = Visitor(issuer=claims.iss, subject=claims.sub, bsn_index=self._identity.bsn_index(claims.bsn_encrypted))
        async with self._db.transaction(visitor) as conn:
            return await identify_parent(conn, visitor, this_month=this_month)

    async def _organisation(self, claims: Claims) -> Organisation:
        async with self._db.snapshot(Sender(oin=claims.oin)) as conn:
            organisation = await organisation_by_oin(conn, claims.oin)
        if organisation is None:
            raise UnknownOrganisation(
                "The register has no organisation with the OIN of this token. Check the token, or ask for your registration."
            )
        return organisation
