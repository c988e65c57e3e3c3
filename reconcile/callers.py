"""Who acts. A caller decides which login role a transaction runs under and which rows it can see."""

from collections.abc import Mapping
from uuid import UUID

from msgspec import Struct

from reconcile.rules.months import Month, first_day


class Visitor(Struct, frozen=True, kw_only=True):
    """A person with a valid parent token whose person and household are still to be found; `proxy` is who represents that person."""

    issuer: str
    subject: str
    bsn_index: bytes | None = None
    proxy: str | None = None


class Parent(Struct, frozen=True, kw_only=True):
    """Applicant or partner, acting for one household; or `proxy`, a pseudonym and the issuer that gave it, who acts for that person."""

    person_id: UUID
    household_id: UUID
    proxy: str | None = None

    @property
    def actor(self) -> str:
        """Who acts, for what belongs to one actor: the same person in another household is another, and so is who represents them."""
        person = f"{self.person_id}/{self.household_id}"
        return f"parent {person}" if self.proxy is None else f"proxy {self.proxy} for {person}"

    @property
    def audited(self) -> Mapping[str, str]:
        """Who acts, as the audit of the household says it: the person, or the proxy and whom it represents."""
        person = str(self.person_id)
        return {"actor": person} if self.proxy is None else {"actor": f"proxy {self.proxy}", "represents": person}


class Organisation(Struct, frozen=True, kw_only=True):
    """A childcare organisation of the register, known by its OIN. `vendor_oin` is who acts for it by mandate; None when it acts itself.

    One of the sandbox is made up, and reaches no household.
    """

    organisation_id: UUID
    oin: str
    name: str
    is_sandbox: bool = False
    vendor_oin: str | None = None

    @property
    def sender_oin(self) -> str:
        """Whose token it is."""
        return self.vendor_oin or self.oin


class StatementReader(Struct, frozen=True, kw_only=True):
    """An organisation that reads its own lines of one month back, with the people whom they name; never somebody who acts for it."""

    organisation_id: UUID
    month: Month


class Trial(Struct, frozen=True, kw_only=True):
    """An organisation that tries a delivery: it sees its own lines, and nothing that it writes stands."""

    organisation_id: UUID


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


class Explainer(Struct, frozen=True, kw_only=True):
    """Somebody of the service at a terminal, by the login there: reads why something was judged, and changes nothing."""

    login: str

    @property
    def actor(self) -> str:
        """Who acts, for the audit."""
        return f"operator {self.login}"


Caller = Visitor | Parent | Organisation | StatementReader | Sender | Tvs | Manager | Intake | Forward | Notify | Trial | Explainer


def context_of(caller: Caller) -> Mapping[str, str]:
    """Return what a transaction of this caller binds, by the name that the policies know it by; what is empty binds nothing."""
    context: Mapping[str, str] = {}
    match caller:
        case Parent():
            context = {"household_id": str(caller.household_id), "actor": caller.actor}
        case Manager():
            context = {"actor": caller.actor}
        case Visitor():
            bsn_index = caller.bsn_index.hex() if caller.bsn_index else ""
            context = {"issuer": caller.issuer, "subject": caller.subject, "bsn_index": bsn_index}
        case Trial():
            context = {"organisation_id": str(caller.organisation_id)}
        case Organisation():
            context = {"organisation_id": str(caller.organisation_id), "vendor_oin": caller.vendor_oin or ""}
        case StatementReader():
            context = {"organisation_id": str(caller.organisation_id), "statement_month": first_day(caller.month).isoformat()}
        case Sender():
            context = {"vendor_oin": caller.oin}
    return context
