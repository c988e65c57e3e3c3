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
_OPENING = frozenset({"start_map", "start_array"})
_BRACKETS = _OPENING | {"end_map", "end_array"}


class JsonReader:
    """Reads JSON. A line's number is its place in `lines`, from 1."""

    def __init__(self, *, this_month: Month) -> None:
        self._this_month = this_month
        self._events = ijson.sendable_list()
        self._parser = ijson.basic_parse_coro(self._events)
        self._depth = 0
        # The member that is being read; none before the first one and once the lines have ended.
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
        yield from self._parse(self._parser.close)
        if "lines" not in self._members:
            raise UnreadableDelivery("json-broken", "The object has no lines.")

    def _block(self, block: bytes) -> Iterator[DeliveryLine]:
        if not self._has_begun:
            self._has_begun, block = True, block.removeprefix(codecs.BOM_UTF8)
        before = self._line_number
        yield from self._parse(lambda: self._parser.send(block))
        self._since_line_bytes = 0 if self._line_number > before else self._since_line_bytes + len(block)
        if self._since_line_bytes > LINE_BYTES_MAX + _BLOCK_BYTES:
            raise self._unreadable("line-too-long", "is too long")

    def _parse(self, step: Callable[[], object]) -> Iterator[DeliveryLine]:
        """Take what can be read; what stands before the place where the JSON breaks comes before it."""
        is_broken = False
        try:
            step()
        except (ijson.JSONError, ValueError, ArithmeticError, StopIteration):
            is_broken = True
        except SystemError:
            # A number of thousands of digits. The C parser left an event of it that has no value: to read it would end the process.
            self._events.pop()
            is_broken = True
        events, self._events[:] = list(self._events), []
        for event, value in events:
            line = self._event(event, value)
            if line is not None:
                yield line
        if is_broken:
            raise self._unreadable("json-broken", "breaks off or is not valid JSON")

    def _unreadable(self, code: str, why: str) -> UnreadableDelivery:
        """Tell where reading stopped: at the line after the last one that was read, or not in the lines at all."""
        if self._key != "lines":
            return UnreadableDelivery(code, f"What stands around the lines {why}.")
        place = self._line_number + 1
        return UnreadableDelivery(code, f"Line {place} {why}.", place)

    def _event(self, event: str, value: object) -> DeliveryLine | None:
        if self._depth == 0 and event != "start_map":
            raise UnreadableDelivery("json-broken", "The file is not one JSON object.")
        if self._depth == 1 and event == "map_key":
            self._member(str(value))
            return None
        if self._depth == 1 and self._key == "lines" and event != "start_array":
            raise UnreadableDelivery("json-broken", "lines must be an array.")
        if event == "map_key" and self._depth == _LINE_DEPTH and self._key == "lines":
            self._name_count += 1
        if event in _BRACKETS and self._is_outer(event):
            return None
        return self._build(event, value)

    def _is_outer(self, event: str) -> bool:
        """Follow a bracket in or out; tell whether it is one of the object or of the array of lines, of which nothing is built."""
        is_opening = event in _OPENING
        if is_opening and self._depth >= _DEPTH_MAX:
            raise self._unreadable("json-broken", "is nested too deep")
        around = self._depth if is_opening else self._depth - 1
        self._depth = around + 1 if is_opening else around
        is_outer = around == 0 or (around == 1 and self._key == "lines")
        if is_outer and not is_opening:
            self._key = ""
        return is_outer

    def _member(self, name: str) -> None:
        if name not in _MEMBERS or name in self._members:
            raise UnreadableDelivery("envelope-invalid", "The object has a member that is unknown or stands there twice.")
        self._key = name
        # Its value follows; the lines leave theirs out.
        self._members[name] = None

    def _build(self, event: str, value: object) -> DeliveryLine | None:
        if self._builder is None:
            self._builder = ijson.ObjectBuilder()
        self._builder.event(event, value)
        level = 2 if self._key == "lines" else 1
        if self._depth > level:
            return None
        built, self._builder = self._builder.value, None
        if level == 1:
            self._members[self._key] = built
            return None
        self._line_number += 1
        name_count, self._name_count = self._name_count, 0
        return read_object(built, self._line_number, name_count=name_count, this_month=self._this_month)
