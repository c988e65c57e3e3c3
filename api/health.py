"""Alive and ready."""

from litestar import Router, get
from litestar.di import NamedDependency
from msgspec import Struct

from reconcile.callers import Sender
from reconcile.problems import Busy
from reconcile.store.database import Database
from reconcile.store.migrator import migrations, newest_applied


class Health(Struct, frozen=True, kw_only=True):
    """State of this process."""

    status: str


@get("/live", operation_id="readLiveness")
async def live() -> Health:
    """The process runs."""
    return Health(status="alive")


@get("/ready", operation_id="readReadiness")
async def ready(db: NamedDependency[Database]) -> Health:
    """The process can do its work: the store answers and has the newest schema."""
    async with db.snapshot(Sender(oin="")) as conn:
        newest = await newest_applied(conn)
    if newest != migrations()[-1].version:
        raise Busy(f"The database is at migration {newest}. Run `kot migrate`.")
    return Health(status="ready")


health_router = Router("/health", route_handlers=[live, ready], include_in_schema=False, tags=["health"])
