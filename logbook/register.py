"""The published register of processing activities: which operation belongs to which (openapi/processing-activities.json)."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

FILE = Path(__file__).parent.parent / "openapi" / "processing-activities.json"


class Activity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A processing activity (verwerkingsactiviteit, GDPR article 30): its names, its purpose, and the operations that it consists of."""

    id: str
    nl: str
    en: str
    purpose: str
    operations: tuple[str, ...]


class Register(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """All of them, and the operations that process no data of a person."""

    form: str
    controller: str
    activities: tuple[Activity, ...]
    without_personal_data: tuple[str, ...]


@cache
def register() -> Register:
    """Return the register; the same object at every call."""
    return msgspec.json.decode(FILE.read_bytes(), type=Register)


@cache
def activities_by_operation() -> Mapping[str, Activity]:
    """Return the activity of each operation that has one."""
    return {operation: activity for activity in register().activities for operation in activity.operations}
