"""What looks odd in an organisation's own lines, each code with what is just odd and what is just not; and nothing of what TVS knows."""

from typing import Any

import asyncpg
import httpx
import pytest

from reconcile.keyring import Keyring
from reconcile.rules.bsn import marked_bsn
from reconcile.rules.quality import QUALITY
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import Problem, organisation, parent

OTHER_PARENT = marked_bsn(20)


@pytest.fixture(autouse=True)
async def _register(admin: asyncpg.Connection) -> None:
    await world.with_register(admin)


async def report(client: httpx.AsyncClient, month: str = "2026-03", *, oin: str = world.OIN, **params: str) -> dict[str, Any]:
    answer = await client.get("/v1/quality", params={"month": month, **params}, headers=organisation(oin))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def counts(client: httpx.AsyncClient, month: str = "2026-03", **change: str) -> dict[str, int]:
    return {one["code"]: one["count"] for one in (await report(client, month, **change))["findings"]}


def line(**change: Any) -> dict[str, Any]:
    hours, rate = (change.get(name, usual) for name, usual in (("hours", "100.00"), ("hourlyRate", "10.00")))
    amount = f"{float(hours) * float(rate):.2f}"
    return world.line(**{"amount": amount, **change})


async def test_sound_lines_give_nothing(client: httpx.AsyncClient, db: Database, api_keyring: Keyring) -> None:
    await world.delivered(db, api_keyring, line(), line(month="2026-02"), line(childBsn=world.SIBLING, endDate="2026-03-31"))
    assert await counts(client) == {}


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([line(endDate="2026-02-28")], 1),
        ([line(endDate="2026-03-01")], 0),
        ([line(endDate="2026-02-28", hours="0.00", amount="0.00")], 0),
        ([line(month="2026-01", endDate="2026-02-10"), line()], 1),
        ([line(month="2026-01", endDate="2026-02-10"), line(endDate="2026-12-31")], 0),  # renewed
        ([line(month="2026-01", endDate="2026-01-31"), line(month="2026-02", endDate="2026-12-31"), line()], 0),  # the newest counts
        ([line(month="2026-01", endDate="2026-02-10", parentBsn=OTHER_PARENT), line()], 0),
    ],
)
async def test_hours_after_the_end_date(
    client: httpx.AsyncClient, db: Database, api_keyring: Keyring, lines: list[dict[str, Any]], found: int
) -> None:
    await world.delivered(db, api_keyring, *lines)
    assert (await counts(client)).get("hours-after-end-date", 0) == found


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([line(hours="130.00"), line(lrkNumber=world.BSO, hours="100.01", amount="1000.10")], 2),
        ([line(hours="130.00"), line(lrkNumber=world.BSO, hours="100.00")], 0),
        ([line(hours="240.00")], 0),  # one location
        ([line(hours="130.00"), line(lrkNumber=world.BSO, hours="110.00", parentBsn=OTHER_PARENT)], 2),  # of two parents
        ([line(hours="130.00"), line(lrkNumber=world.BSO, hours="110.00", childBsn=world.SIBLING)], 0),
    ],
)
async def test_one_child_at_two_locations(
    client: httpx.AsyncClient, db: Database, api_keyring: Keyring, lines: list[dict[str, Any]], found: int
) -> None:
    await world.delivered(db, api_keyring, *lines)
    assert (await counts(client)).get("child-at-two-locations", 0) == found


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [("10.00", "20.01", 1), ("10.00", "20.00", 0), ("20.01", "10.00", 1), ("20.00", "10.00", 0), ("0.00", "9.00", 1)],
)
async def test_an_hourly_rate_that_jumped(
    client: httpx.AsyncClient, db: Database, api_keyring: Keyring, before: str, now: str, found: int
) -> None:
    await world.delivered(db, api_keyring, line(month="2026-02", hourlyRate=before), line(hourlyRate=now))
    assert (await counts(client)).get("hourly-rate-jump", 0) == found
    assert "hourly-rate-jump" not in await counts(client, "2026-02")


async def test_a_line_that_waits_for_more_than_a_month(
    client: httpx.AsyncClient, db: Database, admin: asyncpg.Connection, api_keyring: Keyring
) -> None:
    await world.delivered(db, api_keyring, line(childBsn=None, lineRef="wacht"), line())
    assert await counts(client) == {}
    await admin.execute("UPDATE line SET recorded_at = now() - interval '32 days'")
    (finding,) = (await report(client))["findings"]
    (shown,) = finding["firstLines"]
    assert (finding["code"], shown["lineNumber"], shown["lineRef"], shown["lrkNumber"]) == ("waiting-long", 1, "wacht", world.KDV)


async def test_a_location_without_one_amount(client: httpx.AsyncClient, db: Database, api_keyring: Keyring) -> None:
    children = [marked_bsn(number) for number in range(30, 37)]
    await world.delivered(
        db, api_keyring, *(world.line(childBsn=one, lrkNumber=world.BSO) for one in children), line(), world.line(month="2026-02")
    )
    (finding,) = (await report(client))["findings"]
    kind = QUALITY["amounts-missing"]
    assert (finding["code"], finding["count"], finding["titleNl"], finding["remedyEn"]) == (kind.code, 7, kind.title_nl, kind.remedy_en)
    assert [one["lineNumber"] for one in finding["firstLines"]] == [1, 2, 3, 4, 5]
    assert not any(bsn in str(finding) for bsn in (*children, world.APPLICANT))


async def test_what_was_replaced_or_withdrawn_counts_no_more(client: httpx.AsyncClient, db: Database, api_keyring: Keyring) -> None:
    await world.delivered(db, api_keyring, line(endDate="2026-02-28"))
    await world.delivered(db, api_keyring, line(endDate="2026-12-31"))
    assert await counts(client) == {}


async def test_whether_a_person_is_known_changes_nothing(client: httpx.AsyncClient, db: Database, api_keyring: Keyring) -> None:
    await world.delivered(db, api_keyring, line(endDate="2026-02-28"), line(hours="150.00", childBsn=world.SIBLING))
    before = await report(client)
    await world.declared(db, api_keyring)
    await world.worked(db, api_keyring)
    assert await report(client) == before


async def test_each_sees_its_own_lines_alone(client: httpx.AsyncClient, db: Database, api_keyring: Keyring, problem: Problem) -> None:
    vendor = await world.mandated(db)
    await world.delivered(db, api_keyring, line(endDate="2026-02-28"))
    await world.landed(db, api_keyring, world.delivery_body([line(childBsn=world.SIBLING, endDate="2026-02-28")]), sender=vendor)
    await world.worked(db, api_keyring)
    assert await counts(client) == {"hours-after-end-date": 2}
    assert await counts(client, oin=world.VENDOR_OIN, organisationOin=world.OIN) == {"hours-after-end-date": 1}
    assert await counts(client, oin=world.OTHER_OIN) == {}
    problem(await client.get("/v1/quality", params={"month": "2026-03"}, headers=parent()), 403, "insufficient-scope")
    problem(await client.get("/v1/quality", params={"month": "2026-3"}, headers=organisation()), 400, "invalid-request")
