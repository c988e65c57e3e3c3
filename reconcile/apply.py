"""Verbs of the worker that reads a delivery into the stage and applies it, batch by batch.

Each verb, and `keep_batch` with `report_batch`, is one short transaction; the worker strings them together and can be killed between
any two. The lease with its fence keeps two workers off one delivery; what was applied is never applied again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from reconcile.keyring import Keyring
from reconcile.receive import SEALED_CHUNK, chunk_row
from reconcile.rules.delivery_csv import CsvReader
from reconcile.rules.delivery_file import Complete, DeliveryReader, Envelope
from reconcile.rules.delivery_json import JsonReader
from reconcile.rules.delivery_line import DeliveryLine
from reconcile.rules.delivery_ndjson import NdjsonReader
from reconcile.rules.faults import FAULTS, UnreadableDelivery
from reconcile.rules.months import Month, first_day
from reconcile.stage import Known, refuse_unless_whole, stage_lines
from reconcile.store import comparisons, deliveries, households, lines, placements
from reconcile.store.database import Connection
from reconcile.store.deliveries import ClaimedDelivery
from reconcile.store.lines import Batch, MatchedLine, Outcomes

# Renewed with every step, and a step that takes longer keeps its row locked: so long after a crash the delivery is taken up again.
LEASE = timedelta(seconds=15)

_COMPLETE = msgspec.json.Decoder(tuple[Complete, ...])


# A clock that is further ahead would make every later delivery of its sender look older than this one.
CLOCK_DIFFERENCE_MAX = timedelta(days=1)


class LeaseLost(Exception):
    """Another worker has taken this delivery over: whatever this one was about to write is dropped."""


class DeliveryProblem(Struct, frozen=True, kw_only=True, rename="camel"):
    """Why a delivery cannot be read, as its sender sees it."""

    code: str
    title: str
    title_nl: str
    remedy: str
    remedy_nl: str
    detail: str
    line: int | None


class KeptBatch(Struct, frozen=True, kw_only=True):
    """A batch whose lines have their outcome, and those of them that belong to a household."""

    batch: Batch
    outcomes: Outcomes
    matched: Sequence[MatchedLine]


async def claim_delivery(conn: Connection) -> ClaimedDelivery | None:
    """Take the next delivery; None when there is nothing to do."""
    return await deliveries.claim_delivery(conn, LEASE)


async def is_staged(conn: Connection, claimed: ClaimedDelivery) -> bool:
    """Tell whether an earlier attempt read the whole delivery and the stage still has what is left of it."""
    return claimed.state == "applying" and await lines.waiting_count(conn, claimed) == claimed.lines_read - claimed.lines_done


async def begin_reading(conn: Connection, claimed: ClaimedDelivery) -> None:
    """Start from the first byte, whatever an earlier attempt left in the stage."""
    await lines.clear_stage(conn, claimed)


async def read_chunk(conn: Connection, keyring: Keyring, claimed: ClaimedDelivery, chunk_number: int) -> bytes | None:
    """Return one piece of the content, opened; None after the last."""
    sealed = await deliveries.chunk(conn, claimed.organisation_id, claimed.delivery_id, chunk_number)
    if sealed is None:
        return None
    return keyring.open(SEALED_CHUNK, chunk_row(claimed.organisation_id, claimed.delivery_id, chunk_number), sealed)


def reader_for(claimed: ClaimedDelivery, *, this_month: Month) -> DeliveryReader:
    """Return the reader of the delivery's format."""
    if claimed.format == "csv":
        return CsvReader(charset=claimed.charset, this_month=this_month)
    return NdjsonReader(this_month=this_month) if claimed.format == "ndjson" else JsonReader(this_month=this_month)


async def stage(conn: Connection, keyring: Keyring, claimed: ClaimedDelivery, read: Sequence[DeliveryLine], *, known: Known) -> None:
    """Put some thousands of lines into the stage, and make sure that everybody they name is a person. Raises LeaseLost."""
    await hold(conn, claimed)
    await stage_lines(conn, keyring, claimed, read, known=known)


async def finish_reading(conn: Connection, claimed: ClaimedDelivery, envelope: Envelope, oin: str, lines_read: int) -> datetime:
    """All lines are staged: hold the envelope against the request, refuse all or nothing, and return when the delivery was made.

    Raises UnreadableDelivery when file and request contradict each other, LeaseLost.
    """
    await hold(conn, claimed)
    sent_at = made_at(claimed, envelope, oin)
    complete = envelope.complete or _COMPLETE.decode(claimed.complete)
    all_or_nothing = envelope.all_or_nothing or claimed.all_or_nothing
    is_refused = all_or_nothing and await refuse_unless_whole(conn, claimed)
    await lines.drop_done_lines(conn, claimed)
    # Of what is refused nothing stands, so nothing is called complete either.
    stated = msgspec.json.encode(() if is_refused else complete).decode()
    await deliveries.begin_applying(conn, claimed, sent_at, stated, lines_read, all_or_nothing=all_or_nothing, is_refused=is_refused)
    return sent_at


def made_at(claimed: ClaimedDelivery, envelope: Envelope, oin: str) -> datetime:
    """Hold the envelope against the request and return when the delivery was made. Raises UnreadableDelivery when they contradict."""
    if envelope.reference is not None and envelope.reference != claimed.reference:
        raise UnreadableDelivery("reference-mismatch", "The file names another reference than the request.")
    if envelope.organisation_oin not in (None, oin):
        raise UnreadableDelivery("organisation-mismatch", "The file names another organisation than the request.")
    # A sender that does not say when it made the file is taken to have made it when it sent it.
    sent_at = envelope.sent_at or claimed.sent_at or claimed.received_at
    if sent_at > claimed.received_at + CLOCK_DIFFERENCE_MAX:
        raise UnreadableDelivery("created-in-future", "createdAt lies more than a day after the delivery arrived.")
    return sent_at


async def batches(conn: Connection, claimed: ClaimedDelivery, sent_at: datetime, *, lines_max: int, parents_max: int) -> Sequence[Batch]:
    """Return the batches that have no outcome yet, in order: so many lines at most, and of so many parents. Raises LeaseLost.

    Lines with one key are never parted, so one may be a few more than `lines_max`.
    """
    after = await hold(conn, claimed)
    ends = await lines.batch_ends(conn, claimed, after_place=after, lines_max=lines_max, parents_max=parents_max)
    return [
        Batch(delivery=claimed, sent_at=sent_at, after_place=start, until_place=end)
        for start, end in zip([after, *ends], ends, strict=False)
    ]


async def keep_batch(conn: Connection, batch: Batch) -> KeptBatch:
    """Give the lines of a batch their outcome. Nothing of it stands before `report_batch` in the same transaction."""
    await households.lock_matching_shared(conn)
    outcomes, matched = await lines.insert_lines(conn, batch)
    return KeptBatch(batch=batch, outcomes=outcomes, matched=matched)


async def report_batch(conn: Connection, kept: KeptBatch) -> None:
    """Hang what was applied on its household, and count the outcomes; the batch before this one is committed.

    From here on households are held, for as short as can be. Raises LeaseLost, also when somebody else applied these lines.
    """
    batch = kept.batch
    if await hold(conn, batch.delivery) != batch.after_place:
        raise LeaseLost
    await deliveries.record_batch(conn, batch.delivery, batch.until_place, astuple(kept.outcomes))
    if kept.matched:
        await _report(conn, batch, kept.matched)


async def _report(conn: Connection, batch: Batch, matched: Sequence[MatchedLine]) -> None:
    touched = sorted({line.household_id for line in matched})
    await households.lock_households(conn, touched)
    unplaced = [line for line in matched if line.placement_id is None]
    if unplaced:
        await lines.insert_line_placements(conn, batch, unplaced)
    child_years, touched_placements = await lines.insert_line_reports(conn, batch, matched)
    await placements.touch_placements(conn, touched_placements)
    await comparisons.mark_comparisons(conn, child_years)
    await _record_households(conn, batch.delivery, touched, "reported")


async def report_anew(conn: Connection, claimed: ClaimedDelivery, touched: Sequence[UUID], *, action: str) -> None:
    """Bring the reported hours of these locked households in step with the lines that stand."""
    await placements.insert_reported_placements(conn, touched)
    moved = {
        *await placements.supersede_reported_hours(conn, touched),
        *await placements.insert_reported_hours(conn, touched),
    }
    affected = sorted({placement.household_id for placement in moved})
    if affected:
        await placements.touch_placements(conn, list(moved))
        await comparisons.mark_comparisons(conn, await comparisons.reported_child_years(conn, affected))
        # Without a line that was taken back or corrected away, a month that was called complete lacks it.
        await comparisons.mark_missing_lines_of_households(conn, affected)
        await _record_households(conn, claimed, affected, action)


async def _record_households(conn: Connection, claimed: ClaimedDelivery, changed: Sequence[UUID], action: str) -> None:
    event = {"action": action, "actor": f"organisation {claimed.organisation_id}", "deliveryId": str(claimed.delivery_id)}
    text = msgspec.json.encode(event).decode()
    await households.record_changes(conn, changed, [text] * len(changed))


async def finish_delivery(conn: Connection, claimed: ClaimedDelivery) -> None:
    """Every line has its outcome: note what the sender called complete, judge what that lacks, and empty the stage. Raises LeaseLost."""
    await hold(conn, claimed)
    # What the sandbox calls complete could tell a household that a line is missing.
    stated = () if claimed.is_sandbox else _COMPLETE.decode(await deliveries.complete_of_delivery(conn, claimed))
    complete = [(lrk_number, first_day(one.month)) for one in stated for lrk_number in one.lrk_numbers]
    await deliveries.finish_delivery(conn, claimed)
    await lines.clear_stage(conn, claimed)
    # Last, because nobody judges from here until the end.
    if complete:
        await households.lock_matching_shared(conn)
        await comparisons.lock_completeness(conn)
        lrk_numbers, months = [lrk_number for lrk_number, _ in complete], [month for _, month in complete]
        await deliveries.supersede_completeness(conn, claimed, lrk_numbers, months)
        await deliveries.insert_completeness(conn, claimed, lrk_numbers, months)
        await comparisons.mark_missing_lines_of_delivery(conn, claimed.organisation_id, claimed.delivery_id)
    await _record(conn, claimed, {"action": "applied", "deliveryId": str(claimed.delivery_id)})


async def refuse_delivery(conn: Connection, claimed: ClaimedDelivery, reason: UnreadableDelivery) -> None:
    """Nothing of the delivery is taken; its sender sees why and where. Raises LeaseLost."""
    await hold(conn, claimed)
    problem = problem_of(reason)
    await deliveries.mark_unreadable(conn, claimed, problem)
    await lines.clear_stage(conn, claimed)
    await _record(conn, claimed, {"action": "unreadable", "deliveryId": str(claimed.delivery_id), "code": problem.code})


def problem_of(reason: UnreadableDelivery) -> DeliveryProblem:
    """Say why a delivery cannot be read, with what the register of faults says about the code."""
    kind = FAULTS[reason.code]
    return DeliveryProblem(
        code=kind.code,
        title=kind.title_en,
        title_nl=kind.title_nl,
        remedy=kind.remedy_en,
        remedy_nl=kind.remedy_nl,
        detail=reason.detail,
        line=reason.line,
    )


async def _record(conn: Connection, claimed: ClaimedDelivery, event: Mapping[str, str]) -> None:
    """Chain the end of a delivery; another one that lands at this very moment chains before or after it."""
    await deliveries.lock_deliveries_of_organisation(conn, claimed.organisation_id)
    await deliveries.record_organisation_event(conn, claimed.organisation_id, msgspec.json.encode(event).decode())


async def postpone_delivery(conn: Connection, claimed: ClaimedDelivery, error: str) -> None:
    """Give the delivery back after an error of our own; it is taken up again later."""
    await deliveries.postpone_delivery(conn, claimed, error)


async def hold(conn: Connection, claimed: ClaimedDelivery) -> int:
    """Go on holding a delivery, and keep others off until this transaction ends; return how far it is applied. Raises LeaseLost."""
    applied_until = await deliveries.extend_lease(conn, claimed, LEASE)
    if applied_until is None:
        raise LeaseLost
    return applied_until
