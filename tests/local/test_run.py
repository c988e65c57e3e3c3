"""What the environment says is read before anything starts, and told in a sentence when it cannot be used."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local.__main__ import _refuse_unfit
from local.run import Run, WrongSetting
from reconcile.store.database import Database
from tests.conftest import database_url

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("port", ["abc", "-1", "0", "65536", "8000.5", "٨٠٠٠"])
def test_a_port_that_is_none_is_told(tmp_path: Path, port: str) -> None:
    with pytest.raises(WrongSetting, match="PORT"):
        Run(tmp_path / "run", environ={"PORT": port})


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(WrongSetting, match="cannot be used"):
            Run(tmp_path / "run", environ={"PORT": str(taken.getsockname()[1])})


def test_a_port_that_is_free_is_taken(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert Run(tmp_path / "run", environ={"PORT": f" {port} "}).api_url == f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    "url", ["postgresql://postgres@127.0.0.1:9/none", "mysql://here", "postgresql://h:notaport/x", "postgresql://no.such.host.invalid/x"]
)
async def test_a_database_that_cannot_be_used_is_told(url: str) -> None:
    with pytest.raises(WrongSetting, match="DATABASE_URL"):
        await _refuse_unfit(url)


async def test_a_database_without_households_is_taken(db: Database, database_name: str) -> None:
    await _refuse_unfit(database_url(database_name))


def test_the_reader_sees_a_sentence_and_no_traceback() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "local", "demo"], cwd=ROOT, env={**os.environ, "PORT": "abc"}, capture_output=True, text=True, timeout=60
    )
    assert shown.returncode == 1
    assert "It did not work." in shown.stdout
    assert "Traceback" not in shown.stdout + shown.stderr
