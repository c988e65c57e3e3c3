"""The chain, played once in front of the reader: declarations, deliveries, differences, answers, processed changes.

Every party acts over HTTP with its own token. What comes back is held against what the region planted.
"""

import asyncio
import secrets
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any, TypeVar

import httpx
import msgspec
from msgspec import Struct

from local.clients import machine_token, person_token
from local.phone import Call, Phone
from local.region import Household, Region
from local.region_files import DeliveryFile
from local.run import MANAGER_LOGIN, TVS_CLIENT, Run

# Told how much of a step was done, so that its bar can move.
T = TypeVar("T")
Step = Callable[[int], None]
AT_ONCE = 16
_WAIT_S = 60.0
_LOOK_S = 0.1
_DECLARATIONS_A_REQUEST = 500
_JSON = {"Content-Type": "application/json"}


class ChainBroken(Exception):
    """A step of the chain did not happen; the message says which."""


class Findings(Struct, kw_only=True):
    """What the chain came to."""

    outcomes: Counter[str]
    differences: Counter[str]
    notices: int = 0
    accepted: int = 0
    processed: int = 0
    disputed_lines: int = 0
    postponed: int = 0
    undone: int = 0
    pushed_after_s: float = 0.0
    visible_after_s: float = 0.0


class Chain:
    """The parties and their tokens."""

    def __init__(self, run: Run, region: Region, http: httpx.AsyncClient) -> None:
        self._run = run
        self._region = region
        self._http = http
        self._tokens: dict[str, str] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._phones = {household.login: Phone(f"phone-{household.login}") for household in region.households}
        self._pushes: dict[str, list[str]] = defaultdict(list)
        self._pushes_read = 0
        self.findings = Findings(outcomes=Counter(), differences=Counter())

    async def declare(self, declarations: Sequence[bytes], step: Step) -> None:
        """TVS hands over its declarations."""
        for start in range(0, len(declarations), _DECLARATIONS_A_REQUEST):
            part = declarations[start : start + _DECLARATIONS_A_REQUEST]
            answer = await self._call(
                TVS_CLIENT, "POST", "/v1/declarations", content=b"\n".join(part), headers={"Content-Type": "application/x-ndjson"}
            )
            if answer["applied"] != len(part):
                raise ChainBroken(f"{len(part) - answer['applied']} declarations were not applied: {answer['faults'][:3]}")
            step(len(part))

    async def deliver(self, files: Sequence[DeliveryFile], step: Step) -> None:
        """Organisations send a round of deliveries, several at once, and each waits for the outcome of its own."""
        await self._all(files, self._deliver_one, step)

    async def _deliver_one(self, file: DeliveryFile) -> int:
        receipt = await self._send(file)
        until = monotonic() + _WAIT_S
        while receipt["state"] != "applied":
            if receipt["state"] == "unreadable" or monotonic() > until:
                raise ChainBroken(f"{file.name} is {receipt['state']}: {receipt['problem']}")
            await asyncio.sleep(_LOOK_S)
            receipt = await self._call(file.oin, "GET", f"/v1/deliveries/{receipt['deliveryId']}")
        counts = {name: count for name, count in receipt["counts"].items() if count and name != "received"}
        if counts != {name: count for name, count in file.expected.items() if count}:
            raise ChainBroken(f"{file.name} came to {counts}, and {dict(file.expected)} was expected.")
        return receipt["counts"]["received"]

    async def _send(self, file: DeliveryFile) -> dict[str, Any]:
        headers = {"Idempotency-Key": file.reference, "Content-Type": file.media_type}
        params = {"createdAt": file.created_at.isoformat()} if file.dialect == "csv" else {}
        return await self._call(file.oin, "POST", "/v1/deliveries", content=file.content, headers=headers, params=params)

    async def count_outcomes(self) -> None:
        """Every organisation reads the receipts of its deliveries."""
        for organisation in self._region.organisations:
            page = await self._call(organisation.oin, "GET", "/v1/deliveries", params={"limit": "1000"})
            for receipt in page["deliveries"]:
                self.findings.outcomes.update({**receipt["counts"], "deliveries": 1})

    async def install(self, step: Step) -> None:
        """Every parent installs the app: it registers the phone."""

        async def one(household: Household) -> int:
            await self.phone(household).register(self.caller(household.login))
            return 1

        await self._all(self._region.households, one, step)

    async def look(self, step: Step) -> None:
        """Every phone pulls, until together they hold what was planted."""
        until = monotonic() + _WAIT_S
        expected = self._region.planted()
        looking: Sequence[Household] = self._region.households
        while True:
            await self._all(looking, self.pull, step if len(looking) == len(self._region.households) else _silent)
            seen = {household.login: self._kinds(household) for household in self._region.households}
            found = Counter(kind for kinds in seen.values() for kind in kinds)
            if dict(found) == dict(expected):
                break
            if monotonic() > until:
                raise ChainBroken(f"The phones hold {dict(found)}, and {dict(expected)} was planted.")
            looking = [one for one in looking if seen[one.login] != list(one.differs)]
        self.findings.differences = found

    async def pilot(self, sizes: Sequence[int], step: Step) -> None:
        """A manager makes a pilot and draws, releases and checks one stage after the other."""
        pilot = await self._manage("/v1/pilots", {"name": "Proef"})
        for number, size in enumerate(sizes, start=1):
            path = f"/v1/pilots/{pilot['pilotId']}/stages"
            drawn = await self._manage(path, {"size": size, "mode": "immediate"})
            if drawn["added"] != size - (sizes[number - 2] if number > 1 else 0):
                raise ChainBroken(f"Stage {number} added {drawn['added']} households, to {size} in all.")
            await self._manage(f"{path}/{number}/release", None)
            step(1)

    async def hear(self, step: Step) -> None:
        """Wait until every phone that has something to hear heard of it, once, and of nothing that it cannot read."""
        told = [one for one in self._region.households if self.phone(one).differences_to_hear()]
        until = monotonic() + _WAIT_S
        shown = 0
        while shown < len(told):
            await self._read_pushes()
            heard = sum(bool(self._heard(one)) for one in told)
            step(heard - shown)
            shown = heard
            if monotonic() > until:
                raise ChainBroken(f"{heard} phones were told, and {len(told)} have something to hear.")
        await self._all(told, self.pull, _silent)
        for household in told:
            if self._heard(household) != set(self.phone(household).copies["notices"]):
                raise ChainBroken(f"The phone of {household.login} heard other notices than it can read.")
        self.findings.notices = sum(len(set(heard)) for heard in self._pushes.values())
        if self.findings.notices != len(told):
            raise ChainBroken(f"{self.findings.notices} notices were heard for {len(told)} differences.")

    async def probe(self, household: Household, file: DeliveryFile) -> None:
        """One more delivery, timed: from the moment it landed until the phone is told, and holds the difference."""
        phone = self.phone(household)
        await self._token(file.oin)  # fetched before the clock runs
        await self._send(file)
        landed = monotonic()
        while not self._heard(household):
            await self._read_pushes()
            if monotonic() - landed > _WAIT_S:
                raise ChainBroken("The phone was not told of the last delivery.")
        self.findings.pushed_after_s = monotonic() - landed
        await self.pull(household)
        if not phone.open_differences():
            raise ChainBroken("The phone was told of a difference that it cannot read.")
        self.findings.visible_after_s = monotonic() - landed

    async def answer(self, households: Sequence[Household], step: Step) -> Sequence[str]:
        """Parents take over with one tap what their phones hold; return the numbers of the changes."""
        changes: list[str] = []

        async def tap(household: Household) -> int:
            for difference in self.phone(household).open_differences():
                accepted = await self.answer_one(household, difference, "acceptance")
                changes.append(accepted["changeId"])
            return 1

        await self._all(households, tap, step)
        self.findings.accepted = len(changes)
        return changes

    async def answer_one(self, household: Household, difference: Mapping[str, Any], kind: str, said: object = None) -> dict[str, Any]:
        """Answer a difference as the phone holds it, online; return the answer of the API."""
        headers = {
            "If-Match": f'"d{difference["differenceId"]}-v{difference["version"]}"',
            "Idempotency-Key": secrets.token_urlsafe(24),
        }
        path = f"/v1/differences/{difference['differenceId']}/{kind}"
        return await self._call(household.login, "POST", path, headers=headers, json=said)

    async def settle(self, changes: Sequence[str], step: Step) -> None:
        """Wait until TVS says that it processed these as well, and hold that against what the product says of each."""
        until = monotonic() + _WAIT_S
        before, shown = self.findings.processed, 0
        while shown < len(changes):
            processed = (await self._http.get(f"{self._run.tvs_url}/state")).json()["processed"] - before
            step(processed - shown)
            shown = processed
            if monotonic() > until:
                raise ChainBroken(f"TVS processed {processed} of {len(changes)} changes.")
            await asyncio.sleep(_LOOK_S)
        await self._all(changes, self._settled, _silent)

    async def _settled(self, change_id: str) -> int:
        change = await self._call(TVS_CLIENT, "GET", f"/v1/changes/{change_id}")
        if change["state"] != "processed":
            raise ChainBroken(f"Change {change_id} is {change['state']}, and TVS processed it.")
        self.findings.processed += 1
        return 1

    async def pull(self, household: Household) -> int:
        """The phone of a household brings its copy up to date."""
        await self.phone(household).pull(self.caller(household.login))
        return 1

    def phone(self, household: Household) -> Phone:
        """Return the phone of a household."""
        return self._phones[household.login]

    def _kinds(self, household: Household) -> list[str]:
        return [one["kind"] for one in self.phone(household).open_differences()]

    def _heard(self, household: Household) -> set[str]:
        return set(self._pushes.get(self.phone(household).token, ()))

    async def _read_pushes(self) -> None:
        """Read what the push service took since the last time; it answers as soon as there is something."""
        answer = await self._http.get(f"{self._run.fcm_url}/received", params={"after": str(self._pushes_read), "wait": "0.5"})
        for one in answer.json():
            self._pushes[one["token"]].append(one["noticeId"])
            self._pushes_read = one["sequence"]

    async def _manage(self, path: str, body: object) -> dict[str, Any]:
        return await self._call(MANAGER_LOGIN, "POST", path, json=body, headers={"Idempotency-Key": secrets.token_urlsafe(24)})

    def caller(self, who: str) -> Call:
        """Return what sends requests with the token of one party."""
        return partial(self._call, who)

    async def _all(self, things: Sequence[T], work: Callable[[T], Awaitable[int]], step: Step) -> None:
        async def one(thing: T) -> None:
            async with self._gate:
                step(await work(thing))

        try:
            async with asyncio.TaskGroup() as group:
                for thing in things:
                    group.create_task(one(thing))
        except* ChainBroken as broken:
            raise broken.exceptions[0] from None

    async def _token(self, who: str) -> str:
        if who not in self._tokens:
            if who == TVS_CLIENT or who.startswith("00000099"):
                self._tokens[who] = await machine_token(self._http, self._run.issuer_url, who, self._run.client_key)
            else:
                self._tokens[who] = await person_token(self._http, self._run.issuer_url, who)
        return self._tokens[who]

    async def _call(
        self,
        who: str,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        token = await self._token(who)
        answer = await self._http.request(
            method,
            f"{self._run.api_url}{path}",
            content=content if json is None else msgspec.json.encode(json),
            params=params or None,
            headers={**(headers or {}), **({} if json is None else _JSON), "Authorization": f"Bearer {token}"},
        )
        if answer.status_code >= 400:
            raise ChainBroken(f"{method} {path} answered {answer.status_code}: {answer.text}")
        result: dict[str, Any] = answer.json()
        return result


def _silent(_: int) -> None:
    """A step that moves no bar."""
