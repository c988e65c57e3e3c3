"""`python -m local run` and `python -m local demo`: set up a region, play the chain, and stay up or end."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

import asyncpg
import httpx
import uvloop
from rich.markup import escape

from local.binaries import BinaryMissing
from local.chain import Chain, ChainBroken
from local.lrk_file import register_file
from local.other_answers import answer_otherwise, who_answers_otherwise
from local.privileges import CannotDropPrivileges
from local.processes import ProcessFailed
from local.region import Household, Region, sample_region
from local.region_files import DeliveryFile, declarations_file, delivery_files, own_file, probe_file, undisputed_household
from local.run import AlreadyRunning, Run, WrongSetting
from local.servers import ServerFailed
from local.show import closing_table, console, step

SEED = 20230301  # the first day of the pilot
_POSTGRES_MIN = 15
_FOLDER = Path(__file__).parent.parent / ".local" / "run"
_PROBLEMS = (AlreadyRunning, BinaryMissing, CannotDropPrivileges, ChainBroken, ProcessFailed, ServerFailed, WrongSetting)


def main() -> None:
    """Play; `run` stays up until Ctrl-C, `demo` ends after the table."""
    stays = sys.argv[1:] == ["run"]
    if not stays and sys.argv[1:] != ["demo"]:
        raise SystemExit("Use `make run` or `make demo`.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # A shell starts what it puts in the background with SIGINT ignored; it ends us there too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Run(_FOLDER, environ=os.environ) as run:
            play(run, sample_region(SEED, datetime.now(UTC).date()), stays=stays)
    except _PROBLEMS as error:
        console.print(f"[bold red]It did not work.[/] {escape(str(error))}")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        console.print("Everything that was started is stopped.")


def play(run: Run, region: Region, *, stays: bool) -> None:
    """Start everything, play the chain, show the table, and stay if asked."""
    began = monotonic()
    with step("Starting PostgreSQL and Valkey"):
        run.start_servers()
        asyncio.run(_refuse_unfit(run.database_url))
    files = _write_files(run, region)
    with step("Migrations and the register of locations"):
        run.kot("keyring", "create", str(run.folder / "keyring.json"))
        run.kot("migrate")
        run.kot("register", "import", str(run.folder / "lrk.csv"), "--oin-prefix", "00000099")
    with step("Starting API, worker and counterparties"):
        run.start_counterparties()
        run.start_product()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        chain = runner.run(_play(run, region, files))
    console.print(closing_table(chain.findings, region.planted(), monotonic() - began))
    if stays:
        _stay(run, region)


async def _play(run: Run, region: Region, files: Sequence[Sequence[DeliveryFile]]) -> Chain:
    limits = httpx.Limits(max_connections=32)
    async with httpx.AsyncClient(timeout=30, limits=limits) as http:
        chain = Chain(run, region, http)
        declarations = (run.folder / "declarations.ndjson").read_bytes().splitlines()
        with step("TVS hands over declarations", len(declarations)) as move:
            await chain.declare(declarations, move)
        with step("Parents install the app", len(region.households)) as move:
            await chain.install(move)
        for name, round_ in zip(("deliver their months", "correct, repeat and come late"), files, strict=True):
            with step(f"Organisations {name}", len(round_)) as move:
                await chain.deliver(round_, lambda _, move=move: move(1))  # type: ignore[misc]  # bound at once
        await chain.count_outcomes()
        with step("Every phone pulls", len(region.households)) as move:
            await chain.look(move)
        with step("A manager draws and releases two stages", 2) as move:
            await chain.pilot((len(region.households) // 4, len(region.households)), move)
        with step("Phones are told", sum(region.planted().values())) as move:
            await chain.hear(move)
        with step("One more delivery, timed"):
            await chain.probe(*_probe(region))
        disputes, postpones, _ = who_answers_otherwise(region)
        taps = [one for one in region.households if one.differs and one not in (disputes, postpones)]
        with step("Parents take over with one tap", len(taps)) as move:
            changes = await chain.answer(taps, move)
        with step("TVS processes the changes", len(changes)) as move:
            await chain.settle(changes, move)
        with step("Three parents answer otherwise", 3) as move:
            await answer_otherwise(chain, region, move)
    return chain


def _probe(region: Region) -> tuple[Household, DeliveryFile]:
    household = undisputed_household(region)
    return household, probe_file(region, household)


def _write_files(run: Run, region: Region) -> Sequence[Sequence[DeliveryFile]]:
    (run.folder / "lrk.csv").write_bytes(register_file(region))
    (run.folder / "declarations.ndjson").write_bytes(declarations_file(region))
    files = delivery_files(region, SEED)
    deliveries = run.folder / "deliveries"
    deliveries.mkdir()
    for round_ in files:
        for file in round_:
            (deliveries / file.name).write_bytes(file.content)
    run.prepare(region, run.folder / "declarations.ndjson")
    return files


async def _refuse_unfit(database_url: str) -> None:
    """Raise WrongSetting when the database cannot be reached, is too old, or already holds households: the play would mix with them."""
    try:
        conn = await asyncpg.connect(database_url, timeout=10)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
        raise WrongSetting(f"The database of DATABASE_URL does not answer: {error or type(error).__name__}") from None
    try:
        if conn.get_server_version().major < _POSTGRES_MIN:
            raise WrongSetting(f"The database of DATABASE_URL is older than PostgreSQL {_POSTGRES_MIN}. Name a newer one.")
        has_schema = await conn.fetchval("SELECT to_regclass('kot.household') IS NOT NULL")
        if has_schema and await conn.fetchval("SELECT EXISTS (SELECT FROM kot.household)"):
            raise WrongSetting("The database of DATABASE_URL already holds households. Name an empty one, or leave DATABASE_URL out.")
    finally:
        await conn.close()


def _stay(run: Run, region: Region) -> None:
    file = own_file(region)
    sample = run.folder / "deliveries" / file.name
    sample.write_bytes(file.content)
    console.print(f"\nThe API stays up at [bold]{run.api_url}[/]; its contract is {run.api_url}/v1/openapi.json.", soft_wrap=True)
    console.print("Deliver a file yourself, in another terminal:")
    console.print(
        f"  .venv/bin/kot deliver {sample} --url {run.api_url} --issuer {run.issuer_url}"
        f" --client-id {file.oin} --client-key {run.folder / 'client-key.json'} --reference {file.reference}",
        soft_wrap=True,
    )
    console.print("Ctrl-C stops everything that was started.")
    while True:
        run.check()
        sleep(1)


if __name__ == "__main__":
    main()
