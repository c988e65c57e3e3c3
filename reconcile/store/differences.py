"""Queries of `differences.sql`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from reconcile.store.comparisons import ChildYear
from reconcile.store.database import Connection
from reconcile.store.queries import columns, load

SQL = load("differences")

# What the judgement goes on with and a parent can answer; anything else is history.
OPEN_STATES = frozenset({"open", "postponed"})


class KnownDifference(Struct, frozen=True, kw_only=True):
    """A difference that is open, postponed or was answered, by what tells it from a new one."""

    household_id: UUID
    difference_id: UUID
    child_id: UUID
    year: int
    state: str
    facts_hash: bytes
    content_hash: bytes
    rules_version: str
    judged_at: datetime
    placement_ids: list[UUID]

    @property
    def is_open(self) -> bool:
        """Whether the judgement goes on with it; what was answered is history."""
        return self.state in OPEN_STATES


class FoundDifference(Struct, frozen=True, kw_only=True):
    """A difference as judged, to be stored. `proposal`, `explanation`, `effect` and `texts` are JSON text."""

    household_id: UUID
    difference_id: UUID
    version: int
    child_id: UUID
    year: int
    kind: str
    facts_hash: bytes
    content_hash: bytes
    proposal: str | None
    route: str | None
    explanation: str
    effect: str
    rules_version: str
    judged_at: datetime
    facts_at: datetime
    weight_cents: int
    is_worth_telling: bool
    texts: str
    text_version: str


class SpannedPlacement(Struct, frozen=True, kw_only=True):
    """A placement that a difference spans."""

    household_id: UUID
    difference_id: UUID
    placement_id: UUID
    year: int


class ShownDifference(Struct, frozen=True, kw_only=True):
    """A difference as its household may see it. `proposal`, `explanation`, `effect` and `texts` are JSON text.

    `texts` and `text_version` are None when it was judged before texts were kept.
    """

    difference_id: UUID
    version: int
    state: str
    kind: str
    year: int
    child_id: UUID
    child_given_name: str | None
    proposal: str | None
    route: str | None
    explanation: str
    effect: str
    rules_version: str
    judged_at: datetime
    opened_at: datetime
    closed_at: datetime | None
    change_id: UUID | None
    texts: str | None
    text_version: str | None


class ShownVersion(Struct, frozen=True, kw_only=True):
    """What a parent saw of a difference: one version of it. `proposal`, `explanation`, `effect` and `texts` are JSON text.

    `texts` and `text_version` are None when it was judged before texts were kept.
    """

    version: int
    kind: str
    year: int
    child_id: UUID
    proposal: str | None
    route: str | None
    explanation: str
    effect: str
    rules_version: str
    judged_at: datetime
    texts: str | None
    text_version: str | None


async def differences_of_children(conn: Connection, judged: Sequence[ChildYear]) -> Sequence[KnownDifference]:
    """Return what is open or was answered about these child-years."""
    rows = await conn.fetch(SQL["differences_of_children"], *columns(ChildYear, judged))
    return [KnownDifference(**row) for row in rows]


async def insert_differences(conn: Connection, found: Sequence[FoundDifference]) -> None:
    """Open new differences."""
    await conn.execute(SQL["insert_differences"], *columns(FoundDifference, found))


async def insert_difference_placements(conn: Connection, spanned: Sequence[SpannedPlacement]) -> None:
    """Tie open differences to their placements; one open difference for each placement and year."""
    await conn.execute(SQL["insert_difference_placements"], *columns(SpannedPlacement, spanned))


async def drop_difference_placements(conn: Connection, household_ids: Sequence[UUID], difference_ids: Sequence[UUID]) -> None:
    """Untie these differences, in step with their households."""
    await conn.execute(SQL["drop_difference_placements"], household_ids, difference_ids)


async def renew_differences(conn: Connection, found: Sequence[FoundDifference]) -> None:
    """Give open differences what was judged anew; what was postponed is open again when its facts changed."""
    await conn.execute(SQL["renew_differences"], *columns(FoundDifference, found))


async def set_difference_state(conn: Connection, household_id: UUID, difference_id: UUID, state: str, version: int) -> None:
    """Open, postpone, answer or close a difference under the version that the household is about to get."""
    await conn.execute(SQL["set_difference_state"], household_id, difference_id, state, version)


async def set_difference_placements_open(conn: Connection, household_id: UUID, difference_id: UUID, is_open: bool) -> None:
    """Free the placements of a difference, or take them again."""
    await conn.execute(SQL["set_difference_placements_open"], household_id, difference_id, is_open)


async def shown_given_names(conn: Connection, household_ids: Sequence[UUID]) -> Mapping[tuple[UUID, UUID], str]:
    """Return by household and child under which name its differences show it; children without any are left out."""
    rows = await conn.fetch(SQL["shown_given_names"], household_ids)
    return {(row["household_id"], row["child_id"]): row["given_name"] for row in rows}


async def touch_differences_of_children(conn: Connection, renamed: Sequence[tuple[UUID, UUID]]) -> None:
    """Give every difference of these children (household, child) the version that its household is about to get, and keep it."""
    rows = await conn.fetch(SQL["touch_differences_of_children"], [one for one, _ in renamed], [one for _, one in renamed])
    await keep_difference_versions(conn, [row["household_id"] for row in rows], [row["difference_id"] for row in rows])


async def keep_difference_versions(conn: Connection, household_ids: Sequence[UUID], difference_ids: Sequence[UUID]) -> None:
    """Keep what these differences show from here on, in step with their households."""
    await conn.execute(SQL["keep_difference_versions"], household_ids, difference_ids)


async def is_accepted_by(conn: Connection, household_id: UUID, difference_id: UUID, change_id: UUID) -> bool:
    """Tell whether the acceptance behind a change is what answers a difference at this moment."""
    return await conn.fetchval(SQL["is_accepted_by"], household_id, difference_id, change_id) is True


async def is_open_since(conn: Connection, household_id: UUID, difference_id: UUID, version: int) -> bool:
    """Tell whether a difference is open and says what it said at a version."""
    return await conn.fetchval(SQL["is_open_since"], household_id, difference_id, version) is True


async def is_year_awarded(conn: Connection, household_id: UUID, difference_id: UUID) -> bool:
    """Tell whether TVS has settled the year of a difference: nothing of it can be changed any more."""
    return await conn.fetchval(SQL["is_year_awarded"], household_id, difference_id) is True


async def other_open_difference(conn: Connection, household_id: UUID, difference_id: UUID) -> bool:
    """Tell whether another difference is open on a placement of this one."""
    return await conn.fetchval(SQL["other_open_difference"], household_id, difference_id) is True


async def differences_of_household(conn: Connection, household_id: UUID, *, state: str | None) -> Sequence[ShownDifference]:
    """Return the differences of a household, newest first."""
    rows = await conn.fetch(SQL["differences_of_household"], household_id, state, None)
    return [ShownDifference(**row) for row in rows]


async def difference_by_id(conn: Connection, household_id: UUID, difference_id: UUID) -> ShownDifference | None:
    """Return one difference of this household."""
    row = await conn.fetchrow(SQL["differences_of_household"], household_id, None, difference_id)
    return None if row is None else ShownDifference(**row)


async def shown_version(conn: Connection, household_id: UUID, difference_id: UUID, version: int) -> ShownVersion:
    """Return what was shown of a difference at a version that an answer names."""
    row = await conn.fetchrow(SQL["shown_version"], household_id, difference_id, version)
    return ShownVersion(**row)  # type: ignore[arg-type]  # an answer names only versions that are kept
