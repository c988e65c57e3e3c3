"""Whether judging again says what was said: kind, proposal, route, values, effect, and the rest of the explanation, part by part."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from reconcile.rules.judgement import JudgedDifference
from reconcile.rules.told import KeptTold, kept_of, told_of

Part = Literal["kind", "proposal", "route", "values", "effect", "explanation"]
PARTS: tuple[Part, ...] = ("kind", "proposal", "route", "values", "effect", "explanation")

# The register replaces a name by the new one. Nothing is judged by it, and what was shown keeps the name of then.
_NAMES = frozenset({"locationName", "organisationName"})


def differing_parts(kept: KeptTold, again: KeptTold) -> tuple[Part, ...]:
    """Return the parts that judging again says otherwise. What the kept document does not have yet is not held against it."""
    before, after = _parts(kept), _parts(again)
    return tuple(part for part in PARTS if before[part] != _like(before[part], after[part]))


def nearest(kept: KeptTold, judged: Sequence[JudgedDifference]) -> tuple[KeptTold | None, tuple[Part, ...]]:
    """Return the judged difference of a child-year that says most of what was kept, and what it says otherwise; without any, all parts."""
    again = [kept_of(told_of(one)) for one in judged]
    found = [(one, differing_parts(kept, one)) for one in again]
    return min(found, key=lambda one: len(one[1]), default=(None, PARTS))


def _parts(one: KeptTold) -> dict[Part, Any]:
    explanation = _without_names(msgspec.json.decode(one.explanation))
    values = explanation.pop("months")
    return {
        "kind": one.kind,
        "proposal": None if one.proposal is None else msgspec.json.decode(one.proposal),
        "route": one.route,
        "values": values,
        "effect": msgspec.json.decode(one.effect),
        "explanation": explanation,
    }


def _without_names(value: Any) -> Any:  # noqa: ANN401  # JSON of any form
    if isinstance(value, dict):
        return {name: _without_names(one) for name, one in value.items() if name not in _NAMES}
    return [_without_names(one) for one in value] if isinstance(value, list) else value


def _like(kept: Any, again: Any) -> Any:  # noqa: ANN401  # JSON of any form
    """Return the second without members that the first has nowhere to hold against."""
    if isinstance(kept, dict) and isinstance(again, dict):
        return {name: _like(kept[name], one) for name, one in again.items() if name in kept}
    if isinstance(kept, list) and isinstance(again, list) and len(kept) == len(again):
        return list(map(_like, kept, again))
    return again
