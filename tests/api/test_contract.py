"""The contract and the pages of its problems, over HTTP and for everybody."""

from pathlib import Path

import httpx
import pytest

from api.contract import problem_sections
from tests.api.conftest import Problem


async def test_the_contract_is_open_to_all(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/openapi.json")
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == (Path(__file__).parents[2] / "openapi" / "openapi.json").read_bytes()


@pytest.mark.parametrize("slug", sorted(problem_sections()))
async def test_every_type_of_problem_leads_to_its_page(client: httpx.AsyncClient, slug: str) -> None:
    answer = await client.get(f"/v1/problems/{slug}")
    assert answer.status_code == 200
    assert answer.text.startswith(f"# {slug}\n")


async def test_a_problem_that_is_none_has_no_page(client: httpx.AsyncClient, problem: Problem) -> None:
    problem(await client.get("/v1/problems/nonsense"), 404, "not-found")
