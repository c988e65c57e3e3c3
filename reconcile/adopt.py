"""Verb: which rule book is active, and how another one becomes it: by an approved report of what the change does, and never otherwise."""

from datetime import datetime
from uuid import UUID

import msgspec

from reconcile.problems import NotFound
from reconcile.rulebook import Books, NoSuchBook
from reconcile.rules.book_file import BookRefused
from reconcile.rules.months import day_at
from reconcile.rules.rule_book import PublishedBook, RuleBook
from reconcile.store import rule_books
from reconcile.store.database import Connection
from reconcile.store.rule_books import Activation, BookNotTaken

_WHY: dict[str, str] = {
    "rule_activation_without_report": "There is no report of this number.",
    "rule_activation_of_another_book": "The report is about another book, or about another content of this one.",
    "rule_activation_from_another_book": "The report is stale: it compares with a book that is not the active one.",
    "rule_activation_report_stale": "The report is stale: it is more than two weeks old.",
    "rule_activation_not_approved": "The report is not approved.",
    "rule_activation_by_one_person": "Who approved the report cannot activate the book: it takes two.",
    "rule_activation_report_once": "The report was used before. Compare again: much may have changed since.",
    "rule_activation_pkey": "Another book was activated at this very moment.",
    "rule_activation_by_somebody": "Say who activates the book: an OIN and a role, without spaces.",
    "rule_approval_by_somebody": "Say who approves the report: an OIN and a role, without spaces.",
}


class ActivationRefused(Exception):
    """A book was not activated or a report not approved; the message says why."""


class ActiveBookAway(Exception):
    """The active rule book is not among those of this process: another release activated it, or its file was changed since."""


async def active_rules(conn: Connection, books: Books, as_of: datetime) -> RuleBook:
    """Return the rules of the book that is active now, as far as they are known at `as_of`. Raises ActiveBookAway."""
    return _rules(books, await rule_books.active_activation(conn), as_of)


async def book_at(conn: Connection, instant: datetime, books: Books) -> RuleBook:
    """Return the rules that were active at an instant, as far as they were known then. Raises ActiveBookAway."""
    return _rules(books, await rule_books.activation_at(conn, instant), instant)


async def approve_report(conn: Connection, report_id: UUID, *, approved_by: str) -> None:
    """Record that somebody read a report and finds that the change may be made. Raises NotFound and ActivationRefused."""
    try:
        approved = await rule_books.approve_rule_report(conn, report_id, approved_by)
    except BookNotTaken as error:
        raise ActivationRefused(_WHY[error.constraint]) from None
    if approved is None:
        raise NotFound("There is no report of this number that is still to be approved.")
    await record_step(conn, "approved", approved_by, report_id)


async def activate_book(conn: Connection, book: PublishedBook, *, report_id: UUID, activated_by: str) -> None:
    """Make a book the active one; every household is judged by it soon. The database refuses it without an approved report.

    Raises ActivationRefused.
    """
    try:
        await rule_books.activate_book(conn, book.version, book.sha256, report_id, activated_by)
    except BookNotTaken as error:
        raise ActivationRefused(_WHY[error.constraint]) from None
    await record_step(conn, "activated", activated_by, report_id)


async def record_step(conn: Connection, action: str, actor: str, report_id: UUID) -> None:
    """Add a step of a change of rule books to their audit chain."""
    await rule_books.lock_rule_audit(conn)
    await rule_books.record_rule_event(conn, msgspec.json.encode({"action": action, "actor": actor, "reportId": str(report_id)}).decode())


def _rules(books: Books, activation: Activation | None, instant: datetime) -> RuleBook:
    if activation is None:
        raise ActiveBookAway("No rule book is active. `kot migrate` activates the first one.")
    try:
        book = books.book(activation.version)
    except (NoSuchBook, BookRefused) as error:
        raise ActiveBookAway(f"Rule book {activation.version} is active and cannot be used here. {error}") from None
    if book.sha256 != activation.book_sha256:
        raise ActiveBookAway(
            f"Rule book {activation.version} was changed since it was activated. Put it back, and give the new one a version."
        )
    return book.known_at(day_at(instant))
