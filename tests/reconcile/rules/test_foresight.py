"""What becomes of each difference when another book judges, counted without keeping anybody."""

from typing import Any
from uuid import UUID

from msgspec import structs

from reconcile.rules.facts import ChildYearFacts
from reconcile.rules.foresight import FATES, SAMPLES_MAX, Foresight, ForesightReport, JudgedTwice, Sample, Verdict
from reconcile.rules.judgement import JudgedDifference, judge
from reconcile.rules.rule_book import Edition, PublishedBook
from tests.make import DECEMBER, child_year, placement, reported_run, rule_book, segment, undeclared

_MORE = placement(reported=reported_run("2026-01", ["120.00"] * 11))
_FEWER = placement(2, reported=reported_run("2026-06", ["80.00"] * 6))


def _book(version: str) -> PublishedBook:
    rules = rule_book()
    return PublishedBook(
        version=version, sha256=version.encode(), parameters=(), editions=(Edition(known_since=DECEMBER.date(), rules=rules),)
    )


def _judged(facts: ChildYearFacts, **change: Any) -> tuple[JudgedDifference, ...]:
    return judge(facts, DECEMBER, rule_book(**change))


def _report(*households: list[JudgedTwice], not_judged: int = 0) -> ForesightReport:
    foresight = Foresight()
    for judged in households:
        foresight.add_household(judged, not_judged=not_judged)
    return foresight.report(_book("2026.1"), _book("2026.2"), DECEMBER)


def _twice(facts: ChildYearFacts, old: tuple[JudgedDifference, ...], new: tuple[JudgedDifference, ...]) -> JudgedTwice:
    return JudgedTwice(facts=facts, old=old, new=new)


def _fates(report: ForesightReport) -> dict[str, tuple[int, int]]:
    return {fate: (count.differences, count.households) for fate, count in report.fates.items() if count.differences}


def test_the_same_judgement_is_the_same() -> None:
    facts = child_year(_MORE, _FEWER)
    report = _report([_twice(facts, _judged(facts), _judged(facts))])
    assert _fates(report) == {"same": (2, 1)}
    assert set(report.fates) == set(FATES)
    assert (report.samples, report.kind_changes, report.old) == ((), (), report.new)
    assert (report.old_version, report.new_version, report.new_sha256) == ("2026.1", "2026.2", b"2026.2".hex())
    assert (report.old_sha256, report.as_of) == (b"2026.1".hex(), DECEMBER)
    assert (report.households, report.child_years, report.not_judged) == (1, 1, 0)


def test_what_is_found_by_one_book_alone_is_newly_told_or_no_longer() -> None:
    facts = child_year(_MORE, _FEWER)
    wide = _judged(facts, hours_tolerance_hundredths=10_000)
    assert wide == ()
    assert _fates(_report([_twice(facts, wide, _judged(facts))])) == {"newly-told": (2, 1)}
    assert _fates(_report([_twice(facts, _judged(facts), wide)])) == {"no-longer-told": (2, 1)}


def test_what_has_no_effect_in_euros_is_shown_and_not_told() -> None:
    facts = child_year(
        placement(declared=(segment(hours="240.00", rate="11.00"),), reported=reported_run("2026-01", ["250.00"] * 11, rate="11.00"))
    )
    found = _judged(facts)
    assert _fates(_report([_twice(facts, (), found)])) == {"newly-shown": (1, 1)}
    assert _fates(_report([_twice(facts, found, ())])) == {"no-longer-shown": (1, 1)}
    uncapped = _judged(facts, counted_hours_hundredths=74_400)
    report = _report([_twice(facts, found, uncapped)])
    assert _fates(report) == {"newly-told": (1, 1)}
    assert (report.old.told, report.new.told, report.old.differences) == (0, 1, 1)
    assert _fates(_report([_twice(facts, uncapped, found)])) == {"no-longer-told": (1, 1)}


def test_another_kind_is_counted_by_what_it_becomes() -> None:
    facts = child_year(_MORE)
    (found,) = _judged(facts)
    other = structs.replace(found, kind="D05")
    report = _report([_twice(facts, (found,), (other,))])
    assert _fates(report) == {"other-kind": (1, 1)}
    assert [(one.old_kind, one.new_kind, one.differences) for one in report.kind_changes] == [("D01", "D05", 1)]
    (sample,) = report.samples
    old = Verdict(kind="D01", is_told=True, hours="240.00", euro=1_200)
    assert sample == Sample(household_id=facts.household_id, year=2026, fate="other-kind", old=old, new=structs.replace(old, kind="D05"))
    twice = _report(*[[_twice(facts, (found,), (other,))]] * 2)
    assert [(one.old_kind, one.new_kind, one.differences) for one in twice.kind_changes] == [("D01", "D05", 2)]


def test_another_proposal_or_effect_is_other_amounts() -> None:
    facts = child_year(_MORE)
    report = _report([_twice(facts, _judged(facts), _judged(facts, least_granted_euro=100_000))])
    assert _fates(report) == {"no-longer-told": (1, 1)}  # nothing is granted at all: there is no effect
    dearer = structs.replace(rule_book().tables[2026], maximum_rate_cents={"KDV": 900, "BSO": 900, "VGO": 900})
    report = _report([_twice(facts, _judged(facts), _judged(facts, tables={2026: dearer}))])
    assert _fates(report) == {"other-amounts": (1, 1)}


def test_differences_are_paired_by_a_placement_that_they_share() -> None:
    facts = child_year(_MORE, _FEWER)
    one, other = _judged(facts)
    both = structs.replace(one, placement_ids=(*one.placement_ids, *other.placement_ids))
    report = _report([_twice(facts, (one, other), (both,))])
    assert _fates(report) == {"other-amounts": (1, 1), "no-longer-told": (1, 1)}  # over two places it is no longer the same


def test_sums_are_of_the_whole_year_up_and_down_apart() -> None:
    facts = child_year(_MORE, _FEWER)
    sums = _report([_twice(facts, _judged(facts), ())]).old
    # 20 hours more in twelve months, 20 fewer from June on.
    assert (sums.differences, sums.told, sums.hours_up, sums.hours_down) == (2, 2, "240.00", "140.00")
    # At 50 percent of 10 euros: each judged alone, beside the hours declared for the other.
    assert (sums.euro_up, sums.euro_down, sums.without_euro) == (1_200, 700, 0)
    twice = _report(*[[_twice(facts, _judged(facts), ())]] * 2).old
    assert (twice.differences, twice.told, twice.hours_up, twice.hours_down) == (4, 4, "480.00", "280.00")
    assert (twice.euro_up, twice.euro_down) == (2_400, 1_400)


def test_months_without_care_before_and_after_count_as_no_hours() -> None:
    facts = child_year(placement(declared=(segment("2026-03", "2026-10"),), reported=reported_run("2026-03", ["120.00"] * 8)))
    assert _report([_twice(facts, _judged(facts), ())]).old.hours_up == "160.00"


def test_without_a_proposal_the_hours_between_both_sides_count_and_no_euros() -> None:
    facts = child_year(placement(), undeclared(2, reported=reported_run("2026-03", ["40.00", "30.00"])))
    sums = _report([_twice(facts, _judged(facts), ())]).old
    assert (sums.differences, sums.hours_up, sums.hours_down, sums.without_euro) == (1, "70.00", "0.00", 1)
    assert (sums.euro_up, sums.euro_down) == (0, 0)
    assert _report(*[[_twice(facts, _judged(facts), ())]] * 2).old.without_euro == 2


def test_a_side_that_is_silent_counts_as_no_hours() -> None:
    facts = child_year(placement(complete_months=("2026-10",)))
    report = _report([_twice(facts, _judged(facts), ())])
    assert (report.old.hours_up, report.old.hours_down) == ("0.00", "100.00")
    assert report.samples[0].old is not None
    assert (report.samples[0].old.kind, report.samples[0].old.hours, report.samples[0].old.euro) == ("D15", "-100.00", None)


def test_a_household_counts_once_for_each_fate() -> None:
    first, second = child_year(_MORE), child_year(_FEWER, household_id=UUID(int=7))
    report = _report(
        [_twice(first, _judged(first), ()), _twice(first, (), _judged(first)), _twice(first, _judged(first), ())],
        [_twice(second, _judged(second), ())],
        [],
        not_judged=1,
    )
    assert _fates(report) == {"no-longer-told": (3, 2), "newly-told": (1, 1)}
    assert (report.households, report.child_years, report.not_judged) == (3, 7, 3)


def test_ten_samples_are_drawn_alike_in_any_order_and_by_lot() -> None:
    households = [child_year(_MORE, household_id=UUID(int=number)) for number in range(1, 200)]
    judged = [[_twice(facts, _judged(facts), ())] for facts in households]
    forward, backward = _report(*judged), _report(*reversed(judged))
    assert forward == backward
    drawn = [one.household_id.int for one in forward.samples]
    assert len(set(drawn)) == SAMPLES_MAX
    assert max(drawn) > 100
    assert forward.samples[0].fate == "no-longer-told"
    assert forward.samples[0].new is None
