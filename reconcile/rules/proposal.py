"""What one tap would declare."""

from datetime import date
from uuid import UUID

from msgspec import Struct

from reconcile.rules.facts import Segment


class ProposedPlacement(Struct, frozen=True, kw_only=True):
    """Segments that replace exactly the months they cover; the rest of the declared segments stays. `end_on` is the last day of care."""

    placement_id: UUID
    child_id: UUID
    lrk_number: str
    end_on: date | None
    segments: tuple[Segment, ...]


class Proposal(Struct, frozen=True, kw_only=True):
    """The placements that one tap would declare together: one, or the two of a move."""

    placements: tuple[ProposedPlacement, ...]
