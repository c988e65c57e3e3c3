"""The real rxdb: two phones and a partner on one household, whatever the network and the others do."""

import pytest

from tests.clients.conftest import Play

FOLLOWING = ("firstSync", "pages", "told", "slowWriter", "droppedStream", "restored", "tooOld", "left", "spoilt")
ANSWERING = ("offlineAnswer", "twoAnswers", "lostAnswer", "refusals", "madeAndRemoved", "altered")
ANSWERING += ("fiveEdits", "bothEdit", "takenBack", "postponedThenAccepted", "disputed")


@pytest.mark.parametrize("scene", FOLLOWING + ANSWERING)
async def test_phones(play: Play, scene: str) -> None:
    await play("phone_scenes.ts", scene)
