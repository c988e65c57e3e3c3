"""Rows of a household's export: what was declared and reported, and since when it is known."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from reconcile.rules.documents import HoursText, MoneyText
from reconcile.rules.months import Month


class _Fact(Struct, frozen=True, kw_only=True, rename="camel"):
    recorded_at: datetime
    superseded_at: Annotated[datetime | None, Meta(description="When something else took its place; null: it is current")]


class HeldHouseholdDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """The household itself."""

    household_ref: str
    version: int
    declaration_version: int
    declared_at: datetime
    deleted: bool
    recorded_at: datetime


class HeldMemberDocument(_Fact, frozen=True, kw_only=True, rename="camel"):
    """That somebody belongs to the household, in a role and from a month on."""

    person_id: UUID
    person_ref: str
    role: str
    given_name: str
    birth_date: date | None
    from_month: Month = msgspec.field(name="from")
    until_month: Month | None = msgspec.field(name="until")


class HeldIncomeDocument(_Fact, frozen=True, kw_only=True, rename="camel"):
    """The income of the household in a year."""

    year: int
    amount_euro: int


class HeldAwardedYearDocument(_Fact, frozen=True, kw_only=True, rename="camel"):
    """That Toeslagen has settled a year."""

    year: int


class HeldDeclarationDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """That TVS declared the household."""

    declaration_version: int
    recorded_at: datetime


class HeldCareDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """A placement: one child at one location."""

    placement_id: UUID
    child_id: UUID
    lrk_number: str
    care_type: str
    location_name: str
    version: int
    deleted: bool
    recorded_at: datetime


class HeldCareDatesDocument(_Fact, frozen=True, kw_only=True, rename="camel"):
    """From which day until which day care is declared."""

    placement_id: UUID
    start_on: date | None
    end_on: date | None


class HeldDeclaredSegmentDocument(_Fact, frozen=True, kw_only=True, rename="camel"):
    """Declared hours, from a month until and including a month."""

    placement_id: UUID
    from_month: Month = msgspec.field(name="from")
    until_month: Month | None = msgspec.field(name="until")
    hours: HoursText
    hourly_rate: MoneyText


class HeldAcceptedSegmentDocument(_Fact, frozen=True, kw_only=True, rename="camel"):
    """Hours that lie over the declared ones until TVS processed their change; without hours nothing counts as declared."""

    placement_id: UUID
    change_id: UUID
    from_month: Month = msgspec.field(name="from")
    until_month: Month | None = msgspec.field(name="until")
    hours: HoursText | None
    hourly_rate: MoneyText | None


class HeldReportedHoursDocument(_Fact, frozen=True, kw_only=True, rename="camel"):
    """What an organisation reported of a month."""

    placement_id: UUID
    month: Month
    organisation_name: str
    delivery_id: UUID
    line_number: int
    hours: HoursText
    hourly_rate: MoneyText
    end_on: date | None
    sent_at: datetime
    received_at: datetime
