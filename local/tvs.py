"""A stub of the allowance system TVS, as a process of its own: `python -m local.tvs FOLDER`.

It holds the declarations that it handed over, takes events at /events, reads the change behind each, declares it in a new version
and sends the receipt. It knows an event that comes twice, keeps the order of a household, and tries again what did not arrive.
"""

import asyncio
import contextlib
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import uvicorn
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from litestar import Litestar, Request, Response, get, post

from local.clients import machine_token
from reconcile.rules.facts import MonthSpan, Segment
from reconcile.rules.quantities import hundredths_text, parse_hundredths
from reconcile.rules.segments import cut, lay_over, merge

EVENT_TYPES = ("nl.kot-uren.change-accepted.v1", "nl.kot-uren.change-reversed.v1")
_RETRY_S = 0.5
_TOKEN_RENEW_S = 600.0
# A household whose reference ends like this is refused, so that the play can show a refusal.
REFUSED_SUFFIX = "-refused"


class TvsFolder(msgspec.Struct, frozen=True, rename="camel"):
    """What TVS knows: addresses, its client and key, and the file of its declarations."""

    url: str
    api_url: str
    issuer: str
    client_id: str
    key: dict[str, Any]
    declarations_file: str


class Tvs:
    """The declarations, and the events that are being worked on."""

    def __init__(self, known: TvsFolder) -> None:
        self._known = known
        lines = Path(known.declarations_file).read_bytes().splitlines()
        self._declared: dict[str, dict[str, Any]] = {one["householdRef"]: one for one in map(msgspec.json.decode, lines)}
        self._seen: set[str] = set()
        self._queues: dict[str, asyncio.Queue[dict[str, Any]]] = defaultdict(asyncio.Queue)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._http = httpx.AsyncClient(timeout=10, limits=httpx.Limits(max_connections=8))
        self._token = ""
        self._token_at = -_TOKEN_RENEW_S
        self._keys: KeySet | None = None
        self.processed = 0
        self.refused = 0

    async def close(self) -> None:
        """Stop working on events."""
        for task in self._tasks.values():
            task.cancel()
        await self._http.aclose()

    async def is_allowed(self, authorization: str) -> bool:
        """Tell whether a bearer token was made for TVS by the issuer."""
        if self._keys is None:
            self._keys = KeySet.import_key_set((await self._http.get(f"{self._known.issuer}/jwks")).json())
        try:
            claims = jwt.decode(authorization.removeprefix("Bearer "), self._keys, algorithms=["ES256"]).claims
        except (JoseError, ValueError):
            return False
        return claims.get("aud") == "tvs" and claims.get("exp", 0) > time.time() and "tvs:changes" in str(claims.get("scope")).split()

    def take(self, event: dict[str, Any]) -> None:
        """Take an event; the same id again is known already."""
        if event["id"] in self._seen:
            return
        self._seen.add(event["id"])
        household_ref = event["subject"]
        self._queues[household_ref].put_nowait(event)
        if household_ref not in self._tasks:
            self._tasks[household_ref] = asyncio.create_task(self._work(household_ref))

    async def _work(self, household_ref: str) -> None:
        queue = self._queues[household_ref]
        while not queue.empty():
            event = queue.get_nowait()
            while True:
                try:
                    await self._process(event)
                    break
                except (httpx.HTTPError, KeyError):
                    await asyncio.sleep(_RETRY_S)
        del self._tasks[household_ref]

    async def _process(self, event: dict[str, Any]) -> None:
        change = (await self._call("GET", event["dataref"])).json()
        if change["householdRef"].endswith(REFUSED_SUFFIX):
            await self._receipt(event, {"outcome": "refused", "reason": "De toeslag is beëindigd."})
            self.refused += 1
            return
        declared = self._declared[change["householdRef"]]
        if change["state"] in ("staged", "sent"):
            renewed = with_change(declared, change)
            await self._call("POST", f"{self._known.api_url}/v1/declarations", msgspec.json.encode(renewed), "application/x-ndjson")
            self._declared[change["householdRef"]] = declared = renewed
            await self._receipt(event, {"outcome": "processed", "declarationVersion": declared["version"]})
        self.processed += 1

    async def _receipt(self, event: dict[str, Any], receipt: dict[str, Any]) -> None:
        url = f"{self._known.api_url}/v1/changes/{event['id']}/receipts"
        await self._call("POST", url, msgspec.json.encode(receipt), "application/json")

    async def _call(self, method: str, url: str, content: bytes | None = None, media_type: str = "") -> httpx.Response:
        if time.monotonic() - self._token_at > _TOKEN_RENEW_S:
            self._token = await machine_token(self._http, self._known.issuer, self._known.client_id, self._known.key)
            self._token_at = time.monotonic()
        headers = {"Authorization": f"Bearer {self._token}"} | ({"Content-Type": media_type} if media_type else {})
        answer = await self._http.request(method, url, content=content, headers=headers)
        return answer.raise_for_status()


def with_change(declared: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Return the next version of a declaration, with a change laid over; a place of which nothing is left is no longer declared."""
    placements = []
    for placement in declared["placements"]:
        mine = [
            one for one in change["placements"] if (one["childRef"], one["lrkNumber"]) == (placement["childRef"], placement["lrkNumber"])
        ]
        segments = [_segment(one) for one in placement["segments"]]
        for one in mine:
            kept = cut(segments, [_months(months) for months in one["undeclared"]])
            segments = list(merge(lay_over(kept, [_segment(segment) for segment in one["segments"]])))
        end_date = next((one["endDate"] for one in mine if one["endDate"] or one["endUndone"]), placement.get("endDate"))
        if segments:
            placements.append({**placement, "endDate": end_date, "segments": [_document(one) for one in segments]})
    known = {(placement["childRef"], placement["lrkNumber"]) for placement in declared["placements"]}
    begun = [one for one in change["placements"] if one["segments"] and (one["childRef"], one["lrkNumber"]) not in known]
    placements += [_begun(one) for one in begun]
    return {**declared, "version": declared["version"] + 1, "placements": placements}


def _begun(one: dict[str, Any]) -> dict[str, Any]:
    """Return a place that was not declared before: care begins with its first segment."""
    return {
        "childRef": one["childRef"],
        "lrkNumber": one["lrkNumber"],
        "startDate": f"{one['segments'][0]['from']}-01",
        "endDate": one["endDate"],
        "segments": one["segments"],
    }


def _months(one: dict[str, Any]) -> MonthSpan:
    return MonthSpan(from_month=one["from"], until_month=one["until"])


def _segment(one: dict[str, Any]) -> Segment:
    return Segment(
        from_month=one["from"],
        until_month=one.get("until"),
        hours_hundredths=parse_hundredths(one["hours"]) or 0,
        hourly_rate_cents=parse_hundredths(one["hourlyRate"]) or 0,
    )


def _document(one: Segment) -> dict[str, Any]:
    return {
        "from": one.from_month,
        "until": one.until_month,
        "hours": hundredths_text(one.hours_hundredths),
        "hourlyRate": hundredths_text(one.hourly_rate_cents),
    }


def create_app(known: TvsFolder) -> Litestar:
    """Wire TVS."""
    tvs: Tvs

    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        nonlocal tvs
        tvs = Tvs(known)
        yield
        await tvs.close()

    @post("/events", status_code=202)
    async def take_event(request: Request[Any, Any, Any]) -> Response[None]:
        if not await tvs.is_allowed(request.headers.get("Authorization", "")):
            return Response(None, status_code=401)
        message = HTTPMessage(headers=dict(request.headers), body=await request.body())
        event = from_http_event(message)
        if event.get_type() not in EVENT_TYPES:
            return Response(None, status_code=422)
        tvs.take({"id": event.get_id(), "subject": event.get_subject(), "dataref": event.get_extension("dataref")})
        return Response(None, status_code=202)

    @get("/state", sync_to_thread=False)
    def state() -> dict[str, int]:
        return {"processed": tvs.processed, "refused": tvs.refused}

    return Litestar([take_event, state], lifespan=[lifespan], openapi_config=None)


def main() -> None:
    """Serve what the folder says until stopped."""
    known = msgspec.json.decode(Path(sys.argv[1], "tvs.json").read_bytes(), type=TvsFolder)
    place = urlsplit(known.url)
    uvicorn.run(create_app(known), host=place.hostname or "127.0.0.1", port=place.port or 80, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
