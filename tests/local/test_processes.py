"""Child processes: readiness, failure with the end of the log, and an end."""

import sys
from pathlib import Path

import pytest

from local.processes import Process, ProcessFailed
from local.servers import free_port

SERVE = "import http.server, sys; http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind='127.0.0.1')"


def test_a_process_that_answers_is_ready_and_can_be_stopped(tmp_path: Path) -> None:
    port = free_port()
    process = Process("serve", [sys.executable, "-c", SERVE, str(port)], {}, tmp_path)
    process.start()
    process.wait_ready(f"http://127.0.0.1:{port}/")
    process.check()
    process.stop()
    with pytest.raises(ProcessFailed):
        process.check()


def test_a_process_that_ends_badly_shows_its_last_words(tmp_path: Path) -> None:
    process = Process("fail", [sys.executable, "-c", "import sys; print('last words'); sys.exit(3)"], {}, tmp_path)
    with pytest.raises(ProcessFailed, match="last words"):
        process.run()


def test_settings_reach_the_process(tmp_path: Path) -> None:
    Process("ok", [sys.executable, "-c", "import os; assert os.environ['GIVEN'] == 'yes'"], {"GIVEN": "yes"}, tmp_path).run()


def test_a_process_that_never_becomes_ready_is_told(tmp_path: Path) -> None:
    process = Process("gone", [sys.executable, "-c", "raise SystemExit('no port')"], {}, tmp_path)
    process.start()
    with pytest.raises(ProcessFailed, match="no port"):
        process.wait_ready("http://127.0.0.1:9/")
