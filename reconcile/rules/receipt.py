"""The receipt of a delivery in its canonical form: what its sender can keep, compare and have signed.

Once a delivery is done nothing in it changes any more: not when a parked line comes alive, not when a later delivery replaces lines.
Another form gets another name in `form`, so that an old hash can always be derived again.
"""

import hashlib
from datetime import UTC, datetime
from uuid import UUID

from msgspec import Struct

from reconcile.rules.canonical import canonical_json

FORM = "kot-uren/receipt/1"


class LineCounts(Struct, frozen=True, kw_only=True):
    """Lines by outcome at the moment at which the last one had its outcome."""

    received: int
    applied: int
    unchanged: int
    superseded: int
    parked: int
    rejected: int


class ReceiptFacts(Struct, frozen=True, kw_only=True):
    """What a receipt says. Without counts it is of a duplicate, or of a delivery that could not be read (`problem_code`)."""

    delivery_id: UUID
    organisation_oin: str
    sender_oin: str
    reference: str
    format: str
    received_at: datetime
    created_at: datetime | None
    finished_at: datetime | None
    content_sha256: bytes
    byte_count: int
    duplicate_of: UUID | None
    problem_code: str | None
    problem_line: int | None
    counts: LineCounts | None


class Receipt(Struct, frozen=True, kw_only=True):
    """The bytes of a receipt (RFC 8785) and their SHA-256."""

    content: bytes
    sha256: bytes


def receipt_of(facts: ReceiptFacts) -> Receipt:
    """Write the receipt."""
    counts = facts.counts
    problem = None if facts.problem_code is None else {"code": facts.problem_code, "line": facts.problem_line}
    content = canonical_json(
        {
            "form": FORM,
            "deliveryId": str(facts.delivery_id),
            "organisationOin": facts.organisation_oin,
            "senderOin": facts.sender_oin,
            "reference": facts.reference,
            "format": facts.format,
            "receivedAt": _instant(facts.received_at),
            "createdAt": None if facts.created_at is None else _instant(facts.created_at),
            "finishedAt": None if facts.finished_at is None else _instant(facts.finished_at),
            "contentSha256": facts.content_sha256.hex(),
            "byteCount": facts.byte_count,
            "duplicateOf": None if facts.duplicate_of is None else str(facts.duplicate_of),
            "problem": problem,
            "counts": None if counts is None else {name: getattr(counts, name) for name in LineCounts.__struct_fields__},
        }
    )
    return Receipt(content=content, sha256=hashlib.sha256(content).digest())


def _instant(value: datetime) -> str:
    """Write an instant in UTC to the microsecond, always with six digits: 2026-07-10T09:00:00.000000Z."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
