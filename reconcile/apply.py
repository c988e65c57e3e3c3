"""Verbs of the worker that reads a delivery into the stage and applies it, batch by batch.

Each verb is one short transaction; the worker strings them together and can be killed between any two. The lease with its fence
keeps two workers off one delivery; what was applied is never applied again.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from msgspec import Struct

from reconcile.keyring import Keyring
from reconcile.people import remember_people
from reconcile.receive import SEALED_CHUNK, chunk_row
from reconcile.rules.delivery_csv import CsvReader
from reconcile.rules.delivery_file import Complete, DeliveryReader, Envelope
from reconcile.rules.delivery_json import JsonReader
from reconcile.rules.delivery_line import DeliveryLine
from reconcile.rules.delivery_ndjson import NdjsonReader
from reconcile.rules.faults import FAULTS, UnreadableDelivery
from reconcile.rules.months import Month, first_day
from reconcile.store import comparisons, deliveries, households, lines, placements
from reconcile.store.database import Connection
from reconcile.store.deliveries import ClaimedDelivery
from reconcile.store.lines import Batch, StagedLine

# Renewed with every step, and a step that takes longer keeps its row locked: so long after a crash the delivery is taken up again.
LEASE = timedelta(seconds=15)

_COMPLETE = msgspec.json.Decoder(tuple[Complete, ...])


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


async def stage(conn: Connection, keyring: Keyring, claimed: ClaimedDelivery, read: Sequence[DeliveryLine]) -> None:
    """Put a handful of lines into the stage, and make sure that everybody they name is a person. Raises LeaseLost."""
    await _hold(conn, claimed)
    indexes = await remember_people(conn, keyring, bsns_of(read), is_sandbox=claimed.is_sandbox)
    await lines.stage_lines(conn, (staged_line(claimed, line, indexes) for line in read))


async def finish_reading(conn: Connection, claimed: ClaimedDelivery, envelope: Envelope, oin: str, lines_read: int) -> datetime:
    """All lines are staged: hold the envelope against the request, refuse duplicates, and return when the delivery was made.

    Raises UnreadableDelivery when file and request contradict each other, LeaseLost.
    """
    await _hold(conn, claimed)
    sent_at = made_at(claimed, envelope, oin)
    complete = envelope.complete or _COMPLETE.decode(claimed.complete)
    await lines.refuse_duplicates(conn, claimed)
    await lines.drop_done_lines(conn, claimed)
    await deliveries.begin_applying(conn, claimed, sent_at, msgspec.json.encode(complete).decode(), lines_read)
    return sent_at


def made_at(claimed: ClaimedDelivery, envelope: Envelope, oin: str) -> datetime:
    """Hold the envelope against the request and return when the delivery was made. Raises UnreadableDelivery when they contradict."""
    if envelope.reference is not None and envelope.reference != claimed.reference:
        raise UnreadableDelivery("reference-mismatch", "The file names another reference than the request.")
    if (envelope.organisation_oin or claimed.declared_organisation_oin or oin) != oin:
        raise UnreadableDelivery("organisation-mismatch", "The file names another organisation than the access token.")
    # A sender that does not say when it made the file is taken to have made it when it sent it.
    return envelope.sent_at or claimed.sent_at or claimed.received_at


async def apply_batch(conn: Connection, claimed: ClaimedDelivery, sent_at: datetime, *, after_line: int, lines_max: int) -> int | None:
    """Give the next lines their outcome and hang what was applied on its household; return the last line, None at the end.

    Raises LeaseLost. A crash before the commit leaves nothing of the batch.
    """
    await _hold(conn, claimed)
    bounds = await lines.batch_bounds(conn, claimed, after_line, lines_max)
    if bounds is None:
        return None
    batch = Batch(delivery=claimed, sent_at=sent_at, first_line=bounds[0], last_line=bounds[1])
    await households.lock_matching_shared(conn)
    await judge_batch(conn, batch)
    await lines.supersede_lines(conn, batch)
    await lines.insert_lines(conn, batch)
    await lines.match_lines(conn, batch)
    touched = await lines.matched_households(conn, batch)
    if touched:
        await _report(conn, batch, touched)
    await deliveries.record_batch(conn, claimed, batch.first_line, batch.last_line)
    return batch.last_line


async def judge_batch(conn: Connection, batch: Batch) -> None:
    """Give each line its outcome, from the register and from what stands; nothing is written but to the stage."""
    await lines.refuse_by_register(conn, batch)
    await lines.judge_lines(conn, batch)


async def _report(conn: Connection, batch: Batch, touched: Sequence[UUID]) -> None:
    await households.lock_households(conn, touched)
    await lines.insert_line_placements(conn, batch)
    await lines.supersede_line_reports(conn, batch)
    await lines.insert_line_reports(conn, batch)
    child_years, touched_placements = await lines.touched_child_years(conn, batch)
    await placements.touch_placements(conn, touched_placements)
    await comparisons.mark_comparisons(conn, child_years)
    event = {
        "action": "reported",
        "actor": f"organisation {batch.delivery.organisation_id}",
        "deliveryId": str(batch.delivery.delivery_id),
    }
    text = msgspec.json.encode(event).decode()
    await households.record_changes(conn, touched, [text] * len(touched))


async def finish_delivery(conn: Connection, claimed: ClaimedDelivery) -> None:
    """Every line has its outcome: note what the sender called complete, judge what that lacks, and empty the stage. Raises LeaseLost."""
    await _hold(conn, claimed)
    # What the sandbox calls complete could tell a household that a line is missing.
    stated = () if claimed.is_sandbox else _COMPLETE.decode(await deliveries.complete_of_delivery(conn, claimed))
    complete = [(lrk_number, first_day(one.month)) for one in stated for lrk_number in one.lrk_numbers]
    lrk_numbers, months = [lrk_number for lrk_number, _ in complete], [month for _, month in complete]
    await deliveries.supersede_completeness(conn, claimed, lrk_numbers, months)
    await deliveries.insert_completeness(conn, claimed, lrk_numbers, months)
    if complete:
        await comparisons.mark_missing_lines_of_delivery(conn, claimed.organisation_id, claimed.delivery_id)
    await deliveries.finish_delivery(conn, claimed)
    await lines.clear_stage(conn, claimed)
    await _record(conn, claimed, {"action": "applied", "deliveryId": str(claimed.delivery_id)})


async def refuse_delivery(conn: Connection, claimed: ClaimedDelivery, reason: UnreadableDelivery) -> None:
    """Nothing of the delivery is taken; its sender sees why and where. Raises LeaseLost."""
    await _hold(conn, claimed)
    problem = problem_of(reason)
    await deliveries.mark_unreadable(conn, claimed, problem)
    await lines.clear_stage(conn, claimed)
    await _record(conn, claimed, {"action": "unreadable", "deliveryId": str(claimed.delivery_id), "code": problem.code})


def problem_of(reason: UnreadableDelivery) -> DeliveryProblem:
    """Say why a delivery cannot be read, with what the register says about the code."""
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


async def _hold(conn: Connection, claimed: ClaimedDelivery) -> None:
    if not await deliveries.extend_lease(conn, claimed, LEASE):
        raise LeaseLost


def bsns_of(read: Sequence[DeliveryLine]) -> Iterator[str]:
    """Yield the BSNs that lines name."""
    return (bsn for line in read for bsn in (line.parent_bsn, line.child_bsn) if bsn)


def staged_line(claimed: ClaimedDelivery, line: DeliveryLine, indexes: Mapping[str, bytes]) -> StagedLine:
    """Return a line as the stage has it: the blind indexes in place of the BSNs."""
    return StagedLine(
        organisation_id=claimed.organisation_id,
        delivery_id=claimed.delivery_id,
        line_number=line.line_number,
        line_ref=line.line_ref,
        faults=msgspec.json.encode(line.faults).decode(),
        waits_for=line.waits_for,
        parent_index=indexes.get(line.parent_bsn or ""),
        child_index=indexes.get(line.child_bsn or ""),
        lrk_number=line.lrk_number,
        care_type=line.care_type,
        month=first_day(line.month) if line.month else None,
        hours_hundredths=line.hours_hundredths,
        hourly_rate_cents=line.hourly_rate_cents,
        amount_cents=line.amount_cents,
        end_on=line.end_on,
    )
