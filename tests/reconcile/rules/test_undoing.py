"""What undoing an acceptance declares: in each month that is still its own what stood before, and no word about any other month."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from reconcile.rules.facts import MonthSpan, Segment
from reconcile.rules.months import add_months
from reconcile.rules.segments import at_month, cut, lay_over
from reconcile.rules.undoing import AcceptedCare, Restored, restored
from tests.make import segment

FIRST = "2026-01"
MONTHS = [add_months(FIRST, number) for number in range(18)]


@st.composite
def care(draw: st.DrawFn, hours: Sequence[str], *, least: int = 0) -> tuple[Segment, ...]:
    """Segments in order, with gaps between them, the last perhaps without an end."""
    count = draw(st.integers(least, 3))
    bounds = sorted(draw(st.lists(st.integers(0, 15), min_size=2 * count, max_size=2 * count, unique=True)))
    pairs = list(zip(bounds[::2], bounds[1::2], strict=True))
    open_ended = draw(st.booleans())
    return tuple(
        segment(MONTHS[start], None if open_ended and number == len(pairs) - 1 else MONTHS[end], hours=draw(st.sampled_from(hours)))
        for number, (start, end) in enumerate(pairs)
    )


def undone(accepted: Sequence[Segment], **change: tuple[MonthSpan, ...] | bool) -> Restored:
    fields = {"later": (), "undone_since": (), "before": (), "declared": (), "beneath": (), "is_declared": False}
    return restored(AcceptedCare(accepted=tuple(accepted), **{**fields, **change}))  # type: ignore[arg-type]  # by name


def counts(base: Sequence[Segment], what: Restored) -> list[Segment | None]:
    """What counts in each month once it is undone, with hours and rate alone."""
    after = lay_over(cut(base, what.undeclared), what.segments)
    return [value(at_month(after, month)) for month in MONTHS]


def value(one: Segment | None) -> Segment | None:
    return None if one is None else segment(FIRST, hours=f"{one.hours_hundredths // 100}.00")


def covers(spans: Sequence[MonthSpan], month: str) -> bool:
    return any(one.from_month <= month and (one.until_month is None or month <= one.until_month) for one in spans)


@given(care(["10.00", "20.00", "0.00"]), care(["30.00", "0.00"], least=1), care(["40.00"]), st.booleans())
def test_what_stood_before_stands_again_whether_tvs_declares_the_acceptance_or_not(
    before: tuple[Segment, ...], accepted: tuple[Segment, ...], later: tuple[Segment, ...], is_declared: bool
) -> None:
    stands = lay_over(before, accepted)
    what = undone(
        accepted,
        before=before,
        later=later,
        declared=stands if is_declared else before,
        beneath=stands if is_declared else before,
        is_declared=is_declared,
    )
    now = counts(lay_over(stands, later), what)
    expected = lay_over(lay_over(before, ()), later)
    for month, found in zip(MONTHS, now, strict=True):
        assert found == value(at_month(expected, month))
        is_said = covers(what.segments, month) or covers(what.undeclared, month)
        assert is_said == (covers(accepted, month) and not covers(later, month))


@given(care(["10.00", "20.00"]), care(["30.00"], least=1), care(["50.00", "60.00"]))
def test_what_tvs_declares_otherwise_by_now_stays(
    before: tuple[Segment, ...], accepted: tuple[Segment, ...], declared: tuple[Segment, ...]
) -> None:
    assert undone(accepted, before=before, declared=declared, beneath=declared, is_declared=True).is_empty
    on_its_way = undone(accepted, before=before, declared=declared, beneath=declared)
    assert counts(lay_over(declared, accepted), on_its_way) == [value(at_month(declared, month)) for month in MONTHS]


def test_a_later_acceptance_that_was_undone_does_not_hide_what_stood_before() -> None:
    first, second = segment("2026-03", hours="120.00"), segment("2026-05", hours="130.00")
    declared = (segment(until="2026-02"), segment("2026-03", "2026-04", hours="120.00"), second)
    what = undone((first,), before=(segment(),), declared=declared, beneath=declared, undone_since=((second,),), is_declared=True)
    assert what.segments == (segment("2026-03"),)
    hidden = undone((first,), before=(segment(),), declared=declared, beneath=declared, is_declared=True)
    assert hidden.segments == (segment("2026-03", "2026-04"),)


def test_months_that_tvs_declares_otherwise_do_not_keep_those_after_them() -> None:
    declared = (segment("2026-03", "2026-04", hours="90.00"), segment("2026-05", hours="120.00"))
    what = undone((segment("2026-03", hours="120.00"),), before=(segment(),), declared=declared, is_declared=True)
    assert what == Restored(segments=(segment("2026-05"),), undeclared=())


def test_care_that_ended_may_be_declared_as_nothing_or_as_no_hours_at_any_rate() -> None:
    ended = segment("2026-05", hours="0.00")
    for declared in ((segment(until="2026-04"),), (segment(until="2026-04"), segment("2026-05", hours="0.00", rate="0.00"))):
        what = undone((ended,), before=(segment(),), declared=declared, is_declared=True)
        assert (what.segments, what.undeclared) == ((segment("2026-05"),), ())


def test_new_care_leaves_months_in_which_nothing_is_declared() -> None:
    what = undone((segment("2026-05", "2026-06"), segment("2026-07", hours="80.00")))
    assert (what.segments, what.undeclared) == ((), (MonthSpan(from_month="2026-05", until_month=None),))
