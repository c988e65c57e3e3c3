"""The kinds of difference, the routes and the circumstances, as data: what each is called, what it tells and what one tap does.

From domain notes, section 8. `openapi/kinds.md` is this module as a page. No kind, route or circumstance means suspicion.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

Kind = Literal["D01", "D02", "D03", "D05", "D06", "D07", "D08", "D09", "D10", "D11", "D12", "D13", "D14", "D15"]
Route = Literal["year-closed", "last-care-ended", "add-care", "add-child", "ask-organisation", "mediation-costs", "too-old-for-new-care"]
CircumstanceCode = Literal[
    "hours-above-cap",
    "starts-in-month",
    "stops-in-month",
    "corrected-after-acceptance",
    "older-than-three-months",
    "only-paid-hours-when-open",
    "direct-payment-may-stop",
    "no-effect",
    "first-child-changes",
    "other-changes-not-counted",
]


class KindEntry(Struct, frozen=True, kw_only=True):
    """A kind: its names, what the parent sees, and what one tap changes."""

    dutch: str
    english: str
    sees: str
    tap: str


class NamedCode(Struct, frozen=True, kw_only=True):
    """A route or a circumstance: its names and what it says."""

    dutch: str
    english: str
    meaning: str


KINDS: Mapping[Kind, KindEntry] = {
    "D01": KindEntry(
        dutch="meer uren",
        english="more hours",
        sees="two or more months at one higher level",
        tap="the standing hours, from the first month of that level; months before it that differ, alone",
    ),
    "D02": KindEntry(
        dutch="minder uren",
        english="fewer hours",
        sees="two or more months at one lower level",
        tap="the same",
    ),
    "D03": KindEntry(
        dutch="uren van één maand",
        english="hours of single months",
        sees="single months that differ",
        tap="those months alone, after which the standing hours return",
    ),
    "D05": KindEntry(
        dutch="gemiddelde uren",
        english="average hours",
        sees="three or more varying months with another average over the quarters that are over",
        tap="a new average, from the first reported month",
    ),
    "D06": KindEntry(
        dutch="uurtarief",
        english="hourly rate",
        sees="another hourly rate",
        tap="the rate, from the first month that it deviates",
    ),
    "D07": KindEntry(
        dutch="uurtarief boven maximum",
        english="hourly rate above the maximum",
        sees="another rate, both at or above the maximum; never pushed",
        tap="the same, without effect",
    ),
    "D08": KindEntry(
        dutch="bemiddelingskosten in het uurtarief",
        english="mediation costs in the hourly rate",
        sees="a childminder's rate below the declared one, which may hold mediation costs",
        tap="nothing: `mediation-costs`",
    ),
    "D09": KindEntry(
        dutch="uren en uurtarief",
        english="hours and hourly rate",
        sees="both differ",
        tap="both at once",
    ),
    "D10": KindEntry(
        dutch="verhuisd naar een andere locatie",
        english="moved to another location",
        sees="care at a new location while the declared one ended or is silent",
        tap="both sides: hours 0 at the old location, hours and rate at the new one from the month it began",
    ),
    "D11": KindEntry(
        dutch="verhuisd naar een andere opvangsoort",
        english="moved to another care type",
        sees="the same, with another care type",
        tap="the same",
    ),
    "D12": KindEntry(
        dutch="opvang op nog een locatie",
        english="care at one more location",
        sees="care at a location that is not declared, and no move",
        tap="the care at that location: hours and rate as reported",
    ),
    "D13": KindEntry(
        dutch="ander kind",
        english="another child",
        sees="care of a child without any declared care",
        tap="nothing: `add-child`",
    ),
    "D14": KindEntry(
        dutch="opvang gestopt",
        english="care stopped",
        sees="an end date, or no hours for two months or more",
        tap="hours 0 after the last month with care; nothing when it was the household's last care: `last-care-ended`",
    ),
    "D15": KindEntry(
        dutch="niet in de levering",
        english="not in the delivery",
        sees="the organisation delivered everything, and this child is not in it",
        tap="nothing: `ask-organisation`",
    ),
}

# What the taxonomy knows beside the kinds: where each of them shows.
ELSEWHERE: Mapping[str, str] = {
    "D00": "below the tolerance: no difference",
    "D04": "hours vary and their average is as declared: no difference",
    "D16": "an organisation that does not deliver: no data, no difference",
    "D17": "two locations at the same time: `D12`",
    "D18": "two locations above the cap together: the circumstance `hours-above-cap`",
    "D19": "one location above the cap: the circumstance `hours-above-cap`, and `no-effect` when the declared hours are above it too",
    "D20": "a start or stop inside the month: that month counts by itself, with `starts-in-month` or `stops-in-month`",
    "D21": "corrected before the answer: the same difference in a new version, told again only when it grew",
    "D22": "corrected after an acceptance: a new difference with both values and `corrected-after-acceptance`",
    "D23": "declared anew after the proposal: the tap is refused with the new state",
    "D24": "declared elsewhere: the difference closes silently",
    "D25": "a late delivery: judged by its content",
    "D26": "more than three months back within declared care: the tap stays, with `older-than-three-months`",
    "D27": "new care more than three months back: the route `too-old-for-new-care`",
    "D28": "a year with a final award: the route `year-closed`",
    "D29": "closed days cannot be seen in the data: `only-paid-hours-when-open`",
    "D30": "no effect: `no-effect`, shown and never pushed",
    "D31": "other changes of the household are not computed: `other-changes-not-counted`",
    "D32": "another child becomes the first: `first-child-changes`, in one effect for the household",
}

ROUTES: Mapping[Route, NamedCode] = {
    "year-closed": NamedCode(
        dutch="jaar is definitief", english="the year is final", meaning="the year has a final award; objection is the way"
    ),
    "last-care-ended": NamedCode(
        dutch="laatste opvang stopt", english="last care ended", meaning="ending the allowance is done in Mijn toeslagen"
    ),
    "add-care": NamedCode(
        dutch="opvang toevoegen",
        english="add care",
        meaning="it is not known yet whether the declared care goes on; the care can be added in Mijn toeslagen until `reportBy`",
    ),
    "add-child": NamedCode(
        dutch="kind toevoegen", english="add a child", meaning="the child can be added in Mijn toeslagen; `reportBy` is the last day"
    ),
    "ask-organisation": NamedCode(
        dutch="vraag het de opvang", english="ask the organisation", meaning="does the child still go there? nothing changes by itself"
    ),
    "mediation-costs": NamedCode(
        dutch="bemiddelingskosten tellen mee",
        english="mediation costs count",
        meaning="the declared rate may hold the agency's mediation costs; right as it is when it does",
    ),
    "too-old-for-new-care": NamedCode(
        dutch="langer dan drie maanden geleden begonnen",
        english="began more than three months ago",
        meaning="new care counts from three months before it is reported; `reportBy` was the last day for all of it",
    ),
}

CIRCUMSTANCES: Mapping[CircumstanceCode, NamedCode] = {
    "hours-above-cap": NamedCode(
        dutch="meer dan 230 uur",
        english="above the cap",
        meaning="over all locations of the child more hours than count: the months, the most hours in one of them, and the limit",
    ),
    "starts-in-month": NamedCode(
        dutch="begint in de maand", english="starts inside a month", meaning="the first day of care lies inside a month: the day"
    ),
    "stops-in-month": NamedCode(
        dutch="stopt in de maand", english="stops inside a month", meaning="the last day of care lies inside a month: the day"
    ),
    "corrected-after-acceptance": NamedCode(
        dutch="aangepast na uw akkoord",
        english="corrected after acceptance",
        meaning="the organisation changed months after they were taken over: the months; `acceptedBefore` has what was taken over",
    ),
    "older-than-three-months": NamedCode(
        dutch="langer dan drie maanden terug",
        english="more than three months back",
        meaning="it reaches back more than three months: the first month; Dienst Toeslagen decides",
    ),
    "only-paid-hours-when-open": NamedCode(
        dutch="alleen betaalde uren dat de opvang open was",
        english="only paid hours when open",
        meaning="hours count when they were paid and the organisation was open, which the data do not show",
    ),
    "direct-payment-may-stop": NamedCode(
        dutch="betaling aan de opvang kan stoppen",
        english="direct payment may stop",
        meaning="an allowance that is paid to the organisation stops being so when care stops, moves or begins elsewhere",
    ),
    "no-effect": NamedCode(
        dutch="geen gevolg voor de toeslag", english="no effect", meaning="the allowance of the year stays the same: never pushed"
    ),
    "first-child-changes": NamedCode(
        dutch="ander eerste kind",
        english="the first child changes",
        meaning="another child has the most hours and gets the lower share; the effect names both (`firstChildBefore`, `firstChildAfter`)",
    ),
    "other-changes-not-counted": NamedCode(
        dutch="andere wijzigingen tellen niet mee",
        english="other changes are not counted",
        meaning="the effect is of this change alone: partner, work, income and other care may change as well",
    ),
}


def kinds_page() -> str:
    """Return `openapi/kinds.md`."""
    kinds = "\n".join(f"| {code} | {one.dutch} | {one.english} | {one.sees} | {one.tap} |" for code, one in KINDS.items())
    elsewhere = "\n".join(f"| {code} | {text} |" for code, text in ELSEWHERE.items())
    routes = "\n".join(f"| `{code}` | {one.dutch} | {one.english} | {one.meaning} |" for code, one in ROUTES.items())
    circumstances = "\n".join(f"| `{code}` | {one.dutch} | {one.english} | {one.meaning} |" for code, one in CIRCUMSTANCES.items())
    return f"""# Kinds of difference

Written by `make openapi` from `reconcile/rules/kinds.py`. Hours and rate are judged by one public tolerance, the same up and down.
No kind means suspicion, of a parent or of an organisation.

| kind | Dutch | English | what the parent sees | what one tap changes |
| --- | --- | --- | --- | --- |
{kinds}

A proposal says for each placement from which month its hours and its rate stand (`hoursStandingFrom`, `rateStandingFrom`): "from March".
Null means that only the months of its segments change: "only March".

## Codes of the taxonomy that are no kind

| code | where it shows |
| --- | --- |
{elsewhere}

## Routes

Why a difference has no tap, and what to do instead.

| route | Dutch | English | meaning |
| --- | --- | --- | --- |
{routes}

## Circumstances

What the explanation says beside the numbers; with the facts that it needs (`months`, `hours`, `limit`, `day`).

| circumstance | Dutch | English | meaning |
| --- | --- | --- | --- |
{circumstances}
"""
