"""Keys that keep BSNs and deliveries unreadable at rest.

Sealing is AES-256-GCM with a random nonce and the place of the value as associated data, so that a sealed value cannot be
moved to another row. Looking up is by a keyed blind index (HMAC-SHA-256): without the key, all possible BSNs could be hashed in a minute.
The ring is a JSON file outside the database; new values are sealed under the newest key, old ones open under theirs.
"""

import base64
import hashlib
import hmac
import os

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class KeyringFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file's form: base64 of 32 bytes each; sealing keys by number (1–255)."""

    sealing_keys: dict[str, str]
    index_key: str


class Unsealable(Exception):
    """A sealed value does not open here: another key, another row, or altered bytes."""


class Keyring:
    """Seals, opens and indexes; made from the bytes of a keyring file.

    Raises ValueError when the file is not a keyring.
    """

    def __init__(self, content: bytes) -> None:
        try:
            file = msgspec.json.decode(content, type=KeyringFile)
            keys = {int(number): base64.b64decode(key, validate=True) for number, key in file.sealing_keys.items()}
            self._index_key = base64.b64decode(file.index_key, validate=True)
        except (msgspec.MsgspecError, ValueError):
            # The cause could quote key material, so it is not carried along.
            raise ValueError("this is not a keyring; make one with `kot keyring create FILE`") from None
        sizes = {len(key) for key in keys.values()} | {len(self._index_key)}
        if not keys or sizes != {32} or not all(0 < number < 256 for number in keys):
            raise ValueError("a keyring needs keys of 32 bytes, numbered 1 to 255")
        self._ciphers = {number: AESGCM(key) for number, key in keys.items()}
        self._newest = max(keys)

    def seal(self, purpose: str, row: str, plain: bytes) -> bytes:
        """Encrypt `plain` for one column and row; the answer begins with the number of its key."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._newest].encrypt(nonce, plain, _place(purpose, row, self._newest))
        return bytes([self._newest]) + nonce + sealed

    def open(self, purpose: str, row: str, sealed: bytes) -> bytes:
        """Decrypt what `seal` made for the same column and row. Raises Unsealable."""
        number = sealed[0] if sealed else 0
        cipher = self._ciphers.get(number)
        if cipher is None:
            raise Unsealable(f"no key {number} in the keyring")
        nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, body, _place(purpose, row, number))
        except (InvalidTag, ValueError):
            raise Unsealable("the value does not belong here or was altered") from None

    def blind_index(self, bsn: str) -> bytes:
        """Return the 32 bytes by which a person with this BSN is found."""
        return hmac.digest(self._index_key, bsn.encode("ascii"), hashlib.sha256)


def new_keyring() -> bytes:
    """Return the content of a new keyring file with one sealing key and one index key."""
    key, index = (base64.b64encode(os.urandom(32)).decode("ascii") for _ in range(2))
    return msgspec.json.encode(KeyringFile(sealing_keys={"1": key}, index_key=index))


def _place(purpose: str, row: str, key_number: int) -> bytes:
    return f"{purpose}|{row}|{key_number}".encode()
