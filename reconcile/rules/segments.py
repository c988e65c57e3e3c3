"""Segments over months: lay one set over another, cut one out of another, look one up.

A set of segments is ordered by month and free of overlap; every function keeps it so.
"""

from collections.abc import Sequence
from typing import TypeVar

from msgspec import structs

from reconcile.rules.facts import MonthSpan, PlacementFacts, Segment
from reconcile.rules.months import LAST_MONTH, Month, next_month, previous_month

Span = TypeVar("Span", bound=MonthSpan)


def cut(base: Sequence[Span], over: Sequence[MonthSpan]) -> tuple[Span, ...]:
    """Return what is left of `base` in the months that `over` does not cover."""
    left = list(base)
    for hole in over:
        hole_until = hole.until_month or LAST_MONTH
        pieces: list[Span] = []
        for segment in left:
            until = segment.until_month or LAST_MONTH
            if until < hole.from_month or segment.from_month > hole_until:
                pieces.append(segment)
                continue
            if segment.from_month < hole.from_month:
                pieces.append(structs.replace(segment, until_month=previous_month(hole.from_month)))
            if hole.until_month is not None and until > hole.until_month:
                pieces.append(structs.replace(segment, from_month=next_month(hole.until_month)))
        left = pieces
    return tuple(left)


def lay_over(base: Sequence[Segment], over: Sequence[Segment]) -> tuple[Segment, ...]:
    """Return `base` with `over` on top: where both say something, `over` is right."""
    return tuple(sorted((*cut(base, over), *over), key=lambda segment: segment.from_month))


def effective_segments(placement: PlacementFacts) -> tuple[Segment, ...]:
    """Return what counts as declared on a placement: the declared segments with what was accepted, or undone, on top."""
    return lay_over(cut(placement.declared, placement.undeclared), placement.overlay)


def at_month(segments: Sequence[Segment], month: Month) -> Segment | None:
    """Return the segment that covers `month`; None when nothing is said about it."""
    for segment in segments:
        if segment.from_month <= month and (segment.until_month is None or segment.until_month >= month):
            return segment
    return None


def merge(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """Join neighbours that say the same about months that follow each other."""
    merged: list[Segment] = []
    for segment in segments:
        last = merged[-1] if merged else None
        if (
            last is not None
            and last.until_month is not None
            and next_month(last.until_month) == segment.from_month
            and (last.hours_hundredths, last.hourly_rate_cents) == (segment.hours_hundredths, segment.hourly_rate_cents)
        ):
            merged[-1] = structs.replace(last, until_month=segment.until_month)
        else:
            merged.append(segment)
    return tuple(merged)
