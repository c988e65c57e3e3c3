"""Our own small launcher of PostgreSQL and Valkey: on loopback, on free ports, in a folder of ours, ended with us.

Only processes that were started here are ever ended, each by its own number.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from local.privileges import StartAs, end_with_parent, start_as

_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 15.0
_LOOK_S = 0.02
_READY_LINE = 7  # line 8 of postmaster.pid tells the state

# For tests alone: a crash of the machine would lose the data, and nobody minds.
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class ServerFailed(Exception):
    """A server did not start; the message has the end of its log."""


def free_port() -> int:
    """Return a port of loopback that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Postgres:
    """One PostgreSQL in one folder. `start` after `stop` or `kill` goes on with the same data and port.

    `settings` are lines of its configuration ("fsync=off"); without any it is as durable as PostgreSQL is by itself.
    """

    def __init__(self, folder: Path, binaries: Path, *, settings: Sequence[str] = ()) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._binaries = binaries
        self._settings = settings
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._as = start_as(folder, binaries)
        self._as.give(folder)

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self._port

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """Return the address of a database for a user; on this loopback no password is asked."""
        return f"postgresql://{user}@127.0.0.1:{self._port}/{database}"

    def start(self) -> None:
        """Start and wait until it answers; a server that an earlier run left behind is ended first. Raises ServerFailed."""
        self.end_leftover(self._folder)
        if not self._data.exists():
            self._initialise()
        log = self._folder / "postgres.log"
        options = {
            "port": str(self._port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "100",
            "log_min_messages": "warning",
            **dict(setting.split("=") for setting in self._settings),
        }
        command = [str(self._binaries / "postgres"), "-D", str(self._data)]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        # SIGINT is the fast, clean end: also when we are killed.
        self._process = _spawn(self._as, command, log, end_signal=signal.SIGINT)
        _wait(self._process, self._is_ready, log)

    def stop(self) -> None:
        """Stop cleanly."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it as a crash would, with everything it started."""
        children = _children(self._process.pid) if self._process else []
        self._end(signal.SIGKILL)
        for child in children:
            _signal(child, signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            _end(self._process, number)
            self._process = None

    def _initialise(self) -> None:
        """Make the data folder; under another name first, so that a half-made one is never taken for a whole one."""
        half = self._folder / "data.half"
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(mode=0o700)
        self._as.give(half)
        command = [
            str(self._binaries / "initdb"),
            "-D",
            str(half),
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
            "--locale=C.UTF-8",
        ]
        log = self._folder / "initdb.log"
        process = _spawn(self._as, command, log, end_signal=signal.SIGKILL)
        if process.wait(_START_TIMEOUT_S) != 0:
            raise ServerFailed(f"initdb failed:\n{_tail(log)}")
        half.rename(self._data)

    def _is_ready(self) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        is_ours = bool(lines) and self._process is not None and lines[0].strip() == str(self._process.pid)
        return is_ours and len(lines) > _READY_LINE and lines[_READY_LINE].startswith("ready")

    @staticmethod
    def end_leftover(folder: Path) -> None:
        """End the server of an earlier run on this very folder, if one is still there; a number that belongs to another is left."""
        data = folder / "data"
        try:
            pid = int((data / "postmaster.pid").read_text().splitlines()[0])
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError, IndexError):
            return
        if os.fsencode(data) in command:
            _signal(pid, signal.SIGINT)
            _wait_until(lambda: not Path(f"/proc/{pid}").exists(), _STOP_TIMEOUT_S)


class Valkey:
    """One Valkey (or Redis) without persistence: what it holds may go at any moment."""

    def __init__(self, folder: Path, binary: Path) -> None:
        self._folder = folder
        self._binary = binary
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._as = start_as(folder, binary.parent)
        self._as.give(folder)

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self._port

    def url(self) -> str:
        """Return the address."""
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start and wait until it listens. Raises ServerFailed."""
        log = self._folder / "valkey.log"
        command = [str(self._binary), "--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        command += ["--dir", str(self._folder), "--maxmemory-policy", "noeviction"]
        self._process = _spawn(self._as, command, log, end_signal=signal.SIGTERM)
        _wait(self._process, self._listens, log)

    def stop(self) -> None:
        """Stop cleanly."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            _end(self._process, number)
            self._process = None

    def _listens(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            return probe.connect_ex(("127.0.0.1", self._port)) == 0


def _spawn(start: StartAs, command: Sequence[str], log: Path, *, end_signal: signal.Signals) -> subprocess.Popen[bytes]:
    environment: Mapping[str, str] = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    with log.open("ab") as out:
        return subprocess.Popen(
            [*start.prefix, *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**environment, "LC_ALL": "C.UTF-8"},
            cwd=log.parent,
            preexec_fn=end_with_parent(end_signal),  # noqa: PLW1509  # one prctl call, looked up before the fork
            process_group=0,  # a Ctrl-C at the terminal is ours to hand on, in order
            **start.options,
        )


def _wait(process: subprocess.Popen[bytes], is_ready: Callable[[], bool], log: Path) -> None:
    if not _wait_until(lambda: process.poll() is not None or is_ready(), _START_TIMEOUT_S) or process.poll() is not None:
        _end(process, signal.SIGKILL)
        raise ServerFailed(f"A server did not start:\n{_tail(log)}")


def _wait_until(is_so: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK_S)
    return True


def _end(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    _signal(process.pid, number)
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _children(pid: int) -> Sequence[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])
