"""The open-data file of the LRK: semicolons, one row for each registration, dates dd-mm-yyyy.

Only what this system needs is read; names, addresses and contacts of people in the file are left where they are.
Source: column list of the LRK open data (domain notes 3.1).
"""

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import date

from msgspec import Struct

COLUMNS = (
    "lrk_id",
    "type_oko",
    "actuele_naam_oko",
    "status",
    "inschrijfdatum",
    "naam_houder",
    "kvk_nummer_houder",
    "gastouderbureau_1",
    "gastouderbureau_2",
)
_CARE_TYPES = frozenset({"KDV", "BSO", "VGO"})
# An agency (GOB) is no place of care: it is read for its holder alone. Playgroups (PSZ) are history.
_AGENCY = "GOB"
_IGNORED = frozenset({"PSZ"})
_LRK_NUMBER = re.compile(r"[0-9]{9}", re.ASCII)
_KVK_NUMBER = re.compile(r"[0-9]{8}", re.ASCII)
_DATE = re.compile(r"([0-9]{2})-([0-9]{2})-([0-9]{4})", re.ASCII)


class RegisteredLocation(Struct, frozen=True, kw_only=True):
    """One location as the file has it. `agencies` are the LRK numbers of the agencies of a childminder."""

    lrk_number: str
    care_type: str
    name: str
    registered_on: date
    is_registered: bool
    holder_name: str
    holder_kvk_number: str
    agencies: tuple[str, ...]


class Holder(Struct, frozen=True, kw_only=True):
    """A holder by its number in the trade register."""

    kvk_number: str
    name: str


class RegisterSnapshot(Struct, frozen=True, kw_only=True):
    """What the register held on the day of the file: locations, holders, and the pairs of both."""

    locations: tuple[RegisteredLocation, ...]
    holders: tuple[Holder, ...]
    holdings: tuple[tuple[str, str], ...]


class UnreadableRegister(Exception):
    """The file is not the LRK open data, or a row of it makes no sense; the message names line and column."""


def read_register(lines: Iterable[str]) -> RegisterSnapshot:
    """Read the whole file, without its byte order mark; nothing is taken when one row is wrong. Raises UnreadableRegister."""
    locations: list[RegisteredLocation] = []
    agencies: dict[str, Holder] = {}
    holders: dict[str, Holder] = {}
    for line_number, row in _rows(lines):
        if row["type_oko"] in _IGNORED:
            continue
        location = _location(line_number, row)
        holder = Holder(kvk_number=location.holder_kvk_number, name=location.holder_name)
        if row["type_oko"] == _AGENCY:
            agencies[location.lrk_number] = holder
            holders[holder.kvk_number] = holder
        else:
            locations.append(location)
            if location.care_type != "VGO":
                holders[holder.kvk_number] = holder
    if not locations:
        raise UnreadableRegister("The file has no locations. Use the CSV of the LRK open data.")
    return RegisterSnapshot(locations=tuple(locations), holders=tuple(holders.values()), holdings=tuple(_holdings(locations, agencies)))


def _holdings(locations: Iterable[RegisteredLocation], agencies: dict[str, Holder]) -> Iterator[tuple[str, str]]:
    for location in locations:
        if location.care_type == "VGO":
            # A childminder does not deliver: the agencies do. One that the file does not hold cannot be named.
            yield from ((location.lrk_number, agencies[agency].kvk_number) for agency in location.agencies if agency in agencies)
        else:
            yield location.lrk_number, location.holder_kvk_number


def _rows(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(lines, delimiter=";", strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        missing = [column for column in COLUMNS if column not in header]
        if missing:
            raise UnreadableRegister(f"The heading lacks {', '.join(missing)}. Use the CSV of the LRK open data, with semicolons.")
        for values in reader:
            if len(values) != len(header):
                raise UnreadableRegister(f"Line {reader.line_num} has {len(values)} columns, the heading {len(header)}.")
            yield reader.line_num, dict(zip(header, (value.strip() for value in values), strict=True))
    except csv.Error as error:
        raise UnreadableRegister(f"Line {reader.line_num} cannot be read: {error}.") from error


def _location(line_number: int, row: dict[str, str]) -> RegisteredLocation:
    if row["type_oko"] not in _CARE_TYPES | {_AGENCY}:
        raise UnreadableRegister(f"Line {line_number}: type_oko {row['type_oko']!r} is not KDV, BSO, VGO, GOB or PSZ.")
    if not _LRK_NUMBER.fullmatch(row["lrk_id"]):
        raise UnreadableRegister(f"Line {line_number}: lrk_id {row['lrk_id']!r} is not nine digits.")
    # A childminder is a person, who may have no number in the trade register and is no organisation here.
    if row["type_oko"] != "VGO" and not _KVK_NUMBER.fullmatch(row["kvk_nummer_houder"]):
        raise UnreadableRegister(f"Line {line_number}: kvk_nummer_houder {row['kvk_nummer_houder']!r} is not eight digits.")
    return RegisteredLocation(
        lrk_number=row["lrk_id"],
        care_type=row["type_oko"],
        name=row["actuele_naam_oko"],
        registered_on=_registered_on(line_number, row["inschrijfdatum"]),
        is_registered=row["status"].casefold() == "ingeschreven",
        holder_name=row["naam_houder"],
        holder_kvk_number=row["kvk_nummer_houder"],
        agencies=tuple(number for number in (row["gastouderbureau_1"], row["gastouderbureau_2"]) if number),
    )


def _registered_on(line_number: int, text: str) -> date:
    match = _DATE.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        day, month, year = (int(part) for part in match.groups())
        return date(year, month, day)
    except ValueError:
        raise UnreadableRegister(f"Line {line_number}: inschrijfdatum {text!r} is not a date like 31-12-2026.") from None
