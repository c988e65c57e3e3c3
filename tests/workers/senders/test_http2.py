"""A connection that the server ends: what it had not begun with goes over the next one, what it had is an unknown outcome."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import h2.config
import h2.connection
import h2.events
import httpx
import pytest

from workers.senders.fcm import fcm_client

ANSWERED, BEGUN, SENT = 3, 6, 10


class LeavingServer(asyncio.Protocol):
    """Answers a few requests on its first connection, says up to which one it will work, and leaves; afterwards it answers all."""

    connections = 0

    def __init__(self) -> None:
        LeavingServer.connections += 1
        self._leaves = LeavingServer.connections == 1
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self._streams: list[int] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._h2.initiate_connection()
        transport.write(self._h2.data_to_send())

    def data_received(self, data: bytes) -> None:
        for event in self._h2.receive_data(data):
            if isinstance(event, h2.events.StreamEnded):
                self._streams.append(event.stream_id)
                if not self._leaves:
                    self._answer(event.stream_id)
        leaves_now = self._leaves and len(self._streams) == SENT
        if leaves_now:
            for stream_id in self._streams[:ANSWERED]:
                self._answer(stream_id)
            self._h2.close_connection(last_stream_id=self._streams[BEGUN - 1])
        self._transport.write(self._h2.data_to_send())
        if leaves_now:
            self._transport.close()

    def _answer(self, stream_id: int) -> None:
        self._h2.send_headers(stream_id, [(":status", "200")])
        self._h2.send_data(stream_id, b"{}", end_stream=True)


@asynccontextmanager
async def leaving() -> AsyncIterator[str]:
    LeavingServer.connections = 0
    server = await asyncio.get_running_loop().create_server(LeavingServer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()


async def test_what_the_server_had_not_begun_with_is_sent_again_at_once() -> None:
    async with leaving() as url, fcm_client() as http:

        async def one() -> str:
            try:
                return str((await http.post(url, content=b"{}")).status_code)
            except httpx.HTTPError as error:
                return type(error).__name__

        outcomes = await asyncio.gather(*(one() for _ in range(SENT)))
        # An answer that was not read to its end before the server left is lost as well.
        assert set(outcomes[:ANSWERED]) <= {"200", "RemoteProtocolError"}
        assert outcomes[ANSWERED:BEGUN] == ["RemoteProtocolError"] * (BEGUN - ANSWERED)
        assert outcomes[BEGUN:] == ["200"] * (SENT - BEGUN)
        assert await one() == "200"
    assert LeavingServer.connections == 2


async def test_a_server_that_is_not_there_is_told_as_such() -> None:
    async with fcm_client() as http:
        with pytest.raises(httpx.ConnectError):
            await http.get("http://127.0.0.1:9/")
