"""What lies over the declared hours: in each month what the newest change says, tied to that change."""

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from reconcile.overlay import laid_over, laid_segments
from reconcile.rules.documents import ProposedPlacementDocument, SegmentDocument
from reconcile.store.answers import OverlaySegment

PLACEMENTS = [UUID(int=1), UUID(int=2)]
MONTHS = [f"2026-{month:02}" for month in range(1, 13)]


def proposed(placement_id: UUID, start: int, end: int | None, hours: int) -> ProposedPlacementDocument:
    segment = SegmentDocument(
        from_month=MONTHS[start], until_month=None if end is None else MONTHS[end], hours=f"{hours}.00", hourly_rate="10.00"
    )
    return ProposedPlacementDocument(
        placement_id=placement_id,
        child_id=UUID(int=9),
        lrk_number="920000022",
        end_on=None,
        hours_standing_from=None,
        rate_standing_from=None,
        segments=(segment,),
    )


@st.composite
def changes(draw: st.DrawFn) -> list[list[ProposedPlacementDocument]]:
    """Each change says something of one placement, or of both as a move does."""
    drawn = []
    for number in range(draw(st.integers(1, 6))):
        placements = []
        for placement_id in draw(st.lists(st.sampled_from(PLACEMENTS), min_size=1, max_size=2, unique=True)):
            start = draw(st.integers(0, 11))
            end = draw(st.none() | st.integers(start, 11))
            placements.append(proposed(placement_id, start, end, hours=10 + number))
        drawn.append(placements)
    return drawn


def change_id(number: int) -> UUID:
    return uuid5(PLACEMENTS[0], str(number))


def covers(start: str, end: str | None, month: str) -> bool:
    return start <= month and (end is None or month <= end)


@given(changes())
def test_each_month_has_what_the_newest_change_says_of_it(drawn: list[list[ProposedPlacementDocument]]) -> None:
    overlay: list[OverlaySegment] = []
    for number, placements in enumerate(drawn):
        overlay = list(laid_over(overlay, change_id(number), placements))
    for placement_id in PLACEMENTS:
        for month in MONTHS:
            said = [
                (change_id(number), (10 + number) * 100)
                for number, placements in enumerate(drawn)
                for one in placements
                if one.placement_id == placement_id and covers(one.segments[0].from_month, one.segments[0].until_month, month)
            ]
            lying = [
                (one.change_id, one.hours_hundredths)
                for one in overlay
                if one.placement_id == placement_id and covers(one.from_month, one.until_month, month)
            ]
            assert lying == said[-1:]


def test_a_segment_is_written_from_first_day_to_first_day() -> None:
    open_ended, ended = laid_segments(
        laid_over((), change_id(0), [proposed(PLACEMENTS[0], 1, None, 10), proposed(PLACEMENTS[1], 1, 3, 10)])
    )
    assert (open_ended.from_month.isoformat(), open_ended.until_month) == ("2026-02-01", None)
    assert (str(ended.from_month), str(ended.until_month)) == ("2026-02-01", "2026-04-01")
