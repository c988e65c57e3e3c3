"""Verb: take over what TVS declares, one full document for each household."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from reconcile.keyring import Keyring
from reconcile.people import people_of, remember_people
from reconcile.rules.declaration import Declaration, DeclaredPlacement
from reconcile.rules.months import Month, first_day
from reconcile.store import comparisons, differences, households, placements
from reconcile.store.database import Connection
from reconcile.store.households import LockedHousehold, StatedAward, StatedIncome, StatedMembership
from reconcile.store.placements import NewPlacement, PlacementKey, StatedPlacement, StatedSegment

DeclarationOutcome = Literal["applied", "unchanged", "ignored", "rejected"]


class DeclarationResult(Struct, frozen=True, kw_only=True):
    """What became of one declaration, in the order they were given.

    `unchanged`: this version was there; `ignored`: a newer one was; `rejected`: it names locations that the register lacks.
    """

    household_ref: str
    outcome: DeclarationOutcome
    unknown_lrk_numbers: tuple[str, ...] = ()


class _Stated(Struct, frozen=True, kw_only=True):
    """A declaration with the household that it is about."""

    household: LockedHousehold
    declaration: Declaration


async def declare(conn: Connection, declarations: Sequence[Declaration], keyring: Keyring) -> Sequence[DeclarationResult]:
    """Apply a batch of declarations; a household named twice gets its newest version.

    Writes only what differs, brings home reports that were waiting for a household, marks what must be judged, and leaves an audit
    link. Safe to repeat: a version that is there is not applied again.
    """
    await households.lock_matching(conn)
    unknown = await placements.unknown_locations(
        conn, [placement.lrk_number for declaration in declarations for placement in declaration.placements]
    )
    refused = {_place(declaration): _unknown_of(declaration, unknown) for declaration in declarations}
    newest: dict[str, Declaration] = {}
    for declaration in sorted(declarations, key=lambda one: one.version):
        if not refused[_place(declaration)]:
            newest[declaration.household_ref] = declaration
    await households.insert_households(conn, list(newest))
    locked = {one.household_ref: one for one in await households.lock_households_by_ref(conn, list(newest))}
    stated = [
        _Stated(household=locked[ref], declaration=declaration)
        for ref, declaration in newest.items()
        if declaration.version > locked[ref].declaration_version
    ]
    if stated:
        await _apply(conn, stated, keyring)
    return [_result(declaration, refused[_place(declaration)], newest, locked) for declaration in declarations]


def _place(declaration: Declaration) -> tuple[str, int]:
    return declaration.household_ref, declaration.version


def _unknown_of(declaration: Declaration, unknown: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted({placement.lrk_number for placement in declaration.placements} & unknown))


def _result(
    declaration: Declaration, refused: tuple[str, ...], newest: Mapping[str, Declaration], locked: Mapping[str, LockedHousehold]
) -> DeclarationResult:
    ref, version = declaration.household_ref, declaration.version
    outcome: DeclarationOutcome
    if refused:
        outcome = "rejected"
    elif version < newest[ref].version or version < locked[ref].declaration_version:
        outcome = "ignored"
    elif version == locked[ref].declaration_version:
        outcome = "unchanged"
    else:
        outcome = "applied"
    return DeclarationResult(household_ref=ref, outcome=outcome, unknown_lrk_numbers=refused)


async def _apply(conn: Connection, stated: Sequence[_Stated], keyring: Keyring) -> None:
    own = [one.household.household_id for one in stated]
    bsns = await remember_people(conn, keyring, (member.bsn for one in stated for member in one.declaration.members))
    people = await people_of(conn, bsns)
    # A child that leaves or joins a household here may have reports that now belong to another one: that is written too. Locking it
    # after the first ones is safe, because whoever locks several households either holds the matching lock or never waits.
    shared = await households.households_sharing_children(conn, own)
    names = await differences.shown_given_names(conn, own)
    await _state_members(conn, own, stated, people)
    renamed = [child for child, name in (await differences.shown_given_names(conn, own)).items() if names[child] != name]
    if renamed:
        await differences.touch_differences_of_children(conn, renamed)
    shared = sorted({*shared, *await households.households_sharing_children(conn, own)} - set(own))
    await households.lock_households(conn, shared)
    touched = await _state_placements(conn, own, stated, people)
    await households.record_declarations(
        conn, own, [one.declaration.version for one in stated], [one.declaration.deleted for one in stated]
    )
    await placements.end_processed_overlays(conn, own)
    await placements.insert_reported_placements(conn, [*own, *shared])
    moved = {
        *await placements.supersede_reported_hours(conn, [*own, *shared]),
        *await placements.insert_reported_hours(conn, [*own, *shared]),
    }
    await placements.touch_placements(conn, list(touched | moved))
    affected = sorted({*own, *(placement.household_id for placement in moved)})
    await comparisons.mark_comparisons(conn, await comparisons.reported_child_years(conn, affected))
    await comparisons.mark_missing_lines_of_households(conn, affected)
    await households.record_changes(conn, affected, _events(stated, affected))


def _events(stated: Sequence[_Stated], affected: Sequence[UUID]) -> Sequence[str]:
    # Whether it was deleted is told, so that the list that a stage was drawn from can be rebuilt later.
    declared = {one.household.household_id: one.declaration for one in stated}
    return [
        msgspec.json.encode(
            {
                "action": "declared",
                "actor": "tvs",
                "declarationVersion": declared[household_id].version,
                "deleted": declared[household_id].deleted,
            }
            if household_id in declared
            else {"action": "rematched", "actor": "tvs"}
        ).decode()
        for household_id in affected
    ]


async def _state_members(conn: Connection, own: Sequence[UUID], stated: Sequence[_Stated], people: Mapping[str, UUID]) -> None:
    memberships = [
        StatedMembership(
            household_id=one.household.household_id,
            person_id=people[member.bsn],
            person_ref=member.person_ref,
            role=member.role,
            given_name=member.given_name,
            birth_date=member.birth_date,
            from_month=first_day(member.from_month),
            until_month=_first_day_or_none(member.until_month),
        )
        for one in stated
        for member in one.declaration.members
    ]
    incomes = [
        StatedIncome(household_id=one.household.household_id, year=income.year, amount_euro=income.amount_euro)
        for one in stated
        for income in one.declaration.incomes
    ]
    awards = [StatedAward(household_id=one.household.household_id, year=year) for one in stated for year in one.declaration.awarded_years]
    await households.supersede_memberships(conn, own, memberships)
    await households.insert_memberships(conn, memberships)
    await households.supersede_incomes(conn, own, incomes)
    await households.insert_incomes(conn, incomes)
    await households.supersede_awarded_years(conn, own, awards)
    await households.insert_awarded_years(conn, awards)


async def _state_placements(
    conn: Connection, own: Sequence[UUID], stated: Sequence[_Stated], people: Mapping[str, UUID]
) -> set[PlacementKey]:
    """Write placements and declared segments; return every placement of these households, whose documents change with them."""
    wanted: dict[tuple[UUID, UUID, str], DeclaredPlacement] = {}
    versions: dict[UUID, int] = {}
    for one in stated:
        children = {member.person_ref: people[member.bsn] for member in one.declaration.members}
        versions[one.household.household_id] = one.household.version + 1
        for placement in one.declaration.placements:
            wanted[one.household.household_id, children[placement.child_ref], placement.lrk_number] = placement
    await placements.insert_placements(
        conn,
        [
            NewPlacement(household_id=household_id, child_id=child_id, lrk_number=lrk_number, version=versions[household_id])
            for household_id, child_id, lrk_number in wanted
        ],
    )
    known = await placements.placements_of_households(conn, own)
    rows = [(place, wanted[key]) for place in known if (key := (place.household_id, place.child_id, place.lrk_number)) in wanted]
    declared = [
        StatedPlacement(
            household_id=place.household_id, placement_id=place.placement_id, start_on=placement.start_on, end_on=placement.end_on
        )
        for place, placement in rows
    ]
    segments = [
        StatedSegment(
            household_id=place.household_id,
            placement_id=place.placement_id,
            from_month=first_day(segment.from_month),
            until_month=_first_day_or_none(segment.until_month),
            hours_hundredths=segment.hours_hundredths,
            hourly_rate_cents=segment.hourly_rate_cents,
        )
        for place, placement in rows
        for segment in placement.segments
    ]
    await placements.supersede_declared_placements(conn, own, declared)
    await placements.insert_declared_placements(conn, declared)
    await placements.supersede_declared_segments(conn, own, segments)
    await placements.insert_declared_segments(conn, segments)
    return {PlacementKey(household_id=place.household_id, placement_id=place.placement_id) for place in known}


def _first_day_or_none(month: Month | None) -> date | None:
    return None if month is None else first_day(month)
