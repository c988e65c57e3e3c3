"""The hand on a worker process that is measured: orders on its input, answers on its output."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_ROOT = Path(__file__).parent.parent


class Working:
    """One worker process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def order(self, order: str) -> str:
        """Give an order and return the answer, once it was carried out. Raises RuntimeError when the process ended."""
        assert self._process.stdin is not None  # noqa: S101  # opened as a pipe below
        self._process.stdin.write(f"{order}\n".encode())
        return await self.answer()

    async def answer(self) -> str:
        """Return the next answer. Raises RuntimeError when the process ended."""
        assert self._process.stdout is not None  # noqa: S101  # opened as a pipe below
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("a worker that was measured has ended")
        return line.decode().strip()


@asynccontextmanager
async def working(url: str, keyring: bytes) -> AsyncIterator[Working]:
    """Run a worker with the keys of this keyring file until the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.worker",
        url,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
    )
    try:
        worker = Working(process)
        assert process.stdin is not None  # noqa: S101  # a pipe, as asked above
        process.stdin.write(keyring.strip() + b"\n")
        await worker.answer()
        yield worker
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()
