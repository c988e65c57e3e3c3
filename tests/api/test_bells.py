"""Bells: rung for their household alone, within limits, and taken down whatever happens."""

from uuid import uuid4

import msgspec
import pytest

from api.bells import Bells
from reconcile.callers import Parent
from reconcile.problems import Busy


def parent(**change: object) -> Parent:
    return Parent(**{"person_id": uuid4(), "household_id": uuid4(), **change})  # type: ignore[arg-type]


async def test_a_bell_sounds_for_its_household_alone_and_once() -> None:
    bells, mine, other = Bells(), parent(), parent()
    with bells.listening(mine) as bell, bells.listening(other) as foreign:
        bells.ring([mine.household_id, mine.household_id, uuid4()])
        assert await bell.heard(1)
        assert not await bell.heard(0.01)
        assert not await foreign.heard(0.01)


async def test_both_parents_and_every_phone_hear() -> None:
    bells, mine = Bells(), parent()
    with bells.listening(mine) as one, bells.listening(mine) as two, bells.listening(parent(household_id=mine.household_id)) as three:
        bells.ring([mine.household_id])
        assert [await bell.heard(1) for bell in (one, two, three)] == [True] * 3


async def test_places_are_given_back() -> None:
    bells, mine = Bells(streams_max=2, streams_of_person_max=1), parent()
    for _ in range(3):
        with pytest.raises(RuntimeError), bells.listening(mine):
            with pytest.raises(Busy), bells.listening(mine):
                raise AssertionError("there was one too many")
            raise RuntimeError
    with bells.listening(mine), bells.listening(parent()), pytest.raises(Busy), bells.listening(parent()):
        raise AssertionError("there was one too many")
    assert bells.count == 0


async def test_a_proxy_takes_no_place_of_the_parent() -> None:
    bells, mine = Bells(streams_of_person_max=1), parent()
    with bells.listening(mine), bells.listening(msgspec.structs.replace(mine, proxy="somebody of an issuer")):
        assert bells.count == 2


async def test_once_ended_nobody_is_admitted() -> None:
    bells = Bells()
    with bells.listening(parent()) as bell:
        bells.end()
        assert bell.is_ended
        assert await bell.heard(1)
    with pytest.raises(Busy), bells.listening(parent()):
        raise AssertionError("admitted after the end")
