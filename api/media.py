"""Media types and encodings: what a request may send, and the body as it streams, decompressed within bounds."""

import zlib
from collections.abc import AsyncIterator
from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException

# What one gzip may unpack to: a delivery of the whole country has about 150 MB.
UNPACKED_BYTES_MAX = 1_073_741_824
# Text of ours compresses about tenfold; a hundredfold after the first megabyte is a bomb.
UNPACKED_RATIO_MAX = 100
_RATIO_FROM_BYTES = 1_048_576
_STEP_BYTES = 262_144
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class UnsupportedMedia(HTTPException):
    """This media type, charset or encoding is not taken here."""

    status_code = 415


class BodyTooLarge(HTTPException):
    """The body unpacks to too much."""

    status_code = 413


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


def is_gzip(request: Request[Any, Any, Any]) -> bool:
    """Tell whether the body is gzip; any other encoding raises UnsupportedMedia."""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise UnsupportedMedia("Send the body as it is, or as gzip.")
    return encoding == "gzip"


async def content(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    """Yield the body as it streams in, decompressed. Raises BodyTooLarge or BodyBroken in the middle of it."""
    if not is_gzip(request):
        async for piece in request.stream():
            yield piece
        return
    unpack = zlib.decompressobj(_GZIP_WINDOW)
    packed_bytes = unpacked_bytes = 0
    async for piece in request.stream():
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
        raise BodyTooLarge("The gzip unpacks to more than is taken here.")
