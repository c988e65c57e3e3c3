"""What follows when what a parent accepted does not stand: its months are what they were, and its difference opens again, untold."""

from collections.abc import Sequence

import msgspec

from reconcile.overlay import lay_again
from reconcile.rules.documents import ChangedPlacementDocument
from reconcile.store import differences, placements, reversals
from reconcile.store.changes import Change
from reconcile.store.database import Connection
from reconcile.store.placements import PlacementKey


async def take_back(conn: Connection, change: Change, version: int) -> None:
    """Let an acceptance that TVS refused, or that was undone before it was sent, be as if it had never been; its answer is over.

    What it covered of earlier changes lies there again. `version` is the one the household is about to get.
    """
    await reversals.end_acceptance(conn, change.household_id, change.change_id, version)
    await lay_anew(conn, change)
    await open_again(conn, change, version)


async def take_back_reversal(conn: Connection, change: Change, version: int) -> None:
    """Let a reversal that TVS refused be as if it had never been: the acceptance stands again, and lies over again until it is processed.

    Its difference is answered again when nothing was said about it since; otherwise the judgement finds what is left of it. An acceptance
    that TVS refused as well does not stand again, and its difference stays as it is.
    """
    await lay_anew(conn, change)
    stands_again = await reversals.end_reversal(conn, change.household_id, change.change_id, version)
    # A change has the number of the version under which it was answered, and so has the difference that opened again with it.
    if stands_again and await differences.is_open_since(conn, change.household_id, change.difference_id, change.sequence):
        await _write_state(conn, change, "accepted", version)


async def lay_anew(conn: Connection, change: Change) -> None:
    """Lay what stands over the placements of a change, and give them the version that their household is about to get."""
    placement_ids = [one.placement_id for one in changed_placements(change)]
    await lay_again(conn, change.household_id, placement_ids)
    keys = [PlacementKey(household_id=change.household_id, placement_id=placement_id) for placement_id in placement_ids]
    await placements.touch_placements(conn, keys)


async def open_again(conn: Connection, change: Change, version: int) -> None:
    """Open the difference that an acceptance answered, unless it was answered otherwise since.

    Where newer facts opened another one on its placements, it is over: what is left of it is the other one's.
    """
    if not await differences.is_accepted_by(conn, change.household_id, change.difference_id, change.change_id):
        return
    is_taken = await differences.other_open_difference(conn, change.household_id, change.difference_id)
    await _write_state(conn, change, "closed" if is_taken else "open", version)


def changed_placements(change: Change) -> Sequence[ChangedPlacementDocument]:
    """Read what a change says of its placements."""
    return msgspec.json.decode(change.placements, type=tuple[ChangedPlacementDocument, ...])


async def _write_state(conn: Connection, change: Change, state: str, version: int) -> None:
    await differences.set_difference_state(conn, change.household_id, change.difference_id, state, version)
    await differences.set_difference_placements_open(conn, change.household_id, change.difference_id, is_open=state == "open")
    await differences.keep_difference_versions(conn, [change.household_id], [change.difference_id])
