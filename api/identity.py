"""The identity claim of the broker: how a parent's token proves once whose BSN it is. One small adapter for each broker.

This one opens a JWE (RSA-OAEP-256, A256GCM) in `bsn_encrypted`. The BSN is turned into its blind index at once; it is never kept,
logged or passed on.
"""

from typing import Any

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from reconcile.keyring import Keyring
from reconcile.rules.bsn import is_bsn


class IdentityAdapter:
    """Opens the claim with our private key."""

    def __init__(self, key: dict[str, Any], keyring: Keyring) -> None:
        self._key = RSAKey.import_key(key)
        self._keyring = keyring

    def bsn_index(self, claim: str) -> bytes | None:
        """Return the blind index of the BSN in a claim; None when there is no claim or it does not hold a BSN for us."""
        if not claim:
            return None
        try:
            plain = jwe.decrypt_compact(claim, self._key, algorithms=["RSA-OAEP-256", "A256GCM"]).plaintext
            bsn = (plain or b"").decode("ascii")
        except (JoseError, ValueError):
            return None
        return self._keyring.blind_index(bsn) if is_bsn(bsn) else None
