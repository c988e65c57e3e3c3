"""What TVS declares for one household: one full document with a version, one line of NDJSON."""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import combinations, pairwise
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from reconcile.rules.bsn import is_bsn
from reconcile.rules.facts import Segment
from reconcile.rules.faults import Fault, fault
from reconcile.rules.identifiers import is_lrk_number
from reconcile.rules.months import LAST_MONTH, Month, is_month
from reconcile.rules.quantities import HOURLY_RATE_CENTS_MAX, HOURS_HUNDREDTHS_MAX, parse_hundredths

MemberRole = Literal["applicant", "partner", "child"]
# A NUL has no place in any text, and the store has none for it.
NO_NUL = r"^[^\x00]*$"
Ref = Annotated[str, Meta(min_length=1, max_length=64, pattern=NO_NUL)]
_YEARS = range(2005, 2100)


class Member(Struct, frozen=True, kw_only=True):
    """A person of the household and the months in which they belong to it."""

    person_ref: str
    bsn: str
    role: MemberRole
    given_name: str
    birth_date: date | None
    from_month: Month
    until_month: Month | None


class Income(Struct, frozen=True, kw_only=True):
    """Joint assessment income of a calculation year, whole euros."""

    year: int
    amount_euro: int


class DeclaredPlacement(Struct, frozen=True, kw_only=True):
    """Declared care of one child at one location; segments are ordered and do not overlap."""

    child_ref: str
    lrk_number: str
    start_on: date | None
    end_on: date | None
    segments: tuple[Segment, ...]


class Declaration(Struct, frozen=True, kw_only=True):
    """Everything that TVS holds for one household at one version; `deleted` when it no longer has it."""

    household_ref: str
    version: int
    deleted: bool
    members: tuple[Member, ...]
    incomes: tuple[Income, ...]
    awarded_years: tuple[int, ...]
    placements: tuple[DeclaredPlacement, ...]


class _Wire(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Base of the forms on the wire."""


class _SpanWire(_Wire, frozen=True, kw_only=True):
    from_: str = msgspec.field(name="from")
    until: str | None = None


class _MemberWire(_SpanWire, frozen=True, kw_only=True):
    person_ref: Ref
    bsn: str
    role: MemberRole
    given_name: Annotated[str, Meta(max_length=100, pattern=NO_NUL)] = ""
    birth_date: date | None = None


class _IncomeWire(_Wire, frozen=True, kw_only=True):
    year: int
    amount: Annotated[int, Meta(ge=0, le=1_000_000_000)]


class _SegmentWire(_SpanWire, frozen=True, kw_only=True):
    hours: str | int | float
    hourly_rate: str | int | float


class _PlacementWire(_Wire, frozen=True, kw_only=True):
    child_ref: Ref
    lrk_number: str
    start_date: date | None = None
    end_date: date | None = None
    segments: tuple[_SegmentWire, ...] = ()


class _DeclarationWire(_Wire, frozen=True, kw_only=True):
    household_ref: Ref
    version: Annotated[int, Meta(ge=1, le=2**53)]
    deleted: bool = False
    members: Annotated[tuple[_MemberWire, ...], Meta(max_length=100)] = ()
    incomes: Annotated[tuple[_IncomeWire, ...], Meta(max_length=100)] = ()
    awarded_years: Annotated[tuple[int, ...], Meta(max_length=100)] = ()
    placements: Annotated[tuple[_PlacementWire, ...], Meta(max_length=200)] = ()


# How msgspec's message ends. A name that it quotes can come from the sender and be made to look like this: two short indexes hold no BSN.
_PATH = re.compile(r" - at `\$\.([A-Za-z]+(\[[0-9]{1,3}\](\.[A-Za-z]+(\[[0-9]{1,3}\](\.[A-Za-z]+)?)?)?)?)`\Z")
_DECODER = msgspec.json.Decoder(_DeclarationWire)


def read_declaration(line: bytes) -> Declaration | Sequence[Fault]:
    """Read one line of NDJSON: the declaration, or all its faults with the path of each field.

    A line that does not have the form at all has one fault, at the first place where it fails.
    """
    try:
        wire = _DECODER.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return (fault("declaration-unreadable", _path_of(str(error))),)
    faults = [*_member_faults(wire), *_placement_faults(wire), *_year_faults(wire)]
    if not faults:
        faults += _contradictions(wire)
    return faults or _declaration(wire)


def _path_of(message: str) -> str | None:
    """Return the path that msgspec's message ends in ("- at `$.members[0].bsn`"); the rest of it could quote the value."""
    match = _PATH.search(message)
    return match[1] if match else None


def _member_faults(wire: _DeclarationWire) -> Iterator[Fault]:
    for index, member in enumerate(wire.members):
        place = f"members[{index}]"
        if not is_bsn(member.bsn):
            yield fault("declaration-bsn-invalid", f"{place}.bsn", member.bsn)
        yield from _span_faults(place, member)


def _placement_faults(wire: _DeclarationWire) -> Iterator[Fault]:
    for index, placement in enumerate(wire.placements):
        place = f"placements[{index}]"
        if not is_lrk_number(placement.lrk_number):
            yield fault("declaration-value-invalid", f"{place}.lrkNumber", placement.lrk_number)
        if placement.start_date and placement.end_date and placement.end_date < placement.start_date:
            yield fault("declaration-value-invalid", f"{place}.endDate")
        for number, segment in enumerate(placement.segments):
            inner = f"{place}.segments[{number}]"
            yield from _span_faults(inner, segment)
            if (hours := parse_hundredths(segment.hours)) is None or hours > HOURS_HUNDREDTHS_MAX:
                yield fault("declaration-value-invalid", f"{inner}.hours", segment.hours)
            if (rate := parse_hundredths(segment.hourly_rate)) is None or rate > HOURLY_RATE_CENTS_MAX:
                yield fault("declaration-value-invalid", f"{inner}.hourlyRate", segment.hourly_rate)


def _span_faults(place: str, span: _SpanWire) -> Iterator[Fault]:
    if not is_month(span.from_):
        yield fault("declaration-value-invalid", f"{place}.from", span.from_)
    if span.until is not None and (not is_month(span.until) or span.until < span.from_):
        yield fault("declaration-value-invalid", f"{place}.until", span.until)


def _year_faults(wire: _DeclarationWire) -> Iterator[Fault]:
    for field, years in (("incomes", [one.year for one in wire.incomes]), ("awardedYears", list(wire.awarded_years))):
        if len(set(years)) != len(years) or any(year not in _YEARS for year in years):
            yield fault("declaration-value-invalid", field)


def _contradictions(wire: _DeclarationWire) -> Iterator[Fault]:
    if not wire.deleted and not any(member.role == "applicant" for member in wire.members):
        yield fault("declaration-members-contradict", "members")
    for one, other in combinations(range(len(wire.members)), 2):
        first, second = wire.members[one], wire.members[other]
        same_seat = first.role == second.role != "child"
        same_person = first.bsn == second.bsn
        if (same_seat or same_person) and _overlap(first, second):
            yield fault("declaration-members-contradict", f"members[{other}]")
        if same_person != (first.person_ref == second.person_ref):
            yield fault("declaration-members-contradict", f"members[{other}].personRef")
    children = {member.person_ref for member in wire.members if member.role == "child"}
    seen: set[tuple[str, str]] = set()
    for index, placement in enumerate(wire.placements):
        key = (placement.child_ref, placement.lrk_number)
        if placement.child_ref not in children:
            yield fault("declaration-child-unknown", f"placements[{index}].childRef")
        if key in seen:
            yield fault("declaration-placement-twice", f"placements[{index}]")
        seen.add(key)
        ordered = sorted(placement.segments, key=lambda segment: segment.from_)
        if any(_overlap(earlier, later) for earlier, later in pairwise(ordered)):
            yield fault("declaration-segments-overlap", f"placements[{index}].segments")


def _overlap(one: _SpanWire, other: _SpanWire) -> bool:
    return one.from_ <= (other.until or LAST_MONTH) and other.from_ <= (one.until or LAST_MONTH)


def _declaration(wire: _DeclarationWire) -> Declaration:
    return Declaration(
        household_ref=wire.household_ref,
        version=wire.version,
        deleted=wire.deleted,
        members=tuple(
            Member(
                person_ref=member.person_ref,
                bsn=member.bsn,
                role=member.role,
                given_name=member.given_name,
                birth_date=member.birth_date,
                from_month=member.from_,
                until_month=member.until,
            )
            for member in wire.members
        ),
        incomes=tuple(Income(year=income.year, amount_euro=income.amount) for income in wire.incomes),
        awarded_years=wire.awarded_years,
        placements=tuple(
            DeclaredPlacement(
                child_ref=placement.child_ref,
                lrk_number=placement.lrk_number,
                start_on=placement.start_date,
                end_on=placement.end_date,
                segments=tuple(_segment(segment) for segment in sorted(placement.segments, key=lambda one: one.from_)),
            )
            for placement in wire.placements
        ),
    )


def _segment(wire: _SegmentWire) -> Segment:
    hours, rate = parse_hundredths(wire.hours), parse_hundredths(wire.hourly_rate)
    assert hours is not None  # noqa: S101  # a segment that cannot be read is a fault before it comes here
    assert rate is not None  # noqa: S101
    return Segment(from_month=wire.from_, until_month=wire.until, hours_hundredths=hours, hourly_rate_cents=rate)
