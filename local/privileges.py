"""How a server is started when we are root: PostgreSQL refuses to run as root, so it runs as nobody.

Either the process changes to the account `nobody`, whose folders it must then be able to reach; or, where it cannot, it keeps
its place and is mapped to nobody in a user namespace of its own.
"""

import ctypes
import os
import pwd
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_NOBODY = 65_534
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class CannotDropPrivileges(Exception):
    """There is no way to run a server as anybody but root; the message says what to do."""


class StartAs:
    """How to start: what goes before the command, and what `Popen` is told."""

    def __init__(self, prefix: Sequence[str], options: dict[str, Any], owner: tuple[int, int] | None) -> None:
        self.prefix = prefix
        self.options = options
        self._owner = owner

    def give(self, folder: Path) -> None:
        """Let the server own a folder."""
        if self._owner is not None:
            os.chown(folder, *self._owner)


def start_as(*needed: Path) -> StartAs:
    """Decide how to start a server that must reach these folders. Raises CannotDropPrivileges."""
    if os.geteuid() != 0:
        return StartAs([], {}, None)
    uid, gid = _nobody()
    if all(_is_open(folder) for folder in needed):
        return StartAs([], {"user": uid, "group": gid, "extra_groups": []}, (uid, gid))
    unshare = shutil.which("unshare")
    if unshare is None:
        raise CannotDropPrivileges(
            "PostgreSQL does not run as root, and nobody cannot reach this folder. "
            "Run as another user, or from a folder that all may enter."
        )
    return StartAs([unshare, "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}"], {}, None)


def end_with_parent(number: signal.Signals) -> Callable[[], None]:
    """Return what a child must do before it starts, so that it gets a signal when we die, even by SIGKILL."""
    prctl = _LIBC.prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)

    return ask


def _nobody() -> tuple[int, int]:
    try:
        account = pwd.getpwnam("nobody")
    except KeyError:
        return _NOBODY, _NOBODY
    return account.pw_uid, account.pw_gid


def _is_open(folder: Path) -> bool:
    """Tell whether everybody may enter a folder and all above it."""
    return all(place.stat().st_mode & 0o001 for place in (folder, *folder.resolve().parents))
