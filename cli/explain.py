"""`kot explain`: why a household was told what it was told."""

import asyncio
import getpass
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import msgspec
import rich_click as click
from rich.console import Console

from cli.doorway import settings_for
from cli.explanation import print_explanation
from reconcile.adopt import ActiveBookAway
from reconcile.callers import Explainer
from reconcile.explain import ExplainedDifference, explain_difference
from reconcile.problems import Busy, NotFound
from reconcile.rulebook import Books, books_of
from reconcile.store.connections import StoreAway
from reconcile.store.database import Database, Role

_AWAY = (asyncpg.PostgresError, OSError, StoreAway, Busy)


class _Instant(click.ParamType):
    """An instant with its offset from UTC: without one it would be another instant on another machine."""

    name = "instant"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read an instant, or end with a sentence that shows one."""
        try:
            instant = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value} is no instant such as 2026-03-31T17:00:00+02:00.", param, ctx)
        if instant.tzinfo is None:
            self.fail(f"{value} does not say how far from UTC it is: 2026-03-31T17:00:00+02:00 does.", param, ctx)
        return instant.astimezone(UTC)


@click.command()
@click.argument("difference_id", metavar="DIFFERENCE", type=click.UUID)
@click.option("--version", "version", type=click.IntRange(min=1), help="The version to explain; the newest by default.")
@click.option("--as-of", "instant", type=_Instant(), help="Explain what stood at this instant, and judge as of it too.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def explain(difference_id: UUID, version: int | None, instant: datetime | None, as_json: bool) -> None:
    """Explain a difference: what was declared and reported, by which rule, and what came of it.

    It is judged again from what was known then; ends with 1 when that says something else than was told. That you read it stands in the
    audit of the household.
    """
    settings = settings_for("database_url_explain")
    books = books_of(settings.rule_books_folder)
    try:
        found = asyncio.run(_explain(settings.database_url_explain, books, difference_id, version, instant))
    except NotFound as refusal:
        raise click.ClickException(refusal.detail) from None
    except ActiveBookAway as away:
        raise click.ClickException(str(away)) from None
    except _AWAY as error:
        raise click.ClickException(f"Nothing was read: the database answered {type(error).__name__}.") from None
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        # A name or a reason of somebody else may look like markup.
        print_explanation(Console(markup=False, highlight=False), found)
    raise SystemExit(0 if found.recomputation.is_equal else 1)


async def _explain(url: str, books: Books, difference_id: UUID, version: int | None, instant: datetime | None) -> ExplainedDifference:
    explainer = Explainer(login=getpass.getuser())
    db = await Database.connect({Role.EXPLAIN: url}, connections_max=1)
    try:
        # What is read is shown only when the audit of it is committed.
        async with db.transaction(explainer) as conn:
            return await explain_difference(conn, explainer, difference_id, books=books, version=version, instant=instant)
    finally:
        await db.close()
