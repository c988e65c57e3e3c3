"""Answers as phones keep and send them: when a copy agrees with what stands, and what each kind of answer must say.

Source of the rules: the RxDB replication protocol; ADR 0041 has those that we follow and why.
"""

from collections.abc import Set
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct, field, structs

from reconcile.rules.declaration import NO_NUL

AnswerKind = Literal["acceptance", "dispute", "postponement", "reversal"]

# Of each kind: what it must say beside its number, and what it may.
_MUST: dict[AnswerKind, frozenset[str]] = {
    "acceptance": frozenset({"difference_id", "difference_version"}),
    "dispute": frozenset({"difference_id", "difference_version", "reason"}),
    "postponement": frozenset({"difference_id", "difference_version", "until"}),
    "reversal": frozenset({"undone_change_id"}),
}
_MAY: dict[AnswerKind, frozenset[str]] = {
    "acceptance": frozenset(),
    "dispute": frozenset({"note", "pass_on"}),
    "postponement": frozenset(),
    # Which acceptance it undoes follows from the change.
    "reversal": frozenset({"difference_id", "difference_version"}),
}
_VERSION_MAX = 2**53
# Of one push. A phone that was away for long sends several.
ROWS_MAX = 100


class AnswerSaid(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a phone says in an answer. The rest of the document is written by the service, and what a phone sends of it is not read."""

    kind: AnswerKind
    difference_id: Annotated[UUID | None, Meta(description="The difference that is answered; a reversal may leave it out")] = None
    difference_version: Annotated[int, Meta(ge=1, le=_VERSION_MAX)] | None = None
    undone_change_id: Annotated[UUID | None, Meta(description="Reversal: the change to undo")] = None
    reason: Annotated[str, Meta(max_length=40, pattern=r"^[a-z-]*$")] | None = None
    note: Annotated[str, Meta(max_length=500, pattern=NO_NUL)] | None = None
    pass_on: bool = False
    until: date | None = None
    is_deleted: bool = field(default=False, name="_deleted")


def lacking(said: AnswerSaid) -> str | None:
    """Return what is wrong with the members of an answer of its kind, in words for the app's maker; None when nothing is."""
    given = {name for name, value in structs.asdict(said).items() if value not in (None, False)} - {"kind", "is_deleted"}
    must, may = _MUST[said.kind], _MAY[said.kind]
    if missing := must - given:
        return f"An answer of the kind {said.kind} needs {_names(missing)}."
    if beyond := given - must - may:
        return f"An answer of the kind {said.kind} has no {_names(beyond)}."
    return None


def is_same(one: AnswerSaid, other: AnswerSaid) -> bool:
    """Tell whether two copies of an answer say the same: what the parent said, never what the service wrote beside it.

    A stamp would not do: after a push a phone believes that what it sent is what stands.
    """
    if one.kind == other.kind == "reversal":
        return one.undone_change_id == other.undone_change_id and one.is_deleted == other.is_deleted
    return one == other


def _names(fields: Set[str]) -> str:
    words = (name.split("_") for name in sorted(fields))
    return ", ".join(first + "".join(word.capitalize() for word in rest) for first, *rest in words)
