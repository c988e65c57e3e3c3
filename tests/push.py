"""The push service for a test: the stub of the play on loopback over HTTP/2, that can be ended and started again on its port."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from joserfc.jwk import RSAKey

from local.fcm import FcmFolder, create_app, server_config
from local.servers import free_port
from tests.serving import serving_http2
from workers.senders.fcm import SCOPE, FcmSender
from workers.senders.token import AccessToken, AssertionGrant, ServiceAccount

PROJECT = "kot-test"
KEY = RSAKey.generate_key(2048)


class PushService:
    """Where it is, who may send, and what it took."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.account = ServiceAccount(
            client_email="backend@test.example",
            private_key=KEY.as_pem(private=True).decode(),
            token_uri=f"{self.url}/token",
            project_id=PROJECT,
            private_key_id="k1",
        )

    @asynccontextmanager
    async def served(self, *, requests_max: int = 10**9, token_age_s: int = 3600) -> AsyncIterator[None]:
        """Serve anew: nothing is remembered. After `requests_max` requests a connection is closed in the midst of the others."""
        known = FcmFolder(self.url, PROJECT, self.account.client_email, KEY.as_dict(private=False), token_age_s)
        config = server_config("127.0.0.1", self.port)
        config.keep_alive_max_requests = requests_max
        async with serving_http2(create_app(known), config):
            yield

    def sender(self, http: httpx.AsyncClient) -> FcmSender:
        """Return a sender that has no token yet."""
        token = AccessToken(AssertionGrant(http, self.account, scope=SCOPE))
        return FcmSender(http, token, fcm_url=self.url, project=PROJECT)

    async def state(self) -> dict[str, Any]:
        """Return what it answered, and what each device shows."""
        async with httpx.AsyncClient() as http:
            state: dict[str, Any] = (await http.get(f"{self.url}/state")).json()
        return state
