"""Who was expected to deliver a month, and what became of it: for an organisation, across those of a vendor, and for pilot managers."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any

from litestar import Request, Router, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Meta, Struct

from api.caller import DELIVER, PILOT_READ
from api.excuses import ExcuseDocument, StepDocument, excuse_document, step_document
from api.services import Services
from api.validation import InvalidQuery
from reconcile.callers import Manager, Organisation, Sender
from reconcile.expect import AskedMonth, Expectation, asked_month, expected_across, expected_of, expected_of_all, vendor_outcomes
from reconcile.rules.expected import MONTH_STATES, LocationState, MonthState
from reconcile.rules.ladder import STEPS, Step
from reconcile.rules.months import Month, is_month
from reconcile.store.database import Database
from reconcile.store.expected import VendorOutcome

MonthParameter = Annotated[str, QueryParameter(name="month", description="Month of care, YYYY-MM")]
State = Annotated[
    MonthState | None,
    Meta(
        description=(
            "due: nothing yet, and there is time. received: every expected location. partial: some of them. late: nothing, and the "
            "deadline is over. never: late, and nothing was ever delivered. null: nothing is expected"
        )
    ),
]


class StateCounts(Struct, frozen=True, kw_only=True):
    """Organisations by the state of the month."""

    due: int
    received: int
    late: int
    partial: int
    never: int


class LocationDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """A location of which lines are expected. partial: fewer than half of the lines of the month before, and not called complete."""

    lrk_number: str
    state: MonthState
    lines: int
    lines_month_before: int
    is_complete: bool


class ExpectedSummary(Struct, frozen=True, kw_only=True, rename="camel"):
    """What was expected of an organisation. A month that was not delivered is not received; it never means zero hours."""

    organisation_oin: str
    name: str
    state: State
    is_overdue: Annotated[bool, Meta(description="The deadline is over and not everything was received")]
    locations_held: int
    locations_expected: int
    locations_received: int
    last_month: Annotated[Month | None, Meta(description="Last month of which a line stands or waits")]
    last_received_at: Annotated[datetime | None, Meta(description="When the last delivery came")]
    last_state: Annotated[str | None, Meta(description="State of that delivery")]
    last_unreadable_at: Annotated[datetime | None, Meta(description="When the last delivery came that could not be read")]
    last_success_at: Annotated[datetime | None, Meta(description="When the last delivery came that was applied")]
    last_failure_at: Annotated[
        datetime | None, Meta(description="When the last one came that could not be read, or was refused at the door")
    ]
    is_excused: Annotated[bool, Meta(description="Overdue, with an excuse for what is missing")]
    step: Annotated[
        Step | None, Meta(description="What is due because it is late; null before the first step, and when nothing is missing")
    ]


class ExpectedDelivery(ExpectedSummary, frozen=True, kw_only=True, rename="camel"):
    """The same for the organisation itself, with each expected location."""

    month: Month
    deadline: datetime
    locations: list[LocationDocument]
    excuses: list[ExcuseDocument]
    steps: Annotated[list[StepDocument], Meta(description="What follows while something is missing; empty when nothing is")]


class MandatedOrganisations(Struct, frozen=True, kw_only=True, rename="camel"):
    """Every organisation that mandated a vendor, by name: what came through this vendor, against what came the month before."""

    vendor_oin: str
    month: Month
    deadline: datetime
    counts: StateCounts
    organisations: list[ExpectedSummary]


class OverdueOrganisation(Struct, frozen=True, kw_only=True, rename="camel"):
    """An organisation whose month is overdue."""

    name: str
    state: MonthState
    since: Annotated[datetime, Meta(description="The deadline of the month: overdue since then")]
    is_excused: Annotated[bool, Meta(description="What is missing has an excuse until a day that is to come")]
    step: Annotated[Step | None, Meta(description="What is due by now")]
    steps: list[StepDocument]
    excuses: list[ExcuseDocument]
    locations_expected: int
    locations_received: int
    last_month: Month | None
    last_received_at: datetime | None
    vendor_oins: list[str]


class VendorCounts(Struct, frozen=True, kw_only=True, rename="camel"):
    """The organisations that mandated a vendor, by the state of the month: when all are late, it is the vendor."""

    vendor_oin: str
    counts: StateCounts
    last_success_at: Annotated[datetime | None, Meta(description="When a delivery of it last came that was applied")]
    last_failure_at: Annotated[datetime | None, Meta(description="When one last came that could not be read, or was refused at the door")]


class OverdueOrganisations(Struct, frozen=True, kw_only=True, rename="camel"):
    """The escalation list: counts over all organisations and by vendor, and those that are overdue.

    The furthest step comes first, then those that never delivered.
    """

    month: Month
    deadline: datetime
    counts: StateCounts
    vendors: list[VendorCounts]
    organisations: list[OverdueOrganisation]


@get("/v1/expected-deliveries", operation_id="readExpectedDelivery", opt={"scope": DELIVER, "mandated": True}, tags=["deliveries"])
async def read_expected(
    request: Request[Organisation, None, Any], db: NamedDependency[Database], services: NamedDependency[Services], month: MonthParameter
) -> ExpectedDelivery:
    """Read what is expected of you for a month, and what came. A vendor sees what came through itself."""
    asked = _asked(services, month)
    async with db.snapshot(request.user) as conn:
        found = await expected_of(conn, request.user, asked)
    locations = [_location(one) for one in found.month.expected]
    return ExpectedDelivery(month=asked.month, deadline=asked.deadline, locations=locations, **_summary(found), **_ladder(found))


@get("/v1/mandated-organisations", operation_id="listMandatedOrganisations", opt={"scope": DELIVER, "across": True}, tags=["mandates"])
async def list_mandated(
    request: Request[Sender, None, Any], db: NamedDependency[Database], services: NamedDependency[Services], month: MonthParameter
) -> MandatedOrganisations:
    """Look across the organisations that mandated you today: who was delivered by you for this month, who was not, what failed."""
    asked = _asked(services, month)
    async with db.snapshot(request.user) as conn:
        found = await expected_across(conn, asked)
    return MandatedOrganisations(
        vendor_oin=request.user.oin,
        month=asked.month,
        deadline=asked.deadline,
        counts=_counts(found),
        organisations=[ExpectedSummary(**_summary(one)) for one in found],
    )


@get("/v1/overdue-organisations", operation_id="listOverdueOrganisations", opt={"scope": PILOT_READ}, tags=["pilots"])
async def list_overdue(
    request: Request[Manager, None, Any], db: NamedDependency[Database], services: NamedDependency[Services], month: MonthParameter
) -> OverdueOrganisations:
    """List organisations that are late with a month or never delivered, and counts by vendor. Counts and names of organisations alone."""
    asked = _asked(services, month)
    async with db.snapshot(request.user) as conn:
        found = await expected_of_all(conn, asked)
        vendors = sorted({oin for one in found for oin in one.vendor_oins})
        outcomes = await vendor_outcomes(conn, vendors)
    overdue = sorted((one for one in found if one.month.is_overdue), key=_urgency)
    return OverdueOrganisations(
        month=asked.month,
        deadline=asked.deadline,
        counts=_counts(found),
        vendors=[_vendor(outcomes[oin], found) for oin in vendors],
        organisations=[_overdue(one, asked) for one in overdue],
    )


expected_router = Router("/", route_handlers=[read_expected, list_mandated, list_overdue])


def _asked(services: Services, month: str) -> AskedMonth:
    if not is_month(month):
        raise InvalidQuery("month must be a month like 2026-03.")
    return asked_month(month, deadline_day=services.deadline_day, now=services.clock())


def _counts(found: Iterable[Expectation]) -> StateCounts:
    states: Sequence[str | None] = [one.month.state for one in found]
    return StateCounts(**{state: states.count(state) for state in MONTH_STATES})


def _summary(found: Expectation) -> dict[str, Any]:
    return {
        "organisation_oin": found.deliverer.oin,
        "name": found.deliverer.name,
        "state": found.month.state,
        "is_overdue": found.month.is_overdue,
        "locations_held": found.month.held,
        "locations_expected": len(found.month.expected),
        "locations_received": found.month.received,
        "last_month": found.deliverer.last_month,
        "last_received_at": found.deliverer.last_received_at,
        "last_state": found.deliverer.last_state,
        "last_unreadable_at": found.deliverer.last_unreadable_at,
        "last_success_at": found.deliverer.last_success_at,
        "last_failure_at": found.deliverer.last_failure_at,
        "is_excused": found.ladder is not None and found.ladder.is_excused,
        "step": found.ladder.step if found.ladder else None,
    }


def _ladder(found: Expectation) -> dict[str, Any]:
    return {
        "excuses": [excuse_document(one) for one in found.excuses],
        "steps": [step_document(one) for one in found.ladder.steps] if found.ladder else [],
    }


def _vendor(outcome: VendorOutcome, found: Sequence[Expectation]) -> VendorCounts:
    return VendorCounts(
        vendor_oin=outcome.vendor_oin,
        counts=_counts(one for one in found if outcome.vendor_oin in one.vendor_oins),
        last_success_at=outcome.last_success_at,
        last_failure_at=outcome.last_failure_at,
    )


def _location(one: LocationState) -> LocationDocument:
    return LocationDocument(
        lrk_number=one.location.lrk_number,
        state=one.state,
        lines=one.location.lines,
        lines_month_before=one.location.lines_before,
        is_complete=one.location.is_complete,
    )


def _urgency(one: Expectation) -> tuple[int, int, str]:
    reached = STEPS.index(one.ladder.step) + 1 if one.ladder and one.ladder.step else 0
    return -reached, ("never", "late", "partial").index(one.month.state or "partial"), one.deliverer.last_month or ""


def _overdue(one: Expectation, asked: AskedMonth) -> OverdueOrganisation:
    return OverdueOrganisation(
        name=one.deliverer.name,
        state=one.month.state or "partial",
        since=asked.deadline,
        is_excused=one.ladder is not None and one.ladder.is_excused,
        step=one.ladder.step if one.ladder else None,
        locations_expected=len(one.month.expected),
        locations_received=one.month.received,
        last_month=one.deliverer.last_month,
        last_received_at=one.deliverer.last_received_at,
        vendor_oins=list(one.vendor_oins),
        **_ladder(one),
    )
