"""Where a page of a list ends that is read newest first: an instant and a number, as one text that a client hands back."""

from datetime import datetime
from uuid import UUID

from litestar.exceptions import ClientException

from reconcile.rules.delivery_file import instant
from reconcile.rules.faults import UnreadableDelivery


def place_text(at: datetime, number: UUID) -> str:
    """Return the `next` of a page, by its last row."""
    return f"{at.isoformat()}~{number}"


def place_before(before: str | None) -> tuple[datetime, UUID] | None:
    """Return the row before which the next page begins; None for the first page. Raises ClientException for any other text."""
    if before is None:
        return None
    at, _, number = before.partition("~")
    try:
        return instant(at.replace(" ", "+")), UUID(number)
    except (UnreadableDelivery, ValueError):
        raise ClientException("before must be the next of the page before.") from None
