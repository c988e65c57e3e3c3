"""Checkpoints: echoed, whole, and worth nothing outside their epoch."""

from datetime import date
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from reconcile.rules.checkpoint import Checkpoint, can_go_on, epoch_of, is_whole

IDS = st.uuids().filter(lambda one: one.int > 0)
VIEWS = st.fixed_dictionaries(
    {
        "restore_number": st.integers(1, 1_000),
        "household_id": st.uuids(),
        "person_id": st.uuids(),
        "from_month": st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    }
)
BEGINNING = Checkpoint(epoch="", lwt=0, id="")


@given(VIEWS, VIEWS)
def test_an_epoch_is_of_one_view_and_one_restore(one: dict[str, object], other: dict[str, object]) -> None:
    assert (epoch_of(**one) == epoch_of(**other)) == (one == other)  # type: ignore[arg-type]


@given(VIEWS)
def test_an_epoch_says_nothing_about_whom_it_is_of(view: dict[str, object]) -> None:
    epoch = epoch_of(**view)  # type: ignore[arg-type]
    assert len(epoch) == 24
    assert not {str(view["household_id"])[:8], str(view["person_id"])[:8]} & {epoch[start : start + 8] for start in range(17)}


@given(st.text("abcdef0123456789", min_size=24, max_size=24), st.integers(1, 2**53), IDS, st.integers(0, 2**53))
def test_a_checkpoint_holds_in_its_epoch_up_to_where_the_household_is(epoch: str, lwt: int, number: UUID, version: int) -> None:
    asked = Checkpoint(epoch=epoch, lwt=lwt, id=str(number))
    assert is_whole(asked)
    assert can_go_on(asked, epoch=epoch, household_version=version) == (lwt <= version)
    assert not can_go_on(asked, epoch=epoch[::-1] + "x", household_version=2**53)
    assert not can_go_on(structs.replace(asked, epoch=""), epoch=epoch, household_version=2**53)
    assert asked.after == number


@given(st.text(max_size=24), st.integers(0, 2**53))
def test_at_the_beginning_everybody_can_go_on(epoch: str, version: int) -> None:
    assert is_whole(BEGINNING)
    assert can_go_on(BEGINNING, epoch=epoch, household_version=version)
    assert BEGINNING.after == UUID(int=0)


@given(IDS, st.integers(1, 2**53))
def test_half_a_checkpoint_is_none(number: UUID, lwt: int) -> None:
    whole = Checkpoint(epoch="e", lwt=lwt, id=str(number))
    for change in ({"lwt": 0}, {"id": ""}, {"epoch": ""}, {"id": "x"}):
        assert not is_whole(structs.replace(whole, **change))


def test_an_empty_page_keeps_the_beginning_with_its_epoch() -> None:
    echoed = structs.replace(BEGINNING, epoch="e")
    assert is_whole(echoed)
    assert can_go_on(echoed, epoch="e", household_version=0)
    assert not can_go_on(echoed, epoch="f", household_version=0)
