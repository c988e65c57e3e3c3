"""JSON in one form alone (RFC 8785, JSON Canonicalization Scheme), so that equal content has equal bytes to hash and to sign.

Numbers are whole and exact in every language; quantities are text here, so no fraction ever needs a form.
"""

import json
from collections.abc import Mapping

_EXACT_MAX = 2**53 - 1

Json = None | bool | int | str | list["Json"] | tuple["Json", ...] | Mapping[str, "Json"]


def canonical_json(value: Json) -> bytes:
    """Return the one form of a value: members in the order of their UTF-16 names, no space, nothing escaped that need not be.

    Raises ValueError for what has no exact form: a whole number beyond 2^53 - 1, a fraction, half a surrogate pair.
    """
    return _text(value).encode("utf-8")  # half a pair is no character: UnicodeEncodeError is a ValueError


def _text(value: Json) -> str:
    if value is None or isinstance(value, bool | str):
        # Python escapes exactly what RFC 8785 does once it may write characters as they are.
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        if abs(value) > _EXACT_MAX:
            raise ValueError("not exact in every language")
        return str(value)
    if isinstance(value, Mapping):
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
        return "{" + ",".join(f"{_text(name)}:{_text(one)}" for name, one in members) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(_text(one) for one in value) + "]"
    raise ValueError("has no canonical form")
