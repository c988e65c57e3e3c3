"""`kot serve`: the API."""

import asyncio
import socket
from uuid import UUID

import rich_click as click
import uvicorn

from api.app import NEEDED_SETTINGS, create_app
from api.bells import Bells
from api.processing import Processed
from cli.doorway import log_json, open_as_many_files_as_allowed, run_told, settings_for
from logbook.log import log_of, touched
from reconcile.settings import Settings
from reconcile.store.database import START_PATIENCE_S, Database, Role
from workers.hints import Hints, hear_changes


@click.command()
def serve() -> None:
    """Run the API until stopped. Start more of it beside this one for more load."""
    settings = settings_for(*NEEDED_SETTINGS)
    log_json(settings.log_level)
    open_as_many_files_as_allowed()
    run_told(_serve(settings))


class Server(uvicorn.Server):
    """Ends the streams first when it is told to stop: they would keep it waiting for the whole grace time."""

    def __init__(self, config: uvicorn.Config, bells: Bells) -> None:
        super().__init__(config)
        self._bells = bells

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop taking connections, end streams, and wait for requests that are being answered."""
        self._bells.end()
        await super().shutdown(sockets)


async def _serve(settings: Settings) -> None:
    urls = {
        Role.PARENT: settings.database_url_parent,
        Role.ORGANISATION: settings.database_url_organisation,
        Role.TVS: settings.database_url_tvs,
        Role.PILOT: settings.database_url_pilot,
        Role.TRIAL: settings.database_url_trial,
    }
    hints, bells = Hints(settings.redis_url), Bells()

    def on_change(household_ids: frozenset[UUID]) -> None:
        bells.ring(household_ids)
        hints.ring(household_ids)

    log = log_of(settings, "api")
    db = await Database.connect(urls, patience_s=START_PATIENCE_S, on_change=on_change, on_touch=touched if log else None)
    listening = asyncio.create_task(hear_changes(settings.redis_url, bells.ring))
    try:
        app = create_app(settings, db, hints.wake, bells=bells)
        config = uvicorn.Config(
            Processed(app, log) if log else app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            # Who is at the other end of the connection decides whose certificates count (api/certificate.py): nothing in a header does.
            proxy_headers=False,
            # The other one that uvicorn knows reads heads of any length.
            http="h11",
            server_header=False,
            # As many phones as come back at one moment; the kernel lets no more wait than net.core.somaxconn.
            backlog=8_192,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=20,
            h11_max_incomplete_event_size=65_536,
        )
        await Server(config, bells).serve()
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await hints.close()
        await db.close()
        if log:
            log.close()
