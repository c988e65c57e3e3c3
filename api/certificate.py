"""The certificate of a client, as the edge proxy that ended its TLS hands it on: the header Client-Cert (RFC 9440).

Anybody can write that header. It counts only on connections from the addresses that are named as ours, and such an edge replaces
what a client wrote there; a header that stands twice, or in another form, is no certificate.
"""

import hashlib
import re
from base64 import b64decode, urlsafe_b64encode
from ipaddress import ip_address, ip_network

from litestar.types import Scope

# A byte sequence (RFC 8941) with the certificate in DER.
_BYTES = re.compile(rb"\s*:((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?):\s*")


class EdgeCertificates:
    """Knows which connections come from an edge that is trusted to hand certificates on."""

    def __init__(self, edges: str) -> None:
        """Take addresses and networks, separated by commas; without any, no certificate reaches us."""
        self._edges = [ip_network(one.strip()) for one in edges.split(",") if one.strip()]

    def thumbprint(self, scope: Scope) -> str:
        """Return the SHA-256 of the client's certificate as RFC 8705 writes it (base64url, no padding); empty without one."""
        if not self._is_from_edge(scope):
            return ""
        sent = [value for name, value in scope["headers"] if name == b"client-cert"]
        form = _BYTES.fullmatch(sent[0]) if len(sent) == 1 else None
        if form is None or not form[1]:
            return ""
        return urlsafe_b64encode(hashlib.sha256(b64decode(form[1])).digest()).rstrip(b"=").decode()

    def _is_from_edge(self, scope: Scope) -> bool:
        try:
            address = ip_address((scope["client"] or ("",))[0])
        except ValueError:
            return False  # a socket of this machine has none
        # A listener for both kinds of address sees an IPv4 one in the form of the other.
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in edge for edge in self._edges)
