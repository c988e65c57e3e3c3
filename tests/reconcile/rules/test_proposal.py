"""A proposal says what one tap would declare, and nothing can change it afterwards."""

from datetime import date
from uuid import UUID

import msgspec
import pytest

from reconcile.rules.proposal import Proposal, ProposedPlacement
from tests.make import segment

_PLACEMENT = ProposedPlacement(
    placement_id=UUID(int=1),
    child_id=UUID(int=2),
    lrk_number="900000001",
    end_on=date(2026, 3, 31),
    segments=(segment("2026-04", hours="0"),),
)


def test_a_proposal_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        _PLACEMENT.end_on = None  # type: ignore[misc]


def test_equal_proposals_are_one_value() -> None:
    again = msgspec.json.decode(msgspec.json.encode(Proposal(placements=(_PLACEMENT,))), type=Proposal)
    assert {again, Proposal(placements=(_PLACEMENT,))} == {Proposal(placements=(_PLACEMENT,))}
