"""The sandbox is nobody's, and has a location for everything that the register can say about one."""

from datetime import date

import pytest
from msgspec import structs

from reconcile.rules.bsn import is_test_bsn
from reconcile.rules.identifiers import is_lrk_number, is_oin
from reconcile.rules.register_file import RegisteredLocation
from reconcile.rules.sandbox import NEIGHBOUR_KVK, SANDBOX, SANDBOX_KVK, SANDBOX_OIN, SANDBOX_PREFIX, sandbox_register


@pytest.fixture
def locations() -> dict[str, RegisteredLocation]:
    return {one.lrk_number: one for one in sandbox_register().locations}


def test_its_numbers_are_numbers_that_nobody_has() -> None:
    numbers = structs.asdict(SANDBOX).values()
    assert len(set(numbers)) == len(numbers)
    assert all(is_lrk_number(number) and is_test_bsn(number) for number in numbers)
    assert is_oin(SANDBOX_OIN)
    assert SANDBOX_OIN.startswith(SANDBOX_PREFIX)
    assert SANDBOX_OIN.removeprefix(SANDBOX_PREFIX) == f"{SANDBOX_KVK}0000"


def test_every_location_but_the_unknown_one_is_registered(locations: dict[str, RegisteredLocation]) -> None:
    assert set(locations) == set(structs.asdict(SANDBOX).values()) - {SANDBOX.unknown}
    assert all(one.is_registered and one.agencies == () for one in locations.values())
    assert len({one.name for one in locations.values()}) == len(locations)
    assert all(one.name.startswith("Zandbak ") for one in locations.values())


def test_each_care_type_has_a_location_that_is_open_since_the_allowance_exists(locations: dict[str, RegisteredLocation]) -> None:
    assert {number: one.care_type for number, one in locations.items()} == {
        SANDBOX.day_care: "KDV",
        SANDBOX.after_school_care: "BSO",
        SANDBOX.childminder: "VGO",
        SANDBOX.not_yet_registered: "KDV",
        SANDBOX.of_a_neighbour: "KDV",
    }
    assert {one.registered_on for number, one in locations.items() if number != SANDBOX.not_yet_registered} == {date(2005, 1, 1)}


def test_one_location_opens_when_nobody_alive_delivers_any_more(locations: dict[str, RegisteredLocation]) -> None:
    """A line for it has a fault in whatever year it is tried."""
    assert [one.lrk_number for one in locations.values() if one.registered_on > date(2098, 12, 31)] == [SANDBOX.not_yet_registered]


def test_one_location_is_the_neighbours_and_all_others_are_the_sandbox_organisations(locations: dict[str, RegisteredLocation]) -> None:
    register = sandbox_register()
    assert {one.kvk_number: one.name for one in register.holders} == {
        SANDBOX_KVK: "Zandbak",
        NEIGHBOUR_KVK: "Zandbak van de buren",
    }
    assert dict(register.holdings) == {number: NEIGHBOUR_KVK if number == SANDBOX.of_a_neighbour else SANDBOX_KVK for number in locations}
    names = {one.kvk_number: one.name for one in register.holders}
    assert all(one.holder_name == names[one.holder_kvk_number] for one in locations.values())
