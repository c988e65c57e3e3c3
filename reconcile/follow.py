"""Verbs of a phone that follows its household: the documents after a checkpoint, whether there is anything new, and whether it has all."""

from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from reconcile.callers import Parent
from reconcile.problems import EpochEnded, HouseholdUnclear
from reconcile.rules.checkpoint import Checkpoint, can_go_on, epoch_of
from reconcile.rules.months import Month, first_day
from reconcile.store import sync
from reconcile.store.database import Connection
from reconcile.store.sync import Followed, FollowedPage, Following, HeldCollection, Standing

# One query of store/sync.sql.
DocumentsAfter = Callable[[Connection, Following], Awaitable[FollowedPage | None]]


class Page(Struct, frozen=True, kw_only=True):
    """Documents in the order of (version, number), and the checkpoint to come back with. Fewer than asked: there are no more."""

    documents: Sequence[Followed]
    checkpoint: Checkpoint


class Checksums(Struct, frozen=True, kw_only=True):
    """What the household has of every collection where it is now, at `household_version`, in an epoch."""

    epoch: str
    household_version: int
    collections: Sequence[HeldCollection]


async def follow(
    conn: Connection,
    parent: Parent,
    documents_after: DocumentsAfter,
    *,
    asked: Checkpoint,
    limit: int,
    this_month: Month,
    restore_number: int,
) -> Page:
    """Return what changed after a checkpoint, authorised in the very statement that reads it.

    Raises HouseholdUnclear when who asks is no parent of the household in this month, EpochEnded when the checkpoint is of another
    epoch.
    """
    following = Following(
        household_id=parent.household_id,
        person_id=parent.person_id,
        month=first_day(this_month),
        after_version=asked.lwt,
        after_id=asked.after,
        limit=limit,
    )
    found = await documents_after(conn, following)
    if found is None:
        raise _unclear()
    epoch = _epoch(parent, found.standing, restore_number)
    if not can_go_on(asked, epoch=epoch, household_version=found.standing.household_version):
        raise EpochEnded("This checkpoint is of another time. Throw away what you have of this collection and begin again without one.")
    checkpoint = Checkpoint(epoch=epoch, lwt=asked.lwt, id=asked.id)
    if found.documents:
        last = found.documents[-1]
        checkpoint = Checkpoint(epoch=epoch, lwt=last.version, id=str(last.document_id))
    return Page(documents=found.documents, checkpoint=checkpoint)


async def household_version(conn: Connection, parent: Parent, *, this_month: Month) -> int:
    """Return where the household is. Raises HouseholdUnclear when who asks is no parent of the household in this month."""
    found = await sync.standing(conn, parent, this_month)
    if found is None:
        raise _unclear()
    return found.household_version


async def checksums(conn: Connection, parent: Parent, *, this_month: Month, restore_number: int) -> Checksums:
    """Return what a copy that is complete must have. Raises HouseholdUnclear when who asks is no parent of the household in this month."""
    found = await sync.checksums(conn, parent, this_month)
    if found is None:
        raise _unclear()
    return Checksums(
        epoch=_epoch(parent, found.standing, restore_number),
        household_version=found.standing.household_version,
        collections=found.collections,
    )


def _epoch(parent: Parent, standing: Standing, restore_number: int) -> str:
    return epoch_of(
        restore_number=restore_number,
        household_id=parent.household_id,
        person_id=parent.person_id,
        from_month=standing.from_month,
    )


def _unclear() -> HouseholdUnclear:
    return HouseholdUnclear("This login no longer belongs to this childcare allowance. Throw away what you have of it.")
