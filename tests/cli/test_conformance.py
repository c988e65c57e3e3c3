"""`kot conformance` against the real application over real HTTP: every scenario passes, and one that does not is told."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import date

import asyncpg
import pytest
import pytest_asyncio
from click.testing import CliRunner, Result
from msgspec import structs

from api.app import create_app
from cli import conformance
from cli.main import main
from reconcile.register import make_sandbox
from reconcile.rules.fault_examples import EXAMPLES
from reconcile.settings import Settings
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import OneKey, settings, token
from tests.serving import serving
from tests.tables import contents

__all__ = ["settings"]


@pytest_asyncio.fixture
async def url(settings: Settings, db: Database, admin: asyncpg.Connection) -> AsyncIterator[str]:
    async def wake(_: str) -> None:
        return

    await world.with_register(admin)
    async with admin.transaction():
        await make_sandbox(admin, as_of=date(2026, 1, 1))
    async with serving(create_app(settings, db, wake, keys=OneKey(), clock=lambda: world.NOW)) as served:
        yield served.url


async def kot(url: str, *arguments: str, oin: str = world.OIN, scope: str = "kot:deliver") -> Result:
    environment = {"KOT_URL": url, "KOT_TOKEN": token(scope, oin=oin)}
    return await asyncio.to_thread(lambda: CliRunner().invoke(main, ["conformance", *arguments], env=environment))


async def test_every_scenario_passes_and_nothing_is_kept(url: str, admin: asyncpg.Connection) -> None:
    before = await contents(admin)
    result = await kot(url, "--json")
    assert result.exit_code == conformance.ALL_PASSED, result.output
    told = json.loads(result.stdout)
    assert [one for one in told if not one["passed"]] == []
    assert {code for one in told for code in one["expected"]} >= set(EXAMPLES)
    assert [one["scenario"] for one in told if one["scenario"].startswith("sound")] == ["sound csv", "sound json", "sound ndjson"]
    assert await contents(admin) == before


async def test_a_vendor_without_an_organisation_of_its_own_runs_it_for_one_that_mandated_it(url: str, db: Database) -> None:
    await world.mandated(db)
    result = await kot(url, "--organisation-oin", world.OIN, oin=world.VENDOR_OIN)
    assert result.exit_code == conformance.ALL_PASSED, result.output
    assert "all passed" in result.output


async def test_a_scenario_that_does_not_pass_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = [structs.replace(one, expected=("hours-invalid",)) for one in conformance.scenarios()[:2]]
    monkeypatch.setattr(conformance, "scenarios", lambda: wrong)
    result = await kot(url)
    assert result.exit_code == conformance.SOME_FAILED
    assert "2 scenarios, 2 failed" in result.output


async def test_without_access_or_answer_it_says_so(url: str) -> None:
    assert (await kot(url, scope="kot:app")).exit_code == 2
    assert (await kot("http://127.0.0.1:1")).exit_code == 3
