"""Verb: find the person and the one household for which a parent's token speaks, be it the person's own or a proxy's."""

from collections.abc import Sequence

import msgspec
from msgspec import structs

from reconcile.callers import Parent, Visitor
from reconcile.problems import HouseholdUnclear
from reconcile.rules.months import Month
from reconcile.store.database import Connection
from reconcile.store.households import lock_household, record_read
from reconcile.store.people import households_of_login, link_login, login_exists


async def known_parent(conn: Connection, visitor: Visitor, *, this_month: Month) -> Parent | None:
    """Return for whom a visitor acts whose pseudonym is tied to a person already; None when it is not.

    Raises HouseholdUnclear when the person is applicant or partner in no household or in several.
    """
    parents = await households_of_login(conn, visitor.issuer, visitor.subject, this_month)
    if not parents:
        if not await login_exists(conn, visitor.issuer, visitor.subject):
            return None
        # Tied since by another request of the same first visit: a phone sends several at once.
        parents = await households_of_login(conn, visitor.issuer, visitor.subject, this_month)
    return _the_one(parents, visitor)


async def identify_parent(conn: Connection, visitor: Visitor, *, this_month: Month) -> Parent:
    """Tie a pseudonym, on its first visit, to the person that its identity claim proves, and return for whom that person acts.

    Raises HouseholdUnclear when nobody is proved, or the person is applicant or partner in no household or in several.
    """
    if visitor.bsn_index is not None:
        await link_login(conn, visitor.issuer, visitor.subject, visitor.bsn_index)
    return _the_one(await households_of_login(conn, visitor.issuer, visitor.subject, this_month), visitor)


async def record_visit(conn: Connection, parent: Parent) -> None:
    """Chain in the household's audit that somebody who represents a parent reads its data from now on."""
    await lock_household(conn, parent.household_id)
    await record_read(conn, parent.household_id, msgspec.json.encode({"action": "read", **parent.audited}).decode())


def _the_one(parents: Sequence[Parent], visitor: Visitor) -> Parent:
    if len(parents) != 1:
        raise HouseholdUnclear(
            "This login does not belong to the applicant or partner of exactly one childcare allowance. "
            "Ask Dienst Toeslagen which allowance you can see here."
        )
    return structs.replace(parents[0], proxy=visitor.proxy)
