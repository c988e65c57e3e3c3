"""A worker process: drains, the sweeper that calls them, and arq that hears hints. All asynchronous work on one screen."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import msgspec
from arq import Worker, func
from arq.connections import ArqRedis, create_pool
from redis.exceptions import RedisError

from logbook.log import NO_LOG, ProcessingLog, log_of, logged, touched
from reconcile.keyring import Keyring
from reconcile.rulebook import Books, books_of
from reconcile.settings import Settings
from reconcile.store.database import START_PATIENCE_S, Database, Role
from workers.changes import ChangeDrain, ChangeSender
from workers.comparisons import ComparisonDrain
from workers.deliveries import DeliveryDrain
from workers.hints import JOB, QUEUE, Hints, deserialize, redis_settings, serialize
from workers.housekeeping import HousekeepingDrain
from workers.kinds import Drains, Wake, Work
from workers.pushes import PushDrain, PushSender
from workers.senders.fcm import SCOPE, FcmSender, fcm_client
from workers.senders.token import AccessToken, AssertionGrant, ClientCredentials, ServiceAccount
from workers.senders.tvs import TvsSender
from workers.stages import StageDrain
from workers.sweep import Sweeper

logger = logging.getLogger(__name__)

NEEDED_SETTINGS = (
    "database_url_intake",
    "database_url_forward",
    "database_url_notify",
    "redis_url",
    "keyring_file",
    "public_url",
    "system_oin",
    "tvs_events_url",
    "forward_issuer",
    "forward_client_id",
    "forward_client_key_file",
    "fcm_url",
    "fcm_service_account_file",
)
TVS_SCOPE = "tvs:changes"
_RECONNECT_S = 1.0


async def run_worker(settings: Settings) -> None:
    """Work until cancelled. Redis may come and go: it only makes the looking sooner."""
    keyring = Keyring(Path(settings.keyring_file).read_bytes())  # noqa: ASYNC240  # at the start, before anything waits
    urls = {
        Role.INTAKE: settings.database_url_intake,
        Role.FORWARD: settings.database_url_forward,
        Role.NOTIFY: settings.database_url_notify,
    }
    hints = Hints(settings.redis_url)
    kept = log_of(settings, "worker")
    log = kept or NO_LOG
    db = await Database.connect(
        urls, connections_max=4, patience_s=START_PATIENCE_S, on_change=hints.ring, on_touch=touched if kept else None
    )
    try:
        async with httpx.AsyncClient(limits=httpx.Limits(max_connections=16)) as http, fcm_client() as push_http:

            async def wake(kind: str) -> None:
                # This process looks at once, with or without Redis; the hint brings the others.
                sweeper.look(kind)
                await hints.wake(kind)

            books = books_of(settings.rule_books_folder)
            senders = tvs_sender(settings, http), push_sender(settings, http, push_http)
            drains = make_drains(db, keyring, books, wake, *senders, log=log)
            sweeper = Sweeper(drains, interval_s=settings.sweep_interval_s)
            async with asyncio.TaskGroup() as group:
                group.create_task(sweeper.run())
                group.create_task(hear_hints(settings.redis_url, sweeper))
    finally:
        await hints.close()
        await db.close()
        if kept:
            kept.close()


def make_drains(
    db: Database,
    keyring: Keyring,
    books: Books,
    wake: Wake,
    send_change: ChangeSender,
    send_push: PushSender,
    *,
    log: ProcessingLog = NO_LOG,
) -> Drains:
    """Return every kind of work with its drain, and what it processes logged."""
    return {
        Work.DELIVERY: logged(log, "applyDeliveries", DeliveryDrain(db, keyring, wake)),
        Work.COMPARISON: logged(log, "judgeDifferences", ComparisonDrain(db, books, wake)),
        Work.CHANGE: ChangeDrain(db, send_change, log=log),
        Work.STAGE: logged(log, "announceDifferences", StageDrain(db, wake)),
        Work.PUSH: PushDrain(db, send_push, log=log),
        Work.HOUSEKEEPING: HousekeepingDrain(db),
    }


def tvs_sender(settings: Settings, http: httpx.AsyncClient) -> TvsSender:
    """Return what hands changes to TVS."""
    credentials = ClientCredentials(
        http,
        issuer=settings.forward_issuer,
        client_id=settings.forward_client_id,
        key=msgspec.json.decode(Path(settings.forward_client_key_file).read_bytes()),
        scope=TVS_SCOPE,
    )
    return TvsSender(
        http,
        AccessToken(credentials),
        events_url=settings.tvs_events_url,
        public_url=settings.public_url,
        system_oin=settings.system_oin,
    )


def push_sender(settings: Settings, http: httpx.AsyncClient, push_http: httpx.AsyncClient) -> FcmSender:
    """Return what hands notices to the push service, in the name of the service account."""
    account = ServiceAccount.read(Path(settings.fcm_service_account_file).read_bytes())
    token = AccessToken(AssertionGrant(http, account, scope=SCOPE))
    return FcmSender(push_http, token, fcm_url=settings.fcm_url, project=account.project_id)


async def hear_hints(redis_url: str, sweeper: Sweeper) -> None:
    """Run arq for ever; it ends whenever Redis goes away, and is started again."""

    async def look(_: dict[str, Any], kind: str) -> None:
        sweeper.look(kind)

    while True:
        try:
            redis = await create_pool(redis_settings(redis_url), job_serializer=serialize, job_deserializer=deserialize)
            try:
                await _listener(redis, look).async_run()
            finally:
                await redis.aclose(close_connection_pool=True)
        except (RedisError, OSError, TimeoutError) as error:
            logger.warning("no hints: Redis is away", extra={"error": type(error).__name__})
        await asyncio.sleep(_RECONNECT_S)


def _listener(redis: ArqRedis, look: Callable[[dict[str, Any], str], Coroutine[Any, Any, None]]) -> Worker:
    """Return arq's part of the work: every hint is heard once, and never kept or repeated."""
    return Worker(
        functions=[func(look, name=JOB, keep_result=0, timeout=5, max_tries=1)],  # type: ignore[arg-type]  # arq's protocol names more than it calls
        redis_pool=redis,
        queue_name=QUEUE,
        handle_signals=False,
        poll_delay=0.1,
        max_jobs=100,
        retry_jobs=False,
        keep_result=0,
        expires_extra_ms=60_000,
        health_check_interval=10,
        allow_abort_jobs=False,
        job_serializer=serialize,
        job_deserializer=deserialize,
    )
