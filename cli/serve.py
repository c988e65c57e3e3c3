"""`kot serve`: the API."""

import rich_click as click
import uvicorn

from api.app import NEEDED_SETTINGS, create_app
from cli.doorway import log_json, run_told, settings_for
from reconcile.settings import Settings
from reconcile.store.database import START_PATIENCE_S, Database, Role
from workers.hints import Hints


@click.command()
def serve() -> None:
    """Run the API until stopped. Start more of it beside this one for more load."""
    settings = settings_for(*NEEDED_SETTINGS)
    log_json(settings.log_level)
    run_told(_serve(settings))


async def _serve(settings: Settings) -> None:
    urls = {
        Role.PARENT: settings.database_url_parent,
        Role.ORGANISATION: settings.database_url_organisation,
        Role.TVS: settings.database_url_tvs,
        Role.PILOT: settings.database_url_pilot,
    }
    db = await Database.connect(urls, patience_s=START_PATIENCE_S)
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
