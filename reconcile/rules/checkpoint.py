"""How far a phone has come: the checkpoint that it echoes, and the epoch outside which a checkpoint means nothing."""

import hashlib
from datetime import date
from functools import lru_cache
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

_EPOCH_BYTES = 12
# Before every document: no version is 0, and no number comes before this one.
_BEGINNING = UUID(int=0)


class Checkpoint(Struct, frozen=True, kw_only=True):
    """The last document that a phone has: `lwt` is its version, `id` its number; documents are ordered by both.

    At the beginning `lwt` is 0 and `id` empty. `epoch` empty stands for a phone that has nothing yet.
    """

    epoch: str
    lwt: Annotated[int, Meta(ge=0, description="Version of the household at which the last document changed")]
    id: Annotated[str, Meta(description="Number of the last document; empty at the beginning")]

    @property
    def after(self) -> UUID:
        """The number after which to read among documents of version `lwt`."""
        return UUID(self.id) if self.id else _BEGINNING


@lru_cache(maxsize=10_000)
def epoch_of(*, restore_number: int, household_id: UUID, person_id: UUID, from_month: date) -> str:
    """Return the epoch of one parent's view of one household: it changes with a restore from backup and with the membership.

    A digest, because it goes into addresses: it tells nothing about whom it is of.
    """
    parts = f"{restore_number}|{household_id}|{person_id}|{from_month.isoformat()}"
    return hashlib.sha256(parts.encode()).hexdigest()[: _EPOCH_BYTES * 2]


def can_go_on(asked: Checkpoint, *, epoch: str, household_version: int) -> bool:
    """Tell whether a phone at this checkpoint can go on, or must throw its copy away and begin again.

    Only a phone at the beginning may come without an epoch. A checkpoint ahead of the household was given before a restore.
    """
    is_beginning = not asked.lwt and not asked.id and not asked.epoch
    return is_beginning or (asked.epoch == epoch and asked.lwt <= household_version)


def is_whole(asked: Checkpoint) -> bool:
    """Tell whether a checkpoint hangs together: number and version go together, and whoever has documents has an epoch."""
    try:
        has_id = bool(asked.id and UUID(asked.id))
    except ValueError:
        return False
    return has_id == bool(asked.lwt) and (bool(asked.epoch) or not has_id)
