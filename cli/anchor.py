"""An anchor: where every audit chain ended at an instant, as a file to keep elsewhere.

One JSON object a line: what it is and when it was taken, the end of each chain, and last the number of ends and the SHA-256 of all
lines before, so that a file that was cut off or altered is known.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Struct

from reconcile.store.audit import Chain, ChainHead

_FORM = "kot-audit-anchor/1"
_LINE_BYTES_MAX = 1_024


class AnchorBroken(Exception):
    """A file is no anchor, or not all of one; the message says what is wrong."""


class AnchoredPage(Struct, frozen=True, kw_only=True):
    """Some ends of one kind of chain, and how far the file was read."""

    chain: Chain
    heads: Sequence[ChainHead]
    bytes_read: int


class _First(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    form: str
    taken_at: datetime


class _Line(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    chain: Chain
    chain_id: str
    number: int
    hash: str

    def head(self) -> ChainHead:
        return msgspec.convert({"chainId": self.chain_id, "number": self.number, "hash": bytes.fromhex(self.hash)}, ChainHead)


class _Last(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    links: int
    sha256: str


class Anchor:
    """An anchor as it is written."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._digest = hashlib.sha256()
        self.links = 0

    @property
    def sha256(self) -> str:
        """The digest of what was written so far, which ends the file."""
        return self._digest.hexdigest()

    def add(self, chain: Chain, heads: Sequence[ChainHead]) -> None:
        """Write ends of a kind of chain."""
        for head in heads:
            self.write(_Line(chain=chain, chain_id=str(head.chain_id), number=head.number, hash=head.hash.hex()))
        self.links += len(heads)

    def write(self, line: Struct) -> None:
        """Write one line."""
        text = msgspec.json.encode(line) + b"\n"
        self._digest.update(text)
        self._out.write(text)


@contextmanager
def write_anchor(file: Path, *, taken_at: datetime) -> Iterator[Anchor]:
    """Write an anchor to a new file that only its owner reads; it is whole when the block ends well. Raises FileExistsError."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        anchor = Anchor(out)
        anchor.write(_First(form=_FORM, taken_at=taken_at))
        yield anchor
        out.write(msgspec.json.encode(_Last(links=anchor.links, sha256=anchor.sha256)) + b"\n")
        out.flush()
        os.fsync(out.fileno())


def anchored(file: Path, heads_max: int) -> Iterator[AnchoredPage]:
    """Read an anchor, so many ends of one kind of chain at a time. Raises AnchorBroken, at the end when it is not whole."""
    digest, bytes_read, links = hashlib.sha256(), 0, 0
    chain: Chain | None = None
    heads: list[ChainHead] = []
    for line, last in _lines(file):
        if last is not None:
            if (last.links, last.sha256) != (links, digest.hexdigest()):
                raise AnchorBroken("it was altered since it was written.")
            break
        digest.update(line)
        bytes_read += len(line)
        if bytes_read == len(line):
            _check_first(line)
            continue
        read = _read(line)
        if chain is not None and (read.chain != chain or len(heads) >= heads_max):
            yield AnchoredPage(chain=chain, heads=heads, bytes_read=bytes_read)
            heads = []
        chain, links = read.chain, links + 1
        heads.append(read.head())
    else:
        raise AnchorBroken("it breaks off.")
    if chain is not None:
        yield AnchoredPage(chain=chain, heads=heads, bytes_read=bytes_read)


def _lines(file: Path) -> Iterator[tuple[bytes, _Last | None]]:
    """Yield lines; the one that ends the file with what it says, and nothing after it."""
    with file.open("rb") as lines:
        while line := lines.readline(_LINE_BYTES_MAX):
            try:
                last = msgspec.json.decode(line, type=_Last)
            except msgspec.MsgspecError:
                yield line, None
                continue
            if lines.read(1):
                raise AnchorBroken("something follows its end.")
            yield line, last


def _check_first(line: bytes) -> None:
    try:
        form = msgspec.json.decode(line, type=_First).form
    except msgspec.MsgspecError:
        form = ""
    if form != _FORM:
        raise AnchorBroken("it does not begin as an anchor of this version does.")


def _read(line: bytes) -> _Line:
    try:
        read = msgspec.json.decode(line, type=_Line)
        read.head()
    except (msgspec.MsgspecError, ValueError):
        raise AnchorBroken("a line of it is not the end of a chain.") from None
    return read
