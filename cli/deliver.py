"""`kot deliver`: send or try an organisation's file, follow it, and print the receipt and the faults by root cause.

Safe to repeat: the same file under the same reference gives the first receipt.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec
import rich_click as click
from joserfc.errors import JoseError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from api.media import digest_member
from cli.outcome import Outcome, print_outcome
from workers.senders.token import ClientCredentials, TokenRefused

_CHUNK_BYTES = 65_536
_LOOK_S = 0.3
_MEDIA_TYPES = {
    ".json": "application/json",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".csv": "text/csv",
}
# Exit codes, for scripts: every line stands; some lines have faults; nothing was taken; nobody answered.
ALL_WELL, SOME_FAULTS, NOT_TAKEN, NO_ANSWER = 0, 1, 2, 3


class NotTaken(Exception):
    """The service refused the delivery; the message is its own."""


_CREDENTIALS = (
    click.option("--url", envvar="KOT_URL", required=True, help="Address of the API. [KOT_URL]"),
    click.option("--organisation-oin", help="For a vendor: the organisation that the delivery is of, which mandated you."),
    click.option("--issuer", envvar="KOT_ISSUER", help="Issuer of access tokens. [KOT_ISSUER]"),
    click.option("--client-id", envvar="KOT_CLIENT_ID", help="Your client at the issuer. [KOT_CLIENT_ID]"),
    click.option(
        "--client-key",
        envvar="KOT_CLIENT_KEY",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Private JWK of your client. [KOT_CLIENT_KEY]",
    ),
)


def credentials(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say where the service is and who asks."""
    for option in reversed(_CREDENTIALS):
        command = option(command)
    return command


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--reference", help="Your reference of this delivery; the file's own hash when left out.")
@click.option("--created-at", help="CSV: when the file was made, like 2026-04-02T08:15:00Z; now when left out.")
@click.option("--charset", type=click.Choice(["utf-8", "windows-1252"]), default="utf-8", show_default=True, help="CSV: its characters.")
@credentials
@click.option("--dry-run", is_flag=True, help="Try it: say what would become of it (10,000 lines at most), and keep nothing.")
@click.option("--lines", "with_lines", is_flag=True, help="Print every faulty line too, not only what is wrong by root cause.")
@click.option("--json", "as_json", is_flag=True, help="For machines: the receipt, the findings and the faulty lines as one JSON object.")
def deliver(file: Path, url: str, as_json: bool, with_lines: bool, **options: Any) -> None:  # noqa: ANN401  # as the terminal gave them
    """Send FILE (.json, .ndjson, .jsonl or .csv) as a delivery.

    Ends with 0 when every line stands, 1 when lines have faults, 2 when nothing was taken, 3 when nobody answered. An access token
    may also be given in KOT_TOKEN. Sending again is safe.
    """
    console = Console(stderr=as_json, highlight=False)
    if file.suffix.lower() not in _MEDIA_TYPES:
        raise click.ClickException(f"The file's name must end in {', '.join(_MEDIA_TYPES)}.")
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").digest()
    options |= {"size": file.stat().st_size, "reference": options["reference"] or f"sha256-{digest.hex()[:48]}", "digest": digest}
    options |= {"with_lines": with_lines or as_json}
    try:
        outcome = asyncio.run(_deliver(file, url.rstrip("/"), options, console))
    except NotTaken as refusal:
        console.print(f"[red]Not taken.[/] {refusal}", soft_wrap=True)
        raise SystemExit(NOT_TAKEN) from None
    except TokenRefused as refusal:
        console.print(f"[red]Not taken.[/] No access token: {refusal}. Check --issuer, --client-id and --client-key.", soft_wrap=True)
        raise SystemExit(NOT_TAKEN) from None
    except httpx.HTTPError as error:
        console.print(f"[red]Nobody answered[/] ({type(error).__name__}: {error}). Send the file again: that is safe.", soft_wrap=True)
        raise SystemExit(NO_ANSWER) from None
    if as_json:
        click.echo(msgspec.json.encode(outcome))
    else:
        print_outcome(console, outcome)
    raise SystemExit(NOT_TAKEN if outcome.receipt["state"] == "unreadable" else SOME_FAULTS if outcome.findings else ALL_WELL)


async def _deliver(file: Path, url: str, options: Mapping[str, Any], console: Console) -> Outcome:
    columns = (TextColumn("{task.description:<12}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn())
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        http.headers["Authorization"] = f"Bearer {await bearer(http, options)}"
        if options["organisation_oin"]:
            http.params = httpx.QueryParams(organisationOin=options["organisation_oin"])
        with Progress(*columns, console=console) as progress:
            receipt = await _send(http, file, options, progress)
            if options["dry_run"]:
                return _tried(receipt, with_lines=options["with_lines"])
            receipt = await _follow(http, receipt, progress)
        address = f"/v1/deliveries/{receipt['duplicateOf'] or receipt['deliveryId']}"
        findings = _taken(await http.get(f"{address}/faults"))["findings"]
        lines = await _faulty_lines(http, address, receipt) if options["with_lines"] else []
        return Outcome(receipt=receipt, findings=findings, lines=lines)


def _tried(trial: dict[str, Any], *, with_lines: bool) -> Outcome:
    lines, findings = trial.pop("lines"), trial.pop("findings")
    return Outcome(receipt=trial, findings=findings, lines=[line for line in lines if with_lines and line["faults"]])


async def bearer(http: httpx.AsyncClient, options: Mapping[str, Any]) -> str:
    """Return an access token: the one in KOT_TOKEN, or one that the issuer gives. Raises NotTaken, TokenRefused."""
    if token := os.environ.get("KOT_TOKEN"):
        return token
    if not (options["issuer"] and options["client_id"] and options["client_key"]):
        raise NotTaken("Give --issuer, --client-id and --client-key, or an access token in KOT_TOKEN.")
    try:
        key = msgspec.json.decode(options["client_key"].read_bytes(), type=dict[str, Any])
        fetch = ClientCredentials(http, issuer=options["issuer"], client_id=options["client_id"], key=key, scope="kot:deliver")
    except (msgspec.MsgspecError, JoseError, ValueError):
        raise NotTaken("--client-key is no private key of a P-256 client, as a JWK.") from None
    return (await fetch()).access_token


async def _send(http: httpx.AsyncClient, file: Path, options: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    task = progress.add_task("sending", total=options["size"] or 1)
    media_type = _MEDIA_TYPES[file.suffix.lower()]
    is_csv = media_type == "text/csv"
    headers = {
        "Idempotency-Key": options["reference"],
        "Content-Type": f"{media_type}; charset={options['charset']}" if is_csv else media_type,
        # Refused, and nothing kept, when other bytes arrive.
        "Content-Digest": digest_member(options["digest"]),
    }
    params = {"createdAt": options["created_at"]} if is_csv and options["created_at"] else {}
    params |= {"dryRun": "true"} if options["dry_run"] else {}

    async def pieces() -> AsyncIterator[bytes]:
        with file.open("rb") as content:
            while piece := content.read(_CHUNK_BYTES):
                yield piece
                progress.advance(task, len(piece))

    return _taken(await http.post("/v1/deliveries", content=pieces(), headers=headers, params=params))


async def _follow(http: httpx.AsyncClient, receipt: dict[str, Any], progress: Progress) -> dict[str, Any]:
    task = progress.add_task("applying", total=None)
    while receipt["state"] not in ("applied", "unreadable", "withdrawn"):
        done = receipt["progress"]
        progress.update(task, total=done["linesRead"] or None, completed=done["linesDone"])
        await asyncio.sleep(_LOOK_S)
        receipt = _taken(await http.get(f"/v1/deliveries/{receipt['deliveryId']}"))
    progress.update(task, total=1, completed=1)
    return receipt


async def _faulty_lines(http: httpx.AsyncClient, address: str, receipt: dict[str, Any]) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for outcome in ("rejected", "parked"):
        after: int | None = 0
        while after is not None and receipt["counts"][outcome]:
            page = _taken(await http.get(f"{address}/lines", params={"outcome": outcome, "after": after, "limit": 1000}))
            lines += page["lines"]
            after = page["next"]
    return sorted(lines, key=lambda line: int(line["lineNumber"]))


def _taken(answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code >= 500:
        answer.raise_for_status()
    document: dict[str, Any] = answer.json()
    if answer.status_code >= 400:
        raise NotTaken(f"{document.get('title', '')} {document.get('detail', '')}".strip())
    return document
