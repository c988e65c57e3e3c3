"""The launcher with real servers: crashes, leftovers, half-made folders, and an end with its parent."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from local.binaries import postgres_folder, valkey_binary
from local.servers import Postgres, ServerFailed, Valkey

ROOT = Path(__file__).parents[2]
FOLDERS = [None, *(str(path) for path in Path("/usr/lib/postgresql").glob("*/bin"))]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    place = ROOT / ".local" / f"servers-{os.getpid()}-{tmp_path.name}"
    place.mkdir(parents=True)
    place.chmod(0o755)
    yield place
    subprocess.run(["rm", "-rf", str(place)], check=True)


def answer(postgres: Postgres, query: str) -> object:
    async def ask() -> object:
        conn = await asyncpg.connect(postgres.url(), timeout=5)
        try:
            return await conn.fetchval(query)
        finally:
            await conn.close()

    return asyncio.run(ask())


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except OSError:
        return True


def server_pid(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])


@pytest.mark.parametrize("binaries", FOLDERS)
def test_a_server_goes_on_after_a_crash_with_what_it_had(folder: Path, binaries: str | None) -> None:
    postgres = Postgres(folder, postgres_folder(binaries))
    postgres.start()
    try:
        answer(postgres, "CREATE TABLE kept AS SELECT 1 AS one")
        postgres.kill()
        postgres.start()
        assert answer(postgres, "SELECT one FROM kept") == 1
    finally:
        postgres.stop()


def test_two_copies_do_not_meet(folder: Path) -> None:
    one, other = Postgres(folder / "one", postgres_folder(None)), Postgres(folder / "other", postgres_folder(None))
    one.start()
    other.start()
    try:
        assert one.port != other.port
        assert answer(one, "SHOW data_directory") != answer(other, "SHOW data_directory")
    finally:
        one.stop()
        other.stop()


def test_a_half_made_folder_is_made_anew(folder: Path) -> None:
    (folder / "data.half").mkdir()
    (folder / "data.half" / "PG_VERSION").write_text("half")
    postgres = Postgres(folder, postgres_folder(None))
    postgres.start()
    try:
        assert answer(postgres, "SELECT 1") == 1
    finally:
        postgres.stop()


def test_the_number_of_a_stranger_is_left_alone(folder: Path) -> None:
    postgres = Postgres(folder, postgres_folder(None))
    postgres.start()
    postgres.kill()
    lines = (folder / "data" / "postmaster.pid").read_text().splitlines()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (folder / "data" / "postmaster.pid").write_text("\n".join([str(stranger.pid), *lines[1:]]))
        Postgres.end_leftover(folder)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


SCRIPT = """
import sys, time
from pathlib import Path
from local.binaries import postgres_folder
from local.servers import Postgres
Postgres(Path(sys.argv[1]), postgres_folder(None)).start()
print("up", flush=True)
time.sleep(60)
"""


def test_a_launcher_that_is_killed_leaves_no_server_behind(folder: Path) -> None:
    launcher = subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder)], stdout=subprocess.PIPE, cwd=ROOT)
    assert launcher.stdout is not None
    assert launcher.stdout.readline() == b"up\n"
    pid = server_pid(folder)
    launcher.send_signal(signal.SIGKILL)
    launcher.wait()
    launcher.stdout.close()
    until = time.monotonic() + 10
    while not is_gone(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert is_gone(pid)


def test_a_server_that_was_left_behind_is_ended_before_the_next_start(folder: Path) -> None:
    first = Postgres(folder, postgres_folder(None))
    first.start()
    left = server_pid(folder)
    second = Postgres(folder, postgres_folder(None))
    second.start()
    try:
        assert first._process is not None
        first._process.wait(5)
        assert answer(second, "SELECT 1") == 1
        assert server_pid(folder) != left
    finally:
        second.stop()


def test_a_server_that_cannot_start_says_why(folder: Path) -> None:
    postgres = Postgres(folder, postgres_folder(None))
    postgres.start()
    postgres.stop()
    (folder / "data" / "postgresql.conf").write_text("nonsense = 1\n")
    with pytest.raises(ServerFailed, match="nonsense"):
        postgres.start()


def test_valkey_comes_and_goes(folder: Path) -> None:
    valkey = Valkey(folder / "valkey", valkey_binary(None))
    for end in (valkey.kill, valkey.stop):
        valkey.start()
        end()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_plain_user_starts_a_server_too(folder: Path) -> None:
    os.chown(folder, 65_534, 65_534)
    script = SCRIPT.replace('print("up", flush=True)\ntime.sleep(60)', 'print("up")')
    python = Path(sys.executable)
    if not all(place.stat().st_mode & 0o001 for place in python.resolve().parents):
        pytest.skip("this Python lies in a folder that only root may enter")
    done = subprocess.run(
        [str(python), "-c", script, str(folder / "plain")],
        user=65_534,
        group=65_534,
        extra_groups=[],
        cwd=ROOT,
        capture_output=True,
        timeout=30,
    )
    assert done.stdout == b"up\n", done.stderr.decode()
