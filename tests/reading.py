"""Delivery files read in chunks, whatever their format: all of it, or as far as it goes."""

from collections.abc import Iterable

import pytest

from reconcile.rules.delivery_file import DeliveryReader, Envelope
from reconcile.rules.delivery_line import DeliveryLine
from reconcile.rules.faults import UnreadableDelivery


def read_whole(reader: DeliveryReader, chunks: Iterable[bytes]) -> tuple[Envelope, list[DeliveryLine]]:
    """Return what stood around the lines, and the lines. Raises UnreadableDelivery."""
    lines = [line for chunk in chunks for line in reader.feed(chunk)]
    lines += reader.close()
    return reader.envelope(), lines


def read_as_far(reader: DeliveryReader, chunks: Iterable[bytes]) -> tuple[list[DeliveryLine], Envelope | None, str | None, int | None]:
    """Return the lines that came, with the envelope or, of a file that cannot be read, the code and where it stopped."""
    lines: list[DeliveryLine] = []
    try:
        for chunk in chunks:
            lines += reader.feed(chunk)
        lines += reader.close()
        return lines, reader.envelope(), None, None
    except UnreadableDelivery as error:
        return lines, None, error.code, error.line


def told(reader: DeliveryReader, chunks: Iterable[bytes]) -> tuple[str, int | None, str]:
    """Return what the sender of a file that cannot be read is told: code, line and detail."""
    with pytest.raises(UnreadableDelivery) as caught:
        read_whole(reader, chunks)
    return caught.value.code, caught.value.line, caught.value.detail


def chunked(data: bytes, size: int) -> list[bytes]:
    """Cut a file into chunks of so many bytes."""
    return [data[start : start + size] for start in range(0, len(data), size)]
