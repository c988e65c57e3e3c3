"""Serve an application on loopback for a test, over real HTTP, on the test's own loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import hypercorn.asyncio
import uvicorn
from hypercorn.config import Config
from msgspec import Struct


class Served(Struct, frozen=True):
    """Where an application is served."""

    url: str


@asynccontextmanager
async def serving(app: Any, *, port: int = 0) -> AsyncIterator[Served]:
    """Serve until the block ends, on a free port unless one is named."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, timeout_graceful_shutdown=2))
        server.install_signal_handlers = lambda: None  # type: ignore[method-assign]
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        yield Served(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        server.should_exit = True
        await task


@asynccontextmanager
async def serving_http2(app: Any, config: Config) -> AsyncIterator[None]:
    """Serve over HTTP/1.1 and HTTP/2, without TLS, until the block ends."""
    ends = asyncio.Event()
    task = asyncio.create_task(hypercorn.asyncio.serve(app, config, shutdown_trigger=ends.wait))
    host, _, port = config.bind[0].rpartition(":")
    while True:
        try:
            _, writer = await asyncio.open_connection(host, int(port))
            break
        except OSError:
            await asyncio.sleep(0.01)
    writer.close()
    try:
        yield
    finally:
        ends.set()
        await task
