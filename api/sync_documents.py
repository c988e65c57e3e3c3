"""The documents that phones follow, and the table of collections: one query and one form each.

A document changes only when its version does: whoever adds a field adds to what raises the version (reconcile/store/*.sql).
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from api.differences import DifferenceDocument, difference_document
from reconcile.follow import DocumentsAfter
from reconcile.rules.checkpoint import Checkpoint
from reconcile.rules.documents import HoursText, MoneyText, ProposedPlacementDocument, SegmentDocument, segment_document
from reconcile.rules.facts import ReportedMonth, Segment
from reconcile.rules.months import Month
from reconcile.rules.quantities import hundredths_text
from reconcile.store.differences import ShownDifference
from reconcile.store.sync import (
    Followed,
    FollowedChange,
    FollowedNotice,
    FollowedPlacement,
    changes_after,
    differences_after,
    notices_after,
    placements_after,
)

_SEGMENTS = msgspec.json.Decoder(tuple[Segment, ...])
_REPORTED = msgspec.json.Decoder(tuple[ReportedMonth, ...])
_PROPOSED = msgspec.json.Decoder(tuple[ProposedPlacementDocument, ...])

Row = TypeVar("Row", bound=Struct)


class FollowedChildDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """The child of a placement."""

    child_id: UUID
    given_name: str | None


class FollowedLocationDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """The location of a placement."""

    lrk_number: str
    care_type: str
    name: str


class FollowedMonthDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """What the organisation reported for a month."""

    month: Month
    hours: HoursText
    hourly_rate: MoneyText
    organisation_name: str
    received_at: datetime
    end_date: date | None


class PlacementDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """One child at one location: what is declared, what was accepted over it and not yet processed, what was reported."""

    placement_id: UUID
    version: int
    child: FollowedChildDocument
    location: FollowedLocationDocument
    start_date: date | None
    end_date: date | None
    declared: tuple[SegmentDocument, ...]
    accepted: tuple[SegmentDocument, ...]
    reported_months: tuple[FollowedMonthDocument, ...]
    is_deleted: Annotated[Literal[False], Meta(description="A tombstone has true, and beside it only its number and version")] = (
        msgspec.field(default=False, name="_deleted")
    )


class FollowedDifferenceDocument(DifferenceDocument, frozen=True, kw_only=True, rename="camel"):
    """A difference as at /v1/differences."""

    is_deleted: Literal[False] = msgspec.field(default=False, name="_deleted")


class FollowedChangeDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """A change on its way to TVS, and what became of it."""

    change_id: UUID
    version: int
    difference_id: UUID
    difference_version: int
    state: Annotated[str, Meta(description="staged, sent, then processed, refused or dead")]
    placements: tuple[ProposedPlacementDocument, ...]
    answered_at: datetime
    sent_at: datetime | None
    settled_at: datetime | None
    reason: str | None
    declaration_version: int | None
    is_deleted: Literal[False] = msgspec.field(default=False, name="_deleted")


class NoticeDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """One message to the household. A push carries its number and the key of its sentence, in the language of the phone."""

    notice_id: UUID
    version: int
    difference_id: UUID
    difference_version: int
    sentence: Annotated[str, Meta(description="Key of the sentence to show: difference-new or difference-changed")]
    recorded_at: datetime
    is_deleted: Literal[False] = msgspec.field(default=False, name="_deleted")


class Pull(Struct, frozen=True, kw_only=True):
    """What changed after a checkpoint, in order. Fewer documents than the limit: there are no more."""

    documents: list[Any]
    checkpoint: Checkpoint


class Collection(Struct, Generic[Row], frozen=True, kw_only=True):
    """A kind of document: the query of its pages, the form of a row, the published form and the name of its number."""

    documents_after: DocumentsAfter[Row]
    document: Callable[[Row], Struct]
    form: type[Struct]
    key: str

    def published(self, one: Followed[Row]) -> Struct | Mapping[str, Any]:
        """Publish a document. A tombstone keeps its number and version, and nothing that was known of anybody."""
        if one.is_deleted:
            return {self.key: one.document_id, "version": one.version, "_deleted": True}
        return self.document(one.shown)


def placement_document(row: FollowedPlacement) -> PlacementDocument:
    """Publish a placement."""
    return PlacementDocument(
        placement_id=row.document_id,
        version=row.version,
        child=FollowedChildDocument(child_id=row.child_id, given_name=row.child_given_name),
        location=FollowedLocationDocument(lrk_number=row.lrk_number, care_type=row.care_type, name=row.location_name),
        start_date=row.start_on,
        end_date=row.end_on,
        declared=_segments(row.declared),
        accepted=_segments(row.accepted),
        reported_months=() if row.reported is None else tuple(_month(one) for one in _REPORTED.decode(row.reported)),
    )


def change_document(row: FollowedChange) -> FollowedChangeDocument:
    """Publish a change."""
    return FollowedChangeDocument(
        change_id=row.document_id,
        version=row.version,
        difference_id=row.difference_id,
        difference_version=row.difference_version,
        state=row.state,
        placements=_PROPOSED.decode(row.placements),
        answered_at=row.answered_at,
        sent_at=row.sent_at,
        settled_at=row.settled_at,
        reason=row.reason,
        declaration_version=row.declaration_version,
    )


def notice_document(row: FollowedNotice) -> NoticeDocument:
    """Publish a notice."""
    return NoticeDocument(
        notice_id=row.document_id,
        version=row.version,
        difference_id=row.difference_id,
        difference_version=row.difference_version,
        sentence=row.sentence,
        recorded_at=row.recorded_at,
    )


def followed_difference(row: ShownDifference) -> FollowedDifferenceDocument:
    """Publish a difference."""
    return difference_document(row, FollowedDifferenceDocument)


COLLECTIONS: Mapping[str, Collection[Any]] = {
    "placements": Collection(documents_after=placements_after, document=placement_document, form=PlacementDocument, key="placementId"),
    "differences": Collection(
        documents_after=differences_after, document=followed_difference, form=FollowedDifferenceDocument, key="differenceId"
    ),
    "changes": Collection(documents_after=changes_after, document=change_document, form=FollowedChangeDocument, key="changeId"),
    "notices": Collection(documents_after=notices_after, document=notice_document, form=NoticeDocument, key="noticeId"),
}


def _segments(json: str | None) -> tuple[SegmentDocument, ...]:
    return () if json is None else tuple(segment_document(one) for one in _SEGMENTS.decode(json))


def _month(one: ReportedMonth) -> FollowedMonthDocument:
    return FollowedMonthDocument(
        month=one.month,
        hours=hundredths_text(one.hours_hundredths),
        hourly_rate=hundredths_text(one.hourly_rate_cents),
        organisation_name=one.organisation_name,
        received_at=one.received_at,
        end_date=one.end_on,
    )
