"""What the months of one placement show: which standing hours and rate the reports come to, month by month.

Decisions (ADR 0025): the tolerance is dead band, not discount: once a month deviates, the reported figure is taken as it is. Hours,
in this order: a trailing run of two or more months at one level; three or more months that vary, by their average; otherwise each
deviating month alone. Months vary when at most half of them lie in runs. A month in which care began or ended on a day inside it
counts by itself and is evidence of no level. The rate stands from the first month it deviates.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal

from msgspec import Struct, structs

from reconcile.rules.facts import PlacementFacts, ReportedMonth, Segment
from reconcile.rules.months import Month, month_of, next_month
from reconcile.rules.quantities import divide_half_up
from reconcile.rules.rule_book import RuleBook
from reconcile.rules.segments import at_month, effective_segments, merge

HoursStep = Literal["equal", "run", "average", "single-months", "newest-month", "waiting-for-quarter"]


class Evidence(Struct, frozen=True, kw_only=True):
    """The reports of one placement in one year, newest last, and what the rules make of them.

    `hours` and `rate` give the figure for the months that change; `standing_from` is the month from which hours stand, None when
    only single months change. `step` is the rule that fired. `stop_from` is the first month without care, with `end_on` when
    the organisation gave a last day. `is_silent_after` when a month after the newest report was called complete without a line.
    """

    reported: tuple[ReportedMonth, ...]
    step: HoursStep
    hours: Mapping[Month, int]
    standing_from: Month | None
    standing_hours_hundredths: int | None
    rate: Mapping[Month, int]
    stop_from: Month | None
    end_on: date | None
    is_silent_after: bool
    months_compared: tuple[Month, ...]


class Weighed(Struct, frozen=True, kw_only=True):
    """One placement with what counts as declared on it (accepted over declared) and what its reports show."""

    placement: PlacementFacts
    effective: tuple[Segment, ...]
    evidence: Evidence


def weighed(placement: PlacementFacts, year: int, this_month: Month, rules: RuleBook, *, stopped_from: Month | None = None) -> Weighed:
    """Weigh a placement against what counts as declared; `stopped_from` when it is known from elsewhere that care ended."""
    effective = merge(effective_segments(placement))
    evidence = weigh(placement, effective, year, this_month, rules, stopped_from=stopped_from)
    return Weighed(placement=placement, effective=effective, evidence=evidence)


def weigh(
    placement: PlacementFacts,
    effective: Sequence[Segment],
    year: int,
    this_month: Month,
    rules: RuleBook,
    *,
    stopped_from: Month | None = None,
) -> Evidence:
    """Weigh the reports of `year` up to `this_month`; those of the year before only lengthen a run."""
    known = tuple(one for one in placement.reported if one.month <= this_month)
    reported = tuple(one for one in known if one.month >= f"{year:04d}-01")
    stop_from, end_on = _stop(reported, _trailing_run(known, rules), year, this_month)
    stop_from = stopped_from or stop_from
    months = tuple(one for one in reported if stop_from is None or one.month < stop_from)
    partial = _partial_months(placement, end_on)
    run = _trailing_run([one for one in known if (stop_from is None or one.month < stop_from) and one.month not in partial], rules)
    step, hours, standing_from, standing = _hours(months, run, partial, effective, this_month, rules)
    return Evidence(
        reported=reported,
        step=step,
        hours=hours,
        standing_from=standing_from,
        standing_hours_hundredths=standing,
        rate=_rate(months, effective, rules),
        stop_from=stop_from,
        end_on=end_on,
        is_silent_after=bool(reported) and any(reported[-1].month < month <= this_month for month in placement.complete_months),
        months_compared=tuple(one.month for one in months),
    )


def _trailing_run(reported: Sequence[ReportedMonth], rules: RuleBook) -> tuple[ReportedMonth, ...]:
    """Return the newest months in a row whose hours lie within the tolerance of the newest month's."""
    run: list[ReportedMonth] = []
    for one in reversed(reported):
        if run and (
            next_month(one.month) != run[-1].month
            or abs(one.hours_hundredths - run[0].hours_hundredths) >= rules.hours_tolerance_hundredths
        ):
            break
        run.append(one)
    return tuple(reversed(run))


def _stop(
    reported: Sequence[ReportedMonth], run: Sequence[ReportedMonth], year: int, this_month: Month
) -> tuple[Month | None, date | None]:
    """Return the first month without care: after an end date that has come, or where a run of zero hours begins.

    Only the newest report is heard about an end: an end date with care after its month contradicts itself. One month without hours can
    be a holiday.
    """
    if not reported:
        return None, None
    newest = reported[-1]
    if newest.end_on is not None:
        last = month_of(newest.end_on)
        is_contradicted = any(one.hours_hundredths > 0 and one.month > last for one in reported)
        if last <= this_month and not is_contradicted:
            return max(next_month(last), f"{year:04d}-01"), newest.end_on
    if newest.hours_hundredths == 0 and len(run) > 1:
        return max(run[0].month, f"{year:04d}-01"), None
    return None, None


def is_inside_month(end_on: date) -> bool:
    """Tell whether care that ends on this day ends before its month is over."""
    return month_of(end_on + timedelta(days=1)) == month_of(end_on)


def _partial_months(placement: PlacementFacts, end_on: date | None) -> frozenset[Month]:
    """Return the months that care did not fill, because it began or ended on a day inside them."""
    starts = {month_of(placement.start_on)} if placement.start_on and placement.start_on.day > 1 else set()
    ends = {month_of(end_on)} if end_on and is_inside_month(end_on) else set()
    return frozenset(starts | ends)


def _deviates(one: ReportedMonth, effective: Sequence[Segment], rules: RuleBook) -> bool:
    declared = at_month(effective, one.month)
    return abs(one.hours_hundredths - (declared.hours_hundredths if declared else 0)) >= rules.hours_tolerance_hundredths


def _hours(
    months: Sequence[ReportedMonth],
    run: Sequence[ReportedMonth],
    partial: frozenset[Month],
    effective: Sequence[Segment],
    this_month: Month,
    rules: RuleBook,
) -> tuple[HoursStep, Mapping[Month, int], Month | None, int | None]:
    reported = {one.month: one.hours_hundredths for one in months}
    single = {one.month: one.hours_hundredths for one in months if _deviates(one, effective, rules)}
    if not single:
        return "equal", {}, None, None
    full = _from_first_care([one for one in months if one.month not in partial], effective, rules)
    is_steady = len(full) >= 3 and _is_steady(full, rules)
    in_run = [one.month for one in run if one.month in reported] if len(run) > 1 else []
    if not in_run and is_steady and not any(at_month(effective, one.month) for one in full):
        # There are no declared hours that could return: the newest level stands, and the months after it count by themselves.
        in_run = [one.month for one in _newest_run(full, rules)]
    if in_run:
        outside = {month: hours for month, hours in reported.items() if month not in in_run and (month in single or month > in_run[0])}
        if not any(month in single for month in in_run):
            return "single-months", outside, None, None
        return "run", outside, in_run[0], reported[in_run[-1]]
    if len(full) < 3 or is_steady:
        return "single-months", single, None, None
    step, standing_from, average = _average(full, effective, this_month, rules)
    alone = {
        month: hours
        for month, hours in reported.items()
        if month in partial and (month in single or (standing_from is not None and month > standing_from))
    }
    return "single-months" if alone and standing_from is None else step, alone, standing_from, average


def _is_steady(months: Sequence[ReportedMonth], rules: RuleBook) -> bool:
    """Tell whether most months lie in runs: then a month beside them is an exception, and the hours do not vary."""
    beside = [
        next_month(one.month) == other.month and abs(one.hours_hundredths - other.hours_hundredths) < rules.hours_tolerance_hundredths
        for one, other in pairwise(months)
    ]
    in_runs = sum(before or after for before, after in pairwise([False, *beside, False]))
    return 2 * in_runs > len(months)


def _newest_run(months: Sequence[ReportedMonth], rules: RuleBook) -> Sequence[ReportedMonth]:
    """Return the newest run of two or more months; in steady months there is one."""
    runs = (_trailing_run(months[:end], rules) for end in range(len(months), 1, -1))
    return next(run for run in runs if len(run) > 1)


def _average(
    months: Sequence[ReportedMonth], effective: Sequence[Segment], this_month: Month, rules: RuleBook
) -> tuple[HoursStep, Month | None, int | None]:
    """Compare averages over the quarters that are over, so that a varying contract is asked about once a quarter at most.

    Care that nothing is declared for does not wait for its quarter: until it is declared no allowance is paid for it.
    """
    quarter_start = f"{this_month[:4]}-{(int(this_month[5:]) - 1) // 3 * 3 + 1:02d}"
    weighed_months = [one for one in months if one.month < quarter_start]
    if len(weighed_months) < 3:
        if any(at_month(effective, one.month) for one in months):
            return "waiting-for-quarter", None, None
        weighed_months = list(months)
    count = len(weighed_months)
    declared = [at_month(effective, one.month) for one in weighed_months]
    reported_sum = sum(one.hours_hundredths for one in weighed_months)
    declared_sum = sum(one.hours_hundredths for one in declared if one)
    # Sums and not rounded averages: rounding would treat too little and too much a hair differently.
    if abs(reported_sum - declared_sum) < rules.hours_tolerance_hundredths * count:
        return "equal", None, None
    return "average", weighed_months[0].month, divide_half_up(reported_sum, count)


def _from_first_care(months: Sequence[ReportedMonth], effective: Sequence[Segment], rules: RuleBook) -> Sequence[ReportedMonth]:
    """Leave out the months before care began: without hours on either side they are no part of an average."""
    for place, one in enumerate(months):
        if at_month(effective, one.month) or one.hours_hundredths >= rules.hours_tolerance_hundredths:
            return months[place:]
    return ()


def standing_from_newest(evidence: Evidence) -> Evidence:
    """Let the newest month with care stand, when nothing else does: for care that takes the place of other care."""
    cared = [one for one in evidence.reported if one.hours_hundredths > 0]
    if evidence.standing_from is not None or not cared:
        return evidence
    newest = cared[-1]
    after = dict.fromkeys((one.month for one in evidence.reported if one.month > newest.month), 0)
    return structs.replace(
        evidence,
        step="newest-month",
        hours={**evidence.hours, **after},
        standing_from=newest.month,
        standing_hours_hundredths=newest.hours_hundredths,
    )


def _rate(months: Sequence[ReportedMonth], effective: Sequence[Segment], rules: RuleBook) -> Mapping[Month, int]:
    """Return from which months which rate stands. A month without hours says nothing about the rate.

    A month that nothing is declared for is held against the rate that was declared before it.
    """
    standing: dict[Month, int] = {}
    current: int | None = None
    expected: int | None = None
    for one in months:
        declared = at_month(effective, one.month)
        if current is not None:
            expected = current
        elif declared is not None:
            expected = declared.hourly_rate_cents
        if one.hours_hundredths == 0:
            continue
        if expected is None or abs(one.hourly_rate_cents - expected) >= rules.rate_tolerance_cents:
            current = standing[one.month] = one.hourly_rate_cents
    return standing
