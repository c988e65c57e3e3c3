"""Verb: find the person and the one household for which a parent's token speaks."""

from reconcile.callers import Parent, Visitor
from reconcile.problems import HouseholdUnclear
from reconcile.rules.months import Month
from reconcile.store.database import Connection
from reconcile.store.people import households_of_login, link_login, login_exists


async def identify_parent(conn: Connection, visitor: Visitor, *, this_month: Month) -> Parent:
    """Return for whom a visitor acts; on the first visit its pseudonym is tied to the person that its identity claim proves.

    Raises HouseholdUnclear when the person is unknown, or is applicant or partner in no household or in several.
    """
    if visitor.bsn_index is not None and not await login_exists(conn, visitor.issuer, visitor.subject):
        await link_login(conn, visitor.issuer, visitor.subject, visitor.bsn_index)
    parents = await households_of_login(conn, visitor.issuer, visitor.subject, this_month)
    if len(parents) != 1:
        raise HouseholdUnclear(
            "This login does not belong to the applicant or partner of exactly one childcare allowance. "
            "Ask Dienst Toeslagen which allowance you can see here."
        )
    return parents[0]
