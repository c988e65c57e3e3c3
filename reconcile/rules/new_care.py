"""Care at a location that nothing is declared for: a move, one more location, or a child that is not declared at all.

Nothing is guessed (ADR 0025): a move has one new place and one old place that is known to have ended or to be silent. Whether declared
care goes on is known from its reports, or from a month that its organisation called complete.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal

from msgspec import Struct

from reconcile.rules.evidence import Weighed
from reconcile.rules.facts import ChildCare
from reconcile.rules.months import Month, add_months, first_day
from reconcile.rules.rule_book import RuleBook
from reconcile.rules.segments import at_month, effective_segments

# Wko art. 1.3(2)(b): no allowance before the first day of the month three months before the one in which care is reported.
MONTHS_BACK = 3

Use = Literal["used", "gone"]


class OtherCare(Struct, frozen=True, kw_only=True):
    """Declared care of the same child in the months of new care: whether it is known to go on or to have ended, and from when."""

    weighed: Weighed
    is_known: bool
    ended_from: Month | None


class NewCare(Struct, frozen=True, kw_only=True):
    """Care that nothing is declared for, the months of the year with hours in it, and the child's other care in those months."""

    weighed: Weighed
    months: tuple[Month, ...]
    others: tuple[OtherCare, ...]

    @property
    def begins(self) -> Month:
        """The first month of the year with hours."""
        return self.months[0]


class Move(Struct, frozen=True, kw_only=True):
    """From where, since when there is no care there any more, and to where."""

    old: Weighed
    ended_from: Month
    new: NewCare


def new_cares(child: Sequence[Weighed], year: int, rules: RuleBook) -> tuple[NewCare, ...]:
    """Return the care of a child that was reported, by the tolerance or more, and that nothing is declared for in this year or later."""
    found = []
    for one in child:
        months = tuple(month.month for month in one.evidence.reported if month.hours_hundredths >= rules.hours_tolerance_hundredths)
        if months and is_undeclared(one, year):
            found.append(NewCare(weighed=one, months=months, others=_others(months, child)))
    return tuple(found)


def is_undeclared(one: Weighed, year: int) -> bool:
    """Tell whether nothing is declared for a placement in this year or later; a declared zero is something."""
    return not any(segment.until_month is None or segment.until_month >= f"{year:04d}-01" for segment in one.effective)


def move_of(found: Sequence[NewCare]) -> Move | None:
    """Return the move of a child: one new place that goes on, one old place that ended, and nothing that is not known yet."""
    if len(found) != 1 or found[0].weighed.evidence.stop_from is not None:
        return None
    others = found[0].others
    ended = [(other.weighed, other.ended_from) for other in others if other.ended_from is not None]
    if len(ended) != 1 or not all(other.is_known for other in others):
        return None
    old, ended_from = ended[0]
    return Move(old=old, ended_from=ended_from, new=found[0])


def is_beside_known_care(care: NewCare, siblings: Sequence[ChildCare]) -> bool:
    """Tell whether the allowance goes on beside it, by declared care of the child or a sibling, and what became of the child's is known."""
    newest = care.months[-1]
    goes_on = bool(care.others) or any(
        segment.hours_hundredths > 0
        for sibling in siblings
        for placement in sibling.placements
        if (segment := at_month(effective_segments(placement), newest))
    )
    return goes_on and all(other.is_known for other in care.others)


def is_too_old(begins: Month, this_month: Month) -> bool:
    """Tell whether new care that begins in a month is reported too late for the whole of it."""
    return begins < add_months(this_month, -MONTHS_BACK)


def report_by(begins: Month) -> date:
    """Return the last day on which new care can be reported from its first month on: 2026-01 → 2026-04-30."""
    return first_day(add_months(begins, MONTHS_BACK + 1)) - timedelta(days=1)


def _others(months: Sequence[Month], child: Sequence[Weighed]) -> tuple[OtherCare, ...]:
    # In the first month the old and the new place may both have had hours: care moved inside that month.
    decisive = months[1:] or months
    return tuple(_other(one, months) for one in child if any(_declared_hours(one, month) > 0 for month in decisive))


def _other(one: Weighed, months: Sequence[Month]) -> OtherCare:
    is_first_used = _use(one, months[0]) == "used"
    # More than one month of both is care beside other care, whatever became of it later.
    if any(report.hours_hundredths > 0 and report.month > months[0] for report in one.evidence.reported):
        return OtherCare(weighed=one, is_known=True, ended_from=None)
    decisive = months[1:] if is_first_used else months
    if not all(_use(one, month) == "gone" for month in decisive):
        return OtherCare(weighed=one, is_known=False, ended_from=None)
    if not decisive:
        return OtherCare(weighed=one, is_known=True, ended_from=None)
    stop = one.evidence.stop_from
    if stop is not None:
        # Where nothing was declared at the stop, what is declared for later is the parent's word.
        return OtherCare(weighed=one, is_known=True, ended_from=stop if _declared_hours(one, stop) > 0 else None)
    return OtherCare(weighed=one, is_known=True, ended_from=next(month for month in decisive if _declared_hours(one, month) > 0))


def _use(one: Weighed, month: Month) -> Use | None:
    """Tell what became of a place in a month; None when nothing is known: what was not delivered is not received, and never zero hours."""
    reported = next((report for report in one.evidence.reported if report.month == month), None)
    if reported is not None:
        return "used" if reported.hours_hundredths > 0 else "gone"
    stop = one.evidence.stop_from
    return "gone" if (stop is not None and month >= stop) or month in one.placement.complete_months else None


def _declared_hours(one: Weighed, month: Month) -> int:
    declared = at_month(one.effective, month)
    return declared.hours_hundredths if declared else 0
