"""Verb: have everybody judged anew when it may come out otherwise though nothing was delivered, declared or answered.

That is so after another rule book was activated, and when a month begins: quarters are over, ends that were announced have come, new care
grows too old for a tap. Within a month the judgement is the same, whatever the day.
"""

from reconcile.rules.months import Month
from reconcile.store import comparisons, households, marking
from reconcile.store.database import Connection


async def mark_next_households(conn: Connection, this_month: Month, *, households_max: int) -> bool:
    """Mark what the next households have to be judged anew; False when nothing is left to mark.

    Safe to repeat and to cut off: how far it came is remembered. Only what can differ is marked: child-years that are unequal somewhere,
    have an open difference or a missing line.
    """
    await marking.insert_month(conn, this_month)
    open_marking = await marking.lock_marking(conn)
    if open_marking is None:
        return False
    page = await households.household_page(conn, open_marking.marked_until, households_max)
    if page:
        await comparisons.mark_comparisons(conn, await comparisons.reported_child_years(conn, page))
        await comparisons.mark_missing_lines_of_households(conn, page)
    await marking.record_marked(conn, open_marking.number, page[-1] if page else open_marking.marked_until, is_done=not page)
    return True
