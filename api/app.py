"""The only wiring of the API."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide

from api.acceptances import acceptances_router
from api.answers import answers_router
from api.attempts import attempts_router
from api.bells import Bells
from api.caller import Authentication, utc_now
from api.certificate import EdgeCertificates
from api.changes import changes_router
from api.contract import OPENAPI_CONFIG, contract_router
from api.declarations import declarations_router
from api.deliveries import deliveries_router
from api.devices import devices_router
from api.differences import differences_router
from api.disputes import disputes_router
from api.edge import Edge
from api.excuses import excuses_router
from api.expected import expected_router
from api.health import health_router
from api.household import household_router
from api.identity import IdentityAdapter
from api.mandates import mandates_router
from api.parents import Parents
from api.pilots import pilots_router
from api.problems import EXCEPTION_HANDLERS
from api.quality import quality_router
from api.rate_limits import RateLimits
from api.receipts import receipts_router
from api.services import Services, Wake
from api.statements import statements_router
from api.stream import Pace, Streams
from api.sync import sync_router
from api.tokens import IssuerKeys, KeySource, VerifiedTokens
from api.withdrawals import withdrawals_router
from reconcile.keyring import Keyring
from reconcile.rulebook import books_of
from reconcile.settings import Settings
from reconcile.store.database import Database

NEEDED_SETTINGS = (
    "database_url_parent",
    "database_url_organisation",
    "database_url_tvs",
    "database_url_pilot",
    "database_url_trial",
    "redis_url",
    "keyring_file",
    "identity_key_file",
    "token_issuers",
)
ROUTERS = (
    deliveries_router,
    withdrawals_router,
    attempts_router,
    receipts_router,
    declarations_router,
    differences_router,
    acceptances_router,
    answers_router,
    changes_router,
    mandates_router,
    expected_router,
    excuses_router,
    devices_router,
    household_router,
    pilots_router,
    statements_router,
    quality_router,
    disputes_router,
    sync_router,
    health_router,
    contract_router,
)
# Bodies that are read whole; streamed ones have a limit of their own.
BODY_BYTES_MAX = 65_536


def create_app(
    settings: Settings,
    db: Database,
    wake: Wake,
    *,
    bells: Bells | None = None,
    keys: KeySource | None = None,
    clock: Callable[[], datetime] = utc_now,
    pace: Pace = Pace(),  # noqa: B008  # a frozen value
) -> Edge:
    """Wire the API. Without `keys`, those of the issuers are read over HTTP; without `bells`, its streams look by themselves alone."""
    keyring = Keyring(Path(settings.keyring_file).read_bytes())
    identity_key: dict[str, Any] = msgspec.json.decode(Path(settings.identity_key_file).read_bytes())
    http = httpx.AsyncClient()
    issuers = tuple(one.strip() for one in settings.token_issuers.split(","))
    tokens = VerifiedTokens(keys or IssuerKeys(http), issuers=issuers, audience=settings.token_audience)
    parents = Parents(db, IdentityAdapter(identity_key, keyring), clock)
    limits = RateLimits(reads=settings.rate_limit_reads, writes=settings.rate_limit_writes)
    certificates = EdgeCertificates(settings.certificate_edges)
    authentication = Authentication(db=db, tokens=tokens, parents=parents, limits=limits, certificates=certificates)
    streams = Streams(db=db, parents=parents, bells=bells or Bells(), pace=pace)
    services = Services(
        db=db,
        keyring=keyring,
        wake=wake,
        parents=parents,
        streams=streams,
        restore_number=settings.restore_number,
        clock=clock,
        deadline_day=settings.delivery_deadline_day,
        books=books_of(settings.rule_books_folder),
    )

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with http:
            yield

    return Edge(
        Litestar(
            route_handlers=ROUTERS,
            middleware=[authentication],
            dependencies={
                "db": Provide(lambda: db, sync_to_thread=False),
                "services": Provide(lambda: services, sync_to_thread=False),
            },
            state=State({"services": services}),
            exception_handlers={**EXCEPTION_HANDLERS},  # type: ignore[dict-item]  # each handler knows its own error
            request_max_body_size=BODY_BYTES_MAX,
            openapi_config=OPENAPI_CONFIG,
            lifespan=[lifespan],
            # Ours logs every unexpected error once, with the number of the request.
            logging_config=None,
        )
    )
