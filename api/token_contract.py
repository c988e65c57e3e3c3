"""How the contract says who gets a token with which scope, and what an operation needs."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.caller import APP, DECLARE, DELIVER, PILOT_MANAGE, PILOT_READ

# By the security scheme under which somebody gets them.
_SCOPES: Mapping[str, Mapping[str, str]] = {
    "person": {
        APP: "A parent, or a proxy: see differences, answer one, keep a copy",
        PILOT_READ: "A pilot manager: read pilots and their counts",
        PILOT_MANAGE: "A pilot manager: make a pilot, draw, release and pause its stages",
    },
    "machine": {
        DELIVER: "A childcare organisation, or its software vendor: deliver hours",
        DECLARE: "The allowance system: declarations, changes, receipts",
    },
}
# Whose issuer it is depends on where this runs: the generator wants addresses, and these are in the zone that belongs to nobody.
_ISSUER = "https://issuer.example.org"
SECURITY_SCHEMES: Mapping[str, Any] = {
    "person": {
        "type": "oauth2",
        "description": (
            "Somebody who logs in: code with PKCE (S256). Bearer token in the form at+jwt, for the audience kot-uren; parents at level "
            "substantial or high (acr). The addresses stand for those in the metadata of the issuer."
        ),
        "flows": {
            "authorizationCode": {
                "authorizationUrl": f"{_ISSUER}/authorize",
                "tokenUrl": f"{_ISSUER}/token",
                "scopes": _SCOPES["person"],
            }
        },
    },
    "machine": {
        "type": "oauth2",
        "description": (
            "An organisation, a vendor or TVS, by private_key_jwt or a certificate. Bearer token in the form at+jwt, for the audience "
            "kot-uren, with an OIN; one that is bound to a certificate (cnf) needs a connection with it. The address stands for that in "
            "the metadata of the issuer."
        ),
        "flows": {"clientCredentials": {"tokenUrl": f"{_ISSUER}/token", "scopes": _SCOPES["machine"]}},
    },
}


def security(scope: str | None) -> Sequence[Mapping[str, Sequence[str]]]:
    """Return what an operation needs: the scheme under which its scope is given; nothing for one that is open to all."""
    return [{name: [scope]} for name, scopes in _SCOPES.items() if scope is not None and scope in scopes]
