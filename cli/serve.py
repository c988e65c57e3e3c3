"""`kot serve`: the API."""

import asyncio

import rich_click as click
import uvicorn
import uvloop

from api.app import NEEDED_SETTINGS, create_app
from cli.doorway import log_json, settings_for
from reconcile.settings import Settings
from reconcile.store.database import Database, Role
from workers.hints import Hints


@click.command()
def serve() -> None:
    """Run the API until stopped. Start more of it beside this one for more load."""
    settings = settings_for(*NEEDED_SETTINGS)
    log_json(settings.log_level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    urls = {
        Role.PARENT: settings.database_url_parent,
        Role.ORGANISATION: settings.database_url_organisation,
        Role.TVS: settings.database_url_tvs,
        Role.PILOT: settings.database_url_pilot,
    }
    db = await Database.connect(urls)
    hints = Hints(settings.redis_url)
    try:
        config = uvicorn.Config(
            create_app(settings, db, hints.wake),
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=20,
            h11_max_incomplete_event_size=65_536,
        )
        await uvicorn.Server(config).serve()
    finally:
        await hints.close()
        await db.close()
