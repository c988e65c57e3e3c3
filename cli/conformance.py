"""`kot conformance`: what a software vendor runs alone against the service, over its public contract and nothing else.

Every published example of a fault is tried in the sandbox and must give its code and no other; sound files must come through whole, and
what must be refused at the door is. Nothing is kept of any of it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import msgspec
import rich_click as click
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from api.media import digest_member
from cli.deliver import NO_ANSWER, NOT_TAKEN, NotTaken, bearer, credentials
from reconcile.rules.fault_examples import EXAMPLES, SOUND_FILES
from workers.senders.token import TokenRefused

ALL_PASSED, SOME_FAILED = 0, 1
_TRIED: Mapping[str, str] = {"dryRun": "true", "sandbox": "true"}
_WRONG_DIGEST = digest_member(bytes(32))


class Scenario(Struct, frozen=True, kw_only=True):
    """What to send and what must come: `expected` are the codes of faults, or the type of one problem. Nothing expected is all well."""

    name: str
    content: bytes
    headers: Mapping[str, str]
    expected: tuple[str, ...] = ()


class Result(Struct, frozen=True, kw_only=True):
    """What came of a scenario."""

    scenario: str
    expected: tuple[str, ...]
    found: tuple[str, ...]

    @property
    def has_passed(self) -> bool:
        """What came is what was expected, and no more."""
        return self.expected == self.found


def scenarios() -> Sequence[Scenario]:
    """Return all of them, in the order in which they are run."""
    sound = [
        Scenario(name=f"sound {suffix}", content=text.encode(), headers={"Content-Type": content_type})
        for suffix, (content_type, text) in SOUND_FILES.items()
    ]
    faulty = [
        Scenario(
            name=one.file,
            content=one.text.encode(),
            headers={"Content-Type": one.content_type, **({"Idempotency-Key": one.reference} if one.reference else {})},
            expected=tuple(sorted((code, *one.also))),
        )
        for code, one in sorted(EXAMPLES.items())
    ]
    content_type, text = SOUND_FILES["csv"]
    refused = [
        ("another type", {"Content-Type": "text/plain"}, "unsupported-media-type"),
        ("another encoding", {"Content-Type": content_type, "Content-Encoding": "br"}, "unsupported-media-type"),
        ("a broken gzip", {"Content-Type": content_type, "Content-Encoding": "gzip"}, "invalid-request"),
        ("another digest", {"Content-Type": content_type, "Content-Digest": _WRONG_DIGEST}, "digest-mismatch"),
    ]
    at_the_door = [
        Scenario(name=name, content=text.encode(), headers=headers, expected=(f"/v1/problems/{slug}",)) for name, headers, slug in refused
    ]
    return [*sound, *faulty, *at_the_door]


@click.command()
@credentials
@click.option("--json", "as_json", is_flag=True, help="For machines: every scenario as one JSON array.")
def conformance(url: str, as_json: bool, **options: Any) -> None:  # noqa: ANN401  # as the terminal gave them
    """Run every published scenario in the sandbox, and say which passed. Nothing is kept.

    Ends with 0 when all passed, 1 when one did not, 2 without access, 3 when nobody answered.
    """
    console = Console(stderr=as_json, highlight=False)
    try:
        results = asyncio.run(_run(url.rstrip("/"), options))
    except (NotTaken, TokenRefused) as refusal:
        console.print(f"[red]No access.[/] {refusal}", soft_wrap=True)
        raise SystemExit(NOT_TAKEN) from None
    except httpx.HTTPError as error:
        console.print(f"[red]Nobody answered[/] ({type(error).__name__}: {error}).", soft_wrap=True)
        raise SystemExit(NO_ANSWER) from None
    if as_json:
        click.echo(msgspec.json.encode([{**msgspec.to_builtins(one), "passed": one.has_passed} for one in results]))
    else:
        _print(console, results)
    raise SystemExit(ALL_PASSED if all(one.has_passed for one in results) else SOME_FAILED)


async def _run(url: str, options: Mapping[str, Any]) -> Sequence[Result]:
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        http.headers["Authorization"] = f"Bearer {await bearer(http, options)}"
        if options["organisation_oin"]:
            http.params = httpx.QueryParams(organisationOin=options["organisation_oin"])
        return [await _tried(http, one) for one in scenarios()]


async def _tried(http: httpx.AsyncClient, scenario: Scenario) -> Result:
    answer = await http.post("/v1/deliveries", params=_TRIED, content=scenario.content, headers=dict(scenario.headers))
    if answer.status_code >= 500:
        answer.raise_for_status()
    document: dict[str, Any] = answer.json()
    if answer.status_code in (401, 403):
        raise NotTaken(f"{document.get('title', '')} {document.get('detail', '')}".strip())
    return Result(scenario=scenario.name, expected=scenario.expected, found=_found(answer.status_code, document))


def _found(status: int, document: Mapping[str, Any]) -> tuple[str, ...]:
    if status != httpx.codes.OK:
        return (str(document.get("type")),)
    if document["problem"]:
        return (str(document["problem"]["code"]),)
    return tuple(sorted({str(fault["code"]) for line in document["lines"] for fault in line["faults"]}))


def _print(console: Console, results: Sequence[Result]) -> None:
    table = Table("scenario", "expected", "found", "")
    for one in results:
        mark = "[green]passed[/]" if one.has_passed else "[red]failed[/]"
        table.add_row(one.scenario, " ".join(one.expected) or "all well", " ".join(one.found) or "all well", mark)
    console.print(table)
    failed = sum(not one.has_passed for one in results)
    console.print(f"{len(results)} scenarios, {failed} failed." if failed else f"{len(results)} scenarios, all passed.")
