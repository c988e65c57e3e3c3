"""Query of `faults.sql`."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from reconcile.store.database import Connection
from reconcile.store.queries import load

SQL = load("faults")


class Finding(Struct, frozen=True, kw_only=True):
    """Lines with one root cause; `examples` and `faults` are JSON text: the first lines, and every fault that these lines have."""

    outcome: str
    code: str
    field: str | None
    lines: int
    examples: str
    faults: str


async def fault_findings(
    conn: Connection, organisation_id: UUID, delivery_id: UUID, waiting_codes: Sequence[str], *, last_code: str
) -> Sequence[Finding]:
    """Return the findings of a delivery, the one with most lines first and that of `last_code` last.

    Never more than there are codes and fields.
    """
    rows = await conn.fetch(SQL["fault_findings"], organisation_id, delivery_id, waiting_codes, last_code)
    return [Finding(**row) for row in rows]
