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

    @property
    def actor(self) -> str:
        """Who acts, for what belongs to one actor: the same person in another household is another."""
        return f"parent {self.person_id}/{self.household_id}"


class Organisation(Struct, frozen=True, kw_only=True):
    """A childcare organisation of the register, known by its OIN. One of the sandbox is made up, and reaches no household."""

    organisation_id: UUID
    oin: str
    name: str
    is_sandbox: bool = False


class Trial(Struct, frozen=True, kw_only=True):
    """An organisation that tries a delivery: it sees its own lines, and nothing that it writes stands."""

    organisation_id: UUID


class Tvs(Struct, frozen=True, kw_only=True):
    """The allowance system: hands over declarations and receives changes."""

    oin: str


class Sender(Struct, frozen=True, kw_only=True):
    """An organisation's token whose organisation is still to be found in the register."""

    oin: str


class Manager(Struct, frozen=True, kw_only=True):
    """A pilot manager of Dienst Toeslagen, by the pseudonym of its token and the issuer that gave it."""

    subject: str

    @property
    def actor(self) -> str:
        """Who acts, for what belongs to one actor."""
        return f"manager {self.subject}"


class Intake(Struct, frozen=True, kw_only=True):
    """The worker that reads deliveries and judges what they touch."""


class Forward(Struct, frozen=True, kw_only=True):
    """The worker that forwards accepted changes to TVS."""


class Notify(Struct, frozen=True, kw_only=True):
    """The worker that pushes notices to devices."""


Caller = Visitor | Parent | Organisation | Sender | Tvs | Manager | Intake | Forward | Notify | Trial
