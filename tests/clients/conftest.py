"""The application of the tests over HTTP, for clients that others write."""

from tests.api.conftest import api_keyring, settings

__all__ = ["api_keyring", "settings"]
