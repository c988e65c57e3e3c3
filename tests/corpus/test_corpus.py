"""Every case of the corpus gets its answer, tried and in earnest; nothing becomes a fault of ours, changes a household or leaks a value."""

import json
import logging
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from api.app import create_app
from cli.doorway import JsonLines
from reconcile.keyring import Keyring
from reconcile.rules.bsn import is_bsn, marked_bsn
from reconcile.rules.faults import FAULTS
from reconcile.settings import Settings
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import OneKey, organisation, settings, timeless
from tests.corpus.cases import CANARY, FILE_CASES, GROUPS, LINE_CASES, FileCase, LineCase, absent
from tests.serving import serving
from tests.tables import contents

__all__ = ["settings"]
# What a delivery itself leaves behind: everything else must stay as it was.
OF_DELIVERIES = {"delivery", "delivery_attempt", "delivery_chunk", "line", "person", "organisation_audit", "organisation_audit_head"}
_JSON_LINES = JsonLines()


class Witness:
    """Sends requests to the real application and keeps every answer, to be searched for what must not be there."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.answers: list[tuple[str, str]] = []
        self.faults_of_ours: list[str] = []

    async def ask(self, method: str, path: str, name: str, **request: Any) -> httpx.Response:
        answer = await self._http.request(method, path, **request)
        self.answers.append((name, f"{answer.headers} {answer.text}"))
        if answer.status_code >= 500:
            self.faults_of_ours.append(name)
        return answer


@pytest_asyncio.fixture
async def witness(settings: Settings, db: Database, admin: asyncpg.Connection) -> AsyncIterator[Witness]:
    await world.with_register(admin)
    app = create_app(settings, db, world.nobody, keys=OneKey(), clock=lambda: world.NOW)
    async with serving(app) as served, httpx.AsyncClient(base_url=served.url, timeout=60) as http:
        yield Witness(http)


@pytest.fixture
def keyring(settings: Settings) -> Keyring:
    """The keyring of the application."""
    return Keyring(Path(settings.keyring_file).read_bytes())


def leaks(witness: Witness, caplog: pytest.LogCaptureFixture, bsns: set[str]) -> list[str]:
    """Return the beginnings of the answers and log records that have a canary or a BSN of the corpus."""
    # The client's own log names the addresses that it asked.
    logged = [(one.name, _JSON_LINES.format(one)) for one in caplog.records if not one.name.startswith(("httpx", "httpcore"))]
    assert logged
    return [
        f"{name}: {text[:300]}"
        for name, text in [*witness.answers, *logged]
        if CANARY in text or bsns & set(re.findall(r"(?<![0-9])[0-9]{9}(?![0-9])", text))
    ]


def bsns_in(text: str) -> set[str]:
    """Return the BSNs that a text has, but those that are the number of a location of the register."""
    locations = {world.KDV, world.BSO, world.VGO, world.ELSEWHERE}
    return {one for one in re.findall(r"(?<![0-9])[0-9]{9}(?![0-9])", text) if is_bsn(one)} - locations


def codes_of(lines: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [tuple(fault["code"] for fault in line["faults"]) for line in lines]


def outcome_of(codes: Sequence[str]) -> str:
    waits = bool(codes) and all(FAULTS[code].permanence == "waiting" for code in codes)
    return "parked" if waits else "rejected" if codes else "applied"


def line_of(number: int, case: LineCase) -> dict[str, Any]:
    """The sound line with the change of a case, about people of its own."""
    sound = world.line(parentBsn=marked_bsn(210_000 + number), childBsn=marked_bsn(220_000 + number))
    return {name: value for name, value in {**sound, **case.change}.items() if not absent(value)}


def test_the_corpus_is_large_and_no_case_stands_in_it_twice() -> None:
    names = [one.name for one in FILE_CASES]
    assert len(LINE_CASES) + len(FILE_CASES) >= 400
    assert len(names) == len(set(names))


def test_every_code_of_a_line_or_a_delivery_is_in_the_corpus() -> None:
    of_lines = {code for case in LINE_CASES for code in case.codes} | {
        code for case in FILE_CASES for codes in case.lines for code in codes
    }
    of_files = {case.unreadable for case in FILE_CASES if case.unreadable}
    assert of_lines == {kind.code for kind in FAULTS.values() if kind.scope == "line"}
    assert of_files == {kind.code for kind in FAULTS.values() if kind.scope == "delivery"}


async def test_every_line_gets_its_answer(
    witness: Witness, db: Database, admin: asyncpg.Connection, keyring: Keyring, caplog: pytest.LogCaptureFixture
) -> None:
    """All cases of lines are one delivery, so that one line never spoils another."""
    caplog.set_level(logging.INFO)
    await world.declared(db, keyring)
    before = await contents(admin, but=OF_DELIVERIES)
    body = json.dumps({"createdAt": world.NOW.isoformat(), "lines": [line_of(*one) for one in enumerate(LINE_CASES)]}).encode()
    headers = {**organisation(), "Content-Type": "application/json"}
    trial = (await witness.ask("POST", "/v1/deliveries?dryRun=true", "trial", content=body, headers=headers)).json()
    taken = await witness.ask("POST", "/v1/deliveries", "delivery", content=body, headers={**headers, "Idempotency-Key": "lines"})
    await world.worked(db, keyring)
    location = taken.headers["location"]
    lines = (await witness.ask("GET", f"{location}/lines?limit=1000", "lines", headers=organisation())).json()["lines"]
    found = (await witness.ask("GET", f"{location}/faults", "faults", headers=organisation())).json()
    wrong = [
        (case.name, codes, line["outcome"])
        for case, codes, line in zip(LINE_CASES, codes_of(lines), lines, strict=True)
        if codes != case.codes or line["outcome"] != outcome_of(case.codes)
    ]
    assert wrong == []
    assert (trial["lines"], trial["findings"]) == (timeless(lines), found["findings"])
    assert found["faultyLines"] == sum(bool(case.codes) for case in LINE_CASES)
    assert await contents(admin, but=OF_DELIVERIES) == before
    assert witness.faults_of_ours == []
    assert "\n".join(leaks(witness, caplog, bsns_in(body.decode()))) == ""


async def send(witness: Witness, case: FileCase, headers: Mapping[str, str], *, key: str | None) -> httpx.Response:
    """Send a case: in earnest under a key, or as a trial without one."""
    headers = {**headers, "Content-Type": case.content_type, **({"Idempotency-Key": key} if key else {}), **case.headers}
    params = {**({} if key else {"dryRun": "true"}), **case.params}
    return await witness.ask("POST", "/v1/deliveries", case.name, content=case.body, headers=headers, params=params)


def amiss(case: FileCase, answer: httpx.Response, outcome: dict[str, Any], lines: Sequence[dict[str, Any]]) -> str | None:
    """Say what is not as the case wants it."""
    if case.problem is not None:
        told = (answer.status_code, str(outcome.get("type")).removeprefix("/v1/problems/"))
        return None if told == case.problem else f"{case.name}: {told} instead of {case.problem}"
    told_code = (outcome.get("problem") or {}).get("code")
    if case.unreadable is not None:
        return None if (outcome.get("state"), told_code) == ("unreadable", case.unreadable) else f"{case.name}: {told_code}"
    told_lines = tuple(codes_of(lines))
    return None if outcome.get("state") == "applied" and told_lines == case.lines else f"{case.name}: {told_code} {told_lines}"


@pytest.mark.parametrize("group", GROUPS)
async def test_every_file_gets_its_answer_and_its_trial_the_same(
    witness: Witness, db: Database, admin: asyncpg.Connection, keyring: Keyring, caplog: pytest.LogCaptureFixture, group: str
) -> None:
    caplog.set_level(logging.INFO)
    await world.declared(db, keyring)
    before = await contents(admin, but=OF_DELIVERIES)
    problems: list[str | None] = []
    headers = organisation()
    taken: list[tuple[FileCase, httpx.Response]] = []
    for number, case in enumerate(GROUPS[group]):
        # A key that is wrong, and what is asked of a trial alone, cannot be asked in the other way.
        if (
            "Idempotency-Key" not in case.headers
            and not {"dryRun", "sandbox"} & set(case.params)
            and case.unreadable != "reference-mismatch"
        ):
            tried = await send(witness, case, headers, key=None)
            problems.append(amiss(case, tried, tried.json(), tried.json().get("lines", [])))
        answer = await send(witness, case, headers, key=f"case-{number}")
        if answer.status_code in (200, 202):
            taken.append((case, answer))
        else:
            problems.append(amiss(case, answer, answer.json(), []))
    await world.worked(db, keyring)
    page = await witness.ask("GET", "/v1/deliveries?limit=1000", "receipts", headers=headers)
    receipts = {f"/v1/deliveries/{one['deliveryId']}": one for one in page.json()["deliveries"]}
    for case, answer in taken:
        receipt = receipts[answer.headers["location"]]
        address = f"/v1/deliveries/{receipt['duplicateOf'] or receipt['deliveryId']}/lines"
        lines = (await witness.ask("GET", address, case.name, headers=headers)).json()["lines"] if case.lines else []
        problems.append(amiss(case, answer, receipt, lines))
    found = [one for one in problems if one]
    assert not found, "\n".join(found)
    assert await contents(admin, but=OF_DELIVERIES) == before
    assert await admin.fetchval("SELECT count(*) FROM delivery WHERE state NOT IN ('applied', 'unreadable')") == 0
    assert witness.faults_of_ours == []
    bsns = set().union(*(bsns_in(case.body.decode("utf-8", "replace")) for case in GROUPS[group]))
    assert "\n".join(leaks(witness, caplog, bsns)) == ""
