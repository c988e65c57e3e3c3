"""Verbs of a household that asks what is held of it: at a glance, or all of it.

Its own parents read their own data, and that is not recorded; that somebody took everything along is, because who looks after an
account must be able to see it.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Literal
from uuid import UUID

import msgspec

from reconcile.callers import Parent
from reconcile.problems import NotFound
from reconcile.store import households
from reconcile.store.database import Connection
from reconcile.store.disclosed import HeldRow, household_overview, rows_of_household

Form = Literal["json", "html"]

# Answers and lookings that are told at a glance; the export has all.
NEWEST_MAX = 50

# The parts of an export in their order, and the table that each shows.
SECTIONS: Mapping[str, str] = {
    "household": "household",
    "members": "membership",
    "incomes": "income",
    "awardedYears": "awarded_year",
    "declarations": "declaration",
    "placements": "placement",
    "declaredPlacements": "declared_placement",
    "declaredSegments": "declared_segment",
    "acceptedSegments": "overlay_segment",
    "reportedHours": "reported_hours",
    "differences": "difference",
    "differencePlacements": "difference_placement",
    "differenceVersions": "difference_version",
    "comparisonsDue": "comparison_due",
    "answers": "answer",
    "passedOnLines": "disputed_line",
    "refusedAnswers": "refused_answer",
    "changes": "change",
    "enrolments": "enrolment",
    "notices": "notice",
    "devices": "device",
    "pushes": "push",
    "outbox": "outbox",
    "audit": "household_audit",
}

# What of a household, or of its people, is held and not shown, and why: tables, and columns of tables that are shown.
WITHHELD: Mapping[str, str] = {
    "person": "the BSN, sealed, and the keyed hash by which it is found; they are shown to nobody",
    "login": "the pseudonyms under which logins know a person: of a person, not of a household",
    "line": "what an organisation sent, and its own; what of it is about this household stands in reportedHours",
    "line_stage": "lines on their way into reportedHours",
    "idempotency_key": "copies of answers to requests, kept for thirty days; what they say stands in the other parts",
    "device.token": "a secret: whoever has it can send messages to the phone",
    "device.token_sha256": "made from that secret",
    "device.person_id": "only the phones of who asks are shown",
    "difference.facts_hash": "made from the facts that are shown",
    "difference.content_hash": "made from the texts and amounts that are shown",
    "notice.content_hash": "made from the texts and amounts that are shown",
    "household.audit_number": "the number of the last row of audit",
    "household.audit_hash": "the hash of the last row of audit",
    "household_audit.previous_hash": "the hash of the row before it",
    "outbox.change_id": "the same as subjectId, of a change",
    "outbox.push_id": "the same as subjectId, of a push",
    "outbox.trace_parent": "a number that ties log lines of ours together",
    "push.outbox_kind": "always the same word",
    "change.outbox_kind": "always the same word",
    "membership.membership_id": "a number that nothing else names",
    "declared_segment.segment_id": "a number that nothing else names",
    "overlay_segment.segment_id": "a number that nothing else names",
    "reported_hours.organisation_id": "the name of the organisation is shown",
    "disputed_line.organisation_id": "the name of the organisation is shown",
    "disputed_line.disputed_line_id": "a number that only puts the lines in order for the organisation",
}


async def overview(conn: Connection, parent: Parent) -> bytes:
    """Return what is held of the parent's household at a glance (HouseholdDocument in api/household.py). Raises NotFound."""
    found = await household_overview(conn, parent.household_id, _whose_phones(parent), NEWEST_MAX)
    if found is None:
        raise NotFound("There is no such household.")
    return found.encode()


async def record_export(conn: Connection, parent: Parent, form: Form) -> None:
    """Chain in the household's audit that a parent takes everything along, before anything of it leaves. Raises NotFound."""
    if await households.lock_household(conn, parent.household_id) is None:
        raise NotFound("There is no such household.")
    event = {"action": "exported", **parent.audited, "form": form}
    await households.record_read(conn, parent.household_id, msgspec.json.encode(event).decode())


def held_rows(conn: Connection, parent: Parent) -> AsyncIterator[HeldRow]:
    """Yield every row that is held of the parent's household, part by part in the order of SECTIONS."""
    return rows_of_household(conn, parent.household_id, _whose_phones(parent))


def _whose_phones(parent: Parent) -> UUID | None:
    """Return whose phones are shown: those of who asks. A proxy has none here, and does not see those of whom it represents."""
    return parent.person_id if parent.proxy is None else None
