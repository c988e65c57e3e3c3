"""A stub of the app on a parent's phone: registers itself, keeps a copy in step by the published pull, and hears pushes.

It knows the contract and nothing else: five collections, a checkpoint for each, a short page means finished.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import uuid4

# Sends one request as the parent and returns the answer's JSON.
Call = Callable[..., Awaitable[dict[str, Any]]]
KEYS: Mapping[str, str] = {
    "placements": "placementId",
    "differences": "differenceId",
    "changes": "changeId",
    "answers": "answerId",
    "notices": "noticeId",
}
_SCHEMA_VERSION = "1"
_PAGE = 100


class Phone:
    """One phone of one parent; `token` is its address at the push service."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.copies: dict[str, dict[str, dict[str, Any]]] = {collection: {} for collection in KEYS}
        self._device_id = uuid4()
        self._checkpoints: dict[str, dict[str, Any]] = {}

    async def register(self, call: Call) -> None:
        """Tell the API where this phone is reached."""
        await call("PUT", f"/v1/devices/{self._device_id}", json={"platform": "android", "token": self.token, "locale": "nl"})

    async def pull(self, call: Call) -> None:
        """Bring every collection up to date, page by page."""
        for collection in KEYS:
            while await self._page(call, collection) == _PAGE:
                pass

    def open_differences(self) -> list[dict[str, Any]]:
        """Return the differences that the parent sees and has not answered."""
        return [one for one in self.copies["differences"].values() if one["state"] == "open"]

    def differences_to_hear(self) -> list[dict[str, Any]]:
        """Return those of them that are told as well: what has no effect in euros is shown and never pushed."""
        return [one for one in self.open_differences() if one["effect"]["inYear"] is None or one["effect"]["inYear"]["changeEuro"] != 0]

    async def _page(self, call: Call, collection: str) -> int:
        checkpoint = self._checkpoints.get(collection, {"lwt": 0, "id": ""})
        params = {"schemaVersion": _SCHEMA_VERSION, "limit": str(_PAGE), **{name: str(value) for name, value in checkpoint.items()}}
        page = await call("GET", f"/v1/sync/{collection}", params=params)
        copy = self.copies[collection]
        for document in page["documents"]:
            number = document[KEYS[collection]]
            if document["_deleted"]:
                copy.pop(number, None)
            else:
                copy[number] = document
        self._checkpoints[collection] = page["checkpoint"]
        return len(page["documents"])
