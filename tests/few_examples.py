"""A plugin for runs that ask what the tests of the rules reach, and not whether the rules hold: coverage and mutants.

Properties try few examples, the same each time, and do not look for the smallest one that fails. The whole suite never loads it.
"""

import pytest
from hypothesis import Phase, settings

_EXAMPLES_MAX = 30

settings.register_profile("few", derandomize=True, database=None, deadline=None, phases=(Phase.explicit, Phase.generate))
settings.load_profile("few")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bound the examples of each property."""
    for item in items:
        test = getattr(item, "obj", None)
        own = getattr(test, "_hypothesis_internal_use_settings", None)
        if own is not None and own.max_examples > _EXAMPLES_MAX:
            test._hypothesis_internal_use_settings = settings(own, max_examples=_EXAMPLES_MAX)
        # mutmut 3.8 reads the name that pytest 9.2 no longer has.
        item._nodeid = item.nodeid
