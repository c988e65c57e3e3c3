"""The one tap, beside a bare handler that writes the same rows in one transaction: taps a second by parents who each tap their own.

Both sides find the same: open differences, each of a household of its own, that nobody was told of yet.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlencode

import httpx

from bench.measured import Measured
from bench.phones import Asked, ask_at_rate, ask_in_turns, request
from bench.service import Place, all_deviate, bearers, fill, new_place, serving
from local.servers import Postgres

_PHONES = 16
_TURNS = 8
_PROMISE = 0.6
_P99_S = 0.050
_ROWS_OF = (
    *("answer", "change", "outbox", "overlay_segment", "difference_version", "comparison_due", "household_audit"),
    "idempotency_key",
)


async def measure_acceptance(postgres: Postgres, folder: Path, *, taps: int) -> Sequence[Measured]:
    """Measure so many taps on each side, and as many again at half the rate that ours can carry."""
    place = await new_place(postgres, folder, "bench_acceptance")
    turns = min(max(taps // _PHONES, 1), _TURNS)
    each_max = max(taps // _PHONES // turns, 1)
    saturating = each_max * _PHONES * (turns + 1)
    await fill(place, saturating * 3, all_deviate(saturating * 3))
    # The first third is tapped as fast as it goes, the second at half of that; the yardstick answers the last.
    async with serving(place, parents=saturating * 2) as at:
        tapping = [await _tap(at.api, header) for header in await bearers(at.issuer, range(saturating * 2))]
        bare = iter([request("POST", at.bare, f"/tap?{query}") for query in (await _queries(place))[:saturating]])
        fast = iter(tapping[:saturating])
        before = await _rows(place)
        ours, theirs = await ask_in_turns([_asked(at.api, fast), _asked(at.bare, bare)], turns=turns, each_max=each_max)
        await _check_rows(place, before, saturating)
        took = sorted(await ask_at_rate(_asked(at.api, iter(tapping[saturating:])), rate=ours.rate / 2, count=saturating))
    return (
        Measured(
            path="one tap, beside a bare handler that writes the same rows",
            ours=ours.rate,
            yardstick=theirs.rate,
            unit="/s",
            promise=_PROMISE,
        ),
        Measured(
            path="one tap at half that rate, p99, beside 50 ms", ours=took[len(took) * 99 // 100], yardstick=_P99_S, unit="s", promise=1
        ),
    )


def _asked(url: str, requests: Iterator[bytes]) -> Asked:
    return Asked(url=url, requests=[requests] * _PHONES, status=201)


async def _tap(api: str, header: str) -> bytes:
    """Look at the difference, as a parent does before the tap, and return the request that takes it over."""
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{api}/v1/differences", params={"state": "open"}, headers=dict([header.split(": ")]))
    (difference,) = answer.raise_for_status().json()["differences"]
    number = difference["differenceId"]
    seen = f'If-Match: "d{number}-v{difference["version"]}"'
    return request("POST", api, f"/v1/differences/{number}/acceptance", [header, seen, f"Idempotency-Key: {number}"])


async def _queries(place: Place) -> list[str]:
    """What the yardstick is told, of households that no parent of ours taps for."""
    admin = await place.admin()
    rows = await admin.fetch(
        "SELECT difference.household_id AS household, membership.person_id AS person, difference.difference_id AS difference,"
        " difference.version, placement_id AS placement, difference.proposal -> 'placements' AS placements"
        " FROM difference JOIN difference_placement USING (household_id, difference_id)"
        " JOIN membership ON membership.household_id = difference.household_id AND membership.role = 'applicant'"
        " WHERE NOT EXISTS (SELECT FROM login WHERE login.person_id = membership.person_id)"
    )
    await admin.close()
    return [urlencode(dict(row)) for row in rows]


async def _rows(place: Place) -> dict[str, int]:
    admin = await place.admin()
    counted = {table: await admin.fetchval(f"SELECT count(*) FROM {table}") for table in _ROWS_OF}  # noqa: S608  # names of ours
    await admin.close()
    return counted


async def _check_rows(place: Place, before: dict[str, int], taps: int) -> None:
    """Both sides left the same: as many rows in every table as two taps leave, and no more."""
    admin = await place.admin()
    kept = await admin.fetchval("SELECT count(*) FROM idempotency_key WHERE status IS NULL OR body IS NULL")
    of_tap = await admin.fetch("SELECT count(*) AS rows FROM overlay_segment GROUP BY household_id")
    await admin.close()
    added = {table: count - before[table] for table, count in (await _rows(place)).items()}
    expected = {table: 0 if table == "comparison_due" else 2 * taps for table in _ROWS_OF}
    if added != expected or kept or {row["rows"] for row in of_tap} != {1}:
        raise AssertionError(f"the two sides do not leave the same rows: {added}, not {expected}")
