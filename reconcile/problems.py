"""Every refusal that the product can utter; no HTTP here, `api/problems.py` gives each its status and slug.

Refusal
├── NotFound                     no such thing, or not yours: both look the same
├── NotAllowed
│   ├── UnknownOrganisation      a token of an organisation that the register does not hold
│   ├── NotMandated              an organisation delivers in the name of another
│   └── HouseholdUnclear         a token that does not select exactly one household
├── ReferenceReused              a delivery's reference came before with other content
├── DeliveryNotDone              a delivery that is still being worked on: no final receipt, and nothing to withdraw yet
├── NothingToWithdraw            a delivery of which nothing stands
├── LinesUnknown                 numbers that are no lines of a delivery
├── DigestMismatch               a body that is not the one whose digest was sent
├── TrialTooLarge                a trial of more lines or bytes than are answered at once
├── KeyReused                    an Idempotency-Key came before with another request
├── RequestInProgress            the same request is being handled at this moment
├── StaleDifference              the difference changed since it was seen
├── DifferenceClosed             the difference can no longer be answered
├── NoProposal                   there is nothing to take over with one tap
├── AnsweredBefore               an answer of a phone to what somebody else answered in the same way
├── AnswerNotValid               an answer of a phone without what its kind must say
├── AnswerReused                 the number of an answer came before with another one
├── AnswerEnded                  an answer that no longer stands cannot be changed
├── AnswerFinal                  an acceptance or reversal, which is not taken back
├── NoteRefused                  a note that is too long, unreadable or tells a BSN
├── DayRefused                   a day until which nothing can be postponed
├── OfferMoved                   what was to be taken over together is not what was seen
├── ChangeStands                 a change that cannot be undone, or not any more
├── PilotExists                  another pilot has that name
├── StageNotLarger               a stage that would add nobody
├── TooFewHouseholds             a stage larger than who can be drawn
├── StageOutOfOrder              a stage released before an earlier one, or paused before it was released
├── EpochEnded                   a checkpoint from before a restore, or of another membership
├── AppTooOld                    an app that asks for documents in a form that is no longer sent
├── ReceiptContradicts           a change was already settled the other way
└── Busy                         the store could not answer in time; nothing was changed
"""

from collections.abc import Sequence
from datetime import date
from uuid import UUID


class Refusal(Exception):
    """Base of all refusals. The class docstring is the title; `detail` says what happened and what to do next."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotFound(Refusal):
    """There is nothing here for you."""


class NotAllowed(Refusal):
    """You may not do this."""


class UnknownOrganisation(NotAllowed):
    """Your organisation is not in the register."""


class NotMandated(NotAllowed):
    """You may not deliver for this organisation."""


class HouseholdUnclear(NotAllowed):
    """This token does not select one household."""


class ReferenceReused(Refusal):
    """This reference belongs to another delivery of yours."""

    def __init__(self, *, reference: str, delivery_id: UUID) -> None:
        super().__init__(
            f"Reference {reference!r} was used for delivery {delivery_id} with other content. Send the new content under a new reference."
        )
        self.reference = reference
        self.delivery_id = delivery_id


class DeliveryNotDone(Refusal):
    """This delivery is still being worked on."""


class NothingToWithdraw(Refusal):
    """Nothing of this delivery can be taken back."""


class LinesUnknown(Refusal):
    """The delivery has no such lines."""

    def __init__(self, *, line_numbers: Sequence[int]) -> None:
        super().__init__("Some of these numbers are no lines of the delivery. Nothing was taken back.")
        self.line_numbers = line_numbers


class DigestMismatch(Refusal):
    """What arrived is not what was sent."""

    def __init__(self, *, given: str, found: str) -> None:
        super().__init__("The bytes that arrived have another SHA-256 than Content-Digest says. Nothing was kept: send the body again.")
        self.given = given
        self.found = found


class TrialTooLarge(Refusal):
    """A trial of this file cannot be answered at once."""

    def __init__(self, *, lines_max: int, bytes_max: int) -> None:
        super().__init__(
            f"A trial takes at most {lines_max} lines and {bytes_max} bytes, unpacked. Try a part of the file, or deliver it: "
            "every line gets its outcome there as well, and the faults come by root cause."
        )
        self.lines_max = lines_max
        self.bytes_max = bytes_max


class KeyReused(Refusal):
    """This Idempotency-Key was used for another request."""


class RequestInProgress(Refusal):
    """The same request is still being handled."""


class StaleDifference(Refusal):
    """The difference changed since you saw it."""

    def __init__(self, *, difference_id: UUID, seen_version: int, current_version: int) -> None:
        super().__init__(
            f"You saw version {seen_version}, it is now version {current_version}. Nothing was changed: "
            "show the current difference and let the parent decide again."
        )
        self.difference_id = difference_id
        self.seen_version = seen_version
        self.current_version = current_version


class DifferenceClosed(Refusal):
    """This difference can no longer be answered."""


class NoProposal(Refusal):
    """There is nothing to take over with one tap."""


class AnsweredBefore(Refusal):
    """This was answered before."""


class AnswerNotValid(Refusal):
    """This answer does not say what its kind must say."""


class AnswerReused(Refusal):
    """This number belongs to another answer."""


class AnswerEnded(Refusal):
    """This answer no longer stands."""


class AnswerFinal(Refusal):
    """This answer cannot be taken back."""


class NoteRefused(Refusal):
    """This note cannot be kept."""


class DayRefused(Refusal):
    """A difference cannot be postponed until this day."""

    def __init__(self, *, first: date, last: date) -> None:
        super().__init__(f"Choose a day from {first.isoformat()} until {last.isoformat()}, in the Netherlands. Nothing was changed.")
        self.first = first
        self.last = last


class OfferMoved(Refusal):
    """What can be taken over changed since you saw it."""


class ChangeStands(Refusal):
    """This change cannot be undone."""


class PilotExists(Refusal):
    """Another pilot has this name."""


class StageNotLarger(Refusal):
    """A stage must be larger than the one before."""

    def __init__(self, *, size: int, size_before: int) -> None:
        super().__init__(f"The stage before has {size_before} households, this one would have {size}. Ask for more than {size_before}.")
        self.size = size
        self.size_before = size_before


class TooFewHouseholds(Refusal):
    """There are not so many households to draw."""

    def __init__(self, *, size: int, size_max: int) -> None:
        super().__init__(f"A stage of {size} households cannot be drawn: {size_max} is the most at this moment. Nobody was drawn.")
        self.size = size
        self.size_max = size_max


class StageOutOfOrder(Refusal):
    """This stage cannot take that step now."""


class EpochEnded(Refusal):
    """What you have can no longer be brought up to date."""


class AppTooOld(Refusal):
    """This version of the app is too old."""

    def __init__(self, *, schema_version: int) -> None:
        super().__init__(f"Documents are sent in schema version {schema_version} by now. Ask the parent to install the newest app.")
        self.schema_version = schema_version


class ReceiptContradicts(Refusal):
    """This change was already settled otherwise."""


class Busy(Refusal):
    """The service cannot answer at this moment."""
