"""The API as phones reach it: over a network that fails when it is told to, beside an address at which a script asks what it needs."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tests.node import node
from tests.serving import serving

# By name: what the other side does when a script asks for it, with what it sent, and what it answers.
Actions = Mapping[str, Callable[..., Awaitable[Any]]]
_PIECE_BYTES = 65_536


class Network:
    """Passes bytes on, until it is told to lose the next answers, to cut every connection, or to let none in."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), parts.port
        self._writers: set[asyncio.StreamWriter] = set()
        self._to_lose = 0
        self._is_plugged = True

    async def lose(self, count: int) -> None:
        """Lose so many answers, after the server gave them: the connection ends instead."""
        self._to_lose = count

    async def cut(self) -> None:
        """End every connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def unplug(self) -> None:
        """End every connection, and every new one at once."""
        self._is_plugged = False
        await self.cut()

    async def plug(self) -> None:
        """Let connections in again."""
        self._is_plugged = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on, both ways, until either side ends it."""
        if not self._is_plugged:
            writer.transport.abort()
            return
        server_reader, server_writer = await asyncio.open_connection(self._host, self._port)
        both = {writer, server_writer}
        self._writers |= both
        ways = [asyncio.create_task(_pass(reader, server_writer)), asyncio.create_task(_pass(server_reader, writer, self._is_lost))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._writers -= both
            for one in both:
                one.transport.abort()
            await asyncio.gather(*ways, return_exceptions=True)

    def _is_lost(self) -> bool:
        is_lost = self._to_lose > 0
        self._to_lose -= is_lost
        return is_lost


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_lost: Callable[[], bool] = lambda: False) -> None:
    with suppress(ConnectionError):
        while (piece := await reader.read(_PIECE_BYTES)) and not is_lost():
            writer.write(piece)
            await writer.drain()


@asynccontextmanager
async def reached(app: Any) -> AsyncIterator[tuple[str, Network]]:
    """Serve the API, and yield where phones reach it and the network between."""
    async with serving(app) as served:
        network = Network(served.url)
        server = await asyncio.start_server(network.serve, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", network
        finally:
            await network.unplug()
            server.close()
            await server.wait_closed()


@asynccontextmanager
async def playing(app: Any, actions: Actions) -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """Yield how to play a scene of a script against the API; the network's own faults are among the actions."""
    async with reached(app) as (url, network):
        faults = (network.lose, network.cut, network.unplug, network.plug)
        async with serving(_Control({**actions, **{one.__name__: one for one in faults}})) as control:
            env = {"KOT_API": url, "KOT_CONTROL": control.url}

            async def play(script: str, scene: str, *, timeout: float = 90.0) -> str:
                return await node(script, scene, timeout=timeout, env=env)

            yield play


class _Control:
    """An application that does what a script asks for."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message["more_body"]:
                break
        status, answer = 200, b""
        try:
            answer = msgspec.json.encode(await self._actions[scope["path"].removeprefix("/")](**msgspec.json.decode(body)))
        except Exception:  # noqa: BLE001  # whatever it is, a test reads it
            # The script shows it where it asked for it.
            status, answer = 500, traceback.format_exc().encode()
        headers = [(b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})
