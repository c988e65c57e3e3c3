"""`kot work`: a worker."""

import asyncio
import signal

import rich_click as click

from cli.doorway import log_json, run_told, settings_for
from reconcile.settings import Settings
from workers.main import NEEDED_SETTINGS, run_worker


@click.command()
def work() -> None:
    """Run a worker until stopped. Start more of it beside this one for more load."""
    settings = settings_for(*NEEDED_SETTINGS)
    log_json(settings.log_level)
    run_told(_until_told(settings))


async def _until_told(settings: Settings) -> None:
    worker = asyncio.create_task(run_worker(settings))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.cancel)
    try:
        await worker
    except asyncio.CancelledError:
        return
