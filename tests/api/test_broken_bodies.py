"""Bodies that break off, over real HTTP: nothing is kept, nothing is blamed on us, and the next request is served."""

import asyncio
import logging

import asyncpg
import httpx
import pytest

from api.edge import Edge
from tests import world
from tests.api.conftest import organisation
from tests.serving import serving

BODY = world.delivery_body([world.line(lineRef=str(number)) for number in range(4_000)])


async def half_a_request(url: str, path: str, sent: bytes, *, chunked: bool) -> None:
    host, port = url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(BODY)}"
    head = {**organisation(), "Content-Type": "application/json", "Idempotency-Key": "half-1", "Host": host}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    writer.write(f"POST {path} HTTP/1.1\r\n{lines}{length}\r\n\r\n".encode())
    writer.write(f"{len(sent):x}\r\n".encode() + sent if chunked else sent)
    await writer.drain()
    await asyncio.sleep(0.2)
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
async def test_half_a_delivery_leaves_nothing(
    app: Edge, admin: asyncpg.Connection, caplog: pytest.LogCaptureFixture, share: float, chunked: bool
) -> None:
    await world.with_register(admin)
    async with serving(app) as served:
        with caplog.at_level(logging.ERROR):
            await half_a_request(served.url, "/v1/deliveries", BODY[: int(len(BODY) * share)], chunked=chunked)
            for _ in range(50):
                if await admin.fetchval("SELECT count(*) FROM delivery") == 0:
                    break
                await asyncio.sleep(0.1)
        assert await admin.fetchval("SELECT count(*) FROM delivery") == 0
        assert await admin.fetchval("SELECT count(*) FROM delivery_chunk") == 0
        assert [record.message for record in caplog.records if record.name.startswith("api")] == []
        async with httpx.AsyncClient(base_url=served.url) as http:
            headers = {**organisation(), "Content-Type": "application/json", "Idempotency-Key": "half-1"}
            whole = await http.post("/v1/deliveries", content=BODY, headers=headers)
        assert whole.status_code == 202
