"""`python -m tests.faults.forked`: starts `kot serve` often and quickly. Everything is imported once, and each start is a fork of that.

Each line of the input is the settings of one process as JSON; the answer is its number. Whatever it starts ends with it.
"""

import json
import os
import signal
import sys

from cli.main import main
from local.privileges import end_with_parent


def run() -> None:
    # Nobody waits for what is killed.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            end_with_parent(signal.SIGKILL)()
            os.environ.update(json.loads(line))
            main(["serve"])
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    run()
