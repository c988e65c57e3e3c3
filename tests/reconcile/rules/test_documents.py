"""The published form: names of JSON, quantities as text, and proposals that come back as they were."""

from datetime import date
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from reconcile.rules import documents
from reconcile.rules.effect import Amounts, Effect, MonthAmounts, no_effect
from reconcile.rules.facts import MonthSpan, Segment
from reconcile.rules.proposal import Proposal, ProposedPlacement
from tests.make import segment

_PLACEMENT, _CHILD, _OTHER_CHILD = UUID(int=101), UUID(int=11), UUID(int=12)
_MONTHS = st.builds("{:04d}-{:02d}".format, st.integers(2005, 2099), st.integers(1, 12))
_SEGMENTS = st.builds(
    Segment,
    from_month=_MONTHS,
    until_month=st.none() | _MONTHS,
    hours_hundredths=st.integers(0, 74_400),
    hourly_rate_cents=st.integers(0, 10_000),
)


def _builtins(document: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(document))


def _proposal(*segments: Segment, end_on: date | None = None) -> Proposal:
    one = ProposedPlacement(
        placement_id=_PLACEMENT,
        child_id=_CHILD,
        lrk_number="900000001",
        end_on=end_on,
        hours_standing_from="2026-04",
        rate_standing_from="2026-05",
        segments=segments,
    )
    return Proposal(placements=(one,))


def test_a_segment_is_published_from_and_until() -> None:
    assert _builtins(documents.segment_document(segment("2026-01", "2026-03", hours="90.5", rate="9"))) == {
        "from": "2026-01",
        "until": "2026-03",
        "hours": "90.50",
        "hourlyRate": "9.00",
    }


def test_a_proposal_is_published_with_its_placements() -> None:
    proposal = _proposal(segment("2026-04", hours="0"), end_on=date(2026, 3, 31))
    assert _builtins(documents.proposal_document(proposal)) == {
        "placements": [
            {
                "placementId": str(_PLACEMENT),
                "childId": str(_CHILD),
                "lrkNumber": "900000001",
                "endOn": "2026-03-31",
                "hoursStandingFrom": "2026-04",
                "rateStandingFrom": "2026-05",
                "segments": [{"from": "2026-04", "until": None, "hours": "0.00", "hourlyRate": "10.00"}],
            }
        ]
    }


@given(st.lists(_SEGMENTS, max_size=4))
@settings(max_examples=100, deadline=None)
def test_the_segments_of_a_published_proposal_come_back_as_they_were(segments: list[Segment]) -> None:
    published = msgspec.json.encode(documents.proposal_document(_proposal(*segments)))
    document = msgspec.json.decode(published, type=documents.ProposalDocument)
    assert documents.proposed_segments(document.placements[0]) == tuple(segments)


@pytest.mark.parametrize(("field", "value"), [("hours", "90.5"), ("hours", "-1.00"), ("hourlyRate", "10"), ("from", "2026-13")])
def test_a_proposal_in_another_form_is_not_read(field: str, value: str) -> None:
    published = _builtins(documents.proposal_document(_proposal(segment())))
    published["placements"][0]["segments"][0][field] = value
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(published, documents.ProposalDocument)


def test_a_segment_that_this_module_did_not_publish_is_refused() -> None:
    document = documents.proposal_document(_proposal(segment())).placements[0]
    wrong = msgspec.structs.replace(document.segments[0], hours="ten")
    with pytest.raises(ValueError, match="^a published quantity has two decimals$"):
        documents.proposed_segments(msgspec.structs.replace(document, segments=(wrong,)))


def test_an_effect_is_published_in_whole_euros() -> None:
    amounts = Amounts(before_euro=945, after_euro=1_134, change_euro=189)
    effect = Effect(
        reason=None,
        year=2026,
        month="2026-10",
        in_month=amounts,
        in_year=amounts,
        until_now=amounts,
        months=(MonthAmounts(month="2026-10", before_euro=945, after_euro=1_134, change_euro=189),),
        first_child_before=_CHILD,
        first_child_after=_OTHER_CHILD,
    )
    euros = {"beforeEuro": 945, "afterEuro": 1_134, "changeEuro": 189}
    assert _builtins(documents.effect_document(effect)) == {
        "reason": None,
        "year": 2026,
        "month": "2026-10",
        "inMonth": euros,
        "inYear": euros,
        "untilNow": euros,
        "months": [{"month": "2026-10", **euros}],
        "firstChildBefore": str(_CHILD),
        "firstChildAfter": str(_OTHER_CHILD),
    }


def test_no_effect_is_published_with_its_reason_alone() -> None:
    published = _builtins(documents.effect_document(no_effect("income-unknown")))
    assert published.pop("reason") == "income-unknown"
    assert set(published) == set(_builtins(documents.effect_document(Effect(reason=None)))) - {"reason"}
    assert set(published.values()) == {None}


def test_an_effect_that_was_kept_before_its_months_were_is_still_read() -> None:
    kept = '{"reason": null, "year": 2026, "month": "2026-10", "inMonth": null, "inYear": null}'
    read = msgspec.json.decode(kept, type=documents.EffectDocument)
    assert (read.month, read.months, read.until_now) == ("2026-10", None, None)


@given(_SEGMENTS)
@settings(max_examples=100, deadline=None)
def test_what_is_published_has_the_form_that_the_contract_names(one: Segment) -> None:
    published = documents.segment_document(one)
    assert msgspec.convert(published.hours, documents.HoursText) == published.hours
    assert msgspec.convert(published.hourly_rate, documents.MoneyText) == published.hourly_rate


@given(st.lists(_SEGMENTS, max_size=3), st.none() | st.dates())
@settings(max_examples=100, deadline=None)
def test_a_published_proposal_is_read_back_as_it_was(segments: list[Segment], end_on: date | None) -> None:
    proposal = _proposal(*segments, end_on=end_on)
    assert documents.proposed(documents.proposal_document(proposal)) == proposal


def test_months_in_which_nothing_is_to_be_declared_are_read_back_of_a_change_alone() -> None:
    months = (MonthSpan(from_month="2026-01", until_month="2026-02"), MonthSpan(from_month="2026-11", until_month=None))
    (placement,) = documents.proposal_document(_proposal(segment("2026-03"))).placements
    undone = tuple(documents.months_document(one) for one in months)
    changed = documents.ChangedPlacementDocument(**structs.asdict(placement), undeclared=undone)
    assert _builtins(changed)["undeclared"] == [{"from": "2026-01", "until": "2026-02"}, {"from": "2026-11", "until": None}]
    assert documents.undeclared_months(changed) == months
    assert documents.undeclared_months(placement) == ()
