"""The judgement once more: slow, plain, month by month, from the decisions (ADR 0025) and not from the code of the rules.

A place is a table of months. What a tap would do is a table too: what is declared in each month afterwards. It knows no segments, no
effect, no explanation; it says which difference there is, over which places, by which kind and route, and what each month becomes.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from reconcile.rules.facts import ChildYearFacts, PlacementFacts, Segment
from reconcile.rules.rule_book import RuleBook

Table = dict[int, tuple[int, int]]
HORIZON = (2029 * 12) + 11


def number(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:]) - 1


def table(*layers: Sequence[Segment]) -> Table:
    """Each month with its hours and rate; later layers lie over earlier ones."""
    made: Table = {}
    for layer in layers:
        for segment in layer:
            until = number(segment.until_month) if segment.until_month else HORIZON
            for month in range(number(segment.from_month), until + 1):
                made[month] = (segment.hours_hundredths, segment.hourly_rate_cents)
    return made


class Place:
    """One placement as tables, with what is seen in it."""

    def __init__(self, facts: PlacementFacts, year: int, now: int, rules: RuleBook) -> None:
        self.facts, self.year, self.now, self.rules = facts, year, now, rules
        self.declared = table(facts.declared, facts.overlay)
        every = {number(one.month): one for one in facts.reported if number(one.month) <= now}
        self.ever = {month: one.hours_hundredths for month, one in every.items()}
        self.reported = {month: (one.hours_hundredths, one.hourly_rate_cents) for month, one in every.items() if month >= year * 12}
        self.complete = {number(month) for month in facts.complete_months if number(month) <= now}
        self.ended, self.end_on = self._end(every)
        self.is_undeclared = not any(month >= year * 12 for month in self.declared)

    def _end(self, every: dict[int, Any]) -> tuple[int | None, date | None]:
        if not self.reported:
            return None, None
        newest = max(self.reported)
        end_on = every[newest].end_on
        if end_on is not None:
            last = end_on.year * 12 + end_on.month - 1
            if last <= self.now and not any(hours for month, (hours, _) in self.reported.items() if month > last):
                return max(last + 1, self.year * 12), end_on
        if self.ever[newest] == 0 and newest - 1 in self.ever and self.ever[newest - 1] < 100:
            first = newest
            while first - 1 in self.ever and self.ever[first - 1] < 100:
                first -= 1
            return max(first, self.year * 12), None
        return None, None

    def hours(self, month: int) -> int:
        return self.declared.get(month, (0, 0))[0]

    def partial(self) -> set[int]:
        made = set()
        start_on = self.facts.start_on
        if start_on and start_on.day != 1:
            made.add(start_on.year * 12 + start_on.month - 1)
        if self.end_on and (self.end_on + timedelta(days=1)).month == self.end_on.month:
            made.add(self.end_on.year * 12 + self.end_on.month - 1)
        return made

    def new_hours(self, ended: int | None) -> tuple[str, dict[int, int], int | None, int | None]:
        """The step, the months that get hours of their own, and from which month which hours stand."""
        months = {month: hours for month, (hours, _) in sorted(self.reported.items()) if ended is None or month < ended}
        off = {month for month, hours in months.items() if abs(hours - self.hours(month)) >= 100}
        if not off:
            return "equal", {}, None, None
        partial = self.partial()
        whole = {month: hours for month, hours in self.ever.items() if (ended is None or month < ended) and month not in partial}
        run: list[int] = []
        if whole:
            month = max(whole)
            while month in whole and abs(whole[month] - whole[max(whole)]) < 100:
                run.append(month)
                month -= 1
        level = [month for month in run if month >= self.year * 12]
        if len(run) >= 2 and level:
            begin = min(level)
            alone = {month: hours for month, hours in months.items() if month not in level and (month in off or month > begin)}
            return ("run", alone, begin, months[max(level)]) if off & set(level) else ("single", alone, None, None)
        full = {month: hours for month, hours in months.items() if month not in partial}
        while full and min(full) not in self.declared and full[min(full)] < 100:
            del full[min(full)]
        if len(full) < 3:
            return "single", {month: months[month] for month in off}, None, None
        alike = {month for month in full if any(near in full and abs(full[near] - full[month]) < 100 for near in (month - 1, month + 1))}
        if 2 * len(alike) > len(full):
            if any(month in self.declared for month in full):
                return "single", {month: months[month] for month in off}, None, None
            newest = max(month for month in full if month - 1 in full and abs(full[month - 1] - full[month]) < 100)
            begin = newest
            while begin - 1 in full and abs(full[begin - 1] - full[newest]) < 100:
                begin -= 1
            level = range(begin, newest + 1)
            others = {month: hours for month, hours in months.items() if month not in level and (month in off or month > begin)}
            return ("run", others, begin, months[newest]) if off & set(level) else ("single", others, None, None)
        return self._average(months, off, partial & set(months), full)

    def _average(
        self, months: dict[int, int], off: set[int], partial: set[int], full: dict[int, int]
    ) -> tuple[str, dict[int, int], int | None, int | None]:
        quarter = self.now - self.now % 3
        over = {month: hours for month, hours in full.items() if month < quarter}
        if len(over) < 3 and not any(month in self.declared for month in full):
            over = full
        begin = average = None
        if len(over) >= 3 and abs(sum(over.values()) - sum(self.hours(month) for month in over)) >= 100 * len(over):
            begin = min(over)
            # Half a hundredth rounds up.
            average = (2 * sum(over.values()) + len(over)) // (2 * len(over))
        alone = {month: months[month] for month in partial if month in off or (begin is not None and month > begin)}
        return ("average" if begin is not None else "single"), alone, begin, average

    def new_rates(self, ended: int | None) -> dict[int, int]:
        made: dict[int, int] = {}
        expected = None
        for month, (hours, rate) in sorted(self.reported.items()):
            if ended is not None and month >= ended:
                break
            if not made and month in self.declared:
                expected = self.declared[month][1]
            if hours and (expected is None or abs(rate - expected) >= 5):
                made[month] = expected = rate
        return made

    def after(self, ended: int | None, *, newest_stands: bool = False) -> Table:
        """What is declared in each month after one tap."""
        step, alone, begin, standing = self.new_hours(ended)
        if newest_stands and begin is None:
            cared = [month for month, (hours, _) in self.reported.items() if hours]
            begin, standing = max(cared), self.reported[max(cared)][0]
            alone = {
                **{month: hours for month, hours in alone.items() if month < begin},
                **{month: hours for month, (hours, _) in self.reported.items() if month > begin},
            }
        rates = self.new_rates(ended)
        result = dict(self.declared)
        months = [month for month in self.reported if ended is None or month < ended]
        starts = [*alone, *rates, *([begin] if begin is not None else [])]
        if months and starts:
            last = max(months)
            for month in range(min(starts), last + 1):
                self._put(result, month, self._hours_in(month, alone, begin, standing), rates)
            if ended is None and (begin is not None or rates):
                for month in self._tail(last):
                    self._put(result, month, standing if begin is not None else self.declared.get(last, (None, 0))[0], rates, last)
        if ended is not None and self.hours(ended):
            piece, month = self.declared[ended], ended
            while self.declared.get(month) == piece:
                result[month] = (0, piece[1])
                month += 1
        return result

    def _hours_in(self, month: int, alone: dict[int, int], begin: int | None, standing: int | None) -> int | None:
        if month in alone:
            return alone[month]
        if begin is not None and month >= begin:
            return standing
        return self.declared[month][0] if month in self.declared else None

    def _put(self, result: Table, month: int, hours: int | None, rates: dict[int, int], like: int | None = None) -> None:
        declared = self.declared.get(month if like is None else like)
        begun = [start for start in rates if start <= month]
        billed = [start for start, (some, _) in self.reported.items() if start <= month and some]
        if begun:
            rate = rates[max(begun)]
        elif declared is not None:
            rate = declared[1]
        elif billed:
            rate = self.reported[max(billed)][1]
        else:
            return
        if hours is not None and not (hours == 0 and declared is not None and declared[0] == 0):
            result[month] = (hours, rate)

    def _tail(self, last: int) -> range:
        """The months after the newest report in which what stands runs on."""
        until = last
        if last in self.declared:
            while until < HORIZON and self.declared.get(until + 1) == self.declared[last]:
                until += 1
        elif not any(month > last for month in self.complete):
            while until < HORIZON and until + 1 not in self.declared:
                until += 1
        return range(last + 1, until + 1)

    def cared(self) -> list[int]:
        return sorted(month for month, (hours, _) in self.reported.items() if hours >= 100)

    def known_use(self, month: int) -> bool | None:
        """Whether the child was there: yes, no, or not known."""
        if month in self.reported:
            return self.reported[month][0] > 0
        return False if (self.ended is not None and month >= self.ended) or month in self.complete else None


def fate(other: Place, months: list[int]) -> tuple[bool, int | None]:
    """Whether it is known what became of a declared place in the months of a new one, and from when it ended."""
    if any(hours for month, (hours, _) in other.reported.items() if month > months[0]):
        return True, None
    after = months[1:] if other.known_use(months[0]) else months
    if any(other.known_use(month) is not False for month in after):
        return False, None
    if not after:
        return True, None
    if other.ended is not None:
        return True, other.ended if other.hours(other.ended) else None
    return True, next(month for month in after if other.hours(month))


def answer(facts: ChildYearFacts, as_of: datetime, rules: RuleBook) -> list[tuple[str, str | None, tuple[UUID, ...], dict[UUID, Table]]]:
    """Kind, route, placements and what each of them becomes, in the order of LRK numbers."""
    local = as_of.astimezone(ZoneInfo("Europe/Amsterdam"))
    now = local.year * 12 + local.month - 1
    places = sorted((Place(one, facts.year, now, rules) for one in facts.child.placements), key=lambda one: one.facts.lrk_number)
    new = [one for one in places if one.is_undeclared and one.cared()]
    others = {
        id(one): [
            (other, *fate(other, one.cared()))
            for other in places
            if other is not one and any(other.hours(month) for month in (one.cared()[1:] or one.cared()))
        ]
        for one in new
    }
    move: tuple[Place, int, Place] | None = None
    if len(new) == 1 and new[0].ended is None and all(known for _, known, _ in others[id(new[0])]):
        left = [(other, ended) for other, _, ended in others[id(new[0])] if ended is not None]
        if len(left) == 1:
            move = (*left[0], new[0])
    found = []
    for one in places:
        if move and one is move[0]:
            continue
        if move and one is move[2]:
            found.append(_moved(facts, now, *move))
        elif one in new:
            found += _added(facts, now, one, others[id(one)], places)
        elif not one.is_undeclared:
            found += _changed(facts, one, rules)
    return found


def _late(facts: ChildYearFacts, now: int, one: Place) -> str | None:
    return "year-closed" if facts.is_closed_year else "too-old-for-new-care" if one.cared()[0] < now - 3 else None


def _moved(facts: ChildYearFacts, now: int, old: Place, ended: int, new: Place) -> Any:
    kind = "D10" if old.facts.care_type == new.facts.care_type else "D11"
    tables = {old.facts.placement_id: old.after(ended), new.facts.placement_id: new.after(None, newest_stands=True)}
    return kind, _late(facts, now, new), tuple(tables), tables


def _added(facts: ChildYearFacts, now: int, one: Place, others: list[tuple[Place, bool, int | None]], places: list[Place]) -> list[Any]:
    result, place_id = one.after(one.ended), one.facts.placement_id
    if result == one.declared:
        return []
    if not any(each.facts.is_declared or each.facts.overlay for each in places):
        return [("D13", "year-closed" if facts.is_closed_year else "add-child", (place_id,), {place_id: result})]
    newest = one.cared()[-1]
    goes_on = others or any(
        table(place.declared, place.overlay).get(newest, (0, 0))[0] for child in facts.siblings for place in child.placements
    )
    is_known = goes_on and all(known for _, known, _ in others)
    return [("D12", _late(facts, now, one) or (None if is_known else "add-care"), (place_id,), {place_id: result})]


def _changed(facts: ChildYearFacts, one: Place, rules: RuleBook) -> list[Any]:
    place_id, result = one.facts.placement_id, one.after(one.ended)
    if result == one.declared:
        missing = max(one.complete, default=None)
        if missing is None or any(month >= missing for month in one.reported) or one.ended is not None or not one.hours(missing):
            return []
        return [("D15", "year-closed" if facts.is_closed_year else "ask-organisation", (place_id,), {place_id: result})]
    kind = _kind(facts, one, result, rules)
    route = "mediation-costs" if kind == "D08" else None
    if kind == "D14" and not any(
        hours
        for child in (facts.child, *facts.siblings)
        for place in child.placements
        if place.placement_id != place_id
        for month, (hours, _) in table(place.declared, place.overlay).items()
        if one.ended is not None and month >= one.ended
    ):
        route = "last-care-ended"
    return [(kind, "year-closed" if facts.is_closed_year else route, (place_id,), {place_id: result})]


def _kind(facts: ChildYearFacts, one: Place, result: Table, rules: RuleBook) -> str:
    if one.ended is not None and one.hours(one.ended) and result[one.ended][0] == 0:
        return "D14"
    step, alone, begin, standing = one.new_hours(one.ended)
    rates = one.new_rates(one.ended)
    if rates and (alone or begin is not None):
        return "D09"
    if rates:
        return _rate_kind(facts, one, rates, rules)
    if step == "average":
        return "D05"
    if begin is None or standing is None:
        return "D03"
    before = 0
    for month in sorted(one.reported):
        if month < begin or (one.ended is not None and month >= one.ended):
            continue
        if month in one.declared and one.hours(month) != standing:
            before = one.hours(month)
    return "D01" if standing > before else "D02"


def _rate_kind(facts: ChildYearFacts, one: Place, rates: dict[int, int], rules: RuleBook) -> str:
    pairs = [(one.declared.get(month, (0, 0))[1], rate) for month, rate in rates.items()]
    maximum = rules.maximum_rate_cents[facts.year][one.facts.care_type]
    if all(declared >= maximum and rate >= maximum for declared, rate in pairs):
        return "D07"
    is_lower = one.facts.care_type == "VGO" and all(rate < declared for declared, rate in pairs)
    return "D08" if is_lower else "D06"
