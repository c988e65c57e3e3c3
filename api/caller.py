"""Who is asking: from the bearer token to a Caller, before any handler runs.

A route names the scope that it needs in its `opt`; a route without one is open to all. Tokens come in the header only. A route of
parents with `follows` gets the parent that the login was, to be checked where it reads; any other one that was checked here.
"""

import time
from datetime import UTC, datetime

from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from api.parents import Parents
from api.tokens import Claims, TokenInvalid, VerifiedTokens
from reconcile.callers import Manager, Organisation, Parent, Sender, Tvs
from reconcile.problems import UnknownOrganisation
from reconcile.rules.identifiers import is_oin
from reconcile.store.database import Database
from reconcile.store.register import organisation_by_oin

APP = "kot:app"
DELIVER = "kot:deliver"
DECLARE = "kot:declare"
PILOT_READ = "kot:pilot.read"
PILOT_MANAGE = "kot:pilot.manage"
_REALM = 'Bearer realm="kot-uren"'


def utc_now() -> datetime:
    """Return the instant, aware; the door's clock."""
    return datetime.now(UTC)


def sent_header(scope: Scope, wanted: bytes) -> str:
    """Return a header that was sent, by its name in small letters; empty without it. Reads no other."""
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), "")


class Authentication(ASGIMiddleware):
    """Puts the caller into the scope, or refuses."""

    def __init__(self, *, db: Database, tokens: VerifiedTokens, parents: Parents) -> None:
        self._db = db
        self._tokens = tokens
        self._parents = parents

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Authenticate one request."""
        needed = scope["route_handler"].opt.get("scope")
        if needed is not None:
            claims = await self._claims(scope)
            if needed not in claims.scopes:
                raise PermissionDeniedException(
                    f"This address needs a token with the scope {needed}.",
                    headers={"WWW-Authenticate": f'{_REALM}, error="insufficient_scope", scope="{needed}"'},
                )
            scope["auth"] = claims
            scope["user"] = await self._caller(needed, claims, follows=scope["route_handler"].opt.get("follows", False))
        await next_app(scope, receive, send)

    async def _claims(self, scope: Scope) -> Claims:
        kind, _, token = sent_header(scope, b"authorization").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise NotAuthorizedException(
                "Send an access token in the header Authorization, as Bearer.", headers={"WWW-Authenticate": _REALM}
            )
        try:
            return await self._tokens.claims(token.strip(), time.time())
        except TokenInvalid as reason:
            raise NotAuthorizedException(str(reason), headers={"WWW-Authenticate": f'{_REALM}, error="invalid_token"'}) from None

    async def _caller(self, needed: str, claims: Claims, *, follows: bool) -> Parent | Organisation | Tvs | Manager:
        if needed == APP:
            return await (self._parents.remembered(claims) if follows else self._parents.parent(claims))
        if needed in (PILOT_READ, PILOT_MANAGE):
            return Manager(subject=f"{claims.sub} of {claims.iss}")
        if not is_oin(claims.oin):
            raise NotAuthorizedException("The token names no OIN.", headers={"WWW-Authenticate": f'{_REALM}, error="invalid_token"'})
        return Tvs(oin=claims.oin) if needed == DECLARE else await self._organisation(claims)

    async def _organisation(self, claims: Claims) -> Organisation:
        async with self._db.snapshot(Sender(oin=claims.oin)) as conn:
            organisation = await organisation_by_oin(conn, claims.oin)
        if organisation is None:
            raise UnknownOrganisation(
                "The register has no organisation with the OIN of this token. Check the token, or ask for your registration."
            )
        return organisation
