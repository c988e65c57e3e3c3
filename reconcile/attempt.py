"""Verb: note a delivery that was refused at the door, so that its sender sees it afterwards: what was wrong, and never what was in it."""

from collections.abc import Sequence

from reconcile.callers import Organisation
from reconcile.store import attempts as store
from reconcile.store.attempts import Attempt, Refused
from reconcile.store.database import Connection

# Of each sender for each organisation; older ones give way.
KEPT_MAX = 200


async def note_attempt(conn: Connection, organisation: Organisation, refused: Refused) -> None:
    """Keep one attempt, and no more than the newest of its sender."""
    owner, sender_oin = organisation.organisation_id, organisation.sender_oin
    await store.insert_attempt(conn, owner, sender_oin, refused)
    await store.drop_attempts_beyond(conn, owner, sender_oin, KEPT_MAX)


async def attempts_of(conn: Connection, organisation: Organisation) -> Sequence[Attempt]:
    """Return the attempts that are kept, newest first; a vendor sees its own."""
    return await store.attempts_of_organisation(conn, organisation.organisation_id)
