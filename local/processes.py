"""Child processes of the play, by name: started with settings in their environment, watched, and ended by their own number."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from local.privileges import end_with_parent

_READY_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 25.0
_LOOK_S = 0.05


class ProcessFailed(Exception):
    """A process ended, or did not become ready; the message has the end of its log."""


class Process:
    """One command with its log."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log_folder: Path) -> None:
        self.name = name
        self._command = list(command)
        self._environment = dict(environment)
        self._log = log_folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start; a log of an earlier run stays and is added to."""
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **self._environment},
                preexec_fn=end_with_parent(signal.SIGTERM),  # noqa: PLW1509  # one prctl call, looked up before the fork
                process_group=0,  # a Ctrl-C at the terminal is ours to hand on, in order
            )

    def run(self) -> None:
        """Start, and wait for the end. Raises ProcessFailed when it does not end well."""
        self.start()
        if self._process is not None and self._process.wait() != 0:
            raise ProcessFailed(f"{self.name} failed:\n{self._tail()}")

    def wait_ready(self, url: str) -> None:
        """Wait until an address answers 200. Raises ProcessFailed."""
        until = time.monotonic() + _READY_TIMEOUT_S
        while time.monotonic() < until:
            self.check()
            try:
                if httpx.get(url, timeout=1).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(_LOOK_S)
        raise ProcessFailed(f"{self.name} did not become ready:\n{self._tail()}")

    def check(self) -> None:
        """Raise ProcessFailed when the process is no longer there."""
        if self._process is None or self._process.poll() is not None:
            raise ProcessFailed(f"{self.name} ended:\n{self._tail()}")

    def stop(self) -> None:
        """End it cleanly, and not so cleanly when it takes too long."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])
