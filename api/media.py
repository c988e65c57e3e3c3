"""Media types and encodings: what a request may send, and the body as it streams, decompressed within bounds."""

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import AsyncIterator
from typing import Any

from litestar import Request
from litestar.exceptions import ClientException, HTTPException, InternalServerException

from api.edge import BodyStalled
from reconcile.problems import DigestMismatch

# What one gzip may unpack to: a delivery of the whole country has about 150 MB.
UNPACKED_BYTES_MAX = 1_073_741_824
# Text of ours compresses about tenfold; a hundredfold after the first megabyte is a bomb.
UNPACKED_RATIO_MAX = 100
_RATIO_FROM_BYTES = 1_048_576
_STEP_BYTES = 262_144
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
# One member of a Content-Digest: the name of the algorithm and a byte sequence (RFC 9530, RFC 8941); parameters mean nothing here.
_DIGEST = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):\s*(?:;[^,]*)?", re.ASCII)


class UnsupportedMedia(HTTPException):
    """This media type, charset or encoding is not taken here."""

    status_code = 415


class NotAcceptable(HTTPException):
    """Nothing that the caller takes can be answered here."""

    status_code = 406


class BodyTooLarge(HTTPException):
    """The body, or a part of it, has more than `bytes_max` bytes once it is unpacked."""

    status_code = 413

    def __init__(self, detail: str, *, bytes_max: int) -> None:
        super().__init__(detail)
        self.bytes_max = bytes_max


class BodyBroken(HTTPException):
    """The body is not what its encoding says."""

    status_code = 400


def media_type(request: Request[Any, Any, Any], *allowed: str) -> tuple[str, str | None]:
    """Return the media type of a request and its charset, both in small letters. Raises UnsupportedMedia."""
    name, _, parameters = request.headers.get("Content-Type", "").partition(";")
    name = name.strip().lower()
    if name not in allowed:
        raise UnsupportedMedia(f"Send {' or '.join(allowed)}, and say so in Content-Type.")
    charset = None
    for parameter in parameters.split(";"):
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
    if charset not in (None, "utf-8", "us-ascii", "windows-1252"):
        raise UnsupportedMedia("Send UTF-8, or windows-1252 and say so in Content-Type.")
    return name, charset


def accepted(request: Request[Any, Any, Any], *offered: str) -> str:
    """Return the media type that the caller takes best, the first one when it does not say. Raises NotAcceptable."""
    chosen = request.accept.best_match(list(offered)) if "Accept" in request.headers else offered[0]
    if chosen is None:
        raise NotAcceptable(f"Take {' or '.join(offered)}, and say so in Accept.")
    return chosen


def is_gzip(request: Request[Any, Any, Any]) -> bool:
    """Tell whether the body is gzip; any other encoding raises UnsupportedMedia."""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise UnsupportedMedia("Send the body as it is, or as gzip.")
    return encoding == "gzip"


def content_digest(request: Request[Any, Any, Any]) -> bytes | None:
    """Return the SHA-256 that Content-Digest gives of the body as it is sent, compressed or not; None without the header.

    Raises ClientException for a header that has no SHA-256: a sender that wants its bytes checked is not taken unchecked.
    """
    header = ",".join(request.headers.getall("Content-Digest", []))
    if not header:
        return None
    members = [_DIGEST.fullmatch(one) for one in header.split(",")]
    # Of two members with one name the last one counts (RFC 8941).
    encoded = {match[1]: match[2] for match in members if match}.get("sha-256")
    try:
        digest = base64.b64decode(encoded or "", validate=True)
    except binascii.Error:
        digest = b""
    if not all(members) or len(digest) != hashlib.sha256().digest_size:
        raise ClientException("Content-Digest must have the SHA-256 of the body as it is sent, like sha-256=:base64:, or be left out.")
    return digest


def digest_member(digest: bytes) -> str:
    """Write a SHA-256 as a member of a Content-Digest."""
    return f"sha-256=:{base64.b64encode(digest).decode()}:"


def bytes_arrived(request: Request[Any, Any, Any]) -> int:
    """Return how many bytes of the body were read so far, as sent."""
    arrived: int = request.scope["state"].get("bytes_arrived", 0)
    return arrived


async def _as_sent(request: Request[Any, Any, Any], expected_sha256: bytes | None) -> AsyncIterator[bytes]:
    """Yield the body as it streams in. Raises BodyStalled when it breaks off, DigestMismatch at its end."""
    digest = hashlib.sha256()
    state = request.scope["state"]
    try:
        async for piece in request.stream():
            state["bytes_arrived"] = state.get("bytes_arrived", 0) + len(piece)
            if expected_sha256 is not None:
                digest.update(piece)
            yield piece
    # The framework's word for a connection that ended; nobody hears the answer, but the attempt is noted.
    except InternalServerException:
        raise BodyStalled("The connection ended in the middle of the body. Send it again.") from None
    if expected_sha256 not in (None, digest.digest()):
        raise DigestMismatch(given=digest_member(expected_sha256 or b""), found=digest_member(digest.digest()))


async def content(request: Request[Any, Any, Any], *, expected_sha256: bytes | None = None) -> AsyncIterator[bytes]:
    """Yield the body as it streams in, decompressed. Raises BodyTooLarge, BodyBroken or BodyStalled in the middle of it.

    With an expected SHA-256 of the bytes as sent, DigestMismatch is raised at the end of others: what was yielded must be dropped.
    """
    if not is_gzip(request):
        async for piece in _as_sent(request, expected_sha256):
            yield piece
        return
    unpack = zlib.decompressobj(_GZIP_WINDOW)
    packed_bytes = unpacked_bytes = 0
    async for piece in _as_sent(request, expected_sha256):
        packed_bytes += len(piece)
        left = piece
        while left:
            try:
                data = unpack.decompress(left, _STEP_BYTES)
            except zlib.error:
                raise BodyBroken("The body is not valid gzip.") from None
            unpacked_bytes += len(data)
            _check_size(packed_bytes, unpacked_bytes)
            yield data
            left = unpack.unconsumed_tail
            if unpack.eof:
                break
        if unpack.unused_data:
            raise BodyBroken("Something follows the end of the gzip. Send one member.")
    if not unpack.eof:
        raise BodyBroken("The gzip breaks off.")


def _check_size(packed_bytes: int, unpacked_bytes: int) -> None:
    is_bomb = unpacked_bytes > _RATIO_FROM_BYTES and unpacked_bytes > packed_bytes * UNPACKED_RATIO_MAX
    if is_bomb or unpacked_bytes > UNPACKED_BYTES_MAX:
        raise BodyTooLarge(
            f"A gzip may unpack to {UNPACKED_BYTES_MAX} bytes, and to {UNPACKED_RATIO_MAX} times its size. Send several smaller ones.",
            bytes_max=UNPACKED_BYTES_MAX,
        )
