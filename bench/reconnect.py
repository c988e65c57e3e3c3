"""Phones that lose the API at one moment: it is started again, and each opens its stream and pulls everything there is for it.

They come back as hard as they can: at once when their stream ends, without the pause that the stream told them to make. A phone that
is not served tries again as the guide for apps says, after a growing and random pause, or what `Retry-After` asks for.
"""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

from msgspec import Struct

from api.sync_documents import COLLECTIONS
from bench.measured import Measured
from bench.phones import request
from bench.sample import delivery_body
from bench.service import bearers, fill, new_place, python, running, settings_beside
from cli.doorway import open_as_many_files_as_allowed
from local.processes import Process
from local.servers import Postgres, free_port

_WITHIN_S = 60.0
# Whoever was not served by then counts as lost.
_LOST_AFTER_S = 150.0
_PAUSE_S = (0.25, 8.0)
# Opened in good order, before anything happens.
_OPENING_AT_ONCE = 16
_AGAIN = (429, 503)


class _Unserved(Exception):
    """The answer was to come back later: after `pause_s` seconds at the least."""

    def __init__(self, pause_s: float) -> None:
        super().__init__(pause_s)
        self.pause_s = pause_s


class _Phone(Struct, kw_only=True):
    """One phone: what it sends to hear the stream and to pull, and how it fared."""

    host: str
    port: int
    hear: bytes
    pulls: Sequence[bytes]
    served_at: float | None = None
    stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    pulled: int = 0

    async def begin(self, until: float) -> None:
        """Open the stream, hear that it is time to pull, and pull every collection; again until it is served or the time is over."""
        tries, self.served_at, self.pulled = 0, None, 0
        while self.served_at is None and perf_counter() < until:
            try:
                if self.stream is None:
                    self.stream = await self._listening()
                await self._pull()
                self.served_at = perf_counter()
            except (_Unserved, OSError, asyncio.IncompleteReadError) as error:
                asked_s = error.pause_s if isinstance(error, _Unserved) else 0.0
                await asyncio.sleep(max(min(_PAUSE_S[0] * 2**tries, _PAUSE_S[1]), asked_s) * random.uniform(1.0, 2.0))  # noqa: S311
                tries += 1

    async def come_back(self, until: float) -> None:
        """Wait until the stream ends, and begin again."""
        await self._until_ended()
        await self.begin(until)

    async def leave(self) -> None:
        """Close the stream."""
        if self.stream is not None:
            self.stream[1].close()
            self.stream = None

    async def _until_ended(self) -> None:
        if self.stream is not None:
            reader, _ = self.stream
            try:
                while await reader.read(4_096):
                    pass
            except OSError:
                pass
            await self.leave()

    async def _listening(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(self.hear)
            await _head(reader)
            await reader.readuntil(b'data: "RESYNC"')
        except BaseException:
            writer.close()
            raise
        return reader, writer

    async def _pull(self) -> None:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            # Who was not served goes on where it was.
            while self.pulled < len(self.pulls):
                writer.write(self.pulls[self.pulled])
                head = await _head(reader)
                await reader.readexactly(int(_field(head, b"content-length")))
                self.pulled += 1
        finally:
            writer.close()


async def measure_reconnect(postgres: Postgres, folder: Path, *, phones: int) -> Sequence[Measured]:
    """Measure how long so many phones, each of a household of its own, take to come back after the API was stopped and started."""
    open_as_many_files_as_allowed()
    place = await new_place(postgres, folder, "bench_reconnect")
    await fill(place, phones, delivery_body(phones))
    issuer, api = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    port = urlsplit(api).port or 0
    settings = {**settings_beside(place, issuer, parents=phones), "PORT": str(port)}
    service = python("api", place.folder, settings, "cli.main", "serve")
    with running(
        (python("issuer", place.folder, {}, "local.issuer", str(place.folder)), f"{issuer}/jwks"), (service, f"{api}/health/ready")
    ):
        at_hand = [_phone(api, port, header) for header in await bearers(issuer, range(phones))]
        await _open(at_hand)
        last_s = await _restarted(service, at_hand)
        for one in at_hand:
            await one.leave()
    served = [one for one in at_hand if one.served_at is not None]
    return (
        Measured(
            path=f"{phones:,} phones come back at once after a restart: the last of them, beside 60 s",
            ours=last_s,
            yardstick=_WITHIN_S,
            unit="s",
            promise=1,
        ),
        Measured(path="of these, served without an error after retry", ours=len(served), yardstick=phones, unit="", promise=1),
    )


def _phone(api: str, port: int, header: str) -> _Phone:
    return _Phone(
        host="127.0.0.1",
        port=port,
        hear=request("GET", api, "/v1/sync/stream", [header]),
        pulls=[request("GET", api, f"/v1/sync/{name}?schemaVersion=1", [header]) for name in COLLECTIONS],
    )


async def _open(phones: Sequence[_Phone]) -> None:
    """Open every stream, some at a time."""
    gate, until = asyncio.Semaphore(_OPENING_AT_ONCE), perf_counter() + 10 * _LOST_AFTER_S

    async def begin(phone: _Phone) -> None:
        async with gate:
            await phone.begin(until)

    await asyncio.gather(*(begin(phone) for phone in phones))


async def _restarted(service: Process, phones: Sequence[_Phone]) -> float:
    """Stop the API and start it again while phones come back; return how long the last of them took, in seconds from the stop."""
    began = perf_counter()
    coming = asyncio.gather(*(phone.come_back(began + _LOST_AFTER_S) for phone in phones))
    await asyncio.to_thread(service.stop)
    await asyncio.to_thread(service.start)
    await coming
    return max(_LOST_AFTER_S if phone.served_at is None else phone.served_at - began for phone in phones)


async def _head(reader: asyncio.StreamReader) -> bytes:
    """Read the head of an answer. Raises _Unserved when it says to come back later, AssertionError when it is no answer of a pull."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head[9:12])
    if status in _AGAIN:
        raise _Unserved(float(_field(head, b"retry-after")))
    if status != 200:
        raise AssertionError(f"the API answered {head!r}")
    return head


def _field(head: bytes, name: bytes) -> bytes:
    start = head.index(b"\r\n" + name + b": ") + len(name) + 4
    return head[start : head.index(b"\r", start)]
