"""Hints over Redis, sent after commit, best effort: work for workers, by arq; changed households for the streams of phones.

This module and main.py are all that knows arq, and this one all that knows Redis.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Set
from time import monotonic
from uuid import UUID

import msgspec
from arq.connections import ArqRedis, RedisSettings, create_pool
from redis.asyncio import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

QUEUE = "kot:hints"
JOB = "look"
# A hint is worth this little waiting; the sweeper finds what it would have announced.
SEND_TIMEOUT_S = 0.1
# One hint of a kind in this time is enough: a drain takes everything that is due.
COALESCE_S = 0.1
RECONNECT_S = 1.0
_EXPIRES_S = 60
# Households that changed travel on a channel: their numbers alone, many in a message. Beyond the bound their streams look by themselves.
CHANGES = "kot:changes"
HOUSEHOLDS_MAX = 20_000
_HEALTH_CHECK_S = 5
_UUID_BYTES = 16

serialize = msgspec.msgpack.encode
deserialize = msgspec.msgpack.decode


def redis_settings(url: str) -> RedisSettings:
    """Return arq's settings for a Redis address: no patience, because nothing depends on an answer."""
    settings = RedisSettings.from_dsn(url)
    settings.conn_timeout = 1
    settings.conn_retries = 0
    settings.ssl_check_hostname = True
    return settings


class Hints:
    """Sends hints. Connects when first needed; without Redis it stays silent and tries again later."""

    def __init__(self, redis_url: str) -> None:
        self._settings = redis_settings(redis_url)
        self._redis: ArqRedis | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._connect_after = 0.0
        self._unsaid: set[str] = set()
        self._sent_at: dict[str, float] = {}
        self._later: dict[str, asyncio.Task[None]] = {}
        self._changed: set[UUID] = set()
        self._ringing: asyncio.Task[None] | None = None

    async def wake(self, kind: str) -> None:
        """Say that there may be work of this kind; several at once become one at the end of a tenth of a second."""
        pause = self._sent_at.get(kind, 0.0) + COALESCE_S - monotonic()
        if pause <= 0:
            await self._send(kind)
        elif kind not in self._later:
            self._later[kind] = asyncio.create_task(self._send_later(kind, pause))

    def ring(self, household_ids: Set[UUID]) -> None:
        """Say that households changed; returns at once, and several changes become one message at the end of a tenth of a second."""
        if len(self._changed) + len(household_ids) <= HOUSEHOLDS_MAX:
            self._changed |= household_ids
        if self._ringing is None:
            self._ringing = asyncio.create_task(self._ring_later())

    async def close(self) -> None:
        """Drop what is still to be said and disconnect."""
        for task in [*self._later.values(), *([self._ringing] if self._ringing else [])]:
            task.cancel()
        if self._connecting is not None:
            await self._connecting
        if self._redis is not None:
            await self._redis.aclose(close_connection_pool=True)

    async def _send_later(self, kind: str, pause: float) -> None:
        await asyncio.sleep(pause)
        del self._later[kind]
        await self._send(kind)

    async def _ring_later(self) -> None:
        await asyncio.sleep(COALESCE_S)
        self._ringing = None
        changed, self._changed = self._changed, set()
        if self._redis is None:
            self._begin_to_connect()
            if self._connecting is None:
                return
            await self._connecting
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                if self._redis is not None:
                    await self._redis.publish(CHANGES, b"".join(one.bytes for one in changed))
        # As with a hint: the commit stands, and every stream looks by itself.
        except Exception as error:  # noqa: BLE001
            logger.info("changes not rung", extra={"households": len(changed), "error": type(error).__name__})

    def _begin_to_connect(self) -> None:
        if self._connecting is None and monotonic() >= self._connect_after:
            self._connecting = asyncio.create_task(self._connect())

    async def _send(self, kind: str) -> None:
        self._sent_at[kind] = monotonic()
        if self._redis is None:
            self._unsaid.add(kind)
            self._begin_to_connect()
            return
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._redis.enqueue_job(JOB, kind, _queue_name=QUEUE, _expires=_EXPIRES_S)
        # Whatever is wrong with Redis, the commit stands and the sweeper finds it.
        except Exception as error:  # noqa: BLE001
            logger.info("hint not sent", extra={"kind": kind, "error": type(error).__name__})

    async def _connect(self) -> None:
        """Connect beside the request that asked for it, which does not wait; then say what was to be said."""
        try:
            self._redis = await create_pool(self._settings, job_serializer=serialize, job_deserializer=deserialize)
        except (RedisError, OSError, TimeoutError) as error:
            logger.info("no hints: Redis is away", extra={"error": type(error).__name__})
            self._connect_after = monotonic() + RECONNECT_S
        finally:
            self._connecting = None
        unsaid, self._unsaid = self._unsaid, set()
        if self._redis is not None:
            for kind in unsaid:
                await self._send(kind)


async def hear_changes(redis_url: str, on_change: Callable[[Collection[UUID]], None]) -> None:
    """Hand over the households that other processes changed, for ever; it connects again whenever Redis went away."""
    while True:
        redis = Redis.from_url(redis_url, health_check_interval=_HEALTH_CHECK_S, socket_connect_timeout=1, socket_keepalive=True)
        try:
            async with redis.pubsub() as channel:
                await channel.subscribe(CHANGES)
                while True:
                    message = await channel.get_message(ignore_subscribe_messages=True, timeout=_HEALTH_CHECK_S)
                    if message is not None:
                        on_change(_households(message["data"]))
        except (RedisError, OSError, TimeoutError) as error:
            logger.warning("no changes heard: Redis is away", extra={"error": type(error).__name__})
        finally:
            await redis.aclose()
        await asyncio.sleep(RECONNECT_S)


def _households(data: bytes) -> list[UUID]:
    """Read the numbers of a message; what does not end in a whole number is not one of ours, and the rest is left."""
    whole = len(data) - len(data) % _UUID_BYTES
    return [UUID(bytes=data[start : start + _UUID_BYTES]) for start in range(0, whole, _UUID_BYTES)]
