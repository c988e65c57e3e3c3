"""`kot verify`: prove that what is stored follows from the facts."""

import asyncio
import getpass
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import asyncpg
import msgspec
import rich_click as click
from msgspec import Struct
from rich.console import Console
from rich.progress import Progress

from cli.doorway import settings_for
from reconcile.adopt import ActiveBookAway
from reconcile.callers import Explainer
from reconcile.problems import Busy
from reconcile.rulebook import Books, books_of
from reconcile.store.connections import StoreAway
from reconcile.store.database import Database, Role
from reconcile.store.verification import household_count
from reconcile.verify import Finding, VerifiedDeliveries, VerifiedHouseholds, verify_deliveries, verify_households
from workers.deliveries import utc_now

# So many at a time: a snapshot lasts a second or so, and a page takes some megabytes whatever the size of the whole.
_HOUSEHOLDS_MAX = 200
_DELIVERIES_MAX = 200
# Beyond this many the rest only repeats what is wrong.
_FINDINGS_MAX = 1_000


class Verified(Struct, kw_only=True, rename="camel"):
    """What was verified and what does not follow, of which at most a thousand are named."""

    households: int = 0
    differences: int = 0
    deliveries: int = 0
    waiting: int = 0
    aged: int = 0
    broken: int = 0
    findings: list[Finding] = []

    def add(self, found: Sequence[Finding]) -> None:
        """Count what does not follow, and keep the first of it."""
        self.broken += len(found)
        self.findings += found[: _FINDINGS_MAX - len(self.findings)]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def verify(as_json: bool) -> None:
    """Judge every household again and hold it against what is stored. Ends with 1 when anything does not follow from the facts.

    Reads page by page beside the service, and shows nobody's data: numbers alone. `kot explain` shows one difference, `kot audit verify`
    proves the audit chains.
    """
    settings = settings_for("database_url_explain")
    try:
        verified = asyncio.run(_verify(settings.database_url_explain, books_of(settings.rule_books_folder), quiet=as_json))
    except ActiveBookAway as away:
        raise click.ClickException(str(away)) from None
    except (asyncpg.PostgresError, OSError, StoreAway, Busy) as error:
        raise click.ClickException(f"It was not verified to the end: the database answered {type(error).__name__}.") from None
    if as_json:
        click.echo(msgspec.json.encode(verified))
    else:
        for one in verified.findings:
            differs = f" ({', '.join(one.differs)})" if one.differs else ""
            click.echo(f"Broken: {one.rule}{differs}: {one.subject_id or ''} of {one.owner_id}.")
        click.echo(
            f"{verified.households} households with {verified.differences} open differences and {verified.deliveries} deliveries:"
            f" {verified.broken or 'nothing'} broken; {verified.waiting} child-years wait to be judged, {verified.aged} aged by date alone."
        )
    raise SystemExit(1 if verified.broken else 0)


async def _verify(url: str, books: Books, *, quiet: bool) -> Verified:
    db = await Database.connect({Role.EXPLAIN: url}, connections_max=1)
    explainer = Explainer(login=getpass.getuser())
    verified = Verified()
    try:
        async with db.snapshot(explainer) as conn:
            total = await household_count(conn)
        with Progress(console=Console(stderr=True), disable=quiet) as progress:
            bar = progress.add_task("households", total=total)
            async for page in _households(db, explainer, books):
                verified.households += page.households
                verified.differences += page.differences
                verified.waiting += page.waiting
                verified.aged += page.aged
                verified.add(page.findings)
                progress.advance(bar, page.households)
            bar = progress.add_task("deliveries", total=None)
            async for counted in _deliveries(db, explainer):
                verified.deliveries += counted.deliveries
                verified.add(counted.findings)
                progress.advance(bar, counted.deliveries)
        return verified
    finally:
        await db.close()


async def _households(db: Database, explainer: Explainer, books: Books) -> AsyncIterator[VerifiedHouseholds]:
    after: UUID | None = None
    while True:
        async with db.snapshot(explainer) as conn:
            page = await verify_households(conn, books, as_of=utc_now(), after=after, households_max=_HOUSEHOLDS_MAX)
        if page.last is None:
            return
        after = page.last
        yield page


async def _deliveries(db: Database, explainer: Explainer) -> AsyncIterator[VerifiedDeliveries]:
    after: tuple[UUID, UUID] | None = None
    while True:
        async with db.snapshot(explainer) as conn:
            page = await verify_deliveries(conn, after=after, deliveries_max=_DELIVERIES_MAX)
        if page.last is None:
            return
        after = page.last
        yield page
