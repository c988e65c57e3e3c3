"""A sample region from a seed: organisations with locations, households with children, what they declared and what was billed.

Most months are billed as declared. Some differ on purpose, and the region says which: `planted` is what the chain must find. All
numbers are from the marked ranges: BSNs and LRK numbers that begin with 9, KvK numbers 0000xxxx, OINs of the test prefix.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal

from msgspec import Struct, structs

from reconcile.rules.bsn import marked_bsn
from reconcile.rules.months import Month, add_months, first_day, month_of, months_of_year

Planted = Literal["D00", "D01", "D02", "D03", "D06", "D09", "D10", "D12", "D14"]
MONTHS = 4
HOUSEHOLDS = 2_000
ORGANISATIONS = 60
# How many placements differ, by kind. The rest equals what was declared, to the cent.
PLANT: Mapping[Planted, int] = {"D00": 60, "D01": 50, "D02": 50, "D03": 20, "D06": 30, "D09": 20, "D10": 20, "D12": 20, "D14": 20}
# A place that nothing is declared for; a tap can add it while its first month is at most three months back.
_NEW_PLACES: Sequence[Planted] = ("D10", "D12")
_MONTHS_BACK = 3
_NAMES = (
    "Noor",
    "Emma",
    "Julia",
    "Mila",
    "Sara",
    "Lotte",
    "Eva",
    "Fien",
    "Saar",
    "Tess",
    "Sem",
    "Finn",
    "Luuk",
    "Daan",
    "Bram",
    "Teun",
    "Jesse",
    "Thijs",
    "Lars",
    "Mees",
    "Yara",
    "Amir",
    "Zoë",
    "Ilse",
    "Jip",
    "Puck",
)
_LRK_FROM = 2_000_000


class Location(Struct, frozen=True, kw_only=True):
    """A location and the organisation that reports for it; `agency` is set for a childminder."""

    lrk_number: str
    care_type: Literal["KDV", "BSO", "VGO"]
    kvk_number: str
    agency: str | None = None


class SampleOrganisation(Struct, frozen=True, kw_only=True):
    """A holder, or an agency with an LRK number of its own."""

    kvk_number: str
    name: str
    agency: str | None
    locations: tuple[Location, ...]

    @property
    def oin(self) -> str:
        """The OIN that its access token names."""
        return f"00000099{self.kvk_number}0000"


class Person(Struct, frozen=True, kw_only=True):
    """Somebody of a household."""

    bsn: str
    role: Literal["applicant", "partner", "child"]
    given_name: str
    birth_date: date


class Care(Struct, frozen=True, kw_only=True):
    """A child's place at a location, as declared: hours and rate stand since `from_month`. What is not declared is billed from then on."""

    parent_bsn: str
    child_bsn: str
    location: Location
    from_month: Month
    hours_hundredths: int
    hourly_rate_cents: int
    planted: Planted | None = None
    is_declared: bool = True


class Household(Struct, frozen=True, kw_only=True):
    """One applicant's allowance."""

    household_ref: str
    income_euro: int
    people: tuple[Person, ...]
    cares: tuple[Care, ...]

    @property
    def login(self) -> str:
        """The name under which the applicant logs in at the issuer."""
        return self.household_ref.lower()

    @property
    def differs(self) -> tuple[str, ...]:
        """The kinds of difference that must be found in this household; D00 is none."""
        return tuple(care.planted for care in self.cares if care.planted not in (None, "D00"))


class Region(Struct, frozen=True, kw_only=True):
    """Everything, and the months that were billed."""

    months: tuple[Month, ...]
    organisations: tuple[SampleOrganisation, ...]
    households: tuple[Household, ...]

    def planted(self) -> Mapping[str, int]:
        """Return the differences that the chain must find, by kind; D00 is one that it must not find."""
        return dict(sorted(Counter(kind for household in self.households for kind in household.differs).items()))


def sample_region(seed: int, as_of: date, *, households: int = HOUSEHOLDS, organisations: int = ORGANISATIONS) -> Region:
    """Make the region of a seed; the same seed, day and sizes always give the same one."""
    dice = random.Random(seed)
    months = billed_months(as_of)
    holders = _organisations(dice, organisations)
    places = [location for one in holders for location in one.locations]
    made: list[Household] = []
    for number in range(households):
        # Every fiftieth child lives in two households, with a place of its own in each.
        shared = made[-1] if number % 50 == 1 else None
        made.append(_household(dice, number, months, places, shared))
    return Region(months=months, organisations=tuple(holders), households=_plant(dice, made, places, months, as_of))


def billed_months(as_of: date) -> tuple[Month, ...]:
    """Return the four newest months that are over and lie in one year, so that every kind can show in it."""
    year = as_of.year if as_of.month > MONTHS else as_of.year - 1
    over = [month for month in months_of_year(year) if month < month_of(as_of)]
    return tuple(over[-MONTHS:])


def billed(care: Care, month: Month, months: Sequence[Month]) -> tuple[int, int, date | None] | None:
    """Return what was billed for a place in a month: hours, rate, and the end of the agreement; None when nothing was."""
    place = months.index(month)
    hours, rate = care.hours_hundredths, care.hourly_rate_cents
    if care.planted == "D00":
        return hours + 50, rate - 3, None
    if not care.is_declared and month < care.from_month:
        return None
    if care.planted == "D14" and place >= 2:
        return (hours, rate, first_day(month).replace(day=20)) if place == 2 else None
    if care.planted == "D10" and place >= 1:
        return (hours, rate, first_day(month).replace(day=28)) if place == 1 else None
    if place == 0 or (care.planted == "D03" and place < MONTHS - 1):
        return hours, rate, None
    more = {"D01": 1_850, "D02": -1_200, "D03": 1_500, "D09": 1_600}.get(str(care.planted), 0)
    return hours + more, rate + (35 if care.planted in ("D06", "D09") else 0), None


def _organisations(dice: random.Random, count: int) -> list[SampleOrganisation]:
    made = []
    for number in range(count):
        kvk_number = f"{number + 1:08d}"
        first = _LRK_FROM + number * 20
        is_agency = number % 12 == 11
        locations = tuple(
            Location(
                lrk_number=marked_bsn(first + place),
                care_type="VGO" if is_agency else dice.choice(("KDV", "BSO")),
                kvk_number=kvk_number,
                agency=marked_bsn(first + 19) if is_agency else None,
            )
            for place in range(dice.randint(6, 12) if is_agency else dice.randint(1, 4))
        )
        name = f"{'Gastouderbureau' if is_agency else 'Kinderopvang'} Voorbeeld {number + 1}"
        made.append(
            SampleOrganisation(kvk_number=kvk_number, name=name, agency=marked_bsn(first + 19) if is_agency else None, locations=locations)
        )
    return made


def _household(
    dice: random.Random, number: int, months: Sequence[Month], places: Sequence[Location], shared: Household | None
) -> Household:
    bsn = iter(range(number * 10, number * 10 + 10))
    people = [_person(dice, next(bsn), "applicant", 1990)]
    if dice.random() < 0.7:
        people.append(_person(dice, next(bsn), "partner", 1989))
    people += (_person(dice, next(bsn), "child", int(months[0][:4]) - dice.randint(1, 10)) for _ in range(dice.choice((1, 1, 1, 2, 2, 3))))
    if shared is not None:
        people.append(next(one for one in shared.people if one.role == "child"))
    cares = [
        _care(dice, people[0], child, location, months)
        for child in people
        if child.role == "child"
        for location in dice.sample(places, 2 if dice.random() < 0.2 else 1)
    ]
    return Household(
        household_ref=f"TVS-{number + 1:05d}", income_euro=dice.randrange(22_000, 140_000, 500), people=tuple(people), cares=tuple(cares)
    )


def _person(dice: random.Random, number: int, role: Literal["applicant", "partner", "child"], born: int) -> Person:
    return Person(
        bsn=marked_bsn(number), role=role, given_name=dice.choice(_NAMES), birth_date=date(born, dice.randint(1, 12), dice.randint(1, 28))
    )


def _care(dice: random.Random, parent: Person, child: Person, location: Location, months: Sequence[Month]) -> Care:
    hours = {"KDV": (60, 200), "BSO": (20, 90), "VGO": (30, 120)}[location.care_type]
    rate = {"KDV": (960, 1_080), "BSO": (840, 940), "VGO": (700, 790)}[location.care_type]
    return Care(
        parent_bsn=parent.bsn,
        child_bsn=child.bsn,
        location=location,
        from_month=add_months(months[0], -dice.randint(0, 20)),
        hours_hundredths=dice.randint(*hours) * 100 + dice.choice((0, 0, 0, 50, 25)),
        hourly_rate_cents=dice.randint(*rate),
    )


def _plant(
    dice: random.Random, households: Sequence[Household], places: Sequence[Location], months: Sequence[Month], as_of: date
) -> tuple[Household, ...]:
    """Choose the placements that differ: one a household, and an end of care only where other care goes on."""
    made = list(households)
    order = list(range(len(made)))
    dice.shuffle(order)
    scale = len(made) / HOUSEHOLDS
    can_add = months[2] >= add_months(month_of(as_of), -_MONTHS_BACK)
    for kind in sorted(PLANT, reverse=True):
        left = max(1, round(PLANT[kind] * scale)) if can_add or kind not in _NEW_PLACES else 0
        for index in order:
            if left == 0:
                break
            household = made[index]
            if _is_fit(household, kind):
                first, *rest = household.cares
                new = [_new_place(dice, first, places, months)] if kind in _NEW_PLACES else []
                made[index] = structs.replace(household, cares=(structs.replace(first, planted=kind), *rest, *new))
                left -= 1
    return tuple(made)


def _is_fit(household: Household, kind: Planted) -> bool:
    if any(care.planted for care in household.cares):
        return False
    return len(household.cares) == 1 if kind in _NEW_PLACES else kind != "D14" or len(household.cares) > 1


def _new_place(dice: random.Random, old: Care, places: Sequence[Location], months: Sequence[Month]) -> Care:
    """Make a place of the same care type, 25 hours a month, that begins with the third month and is not declared."""
    location = dice.choice([one for one in places if one.care_type == old.location.care_type and one != old.location])
    return structs.replace(old, location=location, from_month=months[2], hours_hundredths=2_500, is_declared=False)
