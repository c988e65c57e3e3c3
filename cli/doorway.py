"""What every command does first: read its settings and set up the log. Errors are sentences, not tracebacks."""

import asyncio
import logging
import os
import resource
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import msgspec
import rich_click as click
import uvloop

from reconcile.settings import Settings, SettingsError
from reconcile.store.connections import StoreAway
from reconcile.store.logins import UnsafeLogin

_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the numbers that the code added. Never a body or a token."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {
            name: str(value) if not isinstance(value, int) else value for name, value in vars(record).items() if name not in _OWN_FIELDS
        }
        if record.exc_info and record.exc_info[0]:
            # The text of an exception can quote data; its class and place cannot.
            line["error"] = record.exc_info[0].__name__
            line["traceback"] = _places(record)
        return msgspec.json.encode(line).decode()


def _places(record: logging.LogRecord) -> list[str]:
    places = []
    trace = record.exc_info[2] if record.exc_info else None
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return places


def settings_for(*needed: str) -> Settings:
    """Read the settings from the environment, or end with a sentence for each that is missing or wrong."""
    try:
        return Settings.from_env(os.environ, needed=needed)
    except SettingsError as error:
        raise click.ClickException(
            "The settings are not complete:\n  " + "\n  ".join(error.faults) + "\nThe README has a table of all settings."
        ) from None


def run_told(work: Coroutine[Any, Any, None]) -> None:
    """Run a process to its end; a store that cannot be used is told in a sentence."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work)
    except (StoreAway, UnsafeLogin) as error:
        raise click.ClickException(str(error)) from None


def open_as_many_files_as_allowed() -> None:
    """Let this process hold as many connections as the system lets it, and not the thousand that a shell begins with."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def log_json(level: str) -> None:
    """Log JSON lines to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("httpx", "httpcore", "arq.worker", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
