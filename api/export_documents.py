"""The rows of a household's export, as reconcile/store/disclosed.sql writes them: each part of it in its form.

What is in a row and what is withheld stands in reconcile/disclose.py; a test reads every row of an export by these forms and finds nothing
left over.
"""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from api.held_facts import (
    HeldAcceptedSegmentDocument,
    HeldAwardedYearDocument,
    HeldCareDatesDocument,
    HeldCareDocument,
    HeldDeclarationDocument,
    HeldDeclaredSegmentDocument,
    HeldHouseholdDocument,
    HeldIncomeDocument,
    HeldMemberDocument,
    HeldReportedHoursDocument,
)
from reconcile.rules.documents import ChangedPlacementDocument, EffectDocument, ProposalDocument
from reconcile.rules.explanation_document import ExplanationDocument
from reconcile.rules.months import Month
from reconcile.rules.replicated import AnswerKind, AnswerSaid
from reconcile.rules.text import PlainTexts


class _Told(Struct, frozen=True, kw_only=True, rename="camel"):
    difference_id: UUID
    version: int
    kind: str
    state: str
    proposal: ProposalDocument | None
    route: str | None
    explanation: ExplanationDocument
    effect: EffectDocument
    rules_version: str
    judged_at: datetime
    facts_at: datetime
    texts: PlainTexts | None
    text_version: str | None


class HeldDifferenceDocument(_Told, frozen=True, kw_only=True, rename="camel"):
    """A difference as it stands."""

    shown_since: Annotated[int, Meta(description="The first version that showed what it shows now; an answer may name any from there on")]
    deleted: bool
    child_id: UUID
    year: int
    opened_at: datetime
    closed_at: datetime | None
    weight: Annotated[str, Meta(description="How far the months compared lie apart, in euros of costs")]
    is_worth_telling: bool


class HeldDifferenceVersionDocument(_Told, frozen=True, kw_only=True, rename="camel"):
    """A version of a difference, as it was shown."""

    recorded_at: datetime


class HeldSpanDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """That a difference spans a placement."""

    difference_id: UUID
    placement_id: UUID
    year: int
    is_open: bool


class HeldComparisonDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """That a child-year waits to be compared."""

    child_id: UUID
    year: int
    marked_at: datetime
    due_at: datetime
    attempts: int
    last_error: str | None


class HeldAnswerDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """An answer that was given."""

    answer_id: UUID
    kind: AnswerKind
    version: int
    deleted: bool
    difference_id: UUID
    difference_version: int
    person_id: UUID
    change_id: UUID | None
    undone_change_id: UUID | None
    reason: str | None
    note: str | None
    is_passed_on: bool
    until_on: date | None
    answered_at: datetime
    ended_at: datetime | None


class PassedOnLineDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """What an organisation was shown of a dispute: that its line is disputed, why, and what the parent added."""

    answer_id: UUID
    organisation_name: str
    delivery_id: UUID
    line_number: int
    placement_id: UUID
    month: Month
    reason: str
    note: Annotated[str | None, Meta(description="Forgotten when it is taken back")]
    disputed_at: datetime
    changed_at: datetime
    taken_back_at: datetime | None


class HeldRefusedAnswerDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """An answer that a phone sent and that was not taken."""

    answer_id: UUID
    version: int
    deleted: bool
    person_id: UUID
    sent: AnswerSaid
    problem: str
    detail: str
    refused_at: datetime


class HeldChangeDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """A change for TVS, and what became of it."""

    change_id: UUID
    version: int
    deleted: bool
    sequence: int
    state: str
    placements: tuple[ChangedPlacementDocument, ...]
    declaration_version: int | None
    reason: str | None
    recorded_at: datetime
    sent_at: datetime | None
    settled_at: datetime | None


class HeldEnrolmentDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """That the household was drawn into a stage of a pilot."""

    pilot_id: UUID
    pilot: str
    stage_number: int
    stage_state: str
    recorded_at: datetime


class HeldNoticeDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """A notice to the household."""

    notice_id: UUID
    version: int
    deleted: bool
    difference_id: UUID
    difference_version: int
    sentence: str
    weight: Annotated[str, Meta(description="That of the difference when it was told")]
    pilot_id: UUID
    stage_number: int
    recorded_at: datetime


class HeldDeviceDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """A phone of who asks, also one that is forgotten."""

    device_id: UUID
    platform: str
    locale: str
    quiet_from: str | None
    quiet_until: str | None
    wanted_notices: tuple[str, ...] | None
    registered_at: datetime
    retired_at: datetime | None
    retired_for: str | None


class HeldPushDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """A notice on its way to a phone of who asks."""

    push_id: UUID
    notice_id: UUID
    device_id: UUID
    recorded_at: datetime


class HeldMessageDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of the sending of a change or a push."""

    kind: str
    subject_id: UUID
    sequence: int
    state: str
    attempts: int
    lease_until: datetime | None
    due_at: datetime
    last_error: str | None
    recorded_at: datetime
    done_at: datetime | None


class HeldLinkDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """A link of the household's audit: who did or read what; the hash ties it to the one before."""

    number: int
    recorded_at: datetime
    action: str
    is_reading: bool
    who: str
    person_id: UUID | None
    organisation_name: str | None
    details: Annotated[dict[str, Any], Meta(description="Whatever else the link says; each action has members of its own")]
    hash: str


class HouseholdExport(Struct, frozen=True, kw_only=True, rename="camel"):
    """Everything that is held of the household, part by part, every row that ever was; `withheld` says what is left out, and why."""

    exported_at: datetime
    household: HeldHouseholdDocument
    members: tuple[HeldMemberDocument, ...]
    incomes: tuple[HeldIncomeDocument, ...]
    awarded_years: tuple[HeldAwardedYearDocument, ...]
    declarations: tuple[HeldDeclarationDocument, ...]
    placements: tuple[HeldCareDocument, ...]
    declared_placements: tuple[HeldCareDatesDocument, ...]
    declared_segments: tuple[HeldDeclaredSegmentDocument, ...]
    accepted_segments: tuple[HeldAcceptedSegmentDocument, ...]
    reported_hours: tuple[HeldReportedHoursDocument, ...]
    differences: tuple[HeldDifferenceDocument, ...]
    difference_placements: tuple[HeldSpanDocument, ...]
    difference_versions: tuple[HeldDifferenceVersionDocument, ...]
    comparisons_due: tuple[HeldComparisonDocument, ...]
    answers: tuple[HeldAnswerDocument, ...]
    passed_on_lines: tuple[PassedOnLineDocument, ...]
    refused_answers: tuple[HeldRefusedAnswerDocument, ...]
    changes: tuple[HeldChangeDocument, ...]
    enrolments: tuple[HeldEnrolmentDocument, ...]
    notices: tuple[HeldNoticeDocument, ...]
    devices: tuple[HeldDeviceDocument, ...]
    pushes: tuple[HeldPushDocument, ...]
    outbox: tuple[HeldMessageDocument, ...]
    audit: tuple[HeldLinkDocument, ...]
    withheld: dict[str, str]
