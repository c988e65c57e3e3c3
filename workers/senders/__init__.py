"""Senders hand one message to one outside party and say how that went; they know no database.

What a timeout or a broken connection leaves open is unknown, so it is sent again under the same key, which the receiver knows.
"""

from datetime import timedelta

from msgspec import Struct


class Sent(Struct, frozen=True, kw_only=True):
    """The receiver took it."""


class SendLater(Struct, frozen=True, kw_only=True):
    """Not taken, or unknown: send again, not before `at_least`. `error` names the class of the failure, never its content.

    `is_service_wide`: nothing else should be sent to this service before `at_least` either, for it would meet the same answer.
    """

    error: str
    at_least: timedelta = timedelta()
    is_service_wide: bool = False


class SendRefused(Struct, frozen=True, kw_only=True):
    """The receiver will never take it in this form: a person must look."""

    error: str


class AddressGone(Struct, frozen=True, kw_only=True):
    """Nobody will ever be reached at this address again: drop it."""

    error: str
