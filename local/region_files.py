"""The sample region as the files that the parties would send: declarations, and deliveries in three dialects."""

import csv
import io
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace as change

from local.region import Care, Household, Location, Region, SampleOrganisation, billed
from reconcile.rules.bsn import marked_bsn
from reconcile.rules.months import Month, add_months, first_day, next_month
from reconcile.rules.quantities import hundredths_text

_CSV_HEADING = ("regelkenmerk", "bsn_ouder", "bsn_kind", "lrk_nummer", "maand", "uren", "uurtarief", "bedrag", "einddatum")
_STRANGER_FROM = 3_000_000
Dialect = Literal["json", "csv", "ndjson"]
_DIALECTS: Sequence[Dialect] = ("csv", "ndjson", "json")
_MEDIA_TYPES: Mapping[Dialect, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
}
# Lines that break alone: one that was broken off, and one with a field twice.
_BROKEN_LINES = (b'{"lineRef":"afgebroken","parentBsn":"90', b'{"lineRef":"dubbel-veld","month":"2026-03","month":"2026-04"}')


class DeliveryFile(Struct, frozen=True, kw_only=True):
    """One file of an organisation, with what goes into the request beside it; `expected` counts lines by outcome."""

    dialect: Dialect
    oin: str
    reference: str
    created_at: datetime
    content: bytes
    expected: Mapping[str, int]

    @property
    def name(self) -> str:
        """Name of the file on the disk."""
        return f"{self.reference}.{self.dialect}"

    @property
    def media_type(self) -> str:
        """What the sender puts into Content-Type."""
        return _MEDIA_TYPES[self.dialect]


class Line(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A line as an organisation writes it."""

    line_ref: str
    parent_bsn: str
    child_bsn: str
    lrk_number: str
    month: str
    hours: str
    hourly_rate: str
    end_date: str = ""


def declarations_file(region: Region) -> bytes:
    """Write one declaration a line, as TVS hands them over."""
    return b"\n".join(msgspec.json.encode(_declaration(one, region.months)) for one in region.households) + b"\n"


def delivery_files(region: Region, seed: int) -> Sequence[Sequence[DeliveryFile]]:
    """Return the deliveries in rounds: within a round their order does not matter, a round goes after the one before.

    The first round has every month of every organisation; the second corrects, repeats and comes late.
    """
    dice = random.Random(seed)
    by_organisation: dict[str, list[Care]] = defaultdict(list)
    for household in region.households:
        for care in household.cares:
            by_organisation[care.location.kvk_number].append(care)
    first: list[DeliveryFile] = []
    second: list[DeliveryFile] = []
    for number, organisation in enumerate(region.organisations):
        cares = by_organisation[organisation.kvk_number]
        if not cares:
            continue
        for place, month in enumerate(region.months):
            lines = _lines(cares, month, region.months)
            if place == 1 and number % 4 == 0:
                # Always the first line too: a CSV with nothing wrong would come again as the very same content.
                wrong = [_with_more_hours(line) if index == 0 or dice.random() < 0.1 else line for index, line in enumerate(lines)]
                changed = sum(one != other for one, other in zip(wrong, lines, strict=True))
                first.append(_file(organisation, month, wrong, "a", {"applied": len(lines)}))
                second.append(_file(organisation, month, lines, "correctie", {"applied": changed, "unchanged": len(lines) - changed}))
            else:
                first.append(_file(organisation, month, lines, "a", {"applied": len(lines)}))
            if place == 2 and number % 7 == 1:
                second.append(
                    _file(organisation, month, [_with_more_hours(one) for one in lines], "oud", {"superseded": len(lines)}, hours=-72)
                )
        if number % 5 == 2:
            second.append(_faulty_file(organisation, region, cares[0].location, "fouten"))
    second.append(first[0])  # the very same file once more
    return first, second


def undisputed_household(region: Region) -> Household:
    """Choose a household with one place and without any difference: more hours there always have an effect."""
    return next(one for one in region.households if len(one.cares) == 1 and not one.cares[0].planted)


def probe_file(region: Region, household: Household) -> DeliveryFile:
    """Write a correction of the two newest months that makes a difference for one household."""
    care = household.cares[0]
    organisation = next(one for one in region.organisations if one.kvk_number == care.location.kvk_number)
    lines = [
        Line(
            line_ref=f"proef-{month}",
            parent_bsn=care.parent_bsn,
            child_bsn=care.child_bsn,
            lrk_number=care.location.lrk_number,
            month=month,
            hours=hundredths_text(care.hours_hundredths + 1_000),
            hourly_rate=hundredths_text(care.hourly_rate_cents),
        )
        for month in region.months[-2:]
    ]
    return _file(organisation, region.months[-1], lines, "proef", {"applied": 2}, hours=2)


def _lines(cares: Sequence[Care], month: Month, months: Sequence[Month]) -> list[Line]:
    lines: list[Line] = []
    for care in cares:
        bill = billed(care, month, months)
        if bill is not None:
            hours, rate, end_on = bill
            lines.append(
                Line(
                    line_ref=f"{month}/{len(lines) + 1}",
                    parent_bsn=care.parent_bsn,
                    child_bsn=care.child_bsn,
                    lrk_number=care.location.lrk_number,
                    month=month,
                    hours=hundredths_text(hours),
                    hourly_rate=hundredths_text(rate),
                    end_date=end_on.isoformat() if end_on else "",
                )
            )
    return lines


def _with_more_hours(line: Line) -> Line:
    return change(line, hours=hundredths_text(int(line.hours.replace(".", "")) + 777))


def own_file(region: Region) -> DeliveryFile:
    """Write a file for the reader to deliver: one good line, and one of each fault, about people that TVS never named."""
    organisation = region.organisations[0]
    return _faulty_file(organisation, region, organisation.locations[0], "eigen")


def _faulty_file(organisation: SampleOrganisation, region: Region, location: Location, mark: str) -> DeliveryFile:
    """Lines that must be rejected or parked, and a good one about people that TVS never named."""
    month = region.months[-1]
    good = Line(
        line_ref="vreemd",
        parent_bsn=marked_bsn(_STRANGER_FROM + int(organisation.kvk_number) * 4),
        child_bsn=marked_bsn(_STRANGER_FROM + int(organisation.kvk_number) * 4 + 1),
        lrk_number=location.lrk_number,
        month=month,
        hours="60.00",
        hourly_rate="9.50",
    )
    other = next(one for one in region.organisations if one.kvk_number != organisation.kvk_number)
    rejected = [
        change(good, line_ref="elfproef", child_bsn=good.child_bsn[:8] + str((int(good.child_bsn[8]) + 1) % 10)),
        change(good, line_ref="uren", hours="900.00"),
        change(good, line_ref="maand", month=f"{month[:4]}-13"),
        change(good, line_ref="andermans", lrk_number=other.locations[0].lrk_number),
        change(good, line_ref="onbekend", lrk_number=marked_bsn(_STRANGER_FROM)),
        change(good, line_ref="dubbel-1", month=region.months[0]),
        change(good, line_ref="dubbel-2", month=region.months[0], hours="61.00"),
    ]
    lines = [good, *rejected, change(good, line_ref="geen-bsn", child_bsn="")]
    file = _file(organisation, month, lines, mark, {"applied": 1, "rejected": len(rejected), "parked": 1})
    return _with_broken_lines(file) if file.dialect == "ndjson" else file


def _with_broken_lines(file: DeliveryFile) -> DeliveryFile:
    content = file.content + b"\n".join(_BROKEN_LINES)
    return change(file, content=content, expected={**file.expected, "rejected": file.expected["rejected"] + len(_BROKEN_LINES)})


def _file(
    organisation: SampleOrganisation, month: Month, lines: Sequence[Line], mark: str, expected: Mapping[str, int], *, hours: int = 0
) -> DeliveryFile:
    # Soon after the month, so that no file is of a time still to come on the day that the play is played.
    made = datetime.combine(first_day(next_month(month)), datetime.min.time(), UTC) + timedelta(hours=1)
    created_at = made + timedelta(hours=hours if hours else 1 if mark == "correctie" else 0)
    dialect = _DIALECTS[int(organisation.kvk_number) % len(_DIALECTS)]
    reference = f"{organisation.kvk_number}-{month}-{mark}"
    envelope = {"reference": reference, "createdAt": created_at.isoformat()}
    return DeliveryFile(
        dialect=dialect,
        oin=organisation.oin,
        reference=reference,
        created_at=created_at,
        content=_csv(lines) if dialect == "csv" else _ndjson(envelope, lines) if dialect == "ndjson" else _json(envelope, lines),
        expected=expected,
    )


def _json(envelope: Mapping[str, str], lines: Sequence[Line]) -> bytes:
    return msgspec.json.encode({**envelope, "lines": lines})


def _ndjson(envelope: Mapping[str, str], lines: Sequence[Line]) -> bytes:
    return msgspec.json.Encoder().encode_lines([envelope, *lines])


def _csv(lines: Sequence[Line]) -> bytes:
    """Write a CSV as a Dutch spreadsheet does: byte order mark, semicolons, decimal commas, dates dd-mm-yyyy."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(_CSV_HEADING)
    for one in lines:
        amount = hundredths_text((int(one.hours.replace(".", "")) * int(one.hourly_rate.replace(".", "")) + 50) // 100)
        end = f"{one.end_date[8:]}-{one.end_date[5:7]}-{one.end_date[:4]}" if one.end_date else ""
        figures = [figure.replace(".", ",") for figure in (one.hours, one.hourly_rate, amount)]
        writer.writerow([one.line_ref, one.parent_bsn, one.child_bsn, one.lrk_number, one.month, *figures, end])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _declaration(household: Household, months: Sequence[Month]) -> dict[str, object]:
    since = add_months(months[0], -24)
    # References of TVS say nothing about the number of the person.
    refs = {one.bsn: f"{household.household_ref}-{index}" for index, one in enumerate(household.people)}
    return {
        "householdRef": household.household_ref,
        "version": 1,
        "members": [
            {
                "personRef": refs[one.bsn],
                "bsn": one.bsn,
                "role": one.role,
                "givenName": one.given_name,
                "birthDate": one.birth_date,
                "from": since,
            }
            for one in household.people
        ],
        "incomes": [{"year": int(months[0][:4]), "amount": household.income_euro}],
        "awardedYears": [],
        "placements": [
            {
                "childRef": refs[care.child_bsn],
                "lrkNumber": care.location.lrk_number,
                "startDate": first_day(care.from_month),
                "segments": [
                    {
                        "from": care.from_month,
                        "hours": hundredths_text(care.hours_hundredths),
                        "hourlyRate": hundredths_text(care.hourly_rate_cents),
                    }
                ],
            }
            for care in household.cares
            if care.is_declared
        ],
    }
