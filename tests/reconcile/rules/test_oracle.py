"""The rules and a plain oracle agree on random care: kind, route, places, and what one tap makes of each month.

ORACLE=100000 tries that many; the suite tries fewer, so that it takes seconds.
"""

import os
import random
from uuid import UUID

import pytest

from reconcile.rules.facts import ChildYearFacts
from reconcile.rules.judgement import JudgedDifference, judge
from tests.make import rule_book
from tests.reconcile.rules import oracle, random_care

_RULES = rule_book()
_TRIES = int(os.environ.get("ORACLE", "6000"))
# Each part is a test of its own, so that both cores work.
_PARTS = 4


def told(facts: ChildYearFacts, judged: JudgedDifference) -> tuple[str, str | None, tuple[UUID, ...], dict[UUID, oracle.Table]]:
    over = {one.placement_id: one.segments for one in judged.proposal.placements} if judged.proposal else {}
    places = {one.placement_id: one for one in facts.child.placements}
    tables = {
        place_id: oracle.table(places[place_id].declared, places[place_id].overlay, over[place_id])
        for place_id in judged.placement_ids
        if place_id in over
    }
    return judged.kind, judged.route, judged.placement_ids, tables


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("part", range(_PARTS))
def test_the_rules_and_the_oracle_agree(part: int) -> None:
    for seed in range(part, _TRIES, _PARTS):
        dice = random.Random(seed)
        facts, as_of = random_care.facts(dice), random_care.instant(dice)
        expected = [(kind, route, places, {} if route else tables) for kind, route, places, tables in oracle.answer(facts, as_of, _RULES)]
        assert [told(facts, one) for one in judge(facts, as_of, _RULES)] == expected, f"seed {seed}"


def test_random_care_shows_every_kind_that_the_rules_know() -> None:
    """Otherwise agreeing would mean less than it says."""
    seen = set()
    for seed in range(3_000):
        dice = random.Random(seed)
        seen |= {one.kind for one in judge(random_care.facts(dice), random_care.instant(dice), _RULES)}
    assert seen == {"D01", "D02", "D03", "D05", "D06", "D07", "D08", "D09", "D10", "D11", "D12", "D13", "D14", "D15"}
