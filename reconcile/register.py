"""Verbs: bring the register in step with a snapshot of the LRK open data, and put the sandbox beside it."""

from datetime import date

from reconcile.rules.register_file import RegisterSnapshot
from reconcile.rules.sandbox import SANDBOX_PREFIX, sandbox_register
from reconcile.store import register as store
from reconcile.store.database import Connection


async def import_register(conn: Connection, snapshot: RegisterSnapshot, *, content_sha256: bytes, as_of: date, oin_prefix: str) -> None:
    """Add and renew organisations, locations and holdings as the snapshot of `as_of` shows them; safe to repeat.

    The file holds the present alone: a holder that it no longer names ended the day before. An organisation's OIN is `oin_prefix`
    (00000003 for numbers of the trade register, 00000099 in tests), the KvK number and 0000 (Logius, OIN system).
    """
    await _add(conn, snapshot, as_of=as_of, oin_prefix=oin_prefix)
    lrk_numbers = [lrk_number for lrk_number, _ in snapshot.holdings]
    kvk_numbers = [kvk_number for _, kvk_number in snapshot.holdings]
    await store.end_holdings(conn, lrk_numbers, kvk_numbers, as_of)
    await store.begin_holdings(conn, lrk_numbers, kvk_numbers, as_of)
    await store.record_register_import(conn, content_sha256, as_of, len(snapshot.locations))


async def make_sandbox(conn: Connection, *, as_of: date) -> None:
    """Add the organisations and locations of the sandbox; safe to repeat. Whatever is delivered there reaches no household."""
    snapshot = sandbox_register()
    await _add(conn, snapshot, as_of=as_of, oin_prefix=SANDBOX_PREFIX)
    kvk_numbers = [holder.kvk_number for holder in snapshot.holders]
    await store.mark_sandbox(conn, kvk_numbers)
    await store.begin_holdings(conn, [one for one, _ in snapshot.holdings], [holder for _, holder in snapshot.holdings], as_of)


async def _add(conn: Connection, snapshot: RegisterSnapshot, *, as_of: date, oin_prefix: str) -> None:
    await store.upsert_organisations(
        conn,
        [f"{oin_prefix}{holder.kvk_number}0000" for holder in snapshot.holders],
        [holder.kvk_number for holder in snapshot.holders],
        [holder.name for holder in snapshot.holders],
    )
    await store.upsert_locations(conn, snapshot.locations, as_of)
