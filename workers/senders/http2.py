"""HTTP/2 that stays usable when answers do not come.

A request that is given up leaves its stream open: httpx does not reset it, and the server counts it until it answers. A hundred of
those, and the connection takes nothing any more, for as long as it lives. So a connection that is full is replaced.
"""

import httpx


class Http2Transport(httpx.AsyncBaseTransport):
    """Connections that speak HTTP/2 and nothing else: agreed by TLS, or by prior knowledge over plain HTTP."""

    def __init__(self, limits: httpx.Limits) -> None:
        self._limits = limits
        self._current = self._connections()
        self._retired: httpx.AsyncHTTPTransport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request. Raises httpx.TransportError."""
        used = self._current
        try:
            return await used.handle_async_request(request)
        except httpx.LocalProtocolError:
            # Our own side held it back, so it was not sent: there is room on a new connection.
            await self._replace(used)
            return await self._current.handle_async_request(request)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._current.aclose()
        if self._retired is not None:
            await self._retired.aclose()

    async def _replace(self, used: httpx.AsyncHTTPTransport) -> None:
        if used is not self._current:
            return
        # What is still answered on the retired connections may end there; the ones before them have had their time.
        ended, self._retired, self._current = self._retired, used, self._connections()
        if ended is not None:
            await ended.aclose()

    def _connections(self) -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(http1=False, http2=True, limits=self._limits)
