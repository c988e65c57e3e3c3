"""The guide for the maker of an app: every request in it is sent, in its order, and answered as it says."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import msgspec

from reconcile.keyring import Keyring
from reconcile.settings import Settings
from reconcile.store.database import Database
from tests.api.conftest import parent
from tests.api.test_parents import proxy
from tests.clients.conftest import OtherSide

GUIDE = (Path(__file__).parents[2] / "openapi" / "guide.md").read_text(encoding="utf-8")
_PART = re.compile(r"<!-- meanwhile: deliver (second child )?(\S+) -->|```http\n(.*?)```", re.DOTALL)
Known = dict[str, Any]


def filled(text: str, known: Known) -> str:
    """Put in what earlier answers gave; a name that nobody gave is a number that the app makes."""
    return re.sub(r"\{([a-zA-Z]+[0-9]?)\}", lambda found: str(known.setdefault(found[1], str(uuid4()))), text)


def learn(known: Known, answer: Any) -> None:
    """Keep every number, version and the like of an answer by its name; of several the first."""
    for name, value in reversed(list(_scalars(answer))):
        known[name] = value


def _scalars(node: Any) -> Iterator[tuple[str, Any]]:
    for name, value in node.items() if isinstance(node, dict) else ():
        if isinstance(value, str | int):
            yield name, value
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _scalars(value)


def fits(told: Any, answer: Any) -> bool:
    """Whether an answer has what the guide tells of it; lists have as many members."""
    if told == "…":
        return answer is not None
    if isinstance(told, dict):
        return isinstance(answer, dict) and all(name in answer and fits(value, answer[name]) for name, value in told.items())
    if isinstance(told, list):
        return isinstance(answer, list) and len(told) == len(answer) and all(map(fits, told, answer))
    return bool(told == answer)


async def test_every_request_of_the_guide(settings: Settings, db: Database, admin: asyncpg.Connection, api_keyring: Keyring) -> None:
    other_side = OtherSide(settings, db, admin, api_keyring)
    await other_side.begin()
    known: Known = {"proxy": proxy(exp=int(time.time()) + 600)["Authorization"].removeprefix("Bearer ")}
    statuses = []
    transport = httpx.ASGITransport(app=other_side.app())  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as http:
        for second, hours, example in _PART.findall(GUIDE):
            if hours:
                await other_side.deliver(hours, "second" if second else "first")
            else:
                statuses.append(await _try(http, example, known))
    assert {200, 201, 204, 401, 403, 409, 410, 412, 426, 428} <= set(statuses)


async def _try(http: httpx.AsyncClient, example: str, known: Known) -> int:
    asked, _, told = example.partition("\n→ ")
    head, _, body = asked.strip().partition("\n\n")
    first, *lines = filled(head, known).splitlines()
    method, path = first.split(" ")
    headers = parent(exp=int(time.time()) + 600) | dict(line.split(": ", 1) for line in lines)
    answer = await http.request(method, path, headers=headers, content=filled(body, known).encode() or None)
    status, _, form = told.strip().partition("\n")
    assert answer.status_code == int(status), f"{example}\n{answer.text}"
    if form:
        document = answer.json()
        assert fits(msgspec.json.decode(filled(form, known)), document), f"{example}\n{answer.text}"
        learn(known, document)
    known["etag"] = answer.headers.get("etag", "")
    return answer.status_code


def test_every_status_of_the_guide_s_table_is_of_the_contract() -> None:
    contract = msgspec.json.decode((Path(__file__).parents[2] / "openapi" / "openapi.json").read_bytes())
    table = GUIDE.partition("## What to do after a refusal")[2]
    told = set(re.findall(r"\b[45][0-9]{2}\b", "\n".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| "))))
    of_parents = {
        status
        for item in contract["paths"].values()
        for operation in item.values()
        if "kot:app" in str(operation["security"]) or "Scope: kot:app" in operation["description"]
        for status in operation["responses"]
        if status >= "400"
    }
    assert of_parents - {"413"} <= told
    assert told <= of_parents | {"429"}
