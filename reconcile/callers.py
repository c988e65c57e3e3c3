"""Who acts. A caller decides which login role a transaction runs under and which rows it can see."""

from uuid import UUID

from msgspec import Struct


class Visitor(Struct, frozen=True, kw_only=True):
    """A person with a valid parent token whose person and household are still to be found."""

    issuer: str
    subject: str
    bsn_index: bytes | None = None


class Parent(Struct, frozen=True, kw_only=True):
    """Applicant or partner, acting for one household."""

    person_id: UUID
    household_id: UUID


class Organisation(Struct, frozen=True, kw_only=True):
    """A childcare organisation of the register, known by its OIN."""

    organisation_id: UUID
    oin: str
    name: str


class Tvs(Struct, frozen=True, kw_only=True):
    """The allowance system: hands over declarations and receives changes."""

    oin: str


class Sender(Struct, frozen=True, kw_only=True):
    """An organisation's token whose organisation is still to be found in the register."""

    oin: str


class Intake(Struct, frozen=True, kw_only=True):
    """The worker that reads deliveries and judges what they touch."""


class Forward(Struct, frozen=True, kw_only=True):
    """The worker that forwards accepted changes to TVS."""


Caller = Visitor | Parent | Organisation | Sender | Tvs | Intake | Forward
