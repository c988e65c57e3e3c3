"""Phones that ask over kept connections: how often a second they are answered, and how long each answer takes.

One client for both sides of a measurement, and no more of it than is needed: it runs on the cores that it measures.
"""

import asyncio
from collections.abc import Iterator, Sequence
from time import perf_counter
from urllib.parse import urlsplit

from msgspec import Struct

_WARM_UP = -1


class Asked(Struct, frozen=True, kw_only=True):
    """What phones ask of one address: one iterator of requests a connection, which may be the same one; and the status that is right."""

    url: str
    requests: Sequence[Iterator[bytes]]
    status: int


class Answered(Struct, kw_only=True):
    """How many answers came in how many seconds."""

    count: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.count / self.seconds


def request(method: str, url: str, path: str, headers: Sequence[str] = ()) -> bytes:
    """Write a request without a body as it travels."""
    length = [] if method == "GET" else ["Content-Length: 0"]
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {urlsplit(url).netloc}", *headers, *length, "", ""]).encode()


async def ask_in_turns(sides: Sequence[Asked], *, turns: int, seconds: float = 3600.0, each_max: int = 10**9) -> Sequence[Answered]:
    """Ask each side in short turns, so that what else happens on the machine happens to all; the first turn warms up.

    A turn ends after so many seconds on each side or so many answers a connection.
    """
    answered = [Answered() for _ in sides]
    for turn in range(_WARM_UP, turns):
        for side, total in zip(sides, answered, strict=True):
            began = perf_counter()
            counts = await asyncio.gather(*(_ask(side, requests, began + seconds, each_max) for requests in side.requests))
            if turn > _WARM_UP:
                total.count += sum(counts)
                total.seconds += perf_counter() - began
    return answered


async def ask_at_rate(asked: Asked, *, rate: float, count: int) -> Sequence[float]:
    """Ask so many times at a steady rate a second; return how long each answer took in seconds, from when it was due to be asked."""
    due = iter([number / rate for number in range(count)])
    began = perf_counter()
    took = await asyncio.gather(*(_ask_when_due(asked, requests, began, due) for requests in asked.requests))
    return [one for of_connection in took for one in of_connection]


async def _ask(asked: Asked, requests: Iterator[bytes], until: float, each_max: int) -> int:
    """Ask over one connection until the time is over; return how often it was answered."""
    reader, writer = await _connected(asked)
    answered = 0
    while answered < each_max and perf_counter() < until and (sent := next(requests, None)) is not None:
        writer.write(sent)
        await _answer(asked, reader)
        answered += 1
    writer.close()
    await writer.wait_closed()
    return answered


async def _ask_when_due(asked: Asked, requests: Iterator[bytes], began: float, due: Iterator[float]) -> Sequence[float]:
    reader, writer = await _connected(asked)
    took = []
    for at in due:
        await asyncio.sleep(max(0.0, began + at - perf_counter()))
        writer.write(next(requests))
        await _answer(asked, reader)
        took.append(perf_counter() - began - at)
    writer.close()
    await writer.wait_closed()
    return took


async def _connected(asked: Asked) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    place = urlsplit(asked.url)
    return await asyncio.open_connection(place.hostname, place.port)


async def _answer(asked: Asked, reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.index(b"content-length: ") + 16
    body = await reader.readexactly(int(head[length : head.index(b"\r", length)]))
    if not head.startswith(b"http/1.1 %d" % asked.status):
        raise AssertionError(f"{asked.url} answered {head[:40]!r} {body[:200]!r}")
