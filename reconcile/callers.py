"""Who acts. A caller decides which login role a transaction runs under and which rows it can see."""

from collections.abc import Mapping
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
    """A childcare organisation of the register, known by its OIN. `vendor_oin` is who acts for it by mandate; None when it acts itself."""

    organisation_id: UUID
    oin: str
    name: str
    vendor_oin: str | None = None

    @property
    def sender_oin(self) -> str:
        """Whose token it is."""
        return self.vendor_oin or self.oin


class Tvs(Struct, frozen=True, kw_only=True):
    """The allowance system: hands over declarations and receives changes."""

    oin: str


class Sender(Struct, frozen=True, kw_only=True):
    """Whose token it is, before or without one organisation: to find for whom it acts, or to look across all that mandated it."""

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


Caller = Visitor | Parent | Organisation | Sender | Tvs | Manager | Intake | Forward | Notify


def context_of(caller: Caller) -> Mapping[str, str]:
    """Return what a transaction of this caller binds, by the name that the policies know it by; what is empty binds nothing."""
    match caller:
        case Parent():
            return {"household_id": str(caller.household_id), "actor": caller.actor}
        case Manager():
            return {"actor": caller.actor}
        case Visitor():
            bsn_index = caller.bsn_index.hex() if caller.bsn_index else ""
            return {"issuer": caller.issuer, "subject": caller.subject, "bsn_index": bsn_index}
        case Organisation():
            return {"organisation_id": str(caller.organisation_id), "vendor_oin": caller.vendor_oin or ""}
        case Sender():
            return {"vendor_oin": caller.oin}
    return {}
