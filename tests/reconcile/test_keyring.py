"""Keys: what is sealed opens in its own place alone, and nobody is found without the key."""

import base64

import msgspec
import pytest

from reconcile.keyring import Keyring, Unsealable, new_keyring
from reconcile.rules.bsn import marked_bsn

BSN = marked_bsn(1)


def test_what_is_sealed_opens_where_it_belongs() -> None:
    ring = Keyring(new_keyring())
    sealed = ring.seal("person.bsn_sealed", "row", BSN.encode())
    assert BSN.encode() not in sealed
    assert ring.open("person.bsn_sealed", "row", sealed) == BSN.encode()


@pytest.mark.parametrize(("purpose", "row"), [("person.bsn_sealed", "other"), ("delivery_chunk.sealed", "row")])
def test_a_value_cannot_be_moved(purpose: str, row: str) -> None:
    ring = Keyring(new_keyring())
    sealed = ring.seal("person.bsn_sealed", "row", BSN.encode())
    with pytest.raises(Unsealable):
        ring.open(purpose, row, sealed)


def test_an_altered_value_does_not_open() -> None:
    ring = Keyring(new_keyring())
    sealed = ring.seal("p", "r", b"x")
    for place in range(len(sealed)):
        altered = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(Unsealable):
            ring.open("p", "r", altered)
    for short in (b"", sealed[:1], sealed[:13]):
        with pytest.raises(Unsealable):
            ring.open("p", "r", short)


def test_another_ring_opens_and_finds_nothing() -> None:
    one, other = Keyring(new_keyring()), Keyring(new_keyring())
    with pytest.raises(Unsealable):
        other.open("p", "r", one.seal("p", "r", b"x"))
    assert one.blind_index(BSN) != other.blind_index(BSN)
    assert one.blind_index(BSN) == one.blind_index(BSN)


def test_new_values_are_sealed_under_the_newest_key_and_old_ones_still_open() -> None:
    file = msgspec.json.decode(new_keyring())
    old = Keyring(msgspec.json.encode(file))
    sealed = old.seal("p", "r", b"x")
    file["sealing_keys"]["2"] = base64.b64encode(b"2" * 32).decode()
    ring = Keyring(msgspec.json.encode(file))
    assert ring.open("p", "r", sealed) == b"x"
    assert ring.seal("p", "r", b"x")[0] == 2


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b'{"sealing_keys":{},"index_key":"AA=="}', b'{"sealing_keys":{"0":"AA=="},"index_key":"!"}']
)
def test_what_is_no_keyring_is_refused_without_quoting_it(content: bytes) -> None:
    with pytest.raises(ValueError, match="keyring"):
        Keyring(content)
