"""What follows when a month comes late, and when: reminder, contact, enforcement list; and how an excuse moves it.

The real terms are not public: these are ours. Nothing here is done by itself. A step says what is due, and people do it; the reminder has
one date for each month, so that nobody is told twice that it is late.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Literal, get_args

from msgspec import Struct

from reconcile.rules.expected import OrganisationMonth, end_of_day
from reconcile.rules.months import CALENDAR_ZONE

Step = Literal["reminder", "contact", "enforcement"]
STEPS: tuple[Step, ...] = get_args(Step)
# Days after a month was due.
CONTACT_AFTER, ENFORCEMENT_AFTER = 14, 28
# No excuse moves a month further than this many days beyond its deadline.
EXCUSED_DAYS_MAX = 31

ExcuseReason = Literal["software", "closed", "transfer", "other"]


class Excuse(Struct, frozen=True, kw_only=True):
    """Why a month comes late, of one location or (None) of all, and the day until which it will be delivered."""

    lrk_number: str | None
    reason: ExcuseReason
    note: str | None
    deliver_on: date
    recorded_at: datetime


class DatedStep(Struct, frozen=True, kw_only=True):
    """A step and the instant from which it is due."""

    step: Step
    since: datetime


class Ladder(Struct, frozen=True, kw_only=True):
    """Until when a month that is not whole may come, and what follows then. `step` is the last that is due; None before the first."""

    due_at: datetime
    is_excused: bool
    step: Step | None
    steps: tuple[DatedStep, ...]


def ladder_of(month: OrganisationMonth, excuses: Sequence[Excuse], *, deadline: datetime, now: datetime) -> Ladder | None:
    """Return the ladder of a month of which something is missing; None when nothing is.

    What is missing first counts: an excuse of one location moves nothing for another. An excuse that came after the deadline leaves the
    reminder where it was, because that was given, and moves what follows.
    """
    missing = [one.location.lrk_number for one in month.expected if one.state != "received"]
    if not missing:
        return None
    in_time = [one for one in excuses if one.recorded_at <= deadline]
    due_at = min(due_of(one, excuses, deadline=deadline) for one in missing)
    reminded_at = min(due_of(one, in_time, deadline=deadline) for one in missing)
    steps = (
        DatedStep(step="reminder", since=reminded_at),
        DatedStep(step="contact", since=_days_after(due_at, CONTACT_AFTER)),
        DatedStep(step="enforcement", since=_days_after(due_at, ENFORCEMENT_AFTER)),
    )
    reached = [one.step for one in steps if one.since <= now]
    return Ladder(due_at=due_at, is_excused=deadline <= now < due_at, step=reached[-1] if reached else None, steps=steps)


def due_of(lrk_number: str, excuses: Sequence[Excuse], *, deadline: datetime) -> datetime:
    """Return until when a location may be delivered: its deadline, or the end of the day that an excuse names, within bounds."""
    latest = _days_after(deadline, EXCUSED_DAYS_MAX)
    named = [end_of_day(one.deliver_on) for one in excuses if one.lrk_number in (None, lrk_number)]
    return max(deadline, min(max(named, default=deadline), latest))


def _days_after(instant: datetime, days: int) -> datetime:
    """Return the same time of day in the Netherlands, so many days later: instants here are ends of days."""
    return end_of_day(instant.astimezone(CALENDAR_ZONE).date() + timedelta(days=days - 1))
