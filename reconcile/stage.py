"""Verb: put lines that were read into the stage, with the people that they name and what the register says of their locations."""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

import msgspec
from msgspec.structs import replace

from reconcile.keyring import Keyring
from reconcile.people import find_or_remember
from reconcile.rules.delivery_line import DeliveryLine, LineKey
from reconcile.rules.faults import fault
from reconcile.rules.line_order import place_of
from reconcile.rules.months import first_day
from reconcile.store import lines, refusals
from reconcile.store.database import Connection
from reconcile.store.deliveries import ClaimedDelivery
from reconcile.store.lines import StagedLine
from reconcile.store.register import LocationStand, stand_of_locations

# Some 120 MB at most. Nothing is put out for another: of a file that goes through all its people month after month, the first stay.
_PEOPLE_MAX = 600_000
_STANDS_MAX = 50_000

_NOT_WHOLE = msgspec.json.encode([fault("all-or-nothing", None)]).decode()

# A location and a month; without a month, a location at any time.
_Key = tuple[str, date | None]


class Known:
    """What one reading of a delivery has looked up so far, so that it is looked up once. Not kept beyond the reading."""

    def __init__(self) -> None:
        self.people: dict[str, UUID] = {}
        self.stands: dict[_Key, LocationStand] = {}


async def stage_lines(conn: Connection, keyring: Keyring, claimed: ClaimedDelivery, read: Sequence[DeliveryLine], *, known: Known) -> None:
    """Stage some thousands of lines; everybody they name becomes a person."""
    people = await _people(conn, keyring, read, known, is_sandbox=claimed.is_sandbox)
    stands = await _stands(conn, claimed.organisation_id, read, known)
    await lines.stage_lines(conn, [_staged(claimed, _held_against(line, stands), people) for line in read])


async def refuse_unless_whole(conn: Connection, claimed: ClaimedDelivery) -> bool:
    """All or nothing: when any staged line has a fault, none is taken. Return whether that is so.

    Decided once: who reads the delivery again, after the stage was lost, goes on as it was decided.
    """
    is_refused = claimed.is_refused
    if is_refused is None:
        is_refused = await refusals.has_staged_faults(conn, claimed)
    if is_refused:
        await refusals.refuse_staged(conn, claimed, _NOT_WHOLE)
    return is_refused


def bsns_of(read: Sequence[DeliveryLine]) -> frozenset[str]:
    """Return the BSNs that lines name."""
    named = {bsn for line in read for bsn in (line.parent_bsn, line.child_bsn) if bsn}
    replaced = {bsn for line in read if (key := line.replaced) is not None for bsn in (key.parent_bsn, key.child_bsn) if bsn}
    return frozenset(named | replaced)


async def _people(
    conn: Connection, keyring: Keyring, read: Sequence[DeliveryLine], known: Known, *, is_sandbox: bool
) -> Mapping[str, UUID]:
    named = bsns_of(read)
    found = {bsn: known.people[bsn] for bsn in named & known.people.keys()}
    new = await find_or_remember(conn, keyring, named - found.keys(), is_sandbox=is_sandbox)
    if len(known.people) + len(new) <= _PEOPLE_MAX:
        known.people.update(new)
    return {**found, **new}


async def _stands(conn: Connection, organisation_id: UUID, read: Sequence[DeliveryLine], known: Known) -> Mapping[_Key, LocationStand]:
    named = {key for line in read for one in (line, line.replaced) if one is not None and (key := _key(one))}
    new = list(named - known.stands.keys())
    if len(known.stands) + len(new) > _STANDS_MAX:
        known.stands.clear()
        new = list(named)
    if new:
        found = await stand_of_locations(conn, organisation_id, [one for one, _ in new], [one for _, one in new])
        known.stands.update({(one.lrk_number, one.month): one for one in found})
    return known.stands


def _key(line: DeliveryLine | LineKey) -> _Key | None:
    return None if line.lrk_number is None else (line.lrk_number, None if line.month is None else first_day(line.month))


def _held_against(line: DeliveryLine, stands: Mapping[_Key, LocationStand]) -> DeliveryLine:
    """Add all faults that only the register can tell. A number that no register knows may be a BSN in the wrong column: it is not kept.

    Of what a correction replaces, no more is asked: the register may have learned since that the location was not the sender's.
    """
    replaced = line.replaced
    if replaced is not None and (of_replaced := _key(replaced)) and stands[of_replaced].care_type is None:
        faults = line.faults
        if replaced.lrk_number != line.lrk_number:
            faults = (*faults, fault("lrk-number-unknown", "replacedLrkNumber", replaced.lrk_number))
        line = replace(line, replaced=replace(replaced, lrk_number=None), faults=faults)
    key = _key(line)
    if key is None:
        return line
    stand = stands[key]
    if stand.care_type is None:
        return replace(line, lrk_number=None, faults=(*line.faults, fault("lrk-number-unknown", "lrkNumber", line.lrk_number)))
    faults = line.faults
    if stand.fault is not None:
        faults = (*faults, fault(stand.fault, "lrkNumber"))
    if line.care_type not in (None, stand.care_type):
        faults = (*faults, fault("care-type-mismatch", "careType"))
    return replace(line, faults=faults)


def _staged(claimed: ClaimedDelivery, line: DeliveryLine, people: Mapping[str, UUID]) -> StagedLine:
    parent_id, child_id = people.get(line.parent_bsn or ""), people.get(line.child_bsn or "")
    replaced = line.replaced
    return StagedLine(
        organisation_id=claimed.organisation_id,
        delivery_id=claimed.delivery_id,
        place=place_of(parent_id, child_id, line.lrk_number, line.month, line_number=line.line_number),
        line_number=line.line_number,
        line_ref=line.line_ref,
        faults=msgspec.json.encode(line.faults).decode() if line.faults else None,
        waits_for=line.waits_for,
        parent_id=parent_id,
        child_id=child_id,
        lrk_number=line.lrk_number,
        month=None if line.month is None else first_day(line.month),
        hours_hundredths=line.hours_hundredths,
        hourly_rate_cents=line.hourly_rate_cents,
        amount_cents=line.amount_cents,
        end_on=line.end_on,
        replaced_parent_id=None if replaced is None else people.get(replaced.parent_bsn or ""),
        replaced_child_id=None if replaced is None else people.get(replaced.child_bsn or ""),
        replaced_lrk_number=None if replaced is None else replaced.lrk_number,
        replaced_month=None if replaced is None or replaced.month is None else first_day(replaced.month),
    )
