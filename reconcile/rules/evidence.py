"""What the months of one placement show: which standing hours and rate the reports come to, month by month.

Decisions (design, section 6): the tolerance is dead band, not discount: once a month deviates, the reported figure is taken as it
is. Hours, in this order: a trailing run of two or more months at one level; three or more months without a run, by their average;
otherwise each deviating month alone. The rate stands from the first month it deviates.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal

from msgspec import Struct

from reconcile.rules.facts import PlacementFacts, ReportedMonth, Segment
from reconcile.rules.months import Month, month_of, months_between, next_month, previous_month
from reconcile.rules.quantities import divide_half_up
from reconcile.rules.rule_book import RuleBook
from reconcile.rules.segments import at_month

HoursStep = Literal["equal", "run", "average", "single-months", "waiting-for-quarter"]


class Evidence(Struct, frozen=True, kw_only=True):
    """The reports of one placement in one year, newest last, and what the rules make of them.

    `hours` and `rate` give the figure for the months that change; `standing_from` is the month from which hours stand, None when
    only single months change. `step` is the rule that fired. `stop_from` is the first month without care, with `end_on` when
    the organisation gave a last day. `this_month` is the month up to which reports were weighed.
    """

    reported: tuple[ReportedMonth, ...]
    step: HoursStep
    hours: Mapping[Month, int]
    standing_from: Month | None
    standing_hours_hundredths: int | None
    rate: Mapping[Month, int]
    stop_from: Month | None
    end_on: date | None
    months_compared: tuple[Month, ...]
    this_month: Month


def weigh(placement: PlacementFacts, effective: Sequence[Segment], year: int, this_month: Month, rules: RuleBook) -> Evidence:
    """Weigh the reports of `year` up to `this_month`; those of the year before only lengthen a run."""
    known = tuple(one for one in placement.reported if one.month <= this_month)
    reported = tuple(one for one in known if one.month >= f"{year:04d}-01")
    run = _trailing_run(known, rules)
    stop_from, end_on = _stop(reported, run, year, this_month)
    months = tuple(one for one in reported if stop_from is None or one.month < stop_from)
    step, hours, standing_from, standing = _hours(months, run, effective, this_month, rules)
    return Evidence(
        reported=reported,
        step=step,
        hours=hours,
        standing_from=standing_from,
        standing_hours_hundredths=standing,
        rate=_rate(months, effective, rules),
        stop_from=stop_from,
        end_on=end_on,
        months_compared=tuple(one.month for one in months),
        this_month=this_month,
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

    Only the newest report is heard about an end: an older end date with care after it contradicts itself. One month without
    hours can be a holiday.
    """
    if not reported:
        return None, None
    newest = reported[-1]
    if newest.end_on is not None and month_of(newest.end_on) <= this_month:
        return max(next_month(month_of(newest.end_on)), f"{year:04d}-01"), newest.end_on
    if newest.hours_hundredths == 0 and len(run) > 1:
        return max(run[0].month, f"{year:04d}-01"), None
    return None, None


def _deviates(one: ReportedMonth, effective: Sequence[Segment], rules: RuleBook) -> bool:
    declared = at_month(effective, one.month)
    return abs(one.hours_hundredths - (declared.hours_hundredths if declared else 0)) >= rules.hours_tolerance_hundredths


def _hours(
    months: Sequence[ReportedMonth],
    run: Sequence[ReportedMonth],
    effective: Sequence[Segment],
    this_month: Month,
    rules: RuleBook,
) -> tuple[HoursStep, Mapping[Month, int], Month | None, int | None]:
    in_year = {one.month for one in months}
    run_in_year = [one for one in run if one.month in in_year]
    single = {one.month: one.hours_hundredths for one in months if _deviates(one, effective, rules)}
    if not single:
        return "equal", {}, None, None
    if len(run) > 1 and run_in_year:
        before = {month: hours for month, hours in single.items() if month < run_in_year[0].month}
        if not any(one.month in single for one in run_in_year):
            return "single-months", before, None, None
        return "run", before, run_in_year[0].month, run_in_year[-1].hours_hundredths
    if len(months) >= 3:
        return _average(months, effective, this_month, rules)
    return "single-months", single, None, None


def _average(
    months: Sequence[ReportedMonth], effective: Sequence[Segment], this_month: Month, rules: RuleBook
) -> tuple[HoursStep, Mapping[Month, int], Month | None, int | None]:
    """Compare averages over the quarters that are over, so that a varying contract is asked about once a quarter at most."""
    quarter_start = f"{this_month[:4]}-{(int(this_month[5:]) - 1) // 3 * 3 + 1:02d}"
    weighed = [one for one in months if one.month < quarter_start]
    if len(weighed) < 3:
        return "waiting-for-quarter", {}, None, None
    declared = [at_month(effective, one.month) for one in weighed]
    reported_average = divide_half_up(sum(one.hours_hundredths for one in weighed), len(weighed))
    declared_average = divide_half_up(sum(one.hours_hundredths if one else 0 for one in declared), len(weighed))
    if abs(reported_average - declared_average) < rules.hours_tolerance_hundredths:
        return "equal", {}, None, None
    return "average", {}, weighed[0].month, reported_average


def _rate(months: Sequence[ReportedMonth], effective: Sequence[Segment], rules: RuleBook) -> Mapping[Month, int]:
    """Return from which months which rate stands. A month without hours says nothing about the rate."""
    standing: dict[Month, int] = {}
    current: int | None = None
    for one in months:
        declared = at_month(effective, one.month)
        expected = current if current is not None else declared.hourly_rate_cents if declared else None
        if one.hours_hundredths == 0:
            continue
        if expected is None or abs(one.hourly_rate_cents - expected) >= rules.rate_tolerance_cents:
            current = standing[one.month] = one.hourly_rate_cents
    return standing


def proposed_segments(evidence: Evidence, effective: Sequence[Segment]) -> tuple[Segment, ...]:
    """Return what one tap would declare: the months that change and, where something stands, the months after the newest report.

    What stands runs on to the end of the declared segment it lies in, never over one that the parent declared for later.
    """
    starts = [*evidence.hours, *evidence.rate, *([evidence.standing_from] if evidence.standing_from else [])]
    segments: list[Segment] = []
    if starts and evidence.months_compared:
        last = evidence.months_compared[-1]
        for month in months_between(min(starts), last):
            segments += _changed_month(month, evidence, effective)
        if evidence.stop_from is None:
            segments += _standing_tail(last, evidence, effective)
    if evidence.stop_from is not None and (running := at_month(effective, evidence.stop_from)) and running.hours_hundredths > 0:
        segments.append(
            Segment(
                from_month=evidence.stop_from,
                until_month=running.until_month,
                hours_hundredths=0,
                hourly_rate_cents=running.hourly_rate_cents,
            )
        )
    return tuple(segments)


def _target(month: Month, evidence: Evidence, effective: Sequence[Segment]) -> tuple[int | None, int | None]:
    declared = at_month(effective, month)
    hours = declared.hours_hundredths if declared else None
    if evidence.standing_from is not None and month >= evidence.standing_from:
        hours = evidence.standing_hours_hundredths
    hours = evidence.hours.get(month, hours)
    begun = [start for start in evidence.rate if start <= month]
    rate = evidence.rate[max(begun)] if begun else declared.hourly_rate_cents if declared else None
    return hours, rate


def _changed_month(month: Month, evidence: Evidence, effective: Sequence[Segment]) -> list[Segment]:
    hours, rate = _target(month, evidence, effective)
    declared = at_month(effective, month)
    if hours is None or rate is None or (declared and (declared.hours_hundredths, declared.hourly_rate_cents) == (hours, rate)):
        return []
    return [Segment(from_month=month, until_month=month, hours_hundredths=hours, hourly_rate_cents=rate)]


def _standing_tail(last: Month, evidence: Evidence, effective: Sequence[Segment]) -> list[Segment]:
    if evidence.standing_from is None and not evidence.rate:
        return []
    following = next_month(last)
    declared = at_month(effective, last)
    hours, rate = _target(following, evidence, (declared,) if declared else ())
    if hours is None or rate is None:
        return []
    later = [one.from_month for one in effective if one.from_month > last]
    until = declared.until_month if declared else previous_month(min(later)) if later else None
    if until is not None and until < following:
        return []
    if declared and (declared.hours_hundredths, declared.hourly_rate_cents) == (hours, rate):
        return []
    return [Segment(from_month=following, until_month=until, hours_hundredths=hours, hourly_rate_cents=rate)]
