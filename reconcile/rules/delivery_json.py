"""A delivery as one JSON object: `createdAt`, optionally `reference`, `organisationOin`, `complete` and `allOrNothing`, and
`lines`.

Read event by event in constant memory; the members may stand in any order.
"""

import codecs
from collections.abc import Callable, Iterator

import ijson

from reconcile.rules.delivery_file import ENVELOPE_MEMBERS, LINE_BYTES_MAX, Envelope, read_envelope
from reconcile.rules.delivery_line import DeliveryLine, read_object
from reconcile.rules.faults import UnreadableDelivery
from reconcile.rules.months import Month

_MEMBERS = ENVELOPE_MEMBERS | {"lines"}
# Deeper than any member of ours; the reader does not recurse, so this bounds memory, not the stack.
_DEPTH_MAX = 8
_BLOCK_BYTES = 16_384
# Inside a line: the object, its lines, the line.
_LINE_DEPTH = 3
_CONTAINER_START = frozenset({"start_map", "start_array"})
_CONTAINER_END = frozenset({"end_map", "end_array"})


class JsonReader:
    """Reads JSON. A line's number is its place in `lines`, from 1."""

    def __init__(self, *, this_month: Month) -> None:
        self._this_month = this_month
        self._events = ijson.sendable_list()
        self._parser = ijson.basic_parse_coro(self._events)
        self._path: list[str] = []
        self._key = ""
        self._members: dict[str, object] = {}
        self._builder: ijson.ObjectBuilder | None = None
        self._line_number = 0
        self._name_count = 0
        self._since_line_bytes = 0
        self._unread = bytearray()
        self._has_begun = False

    def envelope(self) -> Envelope:
        """Return what stood around the lines. Raises UnreadableDelivery when a member has the wrong form."""
        return read_envelope(self._members)

    def feed(self, data: bytes) -> Iterator[DeliveryLine]:
        """Take the next bytes and yield the lines that they complete. Raises UnreadableDelivery."""
        # Blocks of one size, however the bytes come: so the bound on a line does not depend on it.
        self._unread += data
        while len(self._unread) >= _BLOCK_BYTES:
            block = bytes(self._unread[:_BLOCK_BYTES])
            del self._unread[:_BLOCK_BYTES]
            yield from self._block(block)

    def close(self) -> Iterator[DeliveryLine]:
        """Yield what the end of the file completes. Raises UnreadableDelivery."""
        yield from self._block(bytes(self._unread))
        self._parse(self._parser.close)
        yield from self._new_events()
        if "lines" not in self._members:
            raise UnreadableDelivery("json-broken", "The object has no lines.")

    def _block(self, block: bytes) -> Iterator[DeliveryLine]:
        if not self._has_begun:
            self._has_begun, block = True, block.removeprefix(codecs.BOM_UTF8)
        self._parse(lambda: self._parser.send(block))
        before = self._line_number
        yield from self._new_events()
        self._since_line_bytes = 0 if self._line_number > before else self._since_line_bytes + len(block)
        if self._since_line_bytes > LINE_BYTES_MAX + _BLOCK_BYTES:
            raise UnreadableDelivery("line-too-long", f"Line {self._line_number + 1} is too long.", self._line_number + 1)

    def _new_events(self) -> Iterator[DeliveryLine]:
        events, self._events[:] = list(self._events), []
        for event, value in events:
            line = self._event(event, value)
            if line is not None:
                yield line

    def _parse(self, step: Callable[[], object]) -> None:
        try:
            step()
        # A number of thousands of digits comes out of the C parser as a SystemError.
        except (ijson.JSONError, ValueError, ArithmeticError, StopIteration, SystemError):
            raise self._broken() from None

    def _broken(self) -> UnreadableDelivery:
        return UnreadableDelivery(
            "json-broken", f"The JSON breaks off or is not valid after line {self._line_number}.", self._line_number + 1
        )

    def _event(self, event: str, value: object) -> DeliveryLine | None:
        depth = len(self._path)
        if depth == 0 and event != "start_map":
            raise UnreadableDelivery("json-broken", "The file is not one JSON object.")
        if depth == 1 and event == "map_key":
            self._member(str(value))
            return None
        if event == "map_key" and depth == _LINE_DEPTH and self._key == "lines":
            self._name_count += 1
        if event in _CONTAINER_START:
            self._path.append(event)
            if depth >= _DEPTH_MAX:
                raise UnreadableDelivery("json-broken", f"Line {self._line_number + 1} is nested too deep.", self._line_number + 1)
            if depth == 0 or (depth == 1 and self._key == "lines" and event == "start_array"):
                if depth == 1:
                    self._members["lines"] = True
                return None
        elif event in _CONTAINER_END:
            self._path.pop()
        return self._build(event, value)

    def _member(self, name: str) -> None:
        if name not in _MEMBERS or name in self._members:
            raise UnreadableDelivery("envelope-invalid", "The object has a member that is unknown or stands there twice.")
        self._key = name

    def _build(self, event: str, value: object) -> DeliveryLine | None:
        level = 2 if self._key == "lines" else 1
        depth = len(self._path)
        if self._key == "lines" and depth == 1 and event not in _CONTAINER_START:
            if event == "end_array" and "lines" in self._members:
                self._key = ""
                return None
            raise UnreadableDelivery("json-broken", "lines must be an array.")
        if depth == 0:
            return None  # the end of the whole object
        if self._builder is None:
            self._builder = ijson.ObjectBuilder()
        self._builder.event(event, value)
        if depth > level:
            return None
        built, self._builder = self._builder.value, None
        if level == 1:
            self._members[self._key] = built
            return None
        self._line_number += 1
        name_count, self._name_count = self._name_count, 0
        return read_object(built, self._line_number, name_count=name_count, this_month=self._this_month)
