"""A delivery's bytes, fed as they come, become an envelope and numbered lines in constant memory.

A format is one class with `feed`, `close` and `envelope`; another one is a new file beside delivery_csv.py, delivery_json.py and
delivery_ndjson.py.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from reconcile.rules.delivery_line import DeliveryLine
from reconcile.rules.faults import UnreadableDelivery
from reconcile.rules.identifiers import is_lrk_number, is_oin
from reconcile.rules.months import Month, is_month

LINE_BYTES_MAX = 65_536
# The members of an envelope in JSON; each may be left out.
ENVELOPE_MEMBERS = frozenset({"reference", "createdAt", "organisationOin", "complete", "allOrNothing"})
# No delivery was made outside of these years; and near the ends of the calendar an offset leads out of it.
_YEARS = range(2005, 2100)


class Complete(Struct, frozen=True, kw_only=True, rename="camel"):
    """That nothing is missing for these locations in this month."""

    month: Month
    lrk_numbers: tuple[str, ...]


class Envelope(Struct, frozen=True, kw_only=True):
    """What stands around the lines. `sent_at` is createdAt; None members were not given."""

    reference: str | None = None
    sent_at: datetime | None = None
    organisation_oin: str | None = None
    complete: tuple[Complete, ...] = ()
    all_or_nothing: bool = False


class DeliveryReader(Protocol):
    """Reads one format. `feed` and `close` return the lines that became whole; both raise UnreadableDelivery."""

    def feed(self, data: bytes) -> Iterator[DeliveryLine]:
        """Take the next bytes."""
        ...

    def close(self) -> Iterator[DeliveryLine]:
        """Take the end."""
        ...

    def envelope(self) -> Envelope:
        """Return what stood around the lines, once the end was taken."""
        ...


def read_envelope(members: Mapping[str, object]) -> Envelope:
    """Read the members of an envelope in JSON. Raises UnreadableDelivery when one has the wrong form."""
    reference, oin = members.get("reference"), members.get("organisationOin")
    if reference is not None and not isinstance(reference, str):
        raise UnreadableDelivery("envelope-invalid", "reference must be text.")
    if oin is not None and not (isinstance(oin, str) and is_oin(oin)):
        raise UnreadableDelivery("envelope-invalid", "organisationOin must be an OIN of twenty positions.")
    all_or_nothing = members.get("allOrNothing", False)
    if not isinstance(all_or_nothing, bool):
        raise UnreadableDelivery("envelope-invalid", "allOrNothing must be true or false.")
    return Envelope(
        reference=reference,
        sent_at=instant(members["createdAt"]) if "createdAt" in members else None,
        organisation_oin=oin,
        complete=_complete(members.get("complete", [])),
        all_or_nothing=all_or_nothing,
    )


def instant(text: object) -> datetime:
    """Read an RFC 3339 instant with an offset, of this century. Raises UnreadableDelivery."""
    if isinstance(text, str):
        try:
            value = datetime.fromisoformat(text)
        except ValueError:
            value = None
        if value is not None and value.tzinfo is not None and "T" in text.upper() and value.year in _YEARS:
            return value
    raise UnreadableDelivery("envelope-invalid", "createdAt must be an instant with an offset, like 2026-04-02T08:15:00Z.")


def complete_month(month: object, lrk_numbers: object) -> Complete:
    """Check one statement of completeness. Raises UnreadableDelivery."""
    if not isinstance(month, str) or not is_month(month):
        raise UnreadableDelivery("envelope-invalid", "complete needs a month like 2026-03.")
    if not isinstance(lrk_numbers, list) or not all(isinstance(one, str) and is_lrk_number(one) for one in lrk_numbers):
        raise UnreadableDelivery("envelope-invalid", "complete needs lrkNumbers of nine digits each.")
    return Complete(month=month, lrk_numbers=tuple(lrk_numbers))


def _complete(value: object) -> tuple[Complete, ...]:
    if not isinstance(value, list) or not all(isinstance(one, dict) and set(one) == {"month", "lrkNumbers"} for one in value):
        raise UnreadableDelivery("envelope-invalid", "complete must be a list of {month, lrkNumbers}.")
    return tuple(complete_month(one["month"], one["lrkNumbers"]) for one in value)
