"""What is declared again when an acceptance is undone after TVS may have read it: its months as they stood before (ADR 0034).

A month that a later acceptance changed, or that TVS declares otherwise by now, stays as that says: only what the acceptance did is undone.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct, structs

from reconcile.rules.facts import MonthSpan, Segment
from reconcile.rules.months import LAST_MONTH, next_month, previous_month
from reconcile.rules.segments import at_month, cut, merge


class AcceptedCare(Struct, frozen=True, kw_only=True):
    """What an acceptance did to one placement, and what is known around it; segments are ordered by month and free of overlap.

    `accepted` is what it declares and `later` the months of later changes that stand. `undone_since` holds, one by one, later
    changes that were undone. `before` is what counted when it was accepted, less what TVS refused since; `declared` what TVS declares
    now, and `beneath` that with what lies over it by earlier changes. `is_declared` tells whether the declaration holds it by now.
    """

    accepted: tuple[Segment, ...]
    later: tuple[MonthSpan, ...]
    undone_since: tuple[tuple[Segment, ...], ...]
    before: tuple[Segment, ...]
    declared: tuple[Segment, ...]
    beneath: tuple[Segment, ...]
    is_declared: bool


class Restored(Struct, frozen=True, kw_only=True):
    """What a placement declares again: hours, and the months in which nothing is declared."""

    segments: tuple[Segment, ...]
    undeclared: tuple[MonthSpan, ...]

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is left to undo."""
        return not (self.segments or self.undeclared)


def restored(care: AcceptedCare) -> Restored:
    """Return what undoing an acceptance declares for a placement: in each month that is still its own, what stood there before."""
    segments: list[Segment] = []
    undeclared: list[MonthSpan] = []
    for piece in _pieces(care):
        declared = at_month(care.declared, piece.from_month)
        ours = (piece, *(at_month(one, piece.from_month) for one in care.undone_since))
        if any(_is_same(declared, one) for one in ours if one is not None):
            stood = at_month(care.before, piece.from_month)
        elif care.is_declared:
            continue
        else:
            # TVS still has the acceptance to process, over what it declares by now.
            stood = at_month(care.beneath, piece.from_month)
        if stood is None:
            undeclared.append(MonthSpan(from_month=piece.from_month, until_month=piece.until_month))
        else:
            segments.append(structs.replace(stood, from_month=piece.from_month, until_month=piece.until_month))
    return Restored(segments=merge(segments), undeclared=_joined(undeclared))


def _pieces(care: AcceptedCare) -> Iterator[Segment]:
    """Yield the months that are still the acceptance's own, parted wherever anything around them begins or ends."""
    others = (*care.before, *care.declared, *care.beneath, *(one for each in care.undone_since for one in each))
    starts = {one.from_month for one in others} | {next_month(one.until_month) for one in others if one.until_month is not None}
    for own in cut(care.accepted, care.later):
        until = own.until_month or LAST_MONTH
        begins = [own.from_month, *sorted(start for start in starts if own.from_month < start <= until)]
        for begin, following in zip(begins, [*begins[1:], None], strict=True):
            yield structs.replace(own, from_month=begin, until_month=own.until_month if following is None else previous_month(following))


def _is_same(declared: Segment | None, accepted: Segment) -> bool:
    """Tell whether TVS declares what was accepted; where care ended it may declare nothing, and of no hours the rate means nothing."""
    if declared is None or declared.hours_hundredths == 0:
        return accepted.hours_hundredths == 0
    return (declared.hours_hundredths, declared.hourly_rate_cents) == (accepted.hours_hundredths, accepted.hourly_rate_cents)


def _joined(spans: Sequence[MonthSpan]) -> tuple[MonthSpan, ...]:
    joined: list[MonthSpan] = []
    for span in spans:
        last = joined[-1] if joined else None
        if last is not None and last.until_month is not None and next_month(last.until_month) == span.from_month:
            joined[-1] = structs.replace(last, until_month=span.until_month)
        else:
            joined.append(span)
    return tuple(joined)
