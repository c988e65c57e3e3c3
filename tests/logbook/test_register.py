"""The register names every operation once, and what it names exists."""

import ast
import re
from collections import Counter
from pathlib import Path

from api.app import ROUTERS
from logbook.register import activities_by_operation, register

ROOT = Path(__file__).parents[2]


def of_workers() -> set[str]:
    """The operations that workers log, as their code names them."""
    named: set[str] = set()
    for path in (ROOT / "workers").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("logged", "self._log.processing", "log.processing"):
                named |= {one.value for one in node.args if isinstance(one, ast.Constant)}
    return named


def test_every_operation_belongs_to_one_activity_or_processes_nobody_s_data() -> None:
    handlers = [one for router in ROUTERS for route in router.routes for one in route.route_handlers]
    operations = {one.operation_id for one in handlers if one.opt.get("scope")}
    named = Counter([*register().without_personal_data, *(one for activity in register().activities for one in activity.operations)])
    assert set(named.values()) == {1}
    assert set(named) == operations | of_workers()
    assert len(of_workers()) == 5


def test_an_activity_is_named_in_dutch_and_english_and_says_its_purpose() -> None:
    for activity in register().activities:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)+", activity.id)
        assert activity.nl and activity.en and activity.purpose
    assert len({one.id for one in register().activities}) == len(register().activities)
    assert set(activities_by_operation().values()) == set(register().activities)
