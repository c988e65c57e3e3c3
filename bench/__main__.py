"""`python -m bench`: measure, print a line each, and end with 1 when a promise was missed."""

import asyncio
import os
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.delivery import measure_delivery
from bench.pull import measure_pull
from local.binaries import postgres_folder
from local.servers import Postgres


def main() -> None:
    """Measure on a PostgreSQL of our own, with everything durable."""
    place = Path(__file__).parent.parent / ".local"
    place.mkdir(exist_ok=True)
    place.chmod(0o755)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=place) as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres = Postgres(folder / "postgres", postgres_folder(os.environ.get("PG_BIN")))
        postgres.start()
        try:
            measured = [
                *asyncio.run(measure_delivery(postgres, lines=int(os.environ.get("BENCH_LINES", "20000")))),
                *asyncio.run(measure_pull(postgres, folder, seconds=float(os.environ.get("BENCH_SECONDS", "6")))),
            ]
        finally:
            postgres.stop()
    table = Table("path", "ours", "yardstick", "ratio", "promise", "", title_justify="left")
    for one in measured:
        table.add_row(
            one.path,
            one.figure(one.ours),
            one.figure(one.yardstick),
            f"{one.ratio:.2f}",
            one.promised,
            "kept" if one.is_kept else "missed",
        )
    Console().print(table)
    raise SystemExit(0 if all(one.is_kept for one in measured) else 1)


if __name__ == "__main__":
    main()
