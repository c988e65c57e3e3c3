"""The sandbox: two organisations that are made up, with a location for everything that the register can say about one.

Their OINs have the prefix of tests, their trade register numbers and LRK numbers are nobody's. The first one is who the published
examples are for; the other holds a location that the first does not.
"""

from datetime import date

from msgspec import Struct

from reconcile.rules.bsn import marked_bsn
from reconcile.rules.facts import CareType
from reconcile.rules.register_file import Holder, RegisteredLocation, RegisterSnapshot

SANDBOX_PREFIX = "00000099"
SANDBOX_KVK, NEIGHBOUR_KVK = "99999991", "99999992"
SANDBOX_OIN = f"{SANDBOX_PREFIX}{SANDBOX_KVK}0000"


class Sandbox(Struct, frozen=True, kw_only=True):
    """LRK numbers of the sandbox by what the register says about them. `unknown` is in no register."""

    day_care: str = marked_bsn(4_000_001)
    after_school_care: str = marked_bsn(4_000_002)
    childminder: str = marked_bsn(4_000_003)
    not_yet_registered: str = marked_bsn(4_000_004)
    of_a_neighbour: str = marked_bsn(4_000_005)
    unknown: str = marked_bsn(4_000_006)


SANDBOX = Sandbox()
_HOLDERS = {SANDBOX_KVK: "Zandbak", NEIGHBOUR_KVK: "Zandbak van de buren"}
_OPENED, _FAR_AHEAD = date(2005, 1, 1), date(2099, 1, 1)


def sandbox_register() -> RegisterSnapshot:
    """Return the sandbox as a snapshot of the register."""
    locations = (
        _location(SANDBOX.day_care, "KDV"),
        _location(SANDBOX.after_school_care, "BSO"),
        _location(SANDBOX.childminder, "VGO"),
        _location(SANDBOX.not_yet_registered, "KDV", registered_on=_FAR_AHEAD),
        _location(SANDBOX.of_a_neighbour, "KDV", kvk_number=NEIGHBOUR_KVK),
    )
    return RegisterSnapshot(
        locations=locations,
        holders=tuple(Holder(kvk_number=kvk_number, name=name) for kvk_number, name in _HOLDERS.items()),
        holdings=tuple((one.lrk_number, one.holder_kvk_number) for one in locations),
    )


def _location(lrk_number: str, care_type: CareType, *, kvk_number: str = SANDBOX_KVK, registered_on: date = _OPENED) -> RegisteredLocation:
    return RegisteredLocation(
        lrk_number=lrk_number,
        care_type=care_type,
        name=f"Zandbak {care_type} {lrk_number}",
        registered_on=registered_on,
        is_registered=True,
        holder_name=_HOLDERS[kvk_number],
        holder_kvk_number=kvk_number,
        agencies=(),
    )
