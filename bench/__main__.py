"""`python -m bench [PART ...]`: measure, print a line each, and end with 1 when a promise was missed."""

import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import rich_click as click
import uvloop
from rich.console import Console
from rich.table import Table

from bench.acceptance import measure_acceptance
from bench.crowd import measure_crowd
from bench.delivery import measure_delivery
from bench.judging import measure_judging
from bench.measured import Measured
from bench.notices import measure_notices
from bench.pull import measure_pull
from bench.reconnect import measure_reconnect
from bench.told import measure_told
from local.binaries import postgres_folder
from local.servers import Postgres

# What the manual of PostgreSQL advises to a server that loads much: its own settings are those of a laptop. For both sides.
_SETTINGS = ("shared_buffers=2GB", "max_wal_size=8GB")

Measure = Callable[[Postgres, Path], Awaitable[Sequence[Measured]]]


def _size(name: str, default: int) -> int:
    return int(os.environ.get(f"BENCH_{name}", default))


def _seconds() -> float:
    return float(os.environ.get("BENCH_SECONDS", "12"))


PARTS: Mapping[str, Measure] = {
    "delivery": lambda postgres, folder: measure_delivery(postgres, folder, lines=_size("LINES", 100_000)),
    "judging": lambda postgres, folder: measure_judging(postgres, folder, judged=_size("JUDGED", 4_200)),
    "crowd": lambda postgres, folder: measure_crowd(postgres, folder, deliveries=_size("CROWD", 300)),
    "pull": lambda postgres, folder: measure_pull(postgres, folder, households=_size("HOUSEHOLDS", 2_000), seconds=_seconds()),
    "acceptance": lambda postgres, folder: measure_acceptance(postgres, folder, taps=_size("TAPS", 2_000)),
    "reconnect": lambda postgres, folder: measure_reconnect(postgres, folder, phones=_size("PHONES", 5_000)),
    "notices": lambda postgres, folder: measure_notices(postgres, folder, notices=_size("NOTICES", 5_000)),
    "told": lambda postgres, folder: measure_told(postgres, folder, households=_size("TOLD", 10_000)),
}


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines instead of a table.")
def main(parts: tuple[str, ...], as_json: bool) -> None:
    """Measure the promised speeds beside their yardsticks, all of them or PARTS alone; takes some minutes."""
    chosen = parts or tuple(PARTS)
    told = Console(stderr=True)
    place = Path(__file__).parent.parent / ".local"
    place.mkdir(exist_ok=True)
    place.chmod(0o755)
    measured: list[Measured] = []
    for number, part in enumerate(chosen, 1):
        with told.status(f"[{number}/{len(chosen)}] {part}: preparing and measuring, a minute or so"):
            done = _measured(place, PARTS[part])
        for one in done:
            told.print(f"[{number}/{len(chosen)}] {one.path}: {one.ratio:.2f}", markup=False)
        measured += done
    if as_json:
        sys.stdout.write(msgspec.json.encode([one.document for one in measured]).decode() + "\n")
    else:
        Console().print(_table(measured))
    raise SystemExit(0 if all(one.is_kept for one in measured) else 1)


def _measured(place: Path, measure: Measure) -> Sequence[Measured]:
    """Measure one part on a PostgreSQL of its own, with everything durable."""

    async def work() -> Sequence[Measured]:
        return await measure(postgres, folder)

    with tempfile.TemporaryDirectory(prefix="bench-", dir=place) as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres = Postgres(folder / "postgres", postgres_folder(os.environ.get("PG_BIN")), settings=_SETTINGS)
        postgres.start()
        try:
            # On the loop that the service and its workers run on.
            return uvloop.run(work())
        finally:
            postgres.stop()


def _table(measured: Sequence[Measured]) -> Table:
    table = Table("path", "ours", "yardstick", "ratio", "promise", "", title_justify="left")
    for one in measured:
        row = (one.path, one.figure(one.ours), one.figure(one.yardstick), f"{one.ratio:.2f}", one.promised)
        table.add_row(*row, "kept" if one.is_kept else "missed")
    return table


if __name__ == "__main__":
    main(prog_name="bench")
