"""What a change of rule books would do: the same facts judged by both, counted, with ten samples. Numbers and opaque numbers alone."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

import msgspec
from msgspec import Struct, field

from reconcile.rules.facts import ChildYearFacts
from reconcile.rules.judgement import JudgedDifference, content_of
from reconcile.rules.months import months_of_year
from reconcile.rules.notice import is_worth_telling
from reconcile.rules.quantities import hundredths_text
from reconcile.rules.rule_book import PublishedBook
from reconcile.rules.segments import at_month, effective_segments, lay_over

# What becomes of a difference. Told: it may be pushed once its household is in a released stage; one that is only shown has no effect
# in euros. Of another kind or with other amounts it stays told, or shown, as it was.
Fate = Literal["newly-told", "no-longer-told", "newly-shown", "no-longer-shown", "other-kind", "other-amounts", "same"]
FATES: tuple[Fate, ...] = get_args(Fate)
SAMPLES_MAX = 10


class Count(Struct, frozen=True, kw_only=True, rename="camel"):
    """How many differences, in how many households."""

    differences: int
    households: int


class KindChange(Struct, frozen=True, kw_only=True, rename="camel"):
    """How many differences get another kind."""

    old_kind: str
    new_kind: str
    differences: int


class Sums(Struct, frozen=True, kw_only=True, rename="camel"):
    """All differences by one book: by how much their proposals raise and lower the year, in hours (two decimals) and in euros.

    A difference without a proposal counts with the hours that lie between both sides, and without euros.
    """

    differences: int
    told: int
    hours_up: str
    hours_down: str
    euro_up: int
    euro_down: int
    without_euro: int


class Verdict(Struct, frozen=True, kw_only=True, rename="camel"):
    """One difference by one book. `hours` and `euro` are of the year; `euro` is None when it cannot be said."""

    kind: str
    is_told: bool
    hours: str
    euro: int | None


class Sample(Struct, frozen=True, kw_only=True, rename="camel"):
    """One difference that the change touches. The number of the household says nothing outside this system."""

    household_id: UUID
    year: int
    fate: Fate
    old: Verdict | None
    new: Verdict | None


class ForesightReport(Struct, frozen=True, kw_only=True, rename="camel"):
    """The report. `fates` has every fate; a household with differences of several fates is counted in each.

    `not_judged` are child-years over which one of the books stumbles: a worker would set their households aside.
    """

    old_version: str
    old_sha256: str
    new_version: str
    new_sha256: str
    as_of: datetime
    households: int
    child_years: int
    not_judged: int
    fates: dict[Fate, Count]
    kind_changes: tuple[KindChange, ...]
    old: Sums
    new: Sums
    samples: tuple[Sample, ...]


class JudgedTwice(Struct, frozen=True, kw_only=True):
    """The differences of one child-year by the old book and by the new one, without those that were answered from the same facts."""

    facts: ChildYearFacts
    old: Sequence[JudgedDifference]
    new: Sequence[JudgedDifference]


class _Tally(Struct, kw_only=True):
    """The sums of one book as they grow."""

    differences: int = 0
    told: int = 0
    hours_up: int = 0
    hours_down: int = 0
    euro_up: int = 0
    euro_down: int = 0
    without_euro: int = 0

    def add(self, judged: JudgedDifference, hours_hundredths: int) -> None:
        euro = _euro(judged)
        self.differences += 1
        self.told += is_worth_telling(judged.explanation.circumstances)
        self.hours_up += max(hours_hundredths, 0)
        self.hours_down += max(-hours_hundredths, 0)
        if euro is None:
            self.without_euro += 1
        else:
            self.euro_up += max(euro, 0)
            self.euro_down += max(-euro, 0)

    def sums(self) -> Sums:
        return Sums(
            differences=self.differences,
            told=self.told,
            hours_up=hundredths_text(self.hours_up),
            hours_down=hundredths_text(self.hours_down),
            euro_up=self.euro_up,
            euro_down=self.euro_down,
            without_euro=self.without_euro,
        )


class Foresight(Struct, kw_only=True):
    """Counts while households pass by; what it keeps does not grow with them."""

    households: int = 0
    child_years: int = 0
    not_judged: int = 0
    _differences: Counter[Fate] = field(default_factory=Counter)
    _households: Counter[Fate] = field(default_factory=Counter)
    _kind_changes: Counter[tuple[str, str]] = field(default_factory=Counter)
    _old: _Tally = field(default_factory=_Tally)
    _new: _Tally = field(default_factory=_Tally)
    _drawn: dict[bytes, Sample] = field(default_factory=dict)

    def add_household(self, judged: Sequence[JudgedTwice], *, not_judged: int) -> None:
        """Count one household by its child-years, and those of them that could not be judged."""
        self.households += 1
        self.child_years += len(judged) + not_judged
        self.not_judged += not_judged
        self._households.update({self._count(one.facts, old, new) for one in judged for old, new in _pairs(one.old, one.new)})

    def report(self, old: PublishedBook, new: PublishedBook, as_of: datetime) -> ForesightReport:
        """Return what was counted."""
        return ForesightReport(
            old_version=old.version,
            old_sha256=old.sha256.hex(),
            new_version=new.version,
            new_sha256=new.sha256.hex(),
            as_of=as_of,
            households=self.households,
            child_years=self.child_years,
            not_judged=self.not_judged,
            fates={fate: Count(differences=self._differences[fate], households=self._households[fate]) for fate in FATES},
            kind_changes=tuple(
                KindChange(old_kind=kinds[0], new_kind=kinds[1], differences=count) for kinds, count in sorted(self._kind_changes.items())
            ),
            old=self._old.sums(),
            new=self._new.sums(),
            samples=tuple(self._drawn[one] for one in sorted(self._drawn)),
        )

    def _count(self, facts: ChildYearFacts, old: JudgedDifference | None, new: JudgedDifference | None) -> Fate:
        fate = _fate(old, new)
        self._differences[fate] += 1
        if old is not None and new is not None and old.kind != new.kind:
            self._kind_changes[old.kind, new.kind] += 1
        verdicts: list[Verdict | None] = []
        for judged, tally in ((old, self._old), (new, self._new)):
            if judged is None:
                verdicts.append(None)
                continue
            hours = _hours_hundredths(facts, judged)
            tally.add(judged, hours)
            verdicts.append(_verdict(judged, hours))
        if fate != "same":
            self._draw(Sample(household_id=facts.household_id, year=facts.year, fate=fate, old=verdicts[0], new=verdicts[1]))
        return fate

    def _draw(self, sample: Sample) -> None:
        """Keep the samples with the lowest hashes: as good as drawn by lot, and the same every time."""
        self._drawn[hashlib.sha256(msgspec.json.encode(sample)).digest()] = sample
        if len(self._drawn) > SAMPLES_MAX:
            del self._drawn[max(self._drawn)]


def _pairs(
    old: Sequence[JudgedDifference], new: Sequence[JudgedDifference]
) -> Iterator[tuple[JudgedDifference | None, JudgedDifference | None]]:
    """Put differences side by side that span a placement in common, as a stored one would be renewed."""
    left = list(new)
    for one in old:
        other = next((found for found in left if not set(found.placement_ids).isdisjoint(one.placement_ids)), None)
        if other is not None:
            left.remove(other)
        yield one, other
    yield from ((None, one) for one in left)


def _fate(old: JudgedDifference | None, new: JudgedDifference | None) -> Fate:
    was_told = old is not None and is_worth_telling(old.explanation.circumstances)
    is_told = new is not None and is_worth_telling(new.explanation.circumstances)
    if was_told != is_told:
        return "newly-told" if is_told else "no-longer-told"
    if old is None or new is None:
        return "newly-shown" if old is None else "no-longer-shown"
    if old.kind != new.kind:
        return "other-kind"
    return "same" if content_of(old) == content_of(new) else "other-amounts"


def _verdict(judged: JudgedDifference, hours_hundredths: int) -> Verdict:
    return Verdict(
        kind=judged.kind,
        is_told=is_worth_telling(judged.explanation.circumstances),
        hours=hundredths_text(hours_hundredths),
        euro=_euro(judged),
    )


def _euro(judged: JudgedDifference) -> int | None:
    return judged.effect.in_year.change_euro if judged.effect.in_year else None


def _hours_hundredths(facts: ChildYearFacts, judged: JudgedDifference) -> int:
    """Return by how much the hours of the year would change; without a proposal, by how much both sides lie apart."""
    if judged.proposal is None:
        return sum(
            (one.reported.hours_hundredths if one.reported else 0) - (one.declared.hours_hundredths if one.declared else 0)
            for one in judged.explanation.months
        )
    stands = {one.placement_id: effective_segments(one) for one in facts.child.placements}
    change = 0
    for placement in judged.proposal.placements:
        before = stands[placement.placement_id]
        after = lay_over(before, placement.segments)
        for month in months_of_year(facts.year):
            for sign, segments in ((-1, before), (1, after)):
                segment = at_month(segments, month)
                change += sign * segment.hours_hundredths if segment else 0
    return change
