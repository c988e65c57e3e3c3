"""What handlers need beside the database, in one typed object."""

from collections.abc import Awaitable, Callable

from reconcile.keyring import Keyring

# Says "look now" about a kind of work, after the commit; best effort, so nothing depends on it.
Wake = Callable[[str], Awaitable[None]]


class Services:
    """The keyring and the way to wake workers."""

    def __init__(self, *, keyring: Keyring, wake: Wake) -> None:
        self.keyring = keyring
        self.wake = wake
