"""Verb: open again what was postponed until today, and tell of it again: the parent asked for that."""

from datetime import datetime

import msgspec
from msgspec import Struct

from reconcile.announce import tell
from reconcile.rules.months import day_at
from reconcile.rules.postponement import told_from
from reconcile.store import differences, households, postponements
from reconcile.store.database import Connection


class Reopened(Struct, frozen=True, kw_only=True):
    """In how many households something was opened again, and how many notices that made."""

    households: int
    notices: int


async def reopen_postponed(conn: Connection, *, as_of: datetime, households_max: int) -> Reopened:
    """Open what was postponed until the day of `as_of` in the Netherlands, or an earlier one, for at most so many households.

    None are left when `households` is 0, but those that another writer holds: they are left for the next call. Safe to repeat.
    """
    today = day_at(as_of)
    locked = await postponements.lock_due_households(conn, today, households_max)
    reopened = await postponements.reopen_differences(conn, locked, today) if locked else ()
    if not reopened:
        return Reopened(households=0, notices=0)
    await differences.keep_difference_versions(conn, [one.household_id for one in reopened], [one.difference_id for one in reopened])
    told = await tell(conn, reopened, again_from=told_from(today))
    touched = sorted({one.household_id for one in reopened})
    events = [
        msgspec.json.encode(
            {
                "action": "reopened",
                "actor": "rules",
                "differenceIds": [one.difference_id for one in reopened if one.household_id == household_id],
                "noticeIds": told.get(household_id, ()),
            }
        ).decode()
        for household_id in touched
    ]
    await households.record_changes(conn, touched, events)
    return Reopened(households=len(touched), notices=sum(len(ids) for ids in told.values()))
