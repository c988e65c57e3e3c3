"""One line of a delivery: from fields as they stand in a file to values, or to all its faults at once.

The form of the real national delivery is not public; this one is ours (design, section 7). Names are those of JSON; a Dutch
heading of a CSV is translated before it comes here.
"""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import astuple

from reconcile.rules.bsn import is_bsn
from reconcile.rules.facts import CareType
from reconcile.rules.faults import FAULTS, Fault, fault
from reconcile.rules.identifiers import is_lrk_number
from reconcile.rules.months import Month, is_month
from reconcile.rules.quantities import (
    AMOUNT_CENTS_MAX,
    HOURLY_RATE_CENTS_MAX,
    HOURS_HUNDREDTHS_MAX,
    divide_half_up,
    parse_hundredths,
)

FieldValue = str | int | float | Decimal | bool | None | list[object] | dict[str, object]

FIELDS = (
    "parentBsn",
    "childBsn",
    "lrkNumber",
    "careType",
    "month",
    "hours",
    "hourlyRate",
    "amount",
    "endDate",
    "lineRef",
    "replacedParentBsn",
    "replacedChildBsn",
    "replacedLrkNumber",
    "replacedMonth",
)
# Of a correction: what it replaces, as far as that is not the same as in the line itself.
REPLACED_FIELDS = FIELDS[-4:]
NEEDED_FIELDS = ("parentBsn", "childBsn", "lrkNumber", "month", "hours", "hourlyRate")
_KNOWN = frozenset(FIELDS)
_REPLACED = frozenset(REPLACED_FIELDS)
_CARE_TYPES: Mapping[str, CareType] = {"KDV": "KDV", "BSO": "BSO", "VGO": "VGO"}
_DUTCH_DATE = re.compile(r"([0-9]{2})-([0-9]{2})-([0-9]{4})", re.ASCII)
_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_LINE_REF_CHARACTERS_MAX = 64
# Not an object with each field once, or a row with another number of columns than the heading.
_NOT_OF_THE_FORM = fault("line-unreadable", None)


class LineKey(Struct, frozen=True, kw_only=True):
    """What a line is about: one child of one parent at one location in one month, as far as readable."""

    parent_bsn: str | None
    child_bsn: str | None
    lrk_number: str | None
    month: Month | None


class DeliveryLine(Struct, frozen=True, kw_only=True):
    """The hours that one organisation reported for one child of one parent at one location in one month, as far as readable.

    `replaced` is what a correction replaces, and None of any other line: what was said about it before is void.
    """

    line_number: int
    line_ref: str | None
    parent_bsn: str | None
    child_bsn: str | None
    lrk_number: str | None
    care_type: CareType | None
    month: Month | None
    hours_hundredths: int | None
    hourly_rate_cents: int | None
    amount_cents: int | None
    end_on: date | None
    replaced: LineKey | None
    faults: tuple[Fault, ...]

    @property
    def waits_for(self) -> str | None:
        """The code of a gap that the sender can fill; None when there is no fault, or one that only another line can mend."""
        if not self.faults or any(FAULTS[one.code].permanence != "waiting" for one in self.faults):
            return None
        return self.faults[0].code


def read_line(fields: Mapping[str, FieldValue], line_number: int, *, this_month: Month) -> DeliveryLine:
    """Read one line. A field that cannot be read is None and has its fault; a missing optional field is None without one.

    Hours and money come with a point: a decimal comma is the file's, not the line's. `this_month` is the newest month that can
    have been billed.
    """
    faults: list[Fault] = []
    field = fields.get
    line_ref = _line_ref(field("lineRef"), faults)
    parent_bsn = _bsn("parentBsn", field("parentBsn"), faults)
    child_bsn = _bsn("childBsn", field("childBsn"), faults)
    if parent_bsn is not None and parent_bsn == child_bsn:
        faults.append(fault("bsn-same-twice", "childBsn", field("childBsn")))
    lrk_number = _lrk_number("lrkNumber", field("lrkNumber"), faults)
    care_type = _care_type(field("careType"), faults)
    month = _month("month", field("month"), this_month, faults)
    hours_hundredths = _hours(field("hours"), faults)
    hourly_rate_cents = _cents("hourlyRate", "hourly-rate-invalid", HOURLY_RATE_CENTS_MAX, field("hourlyRate"), faults)
    amount_cents = _amount(field("amount"), faults)
    end_on = _end_on(field("endDate"), faults)
    key = LineKey(parent_bsn=parent_bsn, child_bsn=child_bsn, lrk_number=lrk_number, month=month)
    replaced = None if _REPLACED.isdisjoint(fields) else _replaced(fields, key, this_month, faults)
    if not _KNOWN.issuperset(fields):
        faults += (fault("field-unknown", None, name) for name in fields if name not in _KNOWN)
    if _amount_contradicts(hours_hundredths, hourly_rate_cents, amount_cents):
        faults.append(fault("amount-mismatch", "amount", field("amount")))
    if line_ref is not None and _may_tell_a_bsn(line_ref, (key, replaced), faults):
        line_ref = None
    return DeliveryLine(
        line_number=line_number,
        line_ref=line_ref,
        parent_bsn=parent_bsn,
        child_bsn=child_bsn,
        lrk_number=lrk_number,
        care_type=care_type,
        month=month,
        hours_hundredths=hours_hundredths,
        hourly_rate_cents=hourly_rate_cents,
        amount_cents=amount_cents,
        end_on=end_on,
        replaced=replaced,
        faults=tuple(faults),
    )


def read_object(value: object, line_number: int, *, name_count: int, this_month: Month) -> DeliveryLine:
    """Read one line of JSON. What is no object cannot be read, and neither can one in which a name stands twice.

    `name_count` is how many names stood in the object. More than it has fields means that one of them had two values, and which was
    meant cannot be known.
    """
    if not isinstance(value, dict) or name_count != len(value):
        return unreadable_line(line_number)
    fields: dict[str, FieldValue] = value
    return read_line(fields, line_number, this_month=this_month)


def unreadable_line(line_number: int, reason: Fault = _NOT_OF_THE_FORM) -> DeliveryLine:
    """Return a line of which nothing can be read, with the one fault that says why."""
    nothing = dict.fromkeys(DeliveryLine.__struct_fields__)
    return DeliveryLine(**{**nothing, "line_number": line_number, "faults": (reason,)})  # type: ignore[arg-type]


def _text(value: FieldValue) -> str | None:
    """Return the text of a value that is text or a whole number; None for anything else."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _bsn(field: str, value: FieldValue, faults: list[Fault]) -> str | None:
    if value is None or value == "":
        faults.append(fault("bsn-missing", field))
        return None
    text = _text(value)
    if text is not None and is_bsn(text):
        return text
    faults.append(fault("bsn-invalid", field, value))
    return None


def _lrk_number(field: str, value: FieldValue, faults: list[Fault]) -> str | None:
    text = _text(value)
    if text is not None and is_lrk_number(text):
        return text
    faults.append(fault("lrk-number-invalid", field, value))
    return None


def _care_type(value: FieldValue, faults: list[Fault]) -> CareType | None:
    if value is None or value == "":
        return None
    text = _text(value)
    care_type = None if text is None else _CARE_TYPES.get(text.upper())
    if care_type is None:
        faults.append(fault("care-type-invalid", "careType", value))
    return care_type


def _month(field: str, value: FieldValue, this_month: Month, faults: list[Fault]) -> Month | None:
    text = _text(value)
    if text is None or not is_month(text):
        faults.append(fault("month-invalid", field, value))
        return None
    if text > this_month:
        faults.append(fault("month-in-future", field, value))
    return text


def _replaced(fields: Mapping[str, FieldValue], own: LineKey, this_month: Month, faults: list[Fault]) -> LineKey | None:
    """Return what a line replaces; None when it names nothing, as a row of a sheet that corrects other rows."""
    given = {name: fields[name] for name in REPLACED_FIELDS if fields.get(name) not in (None, "")}
    if not given:
        return None
    parent, child, lrk_number, month = REPLACED_FIELDS
    replaced = LineKey(
        parent_bsn=_bsn(parent, given[parent], faults) if parent in given else own.parent_bsn,
        child_bsn=_bsn(child, given[child], faults) if child in given else own.child_bsn,
        lrk_number=_lrk_number(lrk_number, given[lrk_number], faults) if lrk_number in given else own.lrk_number,
        month=_month(month, given[month], this_month, faults) if month in given else own.month,
    )
    named = next((name for name in (child, parent) if name in given), None)
    if named is not None and replaced.parent_bsn is not None and replaced.parent_bsn == replaced.child_bsn:
        faults.append(fault("bsn-same-twice", named, given[named]))
    if replaced == own and None not in astuple(own):
        faults.append(fault("replaces-itself", next(iter(given))))
    return replaced


def _hours(value: FieldValue, faults: list[Fault]) -> int | None:
    hundredths = _hundredths(value)
    if hundredths is None:
        faults.append(fault("hours-invalid", "hours", value))
    elif hundredths > HOURS_HUNDREDTHS_MAX:
        faults.append(fault("hours-out-of-range", "hours", value))
        return None
    return hundredths


def _cents(field: str, code: str, cents_max: int, value: FieldValue, faults: list[Fault]) -> int | None:
    cents = _hundredths(value)
    if cents is None or cents > cents_max:
        faults.append(fault(code, field, value))
        return None
    return cents


def _amount(value: FieldValue, faults: list[Fault]) -> int | None:
    if value is None or value == "":
        return None
    return _cents("amount", "amount-invalid", AMOUNT_CENTS_MAX, value, faults)


def _hundredths(value: FieldValue) -> int | None:
    if isinstance(value, str):
        return parse_hundredths(value.strip())
    return parse_hundredths(value) if isinstance(value, int | float | Decimal) else None


def _end_on(value: FieldValue, faults: list[Fault]) -> date | None:
    if value is None or value == "":
        return None
    text = value.strip() if isinstance(value, str) else ""
    try:
        if match := _ISO_DATE.fullmatch(text):
            year, month, day = (int(part) for part in match.groups())
        elif match := _DUTCH_DATE.fullmatch(text):
            day, month, year = (int(part) for part in match.groups())
        else:
            raise ValueError
        if not 2005 <= year <= 2099:
            raise ValueError
        return date(year, month, day)
    except ValueError:
        faults.append(fault("end-date-invalid", "endDate", value))
        return None


def _line_ref(value: FieldValue, faults: list[Fault]) -> str | None:
    if value is None or value == "":
        return None
    text = _text(value)
    if text is None or not 1 <= len(text) <= _LINE_REF_CHARACTERS_MAX or not text.isprintable():
        faults.append(fault("line-ref-invalid", "lineRef", value))
        return None
    return text


def _may_tell_a_bsn(line_ref: str, keys: tuple[LineKey, LineKey | None], faults: list[Fault]) -> bool:
    """A reference is kept and shown as it came, so it may not be made of a BSN of its line; nor be one that fell into its column."""
    bsns = [bsn for key in keys if key is not None for bsn in (key.parent_bsn, key.child_bsn)]
    if any(bsn is not None and bsn in line_ref for bsn in bsns):
        faults.append(fault("line-ref-invalid", "lineRef", line_ref))
        return True
    return bool(faults) and is_bsn(line_ref)


def _amount_contradicts(hours_hundredths: int | None, hourly_rate_cents: int | None, amount_cents: int | None) -> bool:
    """Hours and average rate are each rounded to a hundredth, so their product may miss the amount by half a cent for each."""
    if hours_hundredths is None or hourly_rate_cents is None or amount_cents is None:
        return False
    product_cents = divide_half_up(hours_hundredths * hourly_rate_cents, 100)
    rounding_cents = divide_half_up(hours_hundredths + hourly_rate_cents, 200) + 1
    return abs(product_cents - amount_cents) > rounding_cents
