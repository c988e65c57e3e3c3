"""A collector of the processing log on loopback: real HTTP, the protobuf of OTLP; it may be slow, refuse, or be away."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from msgspec import Struct
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.serving import serving


class Line(Struct, frozen=True):
    """A span as it arrived; numbers are hexadecimal."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    status: int
    service: str
    attributes: dict[str, str]
    ms: float


class Collector:
    """Takes spans; `bodies` has what arrived as it came."""

    def __init__(self, url: str = "") -> None:
        self.url = url
        self.bodies: list[bytes] = []
        self.lines: list[Line] = []
        self.status = 200
        self.waits_s = 0.0
        self.asked = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.asked += 1
        await asyncio.sleep(self.waits_s)
        if self.status == 200:
            self._take(gzip.decompress(body) if (b"content-encoding", b"gzip") in scope["headers"] else body)
        await send({"type": "http.response.start", "status": self.status, "headers": [(b"content-type", b"application/x-protobuf")]})
        await send({"type": "http.response.body", "body": b""})

    def _take(self, body: bytes) -> None:
        self.bodies.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = next(one.value.string_value for one in resource.resource.attributes if one.key == "service.name")
            for scope in resource.scope_spans:
                self.lines += [
                    Line(
                        name=span.name,
                        trace_id=span.trace_id.hex(),
                        span_id=span.span_id.hex(),
                        parent_id=span.parent_span_id.hex(),
                        status=span.status.code,
                        service=service,
                        attributes={one.key: one.value.string_value for one in span.attributes},
                        ms=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e6,
                    )
                    for span in scope.spans
                ]


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """Collect until the block ends."""
    collector = Collector()
    async with serving(collector) as served:
        collector.url = f"{served.url}/v1/traces"
        yield collector
