"""What stands around the lines of a delivery: instants and statements of completeness."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from reconcile.rules.delivery_file import Complete, Envelope, complete_month, instant, read_envelope
from reconcile.rules.faults import UnreadableDelivery


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-04-02T08:15:00Z", datetime(2026, 4, 2, 8, 15, tzinfo=UTC)),
        ("2026-04-02T08:15:00.123456Z", datetime(2026, 4, 2, 8, 15, 0, 123456, tzinfo=UTC)),
        ("2026-04-02T10:15:00+02:00", datetime(2026, 4, 2, 10, 15, tzinfo=timezone(timedelta(hours=2)))),
    ],
)
def test_an_instant_has_an_offset(text: str, expected: datetime) -> None:
    assert instant(text) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "2026-04-02",
        "2026-04-02T08:15:00",
        "2026-04-02 08:15:00Z",
        "08:15:00Z",
        "2026-02-30T08:15:00Z",
        "yesterday",
    ]
    + ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2004-12-31T23:59:59Z", "2100-01-01T00:00:00Z"]
    + ["2026-04-02T25:00:00Z", "2026-04-02T08:15:00+2", None, 1_775_000_000, True, [], {}],
)
def test_anything_else_is_no_instant(value: Any) -> None:
    with pytest.raises(UnreadableDelivery) as caught:
        instant(value)
    assert (caught.value.code, caught.value.line) == ("envelope-invalid", None)


@pytest.mark.parametrize("lrk_numbers", [[], ["900000001"], ["900000001", "900000002"]])
def test_a_month_is_complete_for_locations(lrk_numbers: list[str]) -> None:
    assert complete_month("2026-03", lrk_numbers) == Complete(month="2026-03", lrk_numbers=tuple(lrk_numbers))


@pytest.mark.parametrize(
    ("month", "lrk_numbers"),
    [
        ("2026-13", ["900000001"]),
        ("2004-01", ["900000001"]),
        ("", []),
        (None, []),
        (202603, []),
        ("2026-03", None),
        ("2026-03", "900000001"),
        ("2026-03", {"900000001": 1}),
        ("2026-03", [900000001]),
        ("2026-03", ["90000001"]),
        ("2026-03", ["900000001", "9000000020"]),
        ("2026-03", ["abcdefghi"]),
        ("2026-03", ["٩٠٠٠٠٠٠٠١"]),
        ("2026-03", [None]),
    ],
)
def test_a_statement_of_completeness_in_another_form_is_refused(month: Any, lrk_numbers: Any) -> None:
    with pytest.raises(UnreadableDelivery) as caught:
        complete_month(month, lrk_numbers)
    assert (caught.value.code, caught.value.line) == ("envelope-invalid", None)


def test_an_envelope_without_members_says_nothing() -> None:
    envelope = Envelope()
    assert (envelope.reference, envelope.sent_at, envelope.organisation_oin, envelope.complete) == (
        None,
        None,
        None,
        (),
    )


def test_all_or_nothing_is_asked_in_the_envelope() -> None:
    assert [read_envelope(members).all_or_nothing for members in ({}, {"allOrNothing": False}, {"allOrNothing": True})] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("value", [None, 1, 0, "true", [], {}])
def test_all_or_nothing_is_true_or_false(value: Any) -> None:
    with pytest.raises(UnreadableDelivery) as caught:
        read_envelope({"allOrNothing": value})
    assert caught.value.code == "envelope-invalid"


@pytest.mark.parametrize(
    ("member", "value", "detail"),
    [
        ("reference", 1, "reference must be text."),
        ("createdAt", "2026-04-02", "createdAt must be an instant with an offset, like 2026-04-02T08:15:00Z."),
        ("organisationOin", "0000009900000011000", "organisationOin must be an OIN of twenty positions."),
        ("allOrNothing", "true", "allOrNothing must be true or false."),
        ("complete", {}, "complete must be a list of {month, lrkNumbers}."),
        ("complete", [{"month": "2026-03"}], "complete must be a list of {month, lrkNumbers}."),
        ("complete", [{"month": "2026-3", "lrkNumbers": []}], "complete needs a month like 2026-03."),
        ("complete", [{"month": "2026-03", "lrkNumbers": ["1"]}], "complete needs lrkNumbers of nine digits each."),
    ],
)
def test_a_sender_is_told_which_member_is_wrong_and_how_it_is_written(member: str, value: Any, detail: str) -> None:
    with pytest.raises(UnreadableDelivery) as caught:
        read_envelope({"reference": "r-1", member: value})
    assert (caught.value.code, caught.value.detail) == ("envelope-invalid", detail)
