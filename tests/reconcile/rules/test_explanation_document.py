"""The published form of an explanation: where each number comes from."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import msgspec

from reconcile.rules.explanation import Circumstance, ComparedMonth, Explanation, MovedFrom
from reconcile.rules.explanation_document import explanation_document
from reconcile.rules.facts import AcceptedBefore, SeenMonth
from tests.make import DELIVERY, reported, segment

_PLACEMENT, _OLD = UUID(int=101), UUID(int=102)


def _builtins(document: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(document))


def test_an_explanation_is_published_with_where_each_number_comes_from() -> None:
    compared = ComparedMonth(
        month="2026-03",
        declared=segment(),
        reported=reported("2026-03"),
        hours_deviate=True,
        rate_deviates=False,
    )
    explanation = Explanation(
        rules_version="2026.1",
        hours_tolerance_hundredths=100,
        rate_tolerance_cents=5,
        step="single-months",
        location_name="Locatie 1",
        lrk_number="900000001",
        care_type="KDV",
        declared_at=datetime(2025, 12, 1, tzinfo=UTC),
        months=(
            compared,
            ComparedMonth(month="2026-04", declared=None, reported=None, hours_deviate=True, rate_deviates=True),
        ),
        end_on=date(2026, 3, 31),
        moved_from=MovedFrom(
            placement_id=_OLD,
            location_name="Locatie 2",
            lrk_number="900000002",
            care_type="BSO",
            months=(compared,),
            ended_from="2026-04",
            end_on=date(2026, 3, 20),
        ),
        begins_in="2026-03",
        report_by=date(2026, 6, 30),
        accepted_before=(
            AcceptedBefore(
                placement_id=_PLACEMENT,
                year=2026,
                accepted_at=datetime(2026, 4, 2, tzinfo=UTC),
                segments=(segment("2026-03", "2026-03"),),
                seen=(SeenMonth(month="2026-03", hours_hundredths=12_000, hourly_rate_cents=1_050),),
            ),
        ),
        circumstances=(
            Circumstance(code="hours-above-cap", months=("2026-03",), hours_hundredths=134_000, limit_hundredths=23_000),
            Circumstance(code="stops-in-month", months=("2026-03",), day=date(2026, 3, 20)),
        ),
    )
    month = {
        "month": "2026-03",
        "declared": {"hours": "100.00", "hourlyRate": "10.00"},
        "reported": {
            "hours": "100.00",
            "hourlyRate": "10.00",
            "organisationName": "Kinderopvang Het Voorbeeld",
            "deliveryId": str(DELIVERY),
            "lineNumber": 1,
            "receivedAt": "2026-12-01T08:00:00Z",
        },
        "hoursDeviate": True,
        "rateDeviates": False,
    }
    assert _builtins(explanation_document(explanation)) == {
        "rulesVersion": "2026.1",
        "hoursTolerance": "1.00",
        "rateTolerance": "0.05",
        "step": "single-months",
        "locationName": "Locatie 1",
        "lrkNumber": "900000001",
        "careType": "KDV",
        "declaredAt": "2025-12-01T00:00:00Z",
        "months": [
            month,
            {
                "month": "2026-04",
                "declared": None,
                "reported": None,
                "hoursDeviate": True,
                "rateDeviates": True,
            },
        ],
        "endOn": "2026-03-31",
        "movedFrom": {
            "placementId": str(_OLD),
            "locationName": "Locatie 2",
            "lrkNumber": "900000002",
            "careType": "BSO",
            "months": [month],
            "endedFrom": "2026-04",
            "endOn": "2026-03-20",
        },
        "beginsIn": "2026-03",
        "reportBy": "2026-06-30",
        "acceptedBefore": [
            {
                "placementId": str(_PLACEMENT),
                "acceptedAt": "2026-04-02T00:00:00Z",
                "segments": [{"from": "2026-03", "until": "2026-03", "hours": "100.00", "hourlyRate": "10.00"}],
                "seen": [{"month": "2026-03", "hours": "120.00", "hourlyRate": "10.50"}],
            }
        ],
        "circumstances": [
            {"code": "hours-above-cap", "months": ["2026-03"], "hours": "1340.00", "limit": "230.00", "day": None},
            {"code": "stops-in-month", "months": ["2026-03"], "hours": None, "limit": None, "day": "2026-03-20"},
        ],
    }


def test_what_does_not_apply_is_published_as_null_or_empty() -> None:
    plain = Explanation(
        rules_version="2026.1",
        hours_tolerance_hundredths=100,
        rate_tolerance_cents=5,
        step="run",
        location_name="Locatie 1",
        lrk_number="900000001",
        care_type="KDV",
        declared_at=None,
        months=(),
        end_on=None,
    )
    published = _builtins(explanation_document(plain))
    assert {name: published[name] for name in ("movedFrom", "beginsIn", "reportBy", "acceptedBefore", "circumstances")} == {
        "movedFrom": None,
        "beginsIn": None,
        "reportBy": None,
        "acceptedBefore": [],
        "circumstances": [],
    }
