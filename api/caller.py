"""Who is asking: from the bearer token to a Caller, before any handler runs.

A route names the scope that it needs in its `opt`; a route without one is open to all. Tokens come in the header only. A route of
parents with `follows` gets the parent that the login was, to be checked where it reads; any other one that was checked here. A route of
organisations with `mandated` also serves a vendor that names, in the query, an organisation whose mandate it has; one with `across`
serves whoever the token is, for all organisations that mandated it. Requests of organisations are counted (api/rate_limits.py). A
route of parents with `in_person` serves no proxy.
"""

import time
from datetime import UTC, datetime
from urllib.parse import parse_qs

from litestar.exceptions import ClientException, NotAuthorizedException, PermissionDeniedException
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from api.certificate import EdgeCertificates
from api.challenge import challenge, not_taken
from api.parents import Parents
from api.rate_limits import RateLimits
from api.tokens import Claims, TokenInvalid, VerifiedTokens, check_binding
from reconcile.callers import Manager, Organisation, Parent, Sender, Tvs
from reconcile.mandate import acting_for
from reconcile.problems import NotAllowed
from reconcile.rules.identifiers import is_oin
from reconcile.store.database import Database

APP = "kot:app"
DELIVER = "kot:deliver"
DECLARE = "kot:declare"
PILOT_READ = "kot:pilot.read"
PILOT_MANAGE = "kot:pilot.manage"


def utc_now() -> datetime:
    """Return the instant, aware; the door's clock."""
    return datetime.now(UTC)


def sent_header(scope: Scope, wanted: bytes) -> str:
    """Return a header that was sent, by its name in small letters; empty without it. Reads no other."""
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), "")


class Authentication(ASGIMiddleware):
    """Puts the caller into the scope, or refuses."""

    def __init__(
        self, *, db: Database, tokens: VerifiedTokens, parents: Parents, limits: RateLimits, certificates: EdgeCertificates
    ) -> None:
        self._certificates = certificates
        self._db = db
        self._limits = limits
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
                    headers=challenge("insufficient_scope", scope=needed),
                )
            scope["auth"] = claims
            scope["user"] = caller = await self._caller(needed, claims, scope)
            if needed == DELIVER:
                named = caller.oin if isinstance(caller, Organisation) else None
                send = self._limits.counted(send, (claims.oin, named), reads=scope.get("method") == "GET")
        await next_app(scope, receive, send)

    async def _claims(self, scope: Scope) -> Claims:
        kind, _, token = sent_header(scope, b"authorization").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise NotAuthorizedException("Send an access token in the header Authorization, as Bearer.", headers=challenge())
        try:
            claims = await self._tokens.claims(token.strip(), time.time())
            if claims.cnf is not None:
                check_binding(claims.cnf, self._certificates.thumbprint(scope))
        except TokenInvalid as reason:
            raise not_taken(str(reason)) from None
        return claims

    async def _caller(self, needed: str, claims: Claims, scope: Scope) -> Parent | Organisation | Sender | Tvs | Manager:
        opt = scope["route_handler"].opt
        if needed == APP:
            parent = await (self._parents.remembered(claims) if opt.get("follows") else self._parents.parent(claims))
            if parent.proxy is not None and opt.get("in_person"):
                raise NotAllowed("Only the parent may do this, and nobody who represents them.")
            return parent
        if claims.represents is not None:
            raise NotAllowed("A token that represents somebody serves the addresses of parents alone.")
        if needed in (PILOT_READ, PILOT_MANAGE):
            return Manager(subject=f"{claims.sub} of {claims.iss}")
        if not is_oin(claims.oin):
            raise not_taken("The token names no OIN.")
        if needed == DECLARE:
            return Tvs(oin=claims.oin)
        sender = Sender(oin=claims.oin)
        return sender if opt.get("across") else await self._organisation(sender, _named_organisation(scope), opt.get("mandated", False))

    async def _organisation(self, sender: Sender, named: str | None, is_mandated_enough: bool) -> Organisation:
        if named not in (None, sender.oin) and not is_mandated_enough:
            raise NotAllowed("Only an organisation itself may do this, with a token of its own. Leave organisationOin out.")
        async with self._db.snapshot(sender) as conn:
            return await acting_for(conn, sender, named)


def _named_organisation(scope: Scope) -> str | None:
    """Return the organisation that a request names beside its token, in the query whatever the format of the body."""
    named = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True).get("organisationOin")
    if named is None:
        return None
    if len(named) != 1 or not is_oin(named[0]):
        raise ClientException("organisationOin must be one OIN of twenty positions.")
    return named[0]
