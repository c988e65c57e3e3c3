"""What parents may answer but the tap, played by one household each: a dispute without a network, a postponement, a tap undone."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from local.chain import Chain, ChainBroken, Step
from local.region import Household, Region

_PUT_OFF = timedelta(days=7)


def who_answers_otherwise(region: Region) -> tuple[Household, Household, Household]:
    """Choose who disputes, who puts it off, and who undoes the tap afterwards: three for whom other hours were billed."""
    disputes, postpones, undoes, *_ = [one for one in region.households if "D01" in one.differs]
    return disputes, postpones, undoes


async def answer_otherwise(chain: Chain, region: Region, step: Step) -> None:
    """Play all three; who undoes has tapped, and that was processed. Raises ChainBroken when something comes to other than it should."""
    disputes, postpones, undoes = who_answers_otherwise(region)
    chain.findings.disputed_lines += await _dispute(chain, region, disputes)
    step(1)
    await _postpone(chain, postpones)
    chain.findings.postponed += 1
    step(1)
    await _undo(chain, undoes)
    chain.findings.undone += 1
    step(1)


async def _dispute(chain: Chain, region: Region, household: Household) -> int:
    """The phone had no network: it pushes what the parent said. The organisation reads which of its lines are meant."""
    difference, answer_id = chain.phone(household).open_differences()[0], str(uuid4())
    said = {
        "answerId": answer_id,
        "kind": "dispute",
        "differenceId": difference["differenceId"],
        "differenceVersion": difference["version"],
        "reason": "hours-wrong",
        "passOn": True,
        "_deleted": False,
    }
    call = chain.caller(household.login)
    conflicts = await call("POST", "/v1/sync/answers", params={"schemaVersion": "1"}, json=[{"newDocumentState": said}])
    if conflicts:
        raise ChainBroken(f"The dispute was not taken: {conflicts}")
    await _seen_as(chain, household, difference, "disputed")
    kvk_numbers = {care.location.kvk_number for care in household.cares if care.planted == "D01"}
    lines = 0
    for organisation in region.organisations:
        if organisation.kvk_number in kvk_numbers:
            lines += len((await chain.caller(organisation.oin)("GET", "/v1/disputes"))["disputes"])
    if not lines:
        raise ChainBroken("No organisation reads the dispute that was passed on to it.")
    return lines


async def _postpone(chain: Chain, household: Household) -> None:
    difference = chain.phone(household).open_differences()[0]
    until = (datetime.now(UTC) + _PUT_OFF).date()
    await chain.answer_one(household, difference, "postponement", {"until": until.isoformat()})
    await _seen_as(chain, household, difference, "postponed")


async def _undo(chain: Chain, household: Household) -> None:
    """TVS processed the change already: another one declares again what stood before it, and the difference is open once more."""
    copies = chain.phone(household).copies
    await chain.pull(household)
    change = next(one for one in copies["changes"].values() if one["kind"] == "acceptance")
    call = chain.caller(household.login)
    headers = {"Idempotency-Key": secrets.token_urlsafe(24)}
    undone = await call("POST", f"/v1/changes/{change['changeId']}/reversal", headers=headers)
    await chain.settle([undone["changeId"]], lambda _: None)
    await _seen_as(chain, household, copies["differences"][change["differenceId"]], "open")


async def _seen_as(chain: Chain, household: Household, difference: dict[str, Any], state: str) -> None:
    await chain.pull(household)
    now = chain.phone(household).copies["differences"][difference["differenceId"]]["state"]
    if now != state:
        raise ChainBroken(f"The phone of {household.login} holds a difference that is {now}, and it was answered: {state}.")
