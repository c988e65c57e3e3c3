"""The kinds of work, each with its own drain: what a hint names."""

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum


class Work(StrEnum):
    """What there may be to do."""

    DELIVERY = "delivery"
    COMPARISON = "comparison"
    CHANGE = "change"
    STAGE = "stage"
    PUSH = "push"
    HOUSEKEEPING = "housekeeping"


# Works off everything of one kind that is due, and returns; safe to run twice at once and after any crash.
Drain = Callable[[], Awaitable[None]]
Drains = Mapping[Work, Drain]
# Says "look now" about one kind; best effort, never raises, never waits long.
Wake = Callable[[str], Awaitable[None]]
