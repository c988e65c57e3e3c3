"""The measurements run, in small: every line is there and every figure is one. What is promised is measured by `make bench` alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import PARTS

ROOT = Path(__file__).parents[2]
SMALL = {
    "BENCH_LINES": "200",
    "BENCH_JUDGED": "70",
    "BENCH_CROWD": "3",
    "BENCH_HOUSEHOLDS": "20",
    "BENCH_SECONDS": "0.5",
    "BENCH_TAPS": "16",
    "BENCH_PHONES": "40",
    "BENCH_NOTICES": "70",
    "BENCH_TOLD": "60",
}
LINES = {"delivery": 4, "judging": 1, "crowd": 3, "pull": 2, "acceptance": 2, "reconnect": 2, "notices": 1, "told": 1}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_measures_all_its_lines(part: str) -> None:
    command = [sys.executable, "-m", "bench", part, "--json"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **SMALL}, capture_output=True, text=True, timeout=100)
    measured = json.loads(done.stdout)
    assert len(measured) == LINES[part], done.stderr
    for one in measured:
        assert one["ours"] > 0 < one["yardstick"], one
        assert one["isKept"] == ((one["ratio"] <= one["promise"]) if one["unit"] in ("s", "MB") else (one["ratio"] >= one["promise"]))
    assert done.returncode == (0 if all(one["isKept"] for one in measured) else 1)
