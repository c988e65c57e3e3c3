"""The documents that phones follow, and the table of collections: one query and one form each.

The query writes a document as it is sent (reconcile/store/sync.sql); the form says to everybody what it is, and tests hold both together.
A document changes only when its version does: whoever adds a field adds to what raises the version (reconcile/store/*.sql).
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from api.differences import DifferenceDocument
from api.validation import InvalidQuery
from reconcile.follow import DocumentsAfter
from reconcile.problems import AppTooOld, NotFound
from reconcile.rules.checkpoint import Checkpoint
from reconcile.rules.documents import ChangedPlacementDocument, HoursText, MoneyText, MonthsDocument, SegmentDocument
from reconcile.rules.months import Month
from reconcile.rules.replicated import AnswerKind, AnswerSaid
from reconcile.store.sync import Followed, answers_after, changes_after, differences_after, notices_after, placements_after

SCHEMA_VERSION = 1
# JavaScript's numbers are exact up to here.
EXACT_MAX = 2**53


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
    """One child at one location: what is declared, what was accepted over it and not yet processed, what was reported.

    In a month what counts is: nothing when it is `undeclared`, else what was accepted of it, else what is declared.
    """

    placement_id: UUID
    version: int
    child: FollowedChildDocument
    location: FollowedLocationDocument
    start_date: date | None
    end_date: date | None
    declared: tuple[SegmentDocument, ...]
    accepted: tuple[SegmentDocument, ...]
    undeclared: Annotated[
        tuple[MonthsDocument, ...], Meta(description="Months in which nothing counts as declared: new care was undone, not yet processed")
    ]
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
    kind: Annotated[str, Meta(description="acceptance, or reversal: it declares again what stood before the change that it undoes")]
    undone_change_id: Annotated[UUID | None, Meta(description="Of a reversal: the change that it undoes")]
    difference_id: UUID
    difference_version: int
    state: Annotated[str, Meta(description="staged, sent, then processed, refused or dead; reversed: undone, and not sent any more")]
    placements: tuple[ChangedPlacementDocument, ...]
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
    sentence: Annotated[str, Meta(description="Key of the sentence to show: difference-new, difference-changed or difference-again")]
    recorded_at: datetime
    is_deleted: Literal[False] = msgspec.field(default=False, name="_deleted")


class FollowedAnswerDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a parent answered, on whichever phone. A phone writes what is said of it in reconcile/rules/replicated.py, and this the rest."""

    answer_id: UUID
    version: int
    kind: AnswerKind
    difference_id: UUID | None
    difference_version: int | None
    undone_change_id: UUID | None
    reason: str | None
    note: str | None
    pass_on: bool
    until: date | None
    state: Annotated[
        Literal["given", "ended", "refused"], Meta(description="ended: taken back, reversed or over; refused: nothing came of it")
    ]
    answered_by: Annotated[str | None, Meta(description="Role of who answered")]
    answered_at: datetime
    change_id: UUID | None
    ended_at: Annotated[
        datetime | None, Meta(description="When it was taken back, undone, refused by Toeslagen (its change says why) or over")
    ]
    problem: Annotated[str | None, Meta(description="Of a refused answer: the type of the problem, as in openapi/problems.md")]
    detail: Annotated[str | None, Meta(description="Of a refused answer: what is wrong and what to do")]
    is_deleted: Literal[False] = msgspec.field(default=False, name="_deleted")


class PushedAnswerDocument(AnswerSaid, frozen=True, kw_only=True, rename="camel"):
    """An answer as a phone pushes it. Whatever else the phone keeps of it may be sent along, and is not read."""

    answer_id: Annotated[UUID, Meta(description="Made by the phone before the first try")]


class CollectionChecksum(Struct, frozen=True, kw_only=True):
    """What a complete copy of one collection has."""

    collection: str
    count: Annotated[int, Meta(description="Documents, without tombstones")]
    sha256: Annotated[
        str,
        Meta(description="In hexadecimal, of a line for each document, lines sorted as text: number, space, version, line feed"),
    ]


class Checksum(Struct, frozen=True, kw_only=True):
    """What a complete copy has. It counts for a collection whose checkpoint, after a pull, has no later `lwt` than this."""

    epoch: Annotated[str, Meta(description="A checkpoint of another one is over")]
    lwt: Annotated[int, Meta(description="Version of the household that this is of")]
    collections: list[CollectionChecksum]


class Pull(Struct, frozen=True, kw_only=True):
    """What changed after a checkpoint, in order. Fewer documents than the limit: there are no more."""

    documents: list[Any]
    checkpoint: Checkpoint


class Collection(Struct, frozen=True, kw_only=True):
    """A kind of document: the query of its pages, the form in which it writes them and the name of their number."""

    documents_after: DocumentsAfter
    form: type[Struct]
    key: str

    def published(self, one: Followed) -> msgspec.Raw | Mapping[str, Any]:
        """Publish a document as it was written. A tombstone has its number and version, and nothing that was known of anybody."""
        if one.deleted:
            return {self.key: one.document_id, "version": one.version, "_deleted": True}
        return msgspec.Raw(one.document)


COLLECTIONS: Mapping[str, Collection] = {
    "placements": Collection(documents_after=placements_after, form=PlacementDocument, key="placementId"),
    "differences": Collection(documents_after=differences_after, form=FollowedDifferenceDocument, key="differenceId"),
    "changes": Collection(documents_after=changes_after, form=FollowedChangeDocument, key="changeId"),
    "answers": Collection(documents_after=answers_after, form=FollowedAnswerDocument, key="answerId"),
    "notices": Collection(documents_after=notices_after, form=NoticeDocument, key="noticeId"),
}


def chosen(name: str, schema_version: int) -> Collection:
    """Return a collection. Raises NotFound, AppTooOld when its documents are no longer sent in this form, InvalidQuery."""
    if name not in COLLECTIONS:
        raise NotFound("There is no such collection.")
    if schema_version < SCHEMA_VERSION:
        raise AppTooOld(schema_version=SCHEMA_VERSION)
    if schema_version > SCHEMA_VERSION:
        raise InvalidQuery(f"The newest schema version is {SCHEMA_VERSION}.")
    return COLLECTIONS[name]
