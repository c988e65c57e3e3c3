"""A pull of a phone, beside a bare handler that runs the same statement: requests a second over the same kept connections."""

from collections.abc import Sequence
from itertools import repeat
from pathlib import Path
from urllib.parse import urlencode

import httpx

from bench.measured import Measured
from bench.phones import Asked, ask_in_turns, request
from bench.sample import delivery_body
from bench.service import Place, bearers, fill, new_place, serving
from local.servers import Postgres

_PHONES = 16
_TURNS = 12
_PATH = "/v1/sync/placements"
_PROMISE = 0.8


async def measure_pull(postgres: Postgres, folder: Path, *, households: int, seconds: float) -> Sequence[Measured]:
    """Measure, for so many seconds on each side, phones that read their first page and phones that have everything."""
    place = await new_place(postgres, folder, "bench_pull")
    await fill(place, max(households, _PHONES), delivery_body(max(households, _PHONES)))
    measured = []
    async with serving(place, parents=_PHONES) as at:
        asking = await bearers(at.issuer, range(_PHONES))
        checkpoints = [await _checkpoint(at.api, header) for header in asking]
        for name, echoed in (("pull of a first page", [{}] * _PHONES), ("pull of nothing new", checkpoints)):
            ours = Asked(
                url=at.api,
                requests=[
                    repeat(request("GET", at.api, f"{_PATH}?{urlencode({'schemaVersion': 1, **checkpoint})}", [header]))
                    for checkpoint, header in zip(echoed, asking, strict=True)
                ],
                status=200,
            )
            queries = await _queries(place, has_all=bool(echoed[0]))
            theirs = Asked(url=at.bare, requests=[repeat(request("GET", at.bare, f"/pull?{query}")) for query in queries], status=200)
            ours_done, theirs_done = await ask_in_turns([ours, theirs], turns=_TURNS, seconds=seconds / _TURNS)
            measured.append(
                Measured(
                    path=f"{name}, beside a bare handler", ours=ours_done.rate, yardstick=theirs_done.rate, unit="/s", promise=_PROMISE
                )
            )
    return measured


async def _queries(place: Place, *, has_all: bool) -> list[str]:
    """What the yardstick is asked: the same logins and households, after the same place."""
    admin = await place.admin()
    rows = await admin.fetch(
        "SELECT household_id AS household, person_id AS person, placement.version AS lwt, placement.placement_id AS id"
        " FROM login JOIN membership USING (person_id) JOIN placement USING (household_id)"
    )
    await admin.close()
    beginning = {} if has_all else {"lwt": 0, "id": "00000000-0000-0000-0000-000000000000"}
    return [urlencode({**dict(row), **beginning}) for row in rows]


async def _checkpoint(api: str, header: str) -> dict[str, str]:
    """Pull a first page and return where it ends."""
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{api}{_PATH}", params={"schemaVersion": 1}, headers=dict([header.split(": ")]))
    page = answer.raise_for_status().json()
    if len(page["documents"]) != 1:
        raise AssertionError("a household lacks its placement: what would be measured is not the promised path")
    checkpoint: dict[str, str] = page["checkpoint"]
    return checkpoint
