"""The statement about current facts, turned into one about the facts that were known at an instant.

One text says what a fact is; the two statements cannot drift apart. The current one keeps the indexes of what is current.
"""

import re
from collections.abc import Mapping

_IS_CURRENT = re.compile(r"\b(\w+)\.superseded_at IS NULL")
_WAS_CURRENT = r"\1.recorded_at <= asked.facts_at AND (\1.superseded_at > asked.facts_at) IS NOT FALSE"

# What a table keeps of its present alone, and where its past stands.
_PAST: Mapping[str, str] = {
    "statement_timestamp() AS facts_at": "asked.facts_at",
    "household.declared_at": """(
        SELECT max(declaration.recorded_at)
        FROM declaration
        WHERE declaration.household_id = household.household_id AND declaration.recorded_at <= asked.facts_at
    )""",
    # A tombstone is what nothing is declared or reported of: see touch_placements.
    "NOT placement.deleted": """(EXISTS (
        SELECT FROM declared_placement AS known
        WHERE known.household_id = placement.household_id AND known.placement_id = placement.placement_id
            AND known.superseded_at IS NULL
    ) OR EXISTS (
        SELECT FROM reported_hours AS known
        WHERE known.household_id = placement.household_id AND known.placement_id = placement.placement_id
            AND known.superseded_at IS NULL
    ))""",
    # A refusal is no acceptance from the moment that it was settled.
    "change.state <> 'refused'": (
        "acceptance.answered_at <= asked.facts_at AND (change.state <> 'refused' OR change.settled_at > asked.facts_at)"
    ),
    # Nor is what was undone, from the moment of the reversal until TVS refused to undo it.
    "undoing.state IS DISTINCT FROM 'refused'": (
        "reversal.answered_at <= asked.facts_at AND (undoing.state IS DISTINCT FROM 'refused' OR undoing.settled_at > asked.facts_at)"
    ),
    "FROM household\nWHERE household.household_id = ANY ($1::uuid[])": (
        "FROM unnest($1::uuid[], $3::timestamptz[]) AS asked (household_id, facts_at)\nJOIN household USING (household_id)"
    ),
}


def as_of(statement: str) -> str:
    """Return the statement with one more argument: `$3`, an instant for each household of `$1`.

    Raises ValueError for a statement that asks for something else of the present.
    """
    for present, past in _PAST.items():
        if present not in statement:
            raise ValueError(f"the statement no longer says {present!r}")
        statement = statement.replace(present, past)
    statement = _IS_CURRENT.sub(_WAS_CURRENT, statement)
    left = re.findall(r"superseded_at IS|\.deleted|\bnow\(|_timestamp\(", statement)
    if left:
        raise ValueError(f"the statement asks for the present: {left}")
    return statement
