"""A worker alone, for measuring: `python -m bench.worker URL`.

The keyring comes as the first line of its input, an order on each later one, and each order is answered by a line when it is done.
`deliveries` works off deliveries, `comparisons` judges; `memory` is answered by the most memory that the process ever had, in MB.
"""

import asyncio
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from reconcile.keyring import Keyring
from reconcile.rulebook import shipped_books
from reconcile.store.database import Database, Role
from workers.comparisons import ComparisonDrain
from workers.deliveries import DeliveryDrain

NOW = datetime(2026, 7, 10, 9, tzinfo=UTC)


async def main(url: str) -> None:
    """Obey until the input ends."""
    logging.basicConfig(level=logging.WARNING)
    keyring = Keyring(sys.stdin.readline().encode())
    db = await Database.connect({Role.INTAKE: url}, connections_max=4)
    try:
        deliveries = DeliveryDrain(db, keyring, _nobody, clock=lambda: NOW)
        comparisons = ComparisonDrain(db, shipped_books(), _nobody, clock=lambda: NOW)
        _answer("ready")
        while order := (await asyncio.to_thread(sys.stdin.readline)).strip():
            if order == "deliveries":
                await deliveries()
            elif order == "comparisons":
                await comparisons()
            _answer(f"{memory_mb():.1f}" if order == "memory" else order)
    finally:
        await db.close()


def memory_mb() -> float:
    """Return the most memory that this process ever had resident, in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


async def _nobody(_: str) -> None:
    """There is nobody to wake: what is to be done is ordered."""


def _answer(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as a worker runs everywhere
        runner.run(main(sys.argv[1]))
