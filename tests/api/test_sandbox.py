"""The sandbox: every published example gives its fault and no other, and whatever is delivered there reaches no household."""

from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from cli.contract import example_files
from reconcile.keyring import Keyring
from reconcile.register import make_sandbox
from reconcile.rules import fault_examples
from reconcile.rules.fault_examples import EXAMPLES, FaultExample
from reconcile.rules.faults import FAULTS
from reconcile.rules.sandbox import SANDBOX, SANDBOX_OIN
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import Problem, organisation, timeless
from tests.tables import contents

FOLDER = Path(__file__).parents[2] / "openapi" / "examples" / "faults"
CHILD, PARENT = fault_examples._CHILD, fault_examples._PARENT
# What a delivery itself leaves behind; everything else belongs to households, pilots and the register.
OF_DELIVERIES = {"delivery", "delivery_chunk", "line", "person", "organisation_audit", "organisation_audit_head", "completeness"}


@pytest.fixture(autouse=True)
async def _registered(admin: asyncpg.Connection) -> None:
    await world.with_register(admin)
    async with admin.transaction():
        await make_sandbox(admin, as_of=date(2026, 1, 1))


def test_the_published_examples_are_current() -> None:
    assert {path.name: path.read_bytes() for path in FOLDER.iterdir()} == example_files(), "run `make openapi`"


async def sent(client: httpx.AsyncClient, example: FaultExample, *, oin: str, key: str | None = None, **params: str) -> httpx.Response:
    headers = {**organisation(oin), "Content-Type": example.content_type}
    reference = example.reference or key
    headers |= {"Idempotency-Key": reference} if reference else {}
    return await client.post("/v1/deliveries", params=params, content=(FOLDER / example.file).read_bytes(), headers=headers)


def codes(outcome: dict[str, Any], lines: list[dict[str, Any]]) -> set[str]:
    if outcome["state"] == "unreadable":
        return {outcome["problem"]["code"]}
    assert outcome["state"] == "applied"
    return {fault["code"] for line in lines for fault in line["faults"]}


@pytest.mark.parametrize("code", sorted(EXAMPLES))
async def test_an_example_gives_its_fault_and_no_other(client: httpx.AsyncClient, db: Database, api_keyring: Keyring, code: str) -> None:
    """Tried by anybody in the sandbox, tried by the sandbox organisation itself, and delivered by it: always the same."""
    example = EXAMPLES[code]
    by_anybody = (await sent(client, example, oin=world.OTHER_OIN, dryRun="true", sandbox="true")).json()
    by_itself = (await sent(client, example, oin=SANDBOX_OIN, dryRun="true")).json()
    assert codes(by_anybody, by_anybody["lines"]) == {code, *example.also}
    assert by_itself == by_anybody | {"createdAt": by_itself["createdAt"]}
    taken = await sent(client, example, oin=SANDBOX_OIN, key="example-1")
    await world.worked(db, api_keyring)
    receipt = (await client.get(taken.headers["location"], headers=organisation(SANDBOX_OIN))).json()
    lines = (await client.get(taken.headers["location"] + "/lines", headers=organisation(SANDBOX_OIN))).json()["lines"]
    assert codes(receipt, lines) == {code, *example.also}
    assert timeless(lines) == by_anybody["lines"]
    permanence = FAULTS[code].permanence
    if FAULTS[code].scope == "line":
        assert {line["outcome"] for line in lines if line["faults"]} == {"parked" if permanence == "waiting" else "rejected"}


def household() -> Any:
    """A household that declares care of the examples' child at the sandbox's location, which no real one can."""
    members = [world.member(PARENT, "applicant"), world.member(CHILD, "child")]
    return world.declaration(members=members, placements=[world.care(CHILD, SANDBOX.day_care)])


@pytest.mark.parametrize("is_declared_first", [True, False])
async def test_nothing_that_the_sandbox_delivers_reaches_a_household(
    client: httpx.AsyncClient, db: Database, admin: asyncpg.Connection, api_keyring: Keyring, is_declared_first: bool
) -> None:
    line = world.line(parentBsn=PARENT, childBsn=CHILD, lrkNumber=SANDBOX.day_care, hours="150.00")
    complete = [{"month": "2026-05", "lrkNumbers": [SANDBOX.day_care]}]
    body = world.delivery_body([line | {"month": month} for month in ("2026-03", "2026-04")], complete=complete)
    headers = {**organisation(SANDBOX_OIN), "Content-Type": "application/json", "Idempotency-Key": "r1"}
    if is_declared_first:
        await world.declared(db, api_keyring, household())
        await world.worked(db, api_keyring)
    before = await contents(admin, but=OF_DELIVERIES)
    location = (await client.post("/v1/deliveries", content=body, headers=headers)).headers["location"]
    await world.worked(db, api_keyring)
    receipt = (await client.get(location, headers=organisation(SANDBOX_OIN))).json()
    assert receipt["counts"]["applied"] == 2
    assert await contents(admin, but=OF_DELIVERIES) == before
    if not is_declared_first:
        await world.declared(db, api_keyring, household())
        await world.worked(db, api_keyring)
    assert await admin.fetchval("SELECT count(*) FROM reported_hours") == 0
    assert await admin.fetchval("SELECT count(*) FROM difference") == 0


async def test_outside_of_the_sandbox_the_same_lines_would_reach_it(db: Database, admin: asyncpg.Connection, api_keyring: Keyring) -> None:
    """The test above can fail: only the mark keeps the two worlds apart."""
    await admin.execute("UPDATE organisation SET is_sandbox = false")
    await world.declared(db, api_keyring, household())
    line = world.line(parentBsn=PARENT, childBsn=CHILD, lrkNumber=SANDBOX.day_care, hours="150.00")
    body = world.delivery_body([line], complete=[{"month": "2026-05", "lrkNumbers": [SANDBOX.day_care]}])
    await world.landed(db, api_keyring, body, oin=SANDBOX_OIN)
    await world.worked(db, api_keyring)
    assert await admin.fetchval("SELECT count(*) FROM reported_hours") == 1
    assert await admin.fetchval("SELECT count(*) FROM difference") == 1


async def test_without_a_sandbox_in_the_register_that_is_said(
    client: httpx.AsyncClient, admin: asyncpg.Connection, problem: Problem
) -> None:
    await admin.execute("UPDATE organisation SET is_sandbox = false")
    problem(await sent(client, EXAMPLES["hours-invalid"], oin=world.OIN, dryRun="true", sandbox="true"), 403, "unknown-organisation")


async def test_only_a_test_oin_can_be_of_the_sandbox(admin: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await admin.execute(
            "INSERT INTO organisation (oin, kvk_number, name, is_sandbox) VALUES ('00000003000000990000', '00000099', 'Echt', true)"
        )


async def test_the_sandbox_is_made_once_however_often(admin: asyncpg.Connection) -> None:
    before = await contents(admin)
    async with admin.transaction():
        await make_sandbox(admin, as_of=date(2026, 6, 1))
    assert await contents(admin) == before
