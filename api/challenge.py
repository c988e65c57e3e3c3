"""What `WWW-Authenticate` says beside a refusal: why the token is not enough, and what would be (RFC 6750, RFC 9470)."""

from litestar.exceptions import NotAuthorizedException


def challenge(error: str = "", **wanted: str) -> dict[str, str]:
    """Return the header: the error as the RFCs name it, empty when no token came, and what the next one must have."""
    named = {"realm": "kot-uren", **({"error": error} if error else {}), **wanted}
    return {"WWW-Authenticate": "Bearer " + ", ".join(f'{name}="{value}"' for name, value in named.items())}


def not_taken(reason: str) -> NotAuthorizedException:
    """Return the refusal of a token; the reason may be shown."""
    return NotAuthorizedException(reason, headers=challenge("invalid_token"))
