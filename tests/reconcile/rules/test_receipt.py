"""A receipt's bytes, pinned: what was signed once must come out the same for ever."""

import hashlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from msgspec import structs

from reconcile.rules.receipt import LineCounts, ReceiptFacts, receipt_of

FACTS = ReceiptFacts(
    delivery_id=UUID(int=7),
    organisation_oin="00000099000000110000",
    sender_oin="00000099000000810000",
    reference="r-1",
    format="csv",
    received_at=datetime(2026, 7, 10, 9, tzinfo=UTC),
    created_at=datetime(2026, 7, 10, 10, 30, 0, 5, tzinfo=timezone(timedelta(hours=2))),
    finished_at=datetime(2026, 7, 10, 9, 0, 1, 250_000, tzinfo=UTC),
    content_sha256=bytes(32),
    byte_count=120,
    duplicate_of=None,
    problem_code=None,
    problem_line=None,
    counts=LineCounts(received=3, applied=1, unchanged=0, superseded=0, parked=1, rejected=1),
)
CONTENT = (
    '{"byteCount":120,"contentSha256":"' + "00" * 32 + '",'
    '"counts":{"applied":1,"parked":1,"received":3,"rejected":1,"superseded":0,"unchanged":0},"createdAt":"2026-07-10T08:30:00.000005Z",'
    '"deliveryId":"00000000-0000-0000-0000-000000000007","duplicateOf":null,"finishedAt":"2026-07-10T09:00:01.250000Z",'
    '"form":"kot-uren/receipt/1","format":"csv","organisationOin":"00000099000000110000","problem":null,'
    '"receivedAt":"2026-07-10T09:00:00.000000Z","reference":"r-1","senderOin":"00000099000000810000"}'
).encode()


def test_the_bytes_are_these_and_no_others() -> None:
    receipt = receipt_of(FACTS)
    assert receipt.content == CONTENT
    assert receipt.sha256 == hashlib.sha256(CONTENT).digest()


@pytest.fixture
def machine_in_another_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC+5")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("machine_in_another_zone")
def test_the_bytes_are_the_same_wherever_the_machine_stands() -> None:
    assert datetime.now().astimezone().utcoffset() == timedelta(hours=-5)
    assert receipt_of(FACTS).content == CONTENT


def test_a_delivery_that_was_not_read_has_its_problem_and_a_duplicate_its_first() -> None:
    unreadable = receipt_of(structs.replace(FACTS, counts=None, problem_code="not-json", problem_line=3))
    assert b'"problem":{"code":"not-json","line":3}' in unreadable.content
    assert b'"counts":null' in unreadable.content
    duplicate = receipt_of(structs.replace(FACTS, counts=None, created_at=None, finished_at=None, duplicate_of=UUID(int=1)))
    assert b'"duplicateOf":"00000000-0000-0000-0000-000000000001"' in duplicate.content
    assert b'"createdAt":null' in duplicate.content
    assert b'"finishedAt":null' in duplicate.content
