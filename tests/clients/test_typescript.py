"""A TypeScript client: the types of the contract compile, and the app of app.ts drives the running API through every refusal."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import Play
from tests.node import CLIENTS, NODE

CONTRACT = Path(__file__).parents[2] / "openapi" / "openapi.json"
SCENES = ("firstSync", "oneTap", "moved", "settled", "lostAnswer", "offline", "stream")
SCENES += ("tokens", "restored", "spoilt", "tooOld", "left", "faultsOfAnApp")


def installed(package: str, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command of an npm package."""
    return subprocess.run([str(NODE), str(CLIENTS / "node_modules" / package / script), *arguments], capture_output=True, text=True)


def test_the_types_of_the_contract_compile_and_fit_the_clients() -> None:
    made = installed("openapi-typescript", "bin/cli.js", str(CONTRACT), "-o", str(CLIENTS / "contract.d.ts"))
    assert made.returncode == 0, made.stderr
    of_anything = re.findall(r"^ *(\w+\??: (?:unknown|any)\b.*)$", (CLIENTS / "contract.d.ts").read_text(), re.MULTILINE)
    assert of_anything == []
    compiled = installed("typescript", "bin/tsc", "-p", str(CLIENTS))
    assert compiled.returncode == 0, compiled.stdout


@pytest.mark.parametrize("scene", SCENES)
async def test_the_app(play: Play, scene: str) -> None:
    await play("app_scenes.ts", scene)
