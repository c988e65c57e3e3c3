"""What every sender does with an outside party's answer: read no more of it than it may be long, and hear when to come back."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
from msgspec import Struct

ANSWER_BYTES_MAX = 64 * 1024
_RETRY_AFTER_MAX = timedelta(hours=1)


class Answer(Struct, frozen=True):
    """Status, headers and body. A body that is too long is empty: nobody whom we talk to has that much to say."""

    status: int
    headers: httpx.Headers
    body: bytes


async def exchange(http: httpx.AsyncClient, request: httpx.Request) -> Answer:
    """Send a request and read its answer, bounded and as it came: a compressed one is not unpacked. Raises httpx.HTTPError."""
    response = await http.send(request, stream=True)
    body = bytearray()
    try:
        async for part in response.aiter_raw():
            body += part
            if len(body) > ANSWER_BYTES_MAX:
                body.clear()
                break
    finally:
        await response.aclose()
    return Answer(response.status_code, response.headers, bytes(body))


def asked_wait(headers: httpx.Headers) -> timedelta:
    """Read Retry-After, bounded: seconds, or a date held against the Date of the same answer, so that no clock of ours counts.

    Nonsense counts as absent, which is zero.
    """
    text = headers.get("Retry-After", "")
    if text.isascii() and text.isdigit() and len(text) < 7:
        return min(timedelta(seconds=int(text)), _RETRY_AFTER_MAX)
    until, now = _instant(text), _instant(headers.get("Date", ""))
    if until is None or now is None:
        return timedelta()
    return max(min(until - now, _RETRY_AFTER_MAX), timedelta())


def _instant(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
