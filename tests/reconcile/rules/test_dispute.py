"""Reasons are published in both languages; a dispute is about the lines of the months that deviate."""

from typing import get_args
from uuid import UUID

from reconcile.rules.dispute import DISPUTE_REASONS, DisputeReason, disputed_sources
from reconcile.rules.explanation_document import ExplanationDocument, explanation_document
from reconcile.rules.judgement import judge
from tests import make


def explained(*placements: object) -> ExplanationDocument:
    (found,) = judge(make.child_year(*placements), make.DECEMBER, make.rule_book())  # type: ignore[arg-type]
    return explanation_document(found.explanation)


def lines(explanation: ExplanationDocument) -> list[int]:
    return [one.line_number for one in disputed_sources(explanation)]


def test_every_reason_is_told_in_both_languages() -> None:
    assert set(DISPUTE_REASONS) == set(get_args(DisputeReason))
    assert all(one.title_nl and one.title_en and one.code == code for code, one in DISPUTE_REASONS.items())


def test_months_that_deviate_in_hours_or_rate() -> None:
    reported = (
        make.reported("2026-09", line_number=9),
        make.reported("2026-10", hours="120.00", line_number=10),
        make.reported("2026-11", hours="120.00", line_number=11),
    )
    assert lines(explained(make.placement(reported=reported))) == [10, 11]
    rates = (make.reported("2026-10", line_number=10), make.reported("2026-11", rate="12.00", line_number=11))
    assert lines(explained(make.placement(reported=rates))) == [11]


def test_judged_by_averages_every_month_counts() -> None:
    hours = ("100.00", "140.00", "90.00", "130.00", "100.00", "160.00", "120.00", "101.00", "150.00", "100.00", "140.00")
    reported = [make.reported(f"2026-{month:02d}", hours=one, line_number=month) for month, one in enumerate(hours, 1)]
    found = explained(make.placement(reported=tuple(reported)))
    assert found.step == "average"
    assert lines(found) == list(range(1, 12))


def test_of_two_deliveries_each_line_once() -> None:
    other = UUID(int=3)
    reported = (
        make.reported("2026-10", hours="120.00", line_number=7),
        make.reported("2026-11", hours="120.00", line_number=7, delivery_id=other),
    )
    found = disputed_sources(explained(make.placement(reported=reported)))
    assert [(one.delivery_id, one.line_number) for one in found] == [(make.DELIVERY, 7), (other, 7)]


def test_of_a_move_the_lines_of_both_places() -> None:
    """Once care moved, the old place reports no hours for a child that is declared there."""
    gone = tuple(make.reported(f"2026-{month:02d}", hours="0", line_number=month) for month in (2, 3))
    there = tuple(make.reported(f"2026-{month:02d}", line_number=10 + month) for month in (2, 3))
    old = make.placement(1, reported=(make.reported("2026-01", line_number=1), *gone))
    found = explained(old, make.undeclared(2, reported=there))
    assert found.moved_from is not None
    assert lines(found) == [2, 3, 12, 13]


def test_a_missing_line_is_nobody_s() -> None:
    assert lines(explained(make.placement(complete_months=("2026-11",), reported=()))) == []
